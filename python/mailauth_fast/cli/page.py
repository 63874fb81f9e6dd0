"""Text for people in 80 columns: long lines wrapped, what could steer a terminal escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from mailauth_fast.cli.terminal import printable

if TYPE_CHECKING:
    from typing import TextIO

COLUMNS = 80
LABEL_COLUMNS = 14


class Page:
    """Lines in the order in which they were added, each with a style for a terminal."""

    def __init__(self) -> None:
        """Begin an empty page."""
        self._lines: list[tuple[str, str]] = []

    @property
    def lines(self) -> list[str]:
        """The lines without styles."""
        return [line for line, _ in self._lines]

    def blank(self) -> None:
        """Add an empty line."""
        self._lines.append(("", ""))

    def text(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Add a text, wrapped at words and where a word is too long."""
        self._add(text, " " * indent, " " * indent, style)

    def fact(self, label: str, value: str, *, indent: int = 2, style: str = "") -> None:
        """Add a name and its value; further lines stand below the value."""
        lead = f"{'':{indent}}{label:<{LABEL_COLUMNS - 2}}  "
        self._add(value, lead, " " * len(lead), style)

    def literal(self, text: str, *, lead: str, further: str) -> None:
        """Add a text whose every character counts: cut at the width, never at words."""
        room = COLUMNS - len(lead)
        shown = printable(text)
        pieces = chop_cells(shown, room) if cell_len(shown) > room else [shown]
        for number, piece in enumerate(pieces):
            self._lines.append((f"{further if number else lead}{piece}", ""))

    def print(self, file: TextIO) -> None:
        """Write the page; styles show on a terminal only."""
        console = Console(file=file, markup=False, emoji=False, highlight=False, soft_wrap=True)
        for line, style in self._lines:
            console.print(Text(line, style=style))

    def _add(self, text: str, lead: str, further: str, style: str) -> None:
        for number, line in enumerate(wrapped(printable(text), COLUMNS - len(lead))):
            self._lines.append((f"{further if number else lead}{line}".rstrip(), style))


def wrapped(text: str, columns: int) -> list[str]:
    """Break a text at spaces into lines of at most so many columns."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= columns:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = chop_cells(word, columns) if cell_len(word) > columns else [word]
        lines.extend(full)
    return [*lines, line]
