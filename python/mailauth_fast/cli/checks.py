"""One check by hand: `spf`, `dkim`, `dmarc`, `arc`, and the list of all reason codes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli import settings
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import (
    Dns,
    Historic,
    Now,
    RulesOption,
    chosen_resolver,
    chosen_time,
    reason_of,
)
from mailauth_fast.cli.terminal import printable, printable_json
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from mailauth_fast.policy import Policy
    from mailauth_fast.verdict import Record, Verdict

Form = Literal["text", "json"]
FormatOption = Annotated[
    Form, Parameter(name="--format", help="text for people, json for programs")
]


def spf(
    *,
    ip: Annotated[str, Parameter(help="the client's address")],
    helo: Annotated[str, Parameter(help="the name of HELO or EHLO")] = "",
    mail_from: Annotated[
        str, Parameter(help="the reverse-path; empty checks postmaster@HELO")
    ] = "",
    receiver: Annotated[str | None, Parameter(help="what %{r} stands for")] = None,
    dns: Dns = "live",
    form: FormatOption = "text",
) -> int:
    """Evaluate SPF (RFC 7208) for a client, a HELO name and a MAIL FROM."""
    found = _verifier(dns, settings.policy()).check_host(ip, helo, mail_from, receiver)
    _show(found, form)
    return Exit.FINISHED


def dmarc(
    domain: str, *, dns: Dns = "live", rules: RulesOption = "auto", form: FormatOption = "text"
) -> int:
    """Find the DMARC policy that holds for a domain (RFC 9989 §4.10)."""
    found = _verifier(dns, settings.policy(rules=rules)).discover_policy(domain)
    _show(found, form)
    return Exit.FINISHED


def dkim(
    message: str,
    *,
    dns: Dns = "live",
    now: Now = "received",
    historic: Historic = False,
    form: FormatOption = "text",
) -> int:
    """Verify the DKIM signatures (RFC 6376) of one message; - is standard input."""
    verdict = _verdict(message, dns, now, settings.policy(historic=historic))
    if form == "json":
        print_json([signature.to_dict() for signature in verdict.dkim])
        return Exit.FINISHED
    if not verdict.dkim:
        print("none: the message has no DKIM-Signature")
    for signature in verdict.dkim:
        _show(signature, form)
    return Exit.FINISHED


def arc(
    message: str,
    *,
    dns: Dns = "live",
    now: Now = "received",
    historic: Historic = False,
    form: FormatOption = "text",
) -> int:
    """Verify the ARC chain (RFC 8617) of one message; - is standard input."""
    verdict = _verdict(message, dns, now, settings.policy(historic=historic))
    if verdict.arc is not None:
        _show(verdict.arc, form)
    return Exit.FINISHED


def reasons(*, form: FormatOption = "text") -> int:
    """Print every reason code with its section and one sentence."""
    entries = _core.reasons()
    if form == "json":
        names = ("protocol", "code", "section", "sentence")
        print_json([dict(zip(names, entry, strict=True)) for entry in entries])
        return Exit.FINISHED
    width = max(len(code) for _, code, _, _ in entries)
    sections = max(len(section) for _, _, section, _ in entries)
    for protocol, code, section, sentence in entries:
        print(f"{protocol:<12}{code:<{width + 2}}{section:<{sections + 2}}{sentence}")
    return Exit.FINISHED


def _verifier(dns: str, policy: Policy) -> Verifier:
    return Verifier(resolver=chosen_resolver(dns).resolver, policy=policy, workers=1)


def message_octets(message: str) -> bytes:
    """Read one message from a file, or from standard input."""
    name = "standard input" if is_dash(message) else message
    try:
        octets = sys.stdin.buffer.read() if is_dash(message) else Path(message).read_bytes()
    except OSError as problem:
        sentence = f"{name}: cannot be read ({reason_of(problem)}); name one message file"
        raise CommandError(sentence, Exit.FATAL) from None
    if octets.startswith(b"From ") and re.search(rb"\n\r?\nFrom \S", octets):
        sentence = f"{name}: is an mbox of several messages; name one message file, or for explain"
        raise CommandError(f"{sentence} an id that verify prints, such as FILE:0", Exit.USAGE)
    return octets


def _verdict(message: str, dns: str, now: str, policy: Policy) -> Verdict:
    moment = chosen_time(now)
    name = "standard input" if is_dash(message) else message
    verifier = _verifier(dns, policy)
    verdict = verifier.verify(message_octets(message), now=moment)
    if verdict.error is not None:
        raise CommandError(f"{name}: no verdict ({verdict.error}); verify tells more", Exit.FATAL)
    return verdict


def _show(record: Record, form: Form) -> None:
    if form == "json":
        print_json(record.to_dict())
        return
    facts = record.to_dict()
    print(f"{facts.pop('result')}: {facts.pop('reason')}")
    for name, value in facts.items():
        if value not in (None, [], ""):
            print(f"  {name}: {printable(_text(value))}")


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_text(item)}" for name, item in value.items())
    return str(value)


def print_json(value: object) -> None:
    """Write a value to standard output as indented JSON."""
    octets = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(printable_json(octets.decode()) + "\n")
