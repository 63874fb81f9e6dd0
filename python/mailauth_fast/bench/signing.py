"""A DKIM signer and ARC sealer that keeps account of what a verifier must hash and verify.

Knows RFC 6376 §3.4, §3.7 and RFC 8617 §5.1 as plainly as they can be written, shared with nothing
in the engine, so that a corpus tests it too. Needs the package `cryptography` (extra `bench`).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailauth_fast.errors import MailauthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

RSA = "rsa-sha256"
ED25519 = "ed25519-sha256"
RSA_BITS = 2048
LINE_LENGTH = 72
"""Octets of a base64 line in a signature field, white space not counted."""
ARC_NAMES = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
"""In the order in which a seal covers a set (RFC 8617 §5.1.1)."""
INSTANCE = re.compile(rb"\s*i=(\d+);")


@dataclass(frozen=True, slots=True)
class PublicKeyWork:
    """One public-key operation that a verifier cannot leave out.

    Attributes:
        algorithm: `rsa-sha256` or `ed25519-sha256`.
        key: RSA: SubjectPublicKeyInfo in DER; Ed25519: 32 octets.
        digest: SHA-256 of the canonical header octets.
        signature: what `b=` holds.
    """

    algorithm: str
    key: bytes
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A private key and what its record publishes.

    Attributes:
        published: RSA: SubjectPublicKeyInfo in DER; Ed25519: 32 octets.
    """

    algorithm: str
    private: RSAPrivateKey | Ed25519PrivateKey
    published: bytes

    def sign(self, digest: bytes) -> bytes:
        """Return the signature over a SHA-256 digest (RFC 8017 §8.2, RFC 8463 §3)."""
        from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
        return self.private.sign(digest)

    def record(self) -> str:
        """Return the key record's text (RFC 6376 §3.6.1)."""
        name = self.algorithm.partition("-")[0]
        return f"v=DKIM1; k={name}; p={base64.b64encode(self.published).decode()}"


@functools.cache
def key(algorithm: str, number: int) -> Key:
    """Make the key of this number, once in a process; the keys alone are not seeded.

    Raises:
        MailauthError: `cryptography` is missing.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            Encoding,
            PublicFormat,
        )
    except ImportError:
        raise MailauthError(
            f"key {number} cannot be made: a corpus is signed with the package cryptography; "
            "install mailauth-fast[bench]"
        ) from None
    if algorithm == RSA:
        private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        info = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        return Key(algorithm, private, private.public_key().public_bytes(*info))
    short = ed25519.Ed25519PrivateKey.generate()
    return Key(algorithm, short, short.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: domain, selector and key."""

    domain: str
    selector: str
    key: Key

    @property
    def key_name(self) -> str:
        """Where the key is published (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(slots=True)
class Draft:
    """A message while it is signed, and the account of what its signatures cover.

    Attributes:
        fields: raw fields with CRLF, from the top.
        body: octets with CRLF.
        bodies: digest and length of each distinct canonical body that is signed.
        headers: lengths of the canonical header octets of each signature.
        work: the signatures' public-key operations, in the order in which they were made.
    """

    fields: list[bytes]
    body: bytes
    bodies: dict[bytes, int] = field(default_factory=dict)
    headers: list[int] = field(default_factory=list)
    work: list[PublicKeyWork] = field(default_factory=list)
    _modes: dict[str, bytes] = field(default_factory=dict)

    def octets(self) -> bytes:
        """Return the message."""
        return b"".join(self.fields) + b"\r\n" + self.body

    def hashed(self) -> tuple[int, ...]:
        """Return the lengths of all that must be hashed: bodies, then headers."""
        return (*self.bodies.values(), *self.headers)

    def body_digest(self, mode: str) -> bytes:
        """Return the digest of the canonical body and put it on account, once for equal octets."""
        if mode not in self._modes:
            canonical = canonical_body(self.body, mode)
            self._modes[mode] = hashlib.sha256(canonical).digest()
            self.bodies[self._modes[mode]] = len(canonical)
        return self._modes[mode]

    def sign(self, signer: Signer, covered: Sequence[bytes], unsigned: bytes) -> bytes:
        """Return a signature field: `unsigned` with the signature behind its empty `b=`.

        Source: RFC 6376 §3.7: what is covered, then the field itself, without its last CRLF.
        """
        data = b"".join(map(canonical_field, covered)) + canonical_field(unsigned)[:-2]
        digest = hashlib.sha256(data).digest()
        signature = signer.key.sign(digest)
        self.headers.append(len(data))
        made = PublicKeyWork(signer.key.algorithm, signer.key.published, digest, signature)
        self.work.append(made)
        text = base64.b64encode(signature).decode()
        lines = [text[at : at + LINE_LENGTH] for at in range(0, len(text), LINE_LENGTH)]
        return unsigned[:-2] + "".join(f"\r\n {line}" for line in lines).encode() + b"\r\n"


def canonical_body(body: bytes, mode: str) -> bytes:
    """Return the canonical body (RFC 6376 §3.4.3, §3.4.4); every line ends in CRLF."""
    if mode == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n" and mode == "relaxed":
        return b""
    return body or (b"" if mode == "relaxed" else b"\r\n")


def canonical_field(raw: bytes) -> bytes:
    """Return one field's relaxed form with its CRLF (RFC 6376 §3.4.2)."""
    name, _, value = raw.partition(b":")
    collapsed = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    return name.rstrip(b" \t").lower() + b":" + collapsed + b"\r\n"


def field_name(raw: bytes) -> bytes:
    """Return a raw field's name in lower case."""
    return raw.partition(b":")[0].rstrip(b" \t").lower()


def selected(fields: Sequence[bytes], names: Sequence[str]) -> list[bytes]:
    """Return the fields that `h=` selects: a repeat takes the next one up (RFC 6376 §5.4.2)."""
    left: dict[bytes, list[bytes]] = {}
    for raw in fields:
        left.setdefault(field_name(raw), []).append(raw)
    stacks = [left.get(name.lower().encode(), []) for name in names]
    return [stack.pop() for stack in stacks if stack]


def written(name: str, tags: dict[str, str]) -> bytes:
    """Write a field out of its tags, folded between tags and within `h=`; `b=` ends it."""
    lines = [f"{name}:"]
    for tag, value in tags.items():
        pieces = value.split(":") if tag == "h" else [value]
        for number, piece in enumerate(pieces):
            is_first, is_last = number == 0, number == len(pieces) - 1
            text = (f"{tag}=" if is_first else "") + piece + (";" if is_last else ":")
            text = text if tag != "b" else "b="
            gap = " " if is_first else ""
            if len(lines[-1]) + len(gap) + len(text) > LINE_LENGTH:
                lines.append(f" {text}")
            else:
                lines[-1] += gap + text
    return "\r\n".join(lines).encode() + b"\r\n"


def sign(draft: Draft, signer: Signer, names: Sequence[str], mode: str, signed_at: int) -> None:
    """Put a DKIM-Signature on top (RFC 6376 §3.5); the header is relaxed, the body `mode`."""
    body = base64.b64encode(draft.body_digest(mode)).decode()
    tags = {"v": "1", "a": signer.key.algorithm, "c": f"relaxed/{mode}", "d": signer.domain}
    tags |= {"s": signer.selector, "t": str(signed_at), "h": ":".join(names), "bh": body, "b": ""}
    unsigned = written("DKIM-Signature", tags)
    draft.fields.insert(0, draft.sign(signer, selected(draft.fields, names), unsigned))


def arc_chain(fields: Sequence[bytes]) -> list[bytes]:
    """Return the ARC fields in the order in which a seal covers them (RFC 8617 §5.1.1)."""
    found: list[tuple[int, int, bytes]] = []
    for raw in fields:
        instance = INSTANCE.match(raw.partition(b":")[2])
        if field_name(raw) in ARC_NAMES and instance:
            found.append((int(instance[1]), ARC_NAMES.index(field_name(raw)), raw))
    return [raw for _, _, raw in sorted(found)]


def seal(draft: Draft, signer: Signer, names: Sequence[str], results: str, signed_at: int) -> None:
    """Put one more ARC set on top (RFC 8617 §5.1).

    `results` is the payload of ARC-Authentication-Results behind `i=`, folded.
    """
    chain = arc_chain(draft.fields)
    instance = str(len(chain) // len(ARC_NAMES) + 1)
    outcome = f"ARC-Authentication-Results: i={instance}; {results}\r\n".encode()
    who = {"d": signer.domain, "s": signer.selector, "t": str(signed_at)}
    body = base64.b64encode(draft.body_digest("relaxed")).decode()
    tags = {"i": instance, "a": signer.key.algorithm, "c": "relaxed/relaxed", **who}
    tags |= {"h": ":".join(names), "bh": body, "b": ""}
    unsigned = written("ARC-Message-Signature", tags)
    signature = draft.sign(signer, selected(draft.fields, names), unsigned)
    validation = "pass" if chain else "none"
    tags = {"i": instance, "a": signer.key.algorithm, "cv": validation, **who, "b": ""}
    sealed = draft.sign(signer, [*chain, outcome, signature], written("ARC-Seal", tags))
    draft.fields[:0] = [sealed, signature, outcome]
