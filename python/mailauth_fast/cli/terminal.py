"""What goes to a person's terminal: sentences on standard error, and never an octet of a message raw."""

from __future__ import annotations

import sys
import unicodedata

INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that could steer a terminal or reorder a line: controls, format and bidi characters."""


def printable(text: str) -> str:
    """Return the text with controls, escapes and bidi characters written as escapes."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def say(sentence: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"mailauth-fast: {printable(sentence)}\n")
