"""The rows of a DNS store as Python values, and record data as a zone file writes it.

Knows the row's shape and RFC 1035 §5.1; must not know files that are imported or exported.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from mailauth_fast import _core

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

PRINTABLE = range(0x20, 0x7F)
NUMBER = re.compile(r"-?\d{1,15}")
ESCAPE = re.compile(r"\\(\d{3})|\\(.)", re.DOTALL)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', re.DOTALL)


class StoredRow(msgspec.Struct, frozen=True, rename={"record_type": "type"}, omit_defaults=True):
    """One row of a store; `data` is an RRset in presentation form, empty for every "no"."""

    name: str
    record_type: str
    data: list[str]
    rcode: str
    first_seen: int | None
    last_seen: int | None
    source: str
    ttl: int | None
    ad: bool | None
    is_alias: bool = False
    is_of_run: bool = False
    is_single_record: bool = False


def key_row(name: str, text: str, times: tuple[int | None, int | None], source: str) -> StoredRow:
    """Return the row of a key record alone, its text cut into strings as DNS needs it."""
    octets = text.encode()
    strings = [octets[start : start + 255] for start in range(0, len(octets), 255)]
    return StoredRow(
        name=name.lower().rstrip("."),
        record_type="TXT",
        data=[txt(strings or [b""])],
        rcode="NOERROR",
        first_seen=times[0],
        last_seen=times[1],
        source=source,
        ttl=None,
        ad=None,
    )


class Store:
    """The rows of a store, read one frame after the other.

    Args:
        path: the store.
        name: rows of this name alone, in any spelling.
        record_type: rows of this type alone.

    Raises:
        StoreError: the file cannot be read or is no store.
        MailauthError: `name` is no domain name.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        name: str | None = None,
        record_type: str | None = None,
    ) -> None:
        """Open the store."""
        self._rows = _core.StoreRows(path, name, record_type)
        self.read = 0

    def __iter__(self) -> Iterator[StoredRow]:
        """Give the chosen rows; `read` counts all."""
        for count, lines in self._rows:
            self.read += count
            for line in lines.splitlines():
                yield msgspec.json.decode(line, type=StoredRow)

    @property
    def problems(self) -> list[str]:
        """What is wrong with the store as far as it was read, one sentence each."""
        return self._rows.problems


def seconds(value: object) -> int | None:
    """Read a time: Unix seconds or ISO 8601, UTC where nothing is said; None and "" are no time.

    Raises:
        ValueError: it is neither.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if NUMBER.fullmatch(text):
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


def day(moment: int | None) -> str:
    """Return the day of a time for people."""
    if moment is None:
        return "-"
    try:
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return str(moment)


def txt(strings: Iterable[bytes]) -> str:
    """Return a text record as a zone file writes it, with the borders between its strings."""
    return " ".join(f'"{_escaped(string)}"' for string in strings)


def _escaped(octets: bytes) -> str:
    return "".join(
        f"\\{chr(octet)}"
        if octet in b'"\\'
        else chr(octet)
        if octet in PRINTABLE
        else f"\\{octet:03}"
        for octet in octets
    )


def txt_strings(text: str) -> list[bytes]:
    """Read a text record back: its strings, quoted or bare."""
    found = [quoted or bare for quoted, bare in STRING.findall(text)]
    return [_unescaped(string) for string in found]


def _unescaped(text: str) -> bytes:
    def octet(match: re.Match[str]) -> str:
        number, other = match.groups()
        return chr(int(number) % 256) if number else str(other)

    return ESCAPE.sub(octet, text).encode("latin-1", "replace")
