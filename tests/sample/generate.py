"""Makes `sample.mbox`, `dns.json` and `expected.json`, the same octets at every run.

`python -m tests.sample.generate` writes them beside this file, `--check` compares.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.keys import OctetStream
from tests.sample.arc_cases import CHAINS
from tests.sample.letters import SHAPES, Letter
from tests.sample.policy_cases import ALIGNMENT, AUTHORS, OLDER, POLICIES
from tests.sample.senders import SEED, zone
from tests.sample.signature_cases import BROKEN, PASSES

if TYPE_CHECKING:
    from tests.sample.case import Case, Route

FOLDER = Path(__file__).parent
CASES = (*PASSES, *BROKEN, *POLICIES, *ALIGNMENT, *AUTHORS, *OLDER, *CHAINS)
# 2026-05-04T06:00:00Z, when RFC 9989 is in force; 2025-03-03T06:00:00Z, when RFC 7489 is.
FIRST_TIME = 1_777_874_400
FIRST_OLD_TIME = 1_740_981_600
INTERVAL = 13_127

Expected = dict[str, object]


def ordered_cases() -> list[Case]:
    """Return every case as often as it occurs, in an order that mixes the kinds."""
    entries = [(case, copy) for case in CASES for copy in range(case.count)]
    return [
        case
        for case, _ in sorted(
            entries, key=lambda entry: OctetStream(f"{SEED} {entry[0].name} {entry[1]}").take(8)
        )
    ]


def letter_of(case: Case, number: int) -> Letter:
    """Return the message that this case's author writes."""
    shape, extra = (case.shape, ()) if case.shape else SHAPES[number % len(SHAPES)]
    first = FIRST_OLD_TIME if case.is_old else FIRST_TIME
    letter = Letter(number=number, time=first + number * INTERVAL, author=case.author, extra=extra)
    return replace(letter, body=shape(number))


def with_trace(message: bytes, letter: Letter, route: Route) -> bytes:
    """Put the fields on top that a receiver adds (RFC 5321 §4.4)."""
    received = (
        f"Return-Path: <{route.mail_from}>\r\n"
        f"Received: from {route.helo} ({route.helo} [{route.client_ip}])\r\n"
        f"\tby mx.receiver.example with ESMTPS id {letter.number:08x}\r\n"
        f"\tfor <{letter.addressee}>; {letter.date}\r\n"
    )
    return received.encode() + message


def mbox_entry(message: bytes, letter: Letter, route: Route) -> bytes:
    """Return a message as an mbox holds it: LF line ends, `From ` lines quoted (mboxrd)."""
    stored = re.sub(rb"^(>*From )", rb">\1", message.replace(b"\r\n", b"\n"), flags=re.MULTILINE)
    if not stored.endswith(b"\n"):
        stored += b"\n"
    sender = route.mail_from or "MAILER-DAEMON"
    return f"From {sender} {time.asctime(time.gmtime(letter.time))}\n".encode() + stored + b"\n"


def unquoted(entry: bytes) -> bytes:
    """Return the message of an mbox entry, with LF line ends."""
    stored = entry.partition(b"\n")[2].removesuffix(b"\n")
    return re.sub(rb"^>(>*From )", rb"\1", stored, flags=re.MULTILINE)


def expectation(case: Case, number: int, route: Route) -> Expected:
    """Return what must be said of the message, by its Return-Path alone and with its envelope."""
    return {
        "index": number,
        "case": case.name,
        "dkim": list(case.dkim),
        "arc": case.arc,
        "spf": "not-evaluated",
        "dmarc": case.dmarc_without_envelope(),
        "policy": case.policy,
        "rules": "rfc7489" if case.is_old else "rfc9989",
        "envelope": {
            "client_ip": route.client_ip,
            "helo": route.helo,
            "mail_from": route.mail_from,
        },
        "with_envelope": {"spf": route.spf, "dmarc": case.dmarc_with_envelope()},
    }


@functools.cache
def sample() -> tuple[list[bytes], list[Expected]]:
    """Return the mbox entries and what is expected of each."""
    entries: list[bytes] = []
    expected: list[Expected] = []
    for number, case in enumerate(ordered_cases()):
        letter, route = letter_of(case, number), case.travel()
        message = with_trace(case.build(letter), letter, route)
        entries.append(mbox_entry(message, letter, route))
        expected.append(expectation(case, number, route))
    return entries, expected


def files() -> dict[str, bytes]:
    """Return the three files by name."""
    entries, expected = sample()
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in expected)
    answers = json.dumps(zone(), indent=1, ensure_ascii=False)
    return {
        "sample.mbox": b"".join(entries),
        "dns.json": f"{answers}\n".encode(),
        "expected.json": f"[\n{lines}\n]\n".encode(),
    }


def differing() -> list[str]:
    """Return the names of committed files that are not what this module makes."""
    made = files()
    return [name for name, octets in made.items() if (FOLDER / name).read_bytes() != octets]


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files instead of writing"
    )
    if parser.parse_args().check:
        return len(differing())
    for name, octets in files().items():
        (FOLDER / name).write_bytes(octets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
