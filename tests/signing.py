"""A DKIM signer and ARC sealer for tests (RFC 6376 §5, RFC 8617 §5.1).

Knows what a signature is made of and lets a test break any part of it; must not know the engine.
Takes and gives messages with CRLF line ends. All it makes is deterministic: no clock, no chance.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.canonicalization import (
    canonical_body,
    canonical_field,
    field_name,
    selected_fields,
    split_message,
)

if TYPE_CHECKING:
    from tests.keys import Key

DEFAULT_HEADERS = ("from", "to", "subject", "date", "message-id")
ARC_FIELDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
LINE_LENGTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Everything that decides a DKIM-Signature field.

    Attributes:
        digest: the second half of `a=`.
        headers: `h=`, in order; a name listed more often than it occurs is oversigned.
        body_length: `l=`, in canonical octets.
        timestamp: `t=`, Unix seconds. expires: `x=`, Unix seconds.
        override: tags written as given here instead of as computed; None leaves the tag out.
    """

    domain: str
    selector: str
    key: Key
    digest: str = "sha256"
    canonicalization: str = "relaxed/relaxed"
    headers: tuple[str, ...] = DEFAULT_HEADERS
    body_length: int | None = None
    timestamp: int | None = None
    expires: int | None = None
    auid: str | None = None
    override: dict[str, str | None] = field(default_factory=dict)

    @property
    def key_name(self) -> str:
        """Where the key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def having(self, **changes: object) -> Signer:
        """Return a copy with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def modes(self) -> tuple[str, str]:
        """Return the header's and the body's canonicalization."""
        header, _, body = self.canonicalization.partition("/")
        return header, body or "simple"


def body_hash(body: bytes, signer: Signer) -> str:
    """Return `bh=` (RFC 6376 §3.7)."""
    canonical = canonical_body(body, signer.modes()[1])[: signer.body_length]
    return base64.b64encode(hashlib.new(signer.digest, canonical).digest()).decode()


def signature_tags(body: bytes, signer: Signer) -> dict[str, str]:
    """Return the tags of a signature in their order, `b=` still empty."""
    tags: dict[str, str | None] = {
        "v": "1",
        "a": f"{signer.key.algorithm}-{signer.digest}",
        "c": signer.canonicalization,
        "d": signer.domain,
        "s": signer.selector,
        "t": None if signer.timestamp is None else str(signer.timestamp),
        "x": None if signer.expires is None else str(signer.expires),
        "i": signer.auid,
        "l": None if signer.body_length is None else str(signer.body_length),
        "h": ":".join(signer.headers),
        "bh": body_hash(body, signer),
    }
    tags |= signer.override
    last = tags.pop("b", "")
    return {name: value for name, value in {**tags, "b": last}.items() if value is not None}


def fold(text: str) -> str:
    """Fold a long value at white space, then within what is left too long, as signers do."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + len(word) < LINE_LENGTH:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return "\r\n ".join(lines)


def written_field(name: str, tags: dict[str, str]) -> bytes:
    """Write a field out of its tags, folded between tags."""
    listed = "; ".join(f"{tag}={value}" for tag, value in tags.items())
    return f"{name}: {fold(listed)}\r\n".encode()


def with_signature(unsigned: bytes, signature: bytes) -> bytes:
    """Put the signature, in lines of 72 characters, behind the `b=` that ends a field."""
    text = base64.b64encode(signature).decode()
    lines = re.findall(f".{{1,{LINE_LENGTH}}}", text)
    return (
        unsigned.removesuffix(b"\r\n")
        + "".join(f"\r\n {line}" for line in lines).encode()
        + b"\r\n"
    )


def signed_data(fields: list[bytes], names: list[str], unsigned: bytes, mode: str) -> bytes:
    """Return what a header signature covers (RFC 6376 §3.7): chosen fields, then itself."""
    chosen = selected_fields(fields, [name.encode() for name in names])
    canonical = b"".join(canonical_field(each, mode) for each in chosen)
    return canonical + canonical_field(unsigned, mode).removesuffix(b"\r\n")


def signature_field(message: bytes, signer: Signer, name: str = "DKIM-Signature") -> bytes:
    """Return the signature field of a message, with its CRLF."""
    fields, body = split_message(message)
    tags = signature_tags(body, signer)
    unsigned = written_field(name, tags)
    if "b" in signer.override:
        return unsigned
    data = signed_data(fields, tags.get("h", "").split(":"), unsigned, signer.modes()[0])
    return with_signature(unsigned, signer.key.sign(data, signer.digest))


def sign(message: bytes, *signers: Signer) -> bytes:
    """Prepend a signature for each signer; the last one ends up on top."""
    for signer in signers:
        message = signature_field(message, signer) + message
    return message


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Everything that decides an ARC set.

    Attributes:
        signer: domain, selector, key and headers of both signatures.
        results: the payload of ARC-Authentication-Results.
        chain_validation: `cv=`; None writes `none` in the first set and `pass` in later ones.
        instance: `i=`; None continues the chain.
        seal_tags: further tags of the seal.
    """

    signer: Signer
    results: str = "dkim=pass"
    chain_validation: str | None = None
    instance: int | None = None
    seal_tags: dict[str, str] = field(default_factory=dict)


def instance_of(arc_field: bytes) -> int:
    """Return `i=` of an ARC field that this module wrote."""
    found = re.search(rb"[:;]\s*i=(\d+)", arc_field)
    return int(found[1]) if found else 0


def arc_fields(fields: list[bytes]) -> list[bytes]:
    """Return the ARC fields in the order in which a seal covers them (RFC 8617 §5.1.1)."""
    chain = [each for each in fields if field_name(each) in ARC_FIELDS]
    return sorted(chain, key=lambda each: (instance_of(each), ARC_FIELDS.index(field_name(each))))


def seal(message: bytes, sealer: Sealer) -> bytes:
    """Prepend one ARC set (RFC 8617 §5.1)."""
    fields, _ = split_message(message)
    chain = arc_fields(fields)
    instance = sealer.instance or max(map(instance_of, chain), default=0) + 1
    signer = sealer.signer
    results = (
        f"ARC-Authentication-Results: i={instance}; {signer.domain}; {sealer.results}\r\n".encode()
    )
    override = {"v": None, "i": str(instance), **signer.override}
    message_signature = signature_field(
        message, signer.having(override=override), "ARC-Message-Signature"
    )
    validation = sealer.chain_validation or ("none" if instance == 1 else "pass")
    tags = {
        "i": str(instance),
        "a": f"{signer.key.algorithm}-{signer.digest}",
        "cv": validation,
        "d": signer.domain,
        "s": signer.selector,
        **({} if signer.timestamp is None else {"t": str(signer.timestamp)}),
        **sealer.seal_tags,
        "b": "",
    }
    unsigned = written_field("ARC-Seal", tags)
    # A chain found broken is sealed over its own set only (RFC 8617 §5.1.2).
    covered = [] if validation == "fail" else chain
    covered = [*covered, results, message_signature]
    data = b"".join(canonical_field(each, "relaxed") for each in covered)
    data += canonical_field(unsigned, "relaxed").removesuffix(b"\r\n")
    return (
        with_signature(unsigned, signer.key.sign(data, signer.digest))
        + message_signature
        + results
        + message
    )


def zone_of(*signers: Signer) -> dict[str, dict[str, list[str]]]:
    """Return the zone that publishes the signers' keys, as StaticResolver takes it."""
    return {signer.key_name: {"TXT": [signer.key.record()]} for signer in signers}
