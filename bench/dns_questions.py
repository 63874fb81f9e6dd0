"""Which questions a run sends: exactly those that its messages need, each once, and no more later.

What is needed is found by a resolver in Python; what was sent, by the server that got it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import dns_rates
from dns_run import Collector, Run, kept, serving
from mailauth_fast import LiveResolver, RecordedResolver, RecordingResolver, Verifier
from results import Row, row

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast.resolvers import Resolver

DELAY_MS = 1
NOW = 1_778_000_000


def judged(run: Run, resolver: Resolver) -> list[str]:
    """Return the words of DMARC, message by message."""
    table = Verifier(resolver).verify_batch(run.messages, run.envelopes, now=NOW)
    return [entry.dmarc.result if entry.dmarc is not None else "absent" for entry in table]


def measure(folder: Path) -> list[Row]:
    """Return the rows of this file.

    Raises:
        Wrong: the runs do not agree.
    """
    dns_rates.build_ours()
    return compared(kept(), folder)


def compared(run: Run, folder: Path) -> list[Row]:
    """Run three times: asking Python, asking a server with a record, asking the record."""
    collector = Collector(run)
    expected = judged(run, collector)
    store = folder / "dns-store"
    with serving(run, DELAY_MS, folder) as server:
        live = LiveResolver([server.address])
        with RecordingResolver(live, store) as recorder:
            first = judged(run, recorder)
        sent = sum(figures.sent for figures in live.statistics())
        second = judged(run, RecordedResolver(store))
        later = sum(figures.sent for figures in live.statistics()) - sent
    if not expected == first == second:
        raise dns_rates.Wrong("the runs do not agree on the verdicts")
    figures = live.statistics()
    retried = sum(each.retried for each in figures)
    over_tcp = sum(each.sent_over_tcp for each in figures)
    arrived = Counter(server.asked)
    needed = set(collector.asked)
    # A question that arrived twice without a retransmission was asked twice.
    twice = max(0, arrived.total() - len(arrived) - retried)
    wrong = len(needed ^ set(arrived)) + twice + len(collector.asked) - len(needed)
    dns_rates.say(
        f"{len(run.messages):,} messages need {len(needed):,} questions; {len(arrived):,} different"
        f" ones arrived, {retried:,} again, {over_tcp:,} over TCP"
    )
    return [
        row("questions-needed", len(needed), None),
        row("questions-sent", wrong, 0, is_most=True),
        row("questions-repeated", retried + over_tcp, None),
        row("questions-second-run", later + max(0, arrived.total() - sent), 0, is_most=True),
    ]
