"""mailauth-fast over a corpus folder: one worker, a batch of a thousand messages after the other.

`python ours.py FOLDER dkim|arc|all LIMIT VERDICTS` prints one JSON line; see __main__.py. What it
does beside DKIM and ARC (the DMARC policy of every author domain) is in its time.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from corpus_folder import WARM_UP, measured, read_envelopes, read_messages, read_zone, report
from mailauth_fast import Envelope, StaticResolver, Verdict, Verifier, _core

BATCH = 1_000


def verdict_line(verdict: Verdict, mode: str) -> str:
    """Return what is compared with the peers' lines."""
    if mode == "all":
        spf, dmarc = verdict.spf, verdict.dmarc
        return f"{spf.result if spf else ''}|{dmarc.result if dmarc else ''}"
    line = ",".join(signature.result for signature in verdict.dkim)
    if mode == "arc" and verdict.arc is not None:
        line += f"|{verdict.arc.result}"
    return line


def envelopes_of(folder: Path, limit: int) -> list[Envelope | None]:
    """Return the envelopes of a corpus."""
    return [msgspec.convert(fields, Envelope) for fields in read_envelopes(folder, limit)]


def main(folder: Path, mode: str, limit: int, path: str) -> None:
    """Verify and report."""
    messages = read_messages(folder, limit)
    zone: dict[str, Any] = dict(read_zone(folder))
    envelopes = envelopes_of(folder, limit) if mode == "all" else None
    verifier = Verifier(StaticResolver(zone), workers=1)
    verifier.verify_batch(messages[:WARM_UP], envelopes and envelopes[:WARM_UP])
    seconds, lines = 0.0, []
    for begin in range(0, len(messages), BATCH):
        batch = slice(begin, begin + BATCH)
        taken, table = measured(
            partial(verifier.verify_batch, messages[batch], envelopes and envelopes[batch])
        )
        seconds += taken
        lines += [verdict_line(verdict, mode) for verdict in table]
        # The next batch takes the memory of this one.
        del table
    report("mailauth-fast", _core.__version__, seconds, lines, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
