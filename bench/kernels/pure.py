"""The kernels in pure Python: the standard library's own C loops where they fit, nothing else.

Octets in, octets out, any line ends: a bare LF counts as CRLF, a bare CR is an ordinary octet.
"""

from __future__ import annotations

import binascii
import hashlib
import re

BLANKS = re.compile(rb"[ \t]{2,}|\t")
FIELD_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
ENVELOPE_LINE = re.compile(rb">?From [^\n]*\n?")
FWS = rb"(?:[ \t\n]|\r\n)*"
TAG = re.compile(FWS + rb"([A-Za-z][A-Za-z0-9_]*)" + FWS + rb"=([^\0-\x08\x0b\x0c\x0e-\x1f\x7f]*)")
BARE_CR = re.compile(rb"\r(?!\n)")
BLANK = re.compile(FWS)
PADDING_LIMIT = 2


def with_crlf(octets: bytes) -> bytes:
    """Return octets with each line end as CRLF."""
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def canonicalize_body(octets: bytes, relaxed: bool) -> bytes:  # noqa: FBT001 - the kernels' shape
    """Return the canonical body (RFC 6376 §3.4.3, §3.4.4)."""
    lines = octets.replace(b"\r\n", b"\n")
    if not relaxed:
        return lines.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    lines = BLANKS.sub(b" ", lines).replace(b" \n", b"\n").rstrip(b" \n")
    return lines.replace(b"\n", b"\r\n") + b"\r\n" if lines else b""


def canonicalize_field(field: bytes, relaxed: bool) -> bytes:  # noqa: FBT001 - the kernels' shape
    """Return a field's canonical form with its CRLF (RFC 6376 §3.4.1, §3.4.2)."""
    raw = field.removesuffix(b"\n").removesuffix(b"\r") if field.endswith(b"\n") else field
    found = FIELD_NAME.match(raw) if relaxed else None
    if found is None:
        return with_crlf(raw) + b"\r\n"
    value = raw[found.end() :].replace(b"\r\n", b" ").replace(b"\n", b" ")
    return found[1].lower() + b":" + BLANKS.sub(b" ", value).strip(b" ") + b"\r\n"


def body_hash(octets: bytes, relaxed: bool) -> bytes:  # noqa: FBT001 - the kernels' shape
    """Return the SHA-256 of the canonical body (RFC 6376 §3.7)."""
    return hashlib.sha256(canonicalize_body(octets, relaxed)).digest()


def decode_base64(octets: bytes) -> bytes | None:
    """Return the octets of a base64 text, white space ignored (RFC 6376 §2.10); None for none."""
    text = octets.translate(None, b" \t\r\n")
    digits = text.rstrip(b"=")
    if not digits or len(text) - len(digits) > PADDING_LIMIT or len(digits) % 4 == 1:
        return None
    try:
        decoded = binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error:
        return None
    # Bits that no encoder leaves behind would make several texts mean one signature.
    is_encoding = binascii.b2a_base64(decoded, newline=False).rstrip(b"=") == digits
    return decoded if is_encoding else None


def tag_list(octets: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return names and values of a list of tags (RFC 6376 §3.2); None when it is invalid."""
    parts = octets.split(b";")
    if len(parts) > 1 and BLANK.fullmatch(parts[-1]):
        parts.pop()
    tags: dict[bytes, bytes] = {}
    for part in parts:
        found = TAG.fullmatch(part)
        if found is None or found[1] in tags or BARE_CR.search(found[2]):
            return None
        tags[found[1]] = found[2].strip(b" \t\r\n")
    return list(tags.items())


def header_index(octets: bytes) -> list[tuple[int, int, int]]:
    """Return start, colon and end of each header field; headers within the engine's limits."""
    fields: list[tuple[int, int, int]] = []
    start = 0
    if FIELD_NAME.match(octets) is None and (envelope := ENVELOPE_LINE.match(octets)):
        start = envelope.end()
    while found := FIELD_NAME.match(octets, start):
        end = octets.find(b"\n", start) + 1
        while end and octets[end : end + 1] in {b" ", b"\t"}:
            end = octets.find(b"\n", end) + 1
        end = end or len(octets)
        fields.append((start, found.end() - 1, end))
        start = end
    return fields
