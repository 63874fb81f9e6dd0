"""What goes to a person's terminal: sentences, and never an octet of a message raw."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Literal, TextIO, get_args

if TYPE_CHECKING:
    from rich.console import Console

Color = Literal["auto", "always", "never"]

INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that could steer a terminal or reorder a line."""

ASCII_END = 0x7F
BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")
BMP_END = 0xFFFF


class Look:
    """How this run shows itself; filled once from the command line."""

    color: Color = "auto"
    is_verbose: bool = False

    @classmethod
    def read(cls, arguments: list[str]) -> None:
        """Look for `--color` and `--verbose` before anything is parsed: help and errors obey too.

        What is malformed here is refused by the parser a moment later.
        """
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        cls.is_verbose = "--verbose" in options
        cls.color = "auto"
        for place, option in enumerate(options):
            name, equals, word = option.partition("=")
            if name == "--color":
                word = word if equals else "".join(options[place + 1 : place + 2])
                cls.color = next((color for color in get_args(Color) if color == word), cls.color)


def is_colored(file: TextIO) -> bool:
    """Tell whether a stream gets colour: the flag wins over `NO_COLOR` and `TERM=dumb`."""
    if Look.color != "auto":
        return Look.color == "always"
    is_refused = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return not is_refused and file.isatty()


def console(file: TextIO, *, is_wrapping: bool = True) -> Console:
    """Return a console that prints text as it is and leaves a lost reader to the caller."""
    from rich.console import Console  # noqa: PLC0415 - start-up time

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            # rich would end with 1, which is the code of --fail-on.
            raise BrokenPipeError

    return Plain(
        file=file,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not is_wrapping,
        color_system=_system(file),
        force_terminal=True if Look.color == "always" else None,
    )


def _system(file: TextIO) -> Literal["auto", "standard"] | None:
    if not is_colored(file):
        return None
    return "auto" if Look.color == "auto" else "standard"


def printable(text: str) -> str:
    """Return the text with controls, escapes and bidi characters written as escapes."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in INVISIBLE:
        return character
    if ord(character) > ASCII_END:
        return character.encode("ascii", "backslashreplace").decode("ascii")
    return f"\\x{ord(character):02x}"


def printable_json(text: str) -> str:
    r"""Return the same JSON with invisible characters as `\u` escapes.

    JSON itself escapes only what stands below U+0020; beyond ASCII such characters can stand in
    strings alone, so that the value stays the same.
    """
    return BEYOND_ASCII.sub(_json_shown, text)


def _json_shown(match: re.Match[str]) -> str:
    character = match.group()
    if unicodedata.category(character) not in INVISIBLE:
        return character
    code = ord(character)
    if code <= BMP_END:
        return f"\\u{code:04x}"
    high, low = divmod(code - BMP_END - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def say(sentence: str) -> None:
    """Write one line to standard error; nobody there to read it stops nothing."""
    try:
        sys.stderr.write(f"mailauth-fast: {printable(sentence)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Lead a stream whose reader is gone to nowhere, so that closing it at the end succeeds."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
