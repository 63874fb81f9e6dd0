"""The engine as the suites ask it: the public door of api.md, typed as its JSON shapes.

Every question goes through `Verifier`; `Batch` judges a whole folder by `verify_batch` and a sample
of it by `verify` too, so that both doors are held to the same suite.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypedDict, cast

from arro3.core import Table
from mailauth_fast import Envelope, Policy, StaticResolver, Verifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mailauth_fast import resolvers

Zone: TypeAlias = "dict[str, dict[str, list[object] | str] | str]"
Now: TypeAlias = "int | datetime | str | None"
# Every so many messages of a batch are judged singly as well.
SAMPLE_STEP = 16


class SpfDict(TypedDict):
    """`spf` of a verdict."""

    result: str
    reason: str | None
    domain: str | None


class SignatureDict(TypedDict):
    """One of `dkim`."""

    result: str
    reason: str | None
    domain: str | None
    selector: str | None
    auid: str | None
    body_hash: str
    signature: str
    flags: list[str]


class SealerDict(TypedDict):
    """One of `arc.sealers`."""

    instance: int
    domain: str | None
    selector: str | None


class ArcDict(TypedDict):
    """`arc` of a verdict."""

    result: str
    reason: str | None
    instances: int
    sealers: list[SealerDict]


class DmarcDict(TypedDict):
    """`dmarc` of a verdict."""

    result: str
    reason: str | None
    policy_domain: str | None
    policy: str | None
    subdomain_policy: str | None
    dkim_alignment: str | None
    spf_alignment: str | None
    effective_policy: str | None
    spf_aligned: bool | None
    dkim_aligned: bool | None


class AuthorDict(TypedDict):
    """`author` of a verdict."""

    domain: str | None
    reason: str | None


class DispositionDict(TypedDict):
    """`disposition` of a verdict."""

    action: str
    override: str | None
    reason: str | None


class VerdictDict(TypedDict):
    """A verdict's JSON, as far as the suites look at it."""

    error: str | None
    author: AuthorDict
    spf: SpfDict
    spf_helo: SpfDict
    dkim: list[SignatureDict]
    arc: ArcDict
    dmarc: DmarcDict
    disposition: DispositionDict
    authentication_results: str | None


def verifier(zone: Zone, policy: Policy | None = None) -> Verifier:
    """Return a verifier that knows only this zone."""
    return Verifier(
        resolver=StaticResolver(cast("resolvers.Zone", zone)), policy=policy or Policy()
    )


def verdict(
    engine: Verifier, raw: bytes, *, now: Now = None, envelope: Envelope | None = None
) -> VerdictDict:
    """Judge one message."""
    return cast("VerdictDict", engine.verify(raw, envelope=envelope, now=now).to_dict())


def rows(table: object) -> list[VerdictDict]:
    """Return a columnar result's rows."""
    columns = Table.from_arrow(table)  # type: ignore[arg-type]
    return cast("list[VerdictDict]", columns.to_struct_array().to_pylist())


def words(row: VerdictDict) -> tuple[object, ...]:
    """Return what must be equal whichever door a message came through."""
    signatures = [(each["result"], each["reason"], each["domain"]) for each in row["dkim"]]
    arc, dmarc = row["arc"], row["dmarc"]
    return (
        row["error"],
        row["author"]["domain"],
        signatures,
        (arc["result"], arc["reason"], arc["instances"]),
        (dmarc["result"], dmarc["reason"], dmarc["effective_policy"]),
    )


class Batch:
    """Messages that one `verify_batch` judges when the first of their rows is asked for."""

    def __init__(self, zone: Zone, messages: Sequence[bytes], now: Now = None) -> None:
        """Keep the messages; ask nothing yet."""
        self._zone = zone
        self._messages = messages
        self._now = now

    @cached_property
    def _engine(self) -> Verifier:
        return verifier(self._zone)

    @cached_property
    def _rows(self) -> list[VerdictDict]:
        return rows(self._engine.verify_batch(self._messages, now=self._now))

    def row(self, index: int) -> VerdictDict:
        """Return the verdict of one message; every sixteenth must be the same by `verify`."""
        row = self._rows[index]
        if index % SAMPLE_STEP == 0:
            single = verdict(self._engine, self._messages[index], now=self._now)
            assert words(single) == words(row), f"verify and verify_batch differ at row {index}"
        return row


def outcome(signature: SignatureDict) -> str:
    """Return a signature's result word, more exact where the suites are so."""
    if signature["reason"] == "key-unavailable":
        return "key-unavailable"
    if signature["result"] != "fail":
        return signature["result"]
    return "fail-bodyhash" if signature["body_hash"] == "fail" else "fail-signature"


def outcomes(row: VerdictDict) -> str:
    """Return the outcome of every signature from the top of the header, or `none`."""
    return ", ".join(map(outcome, row["dkim"])) or "none"


def with_records(zone: Mapping[str, object], name: str, kind: str, *values: object) -> Zone:
    """Return a zone in which a name has further values of one type."""
    copy = cast("Zone", dict(zone))
    entry = copy.get(name, {})
    records = dict(entry) if isinstance(entry, dict) else {}
    before = records.get(kind, [])
    records[kind] = [*(before if isinstance(before, list) else []), *values]
    copy[name] = records
    return copy
