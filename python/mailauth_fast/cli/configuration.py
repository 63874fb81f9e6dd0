"""Where settings come from: the environment and one TOML file; what each of them may hold.

Knows names and forms of settings, not what they do. Every fault is one sentence that names the
file or the variable and the key.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from mailauth_fast.cli.exits import CommandError, Exit

PREFIX = "MAILAUTH_FAST_"
FILE_VARIABLE = f"{PREFIX}CONFIG"
FILE_NAME = "mailauth-fast.toml"
OCTETS_LIMIT = 1 << 20
"""A configuration is written by hand; whatever is larger is another file named by mistake."""

Kind = Literal["text", "number", "switch", "list", "path", "resolver", "time"]
Value = str | int | bool | tuple[str, ...] | None
Section = Literal["policy", "verify"]

SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
EXPECTED = {
    "text": "a text",
    "number": "a whole number",
    "switch": "true or false",
    "list": "a list of texts",
    "path": "the path of a file",
    "resolver": "live, ADDRESS:PORT, zone:FILE.json or store:FILE",
    "time": "received, Unix seconds, or a time with offset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: where it stands, what it may hold."""

    section: Section
    key: str
    kind: Kind
    default: Value = None
    words: tuple[str, ...] = ()
    lowest: int | None = None
    command: str | None = None  # the only command whose option of this name it is

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.key.upper()

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.words:
            return f"one of {', '.join(self.words)}"
        return EXPECTED[self.kind] + ("" if self.lowest is None else f" of at least {self.lowest}")


@dataclass(frozen=True, slots=True)
class Source:
    """Who set a value."""

    kind: Literal["flag", "environment", "file", "default"]
    name: str | None = None

    def __str__(self) -> str:
        """Return it as `config show` prints it."""
        return self.kind if self.name is None else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """A value and who set it."""

    value: Value
    source: Source


def found_file(chosen: Path | None) -> Path | None:
    """Return the file that holds: named, in this folder or above, the platform's; else None."""
    variable = os.environ.get(FILE_VARIABLE)
    if chosen is not None or variable:
        path = chosen if chosen is not None else Path(variable or "")
        if not path.is_file():
            origin = "--config" if chosen is not None else FILE_VARIABLE
            sentence = f"{path}: no such configuration file; check {origin}"
            raise CommandError(sentence, Exit.USAGE)
        return path
    here = Path.cwd()
    candidates = [*(folder / FILE_NAME for folder in (here, *here.parents)), platform_file()]
    return next((path for path in candidates if path.is_file()), None)


def platform_file() -> Path:
    """Return the file of the user's own settings."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming")
    elif sys.platform == "darwin":
        folder = Path.home() / "Library/Application Support"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return folder / "mailauth-fast" / "config.toml"


def read_file(path: Path, settings: tuple[Setting, ...]) -> dict[str, Found]:
    """Read a file; every key must be known."""
    known = {(str(setting.section), setting.key): setting for setting in settings}
    sections = sorted({str(setting.section) for setting in settings})
    found = {}
    for section, table in _document(path).items():
        if section not in sections:
            raise _unknown(path, f"[{section}]", section, sections)
        if not isinstance(table, dict):
            sentence = f"{path}: {section} is no table; write [{section}] and keys below it"
            raise CommandError(sentence, Exit.USAGE)
        for key, value in table.items():
            setting = known.get((section, key))
            if setting is None:
                keys = [name for place, name in known if place == section]
                raise _unknown(path, f"[{section}] {key}", key, keys)
            found[key] = Found(_of_file(path, setting, value), Source("file", str(path)))
    return found


def read_environment(settings: tuple[Setting, ...]) -> dict[str, Found]:
    """Read the variables; an empty one is not set."""
    found = {}
    for setting in settings:
        text = os.environ.get(setting.variable)
        if text:
            value = _of_text(setting, text)
            if value is None or not _is_allowed(setting, value):
                raise _wrong(setting.variable, "the value", text, setting)
            found[setting.key] = Found(value, Source("environment", setting.variable))
    return found


def _document(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            octets = file.read(OCTETS_LIMIT + 1)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        sentence = f"{path}: the configuration cannot be read ({reason}); give --no-config"
        raise CommandError(sentence, Exit.USAGE) from None
    if len(octets) > OCTETS_LIMIT:
        sentence = f"{path}: more than 1 MiB is no configuration; check --config"
        raise CommandError(sentence, Exit.USAGE)
    try:
        return tomllib.loads(octets.decode())
    except (ValueError, RecursionError) as problem:
        sentence = f"{path}: no TOML ({problem}); correct it, or give --no-config"
        raise CommandError(sentence, Exit.USAGE) from None


def _unknown(path: Path, place: str, name: str, names: list[str]) -> CommandError:
    near = get_close_matches(name, names, 1, 0.5)
    advice = f"did you mean {near[0]}?" if near else f"use one of {', '.join(names)}"
    return CommandError(f"{path}: {place} is unknown; {advice}", Exit.USAGE)


def _wrong(origin: str, place: str, value: object, setting: Setting) -> CommandError:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    if isinstance(value, bool):
        shown = shown.lower()
    return CommandError(f"{origin}: {place} is {shown}; use {setting.expected}", Exit.USAGE)


def _of_file(path: Path, setting: Setting, value: object) -> Value:
    read = _typed(setting.kind, value)
    if read is None or not _is_allowed(setting, read):
        raise _wrong(str(path), f"[{setting.section}] {setting.key}", value, setting)
    return _beside(path, setting.kind, read)


def _typed(kind: Kind, value: object) -> Value:
    """Return a TOML value as the setting holds it; None when it is of another type."""
    if kind == "switch":
        return value if isinstance(value, bool) else None
    if kind == "list":
        values = [value] if isinstance(value, str) else value
        is_list = isinstance(values, list) and all(isinstance(item, str) for item in values)
        return tuple(values) if is_list and isinstance(values, list) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if kind == "number" else str(value) if kind == "time" else None
    if kind == "time" and isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) and kind != "number" else None


def _of_text(setting: Setting, text: str) -> Value:
    if setting.kind == "switch":
        return SWITCH.get(text.strip().lower())
    if setting.kind == "list":
        return tuple(part for part in re.split(r"[\s,]+", text) if part)
    if setting.kind == "number":
        return int(text) if re.fullmatch(r"-?\d{1,15}", text.strip()) else None
    return text


def _is_allowed(setting: Setting, value: Value) -> bool:
    if setting.words and value not in setting.words:
        return False
    return setting.lowest is None or not isinstance(value, int) or value >= setting.lowest


def _beside(path: Path, kind: Kind, value: Value) -> Value:
    """Resolve a path that a file names from that file's folder: it is found from below too."""
    if not isinstance(value, str):
        return value
    folder = path.absolute().parent
    if kind == "path":
        return str(folder / value)
    scheme, colon, name = value.partition(":")
    if kind == "resolver" and colon and scheme in {"zone", "store"}:
        return f"{scheme}:{folder / name}"
    return value
