"""DKIM canonicalization (RFC 6376 §3.4) as plainly as it can be written: the tests' own reference.

Takes octets with CRLF line ends. Nothing here is fast, and nothing is shared with the engine.
"""

from __future__ import annotations

import re

WSP = b" \t"


FIELD_START = re.compile(rb"[!-9;-~]+[ \t]*:")


def split_message(message: bytes) -> tuple[list[bytes], bytes]:
    """Split a message with CRLF line ends into raw fields (each with its CRLF) and the body.

    A line that is neither a field nor a continuation ends the header, and the body begins with it.
    """
    fields: list[bytes] = []
    start = 0
    while start < len(message):
        found = message.find(b"\r\n", start)
        end = len(message) if found < 0 else found + 2
        line = message[start:end]
        if line == b"\r\n":
            return fields, message[end:]
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1] += line
        elif FIELD_START.match(line):
            fields.append(line)
        else:
            return fields, message[start:]
        start = end
    return fields, b""


def field_name(field: bytes) -> bytes:
    """Return a raw field's name in lower case."""
    return field.partition(b":")[0].rstrip(WSP).lower()


def canonical_field(field: bytes, mode: str) -> bytes:
    """Return one field's canonical form with its CRLF (RFC 6376 §3.4.1, §3.4.2)."""
    if mode == "simple":
        return field
    name, _, value = field.partition(b":")
    unfolded = value.replace(b"\r\n", b"")
    collapsed = re.sub(rb"[ \t]+", b" ", unfolded).strip(WSP)
    return name.rstrip(WSP).lower() + b":" + collapsed + b"\r\n"


def canonical_body(body: bytes, mode: str) -> bytes:
    """Return the canonical body (RFC 6376 §3.4.3, §3.4.4)."""
    lines = body.split(b"\r\n")
    if mode == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(WSP) for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return b"" if mode == "relaxed" else b"\r\n"
    return b"\r\n".join(lines) + b"\r\n"


def selected_fields(fields: list[bytes], names: list[bytes]) -> list[bytes]:
    """Return the fields that `h=` selects: a repeat takes the next one up (§5.4.2)."""
    left = list(fields)
    chosen: list[bytes] = []
    for name in names:
        for position in range(len(left) - 1, -1, -1):
            if field_name(left[position]) == name.strip().lower():
                chosen.append(left.pop(position))
                break
    return chosen
