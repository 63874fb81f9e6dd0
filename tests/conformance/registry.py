"""Every suite that concerns verdicts, in the order of the table."""

from __future__ import annotations

from . import (
    suites_arc,
    suites_attack,
    suites_dkim,
    suites_dkim_corpus,
    suites_dmarc,
    suites_psl,
    suites_real,
    suites_spf,
    suites_treewalk,
)

SUITES = (
    *suites_spf.SUITES,
    *suites_dkim.SUITES,
    *suites_dkim_corpus.SUITES,
    *suites_arc.SUITES,
    *suites_dmarc.SUITES,
    *suites_treewalk.SUITES,
    *suites_psl.SUITES,
    *suites_real.SUITES,
    *suites_attack.SUITES,
)
