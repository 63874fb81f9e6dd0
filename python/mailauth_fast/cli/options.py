"""Options that several commands share: from what was typed to objects that can be used."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.errors import MailauthError, ResolverUnavailable
from mailauth_fast.resolvers import LiveResolver, StaticResolver

if TYPE_CHECKING:
    from mailauth_fast.resolvers import Resolver

Dns = Annotated[str, Parameter(help="live, ADDRESS:PORT or zone:FILE.json")]
RulesOption = Annotated[Literal["rfc9989", "rfc7489", "auto"], Parameter(help="rule book of DMARC")]
Historic = Annotated[bool, Parameter(negative="", help="let rsa-sha1 and short RSA keys pass")]
Now = Annotated[str, Parameter(help="received, Unix seconds, or ISO 8601 with offset")]


@dataclass(frozen=True, slots=True)
class ChosenResolver:
    """A resolver and what a file's metadata says of it: its kind, never a path."""

    resolver: Resolver
    description: str


def chosen_resolver(text: str) -> ChosenResolver:
    """Read `--dns`: `live`, `ADDRESS`, `ADDRESS:PORT` or `zone:FILE.json`."""
    if text == "live":
        return ChosenResolver(LiveResolver(), "live")
    if text.startswith("zone:"):
        return _zone(Path(text.removeprefix("zone:")))
    if text.startswith("store:"):
        raise CommandError(
            f"--dns {text}: DNS stores are not read yet; give zone:FILE.json or a server",
            Exit.USAGE,
        )
    try:
        return ChosenResolver(LiveResolver([text]), "live")
    except ResolverUnavailable:
        sentence = f"--dns {text}: neither live, ADDRESS:PORT nor zone:FILE.json"
        raise CommandError(sentence, Exit.USAGE) from None


def _zone(path: Path) -> ChosenResolver:
    try:
        octets = path.read_bytes()
    except OSError as problem:
        sentence = f"{path}: the zone file cannot be read ({reason_of(problem)}); check --dns"
        raise CommandError(sentence, Exit.USAGE) from None
    digest = hashlib.sha256(octets).hexdigest()
    try:
        resolver = StaticResolver(msgspec.json.decode(octets, type=dict), f"zone:{path.name}")
    except (msgspec.DecodeError, MailauthError, RecursionError) as problem:
        sentence = f"{path}: no zone file ({problem}); it must map names to record types to values"
        raise CommandError(sentence, Exit.USAGE) from None
    return ChosenResolver(resolver, f"zone sha256:{digest}")


def chosen_time(text: str) -> int | str:
    """Read `--now`: `received`, Unix seconds, or ISO 8601 with an offset."""
    if text == "received":
        return text
    if re.fullmatch(r"-?\d{1,15}", text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        sentence = f"--now {text}: use received, Unix seconds, or ISO 8601 with an offset"
        raise CommandError(sentence, Exit.USAGE)
    return int(moment.timestamp())


def reason_of(problem: OSError) -> str:
    """Return the system's words for an error, without number and path."""
    return (problem.strerror or str(problem)).lower()
