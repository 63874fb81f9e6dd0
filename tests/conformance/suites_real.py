"""Genuine list mail with keys recovered from its own signatures (RFC 6376, RFC 8617).

Each DKIM signature is a case and each mail's ARC chain another. The recorded verdicts are those of
cryptography alone; the clock stands at receipt, so no signature has expired. Through a zone a key
that is not recovered is `key-unavailable`. The folders go through `verify_batch`, every sixteenth
mail through `verify` too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypedDict, cast

from .case import Case, Suite, case, read_json
from .engine import Batch, outcome

if TYPE_CHECKING:
    from pathlib import Path

    from .engine import VerdictDict, Zone


class SignatureRecord(TypedDict):
    """A recorded signature."""

    d: str
    s: str
    verdict: str


class ArcRecord(TypedDict):
    """A recorded chain."""

    instances: int
    chain: str


class MailRecord(TypedDict, total=False):
    """A recorded mail."""

    file: str
    dkim: list[SignatureRecord]
    arc: ArcRecord


def signature_shown(batch: Batch, index: int, at: int, count: int) -> str:
    """Return what is said of one signature; the last one also says what the recording lacks."""
    signatures = batch.row(index)["dkim"]
    if at >= len(signatures):
        return "no such signature"
    signature = signatures[at]
    more = len(signatures) - count if at == count - 1 else 0
    shown = f"{outcome(signature)} {signature['domain']} {signature['selector']}"
    return f"{shown} and {more} more" if more else shown


def arc_shown(row: VerdictDict) -> str:
    """Return the chain's outcome and its highest instance."""
    arc = row["arc"]
    word = "key-unavailable" if arc["reason"] == "key-unavailable" else arc["result"]
    return f"{word} {arc['instances']}"


def mail_cases(batch: Batch, index: int, mail: MailRecord) -> list[Case]:
    """Turn one recorded mail into cases."""
    file, signatures = mail["file"], mail["dkim"]
    count = len(signatures)
    cases = [
        case(
            f"{file} dkim {at + 1}",
            f"{each['verdict']} {each['d'].lower()} {each['s']}",
            partial(signature_shown, batch, index, at, count),
        )
        for at, each in enumerate(signatures)
    ]
    if not signatures:
        none = case(f"{file} dkim", "0", lambda: str(len(batch.row(index)["dkim"])))
        cases.append(none)
    chain = mail.get("arc")
    accepted = f"{chain['chain']} {chain['instances']}" if chain else "none 0"
    return [*cases, case(f"{file} arc", accepted, lambda: arc_shown(batch.row(index)))]


def real(folder: Path) -> list[Case]:
    """Read a folder of mail, its keys and its recorded verdicts."""
    mails = cast("list[MailRecord]", read_json(folder / "expected.json"))
    zone = cast("Zone", read_json(folder / "dns.json"))
    batch = Batch(zone, [(folder / mail["file"]).read_bytes() for mail in mails], now="received")
    return [each for index, mail in enumerate(mails) for each in mail_cases(batch, index, mail)]


VGER, KASAN = "real-vger-i2c", "real-googlegroups-kasan"
SUITES = (
    Suite(name=VGER, law="RFC 6376, RFC 8617", folder=VGER, cases=3_596, load=real),
    Suite(name=KASAN, law="RFC 6376, RFC 8617", folder=KASAN, cases=1_530, load=real),
)
