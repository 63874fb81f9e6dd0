"""Where rows go: nowhere, standard output, or parts below a file or folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast import _core
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.formats import EXTENSIONS, STREAMED, Format, RowStream
from mailauth_fast.cli.parts import Parts, RowForm
from mailauth_fast.cli.terminal import printable_json

if TYPE_CHECKING:
    from mailauth_fast.cli.formats import Metadata
    from mailauth_fast.cli.parts import FinishedUnit
    from mailauth_fast.cli.summary import Counts
    from mailauth_fast.policy import Policy

SCHEMA_VERSION = 1


class NoRows:
    """The summary alone is wanted."""

    is_resumable = False
    kept = 0

    def write(self, rows: _core.Rows) -> None:
        """Drop rows."""

    def end_unit(self, unit: FinishedUnit, counts: Counts, problems: list[str]) -> None:
        """Do nothing."""

    def keep(self) -> None:
        """Do nothing."""

    def complete(self, problems: list[str], *, is_resolver_broken: bool) -> None:
        """Do nothing."""

    def clean(self) -> None:
        """Do nothing."""


class StandardOutput(NoRows):
    """Rows to standard output as they come."""

    def __init__(self, form: RowForm, metadata: Metadata) -> None:
        """Write what goes before the rows."""
        stream = TerminalStream() if sys.stdout.isatty() else sys.stdout.buffer
        self._rows = RowStream(
            form.row_format,
            stream,
            metadata,
            is_flat=form.is_flat,
            is_spreadsheet_safe=form.is_spreadsheet_safe,
        )

    def write(self, rows: _core.Rows) -> None:
        """Print rows."""
        self._rows.write(rows)

    def complete(self, _problems: list[str], *, is_resolver_broken: bool) -> None:  # noqa: ARG002
        """Print what goes behind the rows."""
        self._rows.close()


class TerminalStream:
    """Standard output for a person: what could steer a terminal is written as escapes."""

    def write(self, octets: bytes, /) -> None:
        """Print lines of text."""
        text = octets.decode("utf-8", "backslashreplace")
        sys.stdout.write("\n".join(printable_json(line) for line in text.split("\n")))

    def flush(self) -> None:
        """Show what was written."""
        sys.stdout.flush()


def chosen_format(output: str | None, chosen: Format | None) -> Format:
    """Return the format that `-o` and `--format` ask for."""
    if output is None or output == "-":
        row_format = chosen or ("text" if output is None else "jsonl")
        if row_format != "text" and row_format not in STREAMED:
            sentence = f"--format {row_format} needs -o FILE or -o FOLDER"
            raise CommandError(sentence, Exit.USAGE)
        return row_format
    extension = Path(output).suffix
    row_format = chosen or EXTENSIONS.get(extension, "parquet")
    if row_format == "text":
        raise CommandError("--format text goes to standard output; leave -o away", Exit.USAGE)
    if EXTENSIONS.get(extension, row_format) != row_format:
        sentence = f"{output}: --format {row_format} does not fit its extension; change one of them"
        raise CommandError(sentence, Exit.USAGE)
    return row_format


def open_parts(
    output: str | None, form: RowForm, metadata: Metadata, shard: tuple[int, int]
) -> Parts | None:
    """Return the parts below `-o`; None for standard output."""
    if output is None or output == "-":
        return None
    return Parts(Path(output), form, metadata, shard)


def run_metadata(policy: Policy, now: int | str, resolver: str) -> Metadata:
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
