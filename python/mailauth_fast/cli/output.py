"""Where rows go: standard output or a file that is complete under its name or not there at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from mailauth_fast import _core
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import reason_of

if TYPE_CHECKING:
    from mailauth_fast.policy import Policy

Format = Literal["text", "jsonl", "parquet"]
EXTENSIONS: dict[str, Format] = {".jsonl": "jsonl", ".parquet": "parquet"}
SCHEMA_VERSION = 1
PART = "part-00000000"
"""Name of the only part while a run is one unit."""


class Sink(Protocol):
    """Takes rows."""

    def write(self, rows: _core.Rows) -> None:
        """Append rows."""

    def close(self) -> None:
        """Make what was written final."""

    def keep_partial(self) -> str | None:
        """Keep what was written so far under a name that shows it; return that name."""


class NoRows:
    """The summary alone is wanted."""

    def write(self, rows: _core.Rows) -> None:
        """Drop rows."""

    def close(self) -> None:
        """Do nothing."""

    def keep_partial(self) -> str | None:
        """Keep nothing."""
        return None


class StandardOutput:
    """JSON lines to standard output."""

    def write(self, rows: _core.Rows) -> None:
        """Print rows."""
        sys.stdout.buffer.write(rows.jsonl())
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Do nothing: the stream is the caller's."""

    def keep_partial(self) -> str | None:
        """Keep nothing: what was printed is printed."""
        return None


def open_sink(
    output: str | None, chosen: Format | None, metadata: list[tuple[str, str]], *, overwrite: bool
) -> tuple[Sink, Format]:
    """Open what `-o` and `--format` ask for."""
    if output is None or output == "-":
        row_format: Format = chosen or ("text" if output is None else "jsonl")
        if row_format == "parquet":
            raise CommandError("--format parquet needs -o FILE or -o FOLDER", Exit.USAGE)
        return (StandardOutput() if row_format == "jsonl" else NoRows()), row_format
    path = Path(output)
    row_format = chosen or EXTENSIONS.get(path.suffix, "parquet")
    if row_format == "text":
        raise CommandError("--format text goes to standard output; leave -o away", Exit.USAGE)
    try:
        target = _target(path, row_format, overwrite=overwrite)
    except OSError as problem:
        sentence = f"{path}: cannot be written ({reason_of(problem)}); choose another -o"
        raise CommandError(sentence, Exit.FATAL) from None
    return _core.Writer(target, row_format, metadata), row_format


def _target(path: Path, row_format: Format, *, overwrite: bool) -> Path:
    """Return the file to write: OUT itself, or a part in the folder OUT."""
    is_file = path.suffix in EXTENSIONS
    if is_file and EXTENSIONS[path.suffix] != row_format:
        sentence = f"{path}: --format {row_format} does not fit its extension; change one of them"
        raise CommandError(sentence, Exit.USAGE)
    target = path if is_file else path / f"{PART}.{row_format}"
    if not is_file:
        path.mkdir(parents=True, exist_ok=True)
    existing = target if is_file else next(iter(sorted(path.glob("part-*"))), target)
    if existing.exists() and not overwrite:
        raise CommandError(
            f"{existing}: exists already; give --overwrite or another -o", Exit.USAGE
        )
    return target


def run_metadata(policy: Policy, now: int | str, resolver: str) -> list[tuple[str, str]]:
    """Return the facts of a run that a file carries: no clock, no host, no path."""
    settings = {name: getattr(policy, name) for name in sorted(policy.__slots__)}
    path = settings.pop("public_suffix_list")
    settings["public_suffix_list"] = "built-in" if path is None else Path(path).name
    return [
        ("mailauth_fast.schema_version", str(SCHEMA_VERSION)),
        ("mailauth_fast.version", _core.__version__),
        ("mailauth_fast.rules", policy.rules),
        ("mailauth_fast.now", str(now)),
        ("mailauth_fast.resolver", resolver),
        ("mailauth_fast.policy", json.dumps(settings, sort_keys=True)),
    ]
