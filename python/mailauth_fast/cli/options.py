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
from mailauth_fast.cli.terminal import say
from mailauth_fast.errors import MailauthError, ResolverUnavailable, StoreError
from mailauth_fast.resolvers import (
    LiveResolver,
    RecordedResolver,
    RecordingResolver,
    StaticResolver,
)

if TYPE_CHECKING:
    from mailauth_fast.resolvers import Resolver

Dns = Annotated[str, Parameter(help="live, ADDRESS:PORT, zone:FILE.json or store:FILE")]
RulesOption = Annotated[Literal["rfc9989", "rfc7489", "auto"], Parameter(help="rule book of DMARC")]
Historic = Annotated[bool, Parameter(negative="", help="let rsa-sha1 and short RSA keys pass")]
Trust = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        help="whose trace fields to believe: net:CIDR, by:NAME, hops:N, preset:NAME; repeats",
    ),
]
Now = Annotated[str, Parameter(help="received, Unix seconds, or ISO 8601 with offset")]


@dataclass(frozen=True, slots=True)
class ChosenResolver:
    """A resolver and what a file's metadata says of it: its kind, never a path.

    `problems` tells what is wrong with a store of which the rest is used.
    """

    resolver: Resolver
    description: str
    problems: tuple[str, ...] = ()


def chosen_resolver(text: str) -> ChosenResolver:
    """Read `--dns`: `live`, `ADDRESS`, `ADDRESS:PORT`, `zone:FILE.json` or `store:FILE`."""
    if text == "live":
        return ChosenResolver(LiveResolver(), "live")
    if text.startswith("zone:"):
        return _zone(Path(text.removeprefix("zone:")))
    if text.startswith("store:"):
        return _store(Path(text.removeprefix("store:")))
    try:
        return ChosenResolver(LiveResolver([text]), "live")
    except ResolverUnavailable:
        sentence = f"--dns {text}: neither live, ADDRESS:PORT, zone:FILE.json nor store:FILE"
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


def _store(path: Path) -> ChosenResolver:
    resolver = RecordedResolver(path)
    for problem in resolver.problems:
        say(problem)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise StoreError(f"{path}: cannot be read ({reason_of(problem)}); run again") from None
    return ChosenResolver(resolver, f"store sha256:{digest}", tuple(resolver.problems))


def recording(chosen: ChosenResolver, path: Path) -> RecordingResolver:
    """Read `--record`: a resolver that also records, to be flushed at checkpoints and closed.

    Raises:
        StoreError: the store cannot be recorded into.
    """
    resolver = chosen.resolver
    if isinstance(resolver, RecordedResolver) and path.exists() and path.samefile(resolver.path):
        sentence = f"--record {path}: the store that --dns reads; choose another file"
        raise CommandError(sentence, Exit.USAGE)
    recorder = RecordingResolver(resolver, path)
    for problem in recorder.problems:
        say(problem)
    return recorder


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
