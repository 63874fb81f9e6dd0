"""`keys audit`: what is wrong with the keys of a DNS store."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.keys import KeyForm  # noqa: TC001 - cyclopts reads annotations
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.keys.arithmetic import best_arithmetic
from mailauth_fast.keys.audit import FINDINGS, KeyAudit, StoredKey, is_slow

if TYPE_CHECKING:
    from mailauth_fast.keys.audit import AuditedKey

COLUMNS = "{:<44}  {:<7}  {:>4}  {:>6}  {:>5}  {:>7}  {}"
"""Name, algorithm, bits, exponent, days seen, domains, findings: a name may reach over."""


def audit(
    store: str,
    *,
    all_keys: Annotated[
        bool,
        Parameter(name="--all", negative="", help="text: also the keys that nothing is wrong with"),
    ] = False,
    form: Annotated[
        KeyForm, Parameter(name="--format", help="text for people, jsonl for programs")
    ] = "text",
) -> int:
    """Judge the DKIM keys of a DNS store: sizes, exponents, common factors, reuse, age.

    A factor that keys have in common is found but never shown.
    """
    if is_dash(store):
        raise CommandError("keys audit reads a file, not standard input; name one", Exit.USAGE)
    rows = _core.StoreKeys(store)
    audited, arithmetic = KeyAudit(), best_arithmetic()
    count = 0
    for _, lines in rows:
        for line in lines.splitlines():
            audited.add(msgspec.json.decode(line, type=StoredKey))
            count += 1
    if is_slow(arithmetic, count):
        say(
            "comparing so many keys takes long without gmpy2;"
            " install it with: pip install 'mailauth-fast[keys]'"
        )
    keys = audited.finish(arithmetic)
    if form == "jsonl":
        for key in keys:
            row = {"name": key.name, **msgspec.to_builtins(key)}
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    else:
        _print_keys(keys if all_keys else [key for key in keys if key.findings])
        _print_counts(keys)
    for problem in rows.problems:
        say(problem)
    return Exit.PARTIAL if rows.problems else Exit.FINISHED


def _print_keys(keys: list[AuditedKey]) -> None:
    if keys:
        heads = ("name", "type", "bits", "e", "days", "domains", "findings")
        _print(COLUMNS.format(*heads))
    # The worst first.
    for key in sorted(keys, key=_rank):
        facts = (key.algorithm, key.bits, _exponent(key.exponent), key.days, key.domains)
        cells = ("-" if fact is None else fact for fact in facts)
        _print(COLUMNS.format(key.name, *cells, ", ".join(_told(key))))


def _rank(key: AuditedKey) -> tuple[int, str, str]:
    order = list(FINDINGS)
    worst = min((order.index(finding) for finding in key.findings), default=len(order))
    return worst, key.domain, key.selector


def _told(key: AuditedKey) -> list[str]:
    """Return the findings in words that name what they are about."""
    told = []
    for finding in key.findings:
        if finding == "malformed":
            told.append(f"malformed ({key.problem})")
        elif finding == "shared-factor":
            told.append(f"shared-factor (with {', '.join(key.shares_with)})")
        else:
            told.append(finding)
    return told


def _exponent(exponent: int | None) -> str | None:
    if exponent is None or exponent < 10**6:
        return None if exponent is None else str(exponent)
    return f"{exponent.bit_length()} bit"


def _print_counts(keys: list[AuditedKey]) -> None:
    counts = Counter(finding for key in keys for finding in key.findings)
    sizes = Counter((key.algorithm or "unknown", key.bits or 0) for key in keys)
    domains = len({key.domain for key in keys})
    _print("")
    _print(f"{len(keys):,} keys of {domains:,} domains{_span(keys)}")
    for (algorithm, bits), count in sorted(sizes.items()):
        size = f"{algorithm} {bits}" if bits else f"{algorithm}, no key"
        _print(f"{count:>9,}  {size}")
    for finding, sentence in FINDINGS.items():
        if counts[finding]:
            _print(f"{counts[finding]:>9,}  {finding}: {sentence}")


def _span(keys: list[AuditedKey]) -> str:
    first = min((key.first_seen for key in keys if key.first_seen is not None), default=None)
    last = max((key.last_seen for key in keys if key.last_seen is not None), default=None)
    if first is None or last is None:
        return ""
    try:
        days = [datetime.fromtimestamp(time, UTC).date().isoformat() for time in (first, last)]
    except (OverflowError, OSError, ValueError):
        return ""
    return f", seen from {days[0]} to {days[1]}"


def _print(line: str) -> None:
    print(printable(line.rstrip()))
