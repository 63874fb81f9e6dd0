"""What goes to a person's terminal: sentences, and never an octet of a message raw."""

from __future__ import annotations

import sys
import unicodedata

INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that could steer a terminal or reorder a line."""

ASCII_END = 0x7F


def printable(text: str) -> str:
    """Return the text with controls, escapes and bidi characters written as escapes."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE:
        return character
    if ord(character) > ASCII_END:
        return character.encode("ascii", "backslashreplace").decode("ascii")
    return f"\\x{ord(character):02x}"


def say(sentence: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"mailauth-fast: {printable(sentence)}\n")
