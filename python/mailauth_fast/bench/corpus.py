"""Seeded corpora with their zone and the account of what verifying them cannot avoid.

Knows how a corpus is put together, written and kept; must not know what is measured with it. No
two messages share a canonical body or header digest, so that reuse cannot flatter a figure.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mailauth_fast.bench.letters import Mill, zone
from mailauth_fast.bench.signing import PublicKeyWork
from mailauth_fast.errors import MailauthError, UnreadableInput

if TYPE_CHECKING:
    from mailauth_fast.envelope import Envelope

__all__ = [
    "NAMES",
    "Corpus",
    "Message",
    "Name",
    "PublicKeyWork",
    "build",
    "cached",
    "write_corpus",
    "write_mbox",
]

Name = Literal["bulk", "list", "small", "large"]
NAMES: tuple[Name, ...] = ("bulk", "list", "small", "large")
Zone = dict[str, dict[str, list[str]]]
MAKERS = ("bodies", "corpus", "letters", "signing")
CHECKOUT = Path(__file__).parents[3]
SEPARATOR = b"From bench@mail.example Mon May  4 06:00:00 2026\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One message, and what verifying it needs.

    Attributes:
        octets: with CRLF line ends.
        hashed: lengths in octets of all that must be hashed: each distinct canonical body once,
            then the canonical header of each DKIM, ARC message and ARC seal signature.
        work: the public-key operations, one a signature.
        envelope: one that SPF passes.
    """

    octets: bytes
    hashed: tuple[int, ...]
    work: tuple[PublicKeyWork, ...]
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Corpus:
    """Messages of one family and the zone they are judged with.

    Attributes:
        zone: as `StaticResolver` takes it.
    """

    name: str
    messages: tuple[Message, ...]
    zone: Zone

    def octets(self) -> list[bytes]:
        """Return the messages' octets."""
        return [message.octets for message in self.messages]

    def envelopes(self) -> list[Envelope]:
        """Return the messages' envelopes."""
        return [message.envelope for message in self.messages]

    @property
    def hashed_octets(self) -> int:
        """Return how many octets must be hashed in all."""
        return sum(sum(message.hashed) for message in self.messages)


def build(name: Name, count: int, seed: int = 1) -> Corpus:
    """Make a corpus; all but the keys and what they sign follows from the seed.

    Raises:
        MailauthError: there is no such family, or `cryptography` is missing.
    """
    if name not in NAMES or count < 0:
        families = ", ".join(NAMES)
        raise MailauthError(f"corpus {name!r} of {count}: give one of {families} and a count")
    mill = Mill(name, seed, count)
    bodies: set[bytes] = set()
    headers: set[bytes] = set()
    messages: list[Message] = []
    for _ in range(count):
        draft, envelope = mill.make()
        octets, work = draft.octets(), tuple(draft.work)
        for known, new in ((bodies, [*draft.bodies]), (headers, [each.digest for each in work])):
            if len(set(new)) < len(new) or not known.isdisjoint(new):
                raise AssertionError(f"corpus {name}: two messages share a canonical digest")
            known.update(new)
        if b"\nFrom " in octets:
            raise AssertionError(f"corpus {name}: a line of an mbox would need quoting")
        messages.append(Message(octets, draft.hashed(), work, envelope))
    return Corpus(name, tuple(messages), zone([*mill.people, *mill.hops], mill.used))


def write_mbox(corpus: Corpus, path: Path) -> None:
    """Write an mbox with CRLF line ends; no line needs quoting, so no octet changes."""
    with path.open("wb") as file:
        for message in corpus.messages:
            file.write(SEPARATOR + message.octets + b"\r\n")


def write_corpus(corpus: Corpus, folder: Path) -> None:
    """Write what other programs read: `messages.bin`, `zone.json` and `envelopes.jsonl`.

    `messages.bin` holds each message's length, 32 bits, little endian, and its octets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "messages.bin").open("wb") as file:
        for message in corpus.messages:
            file.write(struct.pack("<I", len(message.octets)) + message.octets)
    (folder / "zone.json").write_text(json.dumps(corpus.zone, indent=1) + "\n")
    lines = [json.dumps(asdict(envelope)) + "\n" for envelope in corpus.envelopes()]
    (folder / "envelopes.jsonl").write_text("".join(lines))


def cached(name: Name, count: int, seed: int = 1) -> Corpus:
    """Return a corpus kept under `target/bench` of a checkout, made when it is not there yet.

    Raises:
        MailauthError: as `build`.
        UnreadableInput: what is kept cannot be read or written.
    """
    if not (CHECKOUT / "Cargo.toml").exists():
        return build(name, count, seed)
    # Kept corpora end with the code that made them.
    texts = [Path(__file__).with_name(f"{each}.py").read_bytes() for each in MAKERS]
    code = hashlib.sha256(b"".join(texts)).hexdigest()[:12]
    kept = CHECKOUT / "target/bench" / f"{name}-{count}-{seed}-{code}.pickle"
    try:
        if kept.exists():
            found = pickle.loads(kept.read_bytes())  # noqa: S301 - written by this function
            if isinstance(found, Corpus):
                return found
        corpus = build(name, count, seed)
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(pickle.dumps(corpus, pickle.HIGHEST_PROTOCOL))
        unfinished.replace(kept)
    except (OSError, EOFError, pickle.UnpicklingError) as problem:
        raise UnreadableInput(f"{kept}: {problem}; delete it and try again") from problem
    return corpus
