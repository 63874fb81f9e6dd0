"""The public door as tests of behaviour use it: a verdict as its JSON shape, a table as its rows.

Knows how a verifier is made, called and read; must not know any protocol.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import mailauth_fast
from arro3.core import Table
from mailauth_fast import Envelope, Policy, StaticResolver, Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row: TypeAlias = dict[str, Any]
Zone: TypeAlias = Mapping[str, Any]
# 2026-05-04T06:00:00Z: RFC 9989 is in force.
NOW = 1_777_874_400
# 2025-03-03T06:00:00Z: RFC 7489 is.
OLD_NOW = 1_740_981_600
DEFAULT_POLICY = Policy()


def verifier(zone: Zone, policy: Policy = DEFAULT_POLICY, workers: int | None = None) -> Verifier:
    """Return a verifier that knows only this zone."""
    return Verifier(resolver=StaticResolver(cast("Any", zone)), policy=policy, workers=workers)


def verdict(
    raw: bytes,
    zone: Zone,
    *,
    envelope: Envelope | None = None,
    policy: Policy = DEFAULT_POLICY,
    now: int | str | None = NOW,
) -> Row:
    """Judge one message."""
    return document(verifier(zone, policy).verify(raw, envelope=envelope, now=now))


def batch(
    messages: Sequence[bytes],
    zone: Zone,
    *,
    envelopes: Sequence[Envelope | None] | None = None,
    workers: int | None = None,
    now: int | str | None = NOW,
) -> list[Row]:
    """Judge many messages at once."""
    return rows(verifier(zone, workers=workers).verify_batch(messages, envelopes, now=now))


def check_host(zone: Zone, ip: str, helo: str, mail_from: str, **options: Any) -> Row:
    """Check one SPF identity."""
    return document(verifier(zone, **options).check_host(ip, helo=helo, mail_from=mail_from))


def discover(zone: Zone, domain: str, rules: str = "rfc9989") -> Row:
    """Discover a DMARC policy."""
    return document(verifier(zone, Policy(rules=cast("Any", rules))).discover_policy(domain))


def author(header: bytes) -> Row:
    """Return the `author` object of a message or bare header."""
    return document(mailauth_fast.author_domain(header))


def document(result: object) -> Row:
    """Return a result object's JSON shape."""
    return cast("Row", result.to_dict() if hasattr(result, "to_dict") else result)


def rows(table: object) -> list[Row]:
    """Return a table's rows, times in Unix seconds as in the JSON shape."""
    columns = Table.from_arrow(cast("Any", table))
    scalars = cast("Any", columns.to_struct_array())
    return [plain(scalar.as_py()) for scalar in scalars]


def archive_rows(tables: Iterable[object]) -> list[Row]:
    """Return the rows of every table of an archive run."""
    return [row for table in tables for row in rows(table)]


def plain(value: Any) -> Any:
    """Turn times into Unix seconds, at every depth of a row."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def digest(found: list[Row]) -> str:
    """Return a hash over rows in any order."""
    lines = sorted(json.dumps(row, sort_keys=True) for row in found)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def words(row: Row) -> dict[str, Any]:
    """Return a verdict's result words."""
    return {
        "error": row["error"],
        "spf": row["spf"] and row["spf"]["result"],
        "spf_helo": row["spf_helo"] and row["spf_helo"]["result"],
        "dkim": [signature["result"] for signature in row["dkim"]],
        "arc": row["arc"] and row["arc"]["result"],
        "dmarc": row["dmarc"] and row["dmarc"]["result"],
    }
