"""Formats of the rows: what a part of a run is written as, and how parts become the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Format = Literal["text", "jsonl", "parquet"]
EXTENSIONS: dict[str, Format] = {".jsonl": "jsonl", ".parquet": "parquet"}
PART_FORM: dict[Format, str] = {"jsonl": "jsonl", "parquet": "parquet"}


def assemble(
    row_format: Format,
    parts: list[Path],
    target: Path,
    metadata: list[tuple[str, str]],
    *,
    is_flat: bool,
) -> None:
    """Put parts together."""
    temporary = target.with_name(f".{target.name}.partial")
    with temporary.open("wb") as file:
        for part in parts:
            file.write(part.read_bytes())
    temporary.replace(target)
