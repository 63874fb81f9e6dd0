"""What the programs in Python share: reading a corpus folder, counting CPU seconds, one JSON line.

Nothing here imports mailauth_fast: python_stack.py runs where it is not installed.
"""

from __future__ import annotations

import json
import resource
import struct
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = TypeVar("Outcome")
WARM_UP = 256
"""Messages verified before the clock runs, so that every key was met once, in every program."""

Text = str | list[str]
Zone = dict[str, dict[str, list[Text]]]


def read_messages(folder: Path, limit: int) -> list[bytes]:
    """Return at most so many messages."""
    messages: list[bytes] = []
    with (folder / "messages.bin").open("rb") as file:
        while len(messages) < limit and len(head := file.read(4)) == struct.calcsize("<I"):
            messages.append(file.read(struct.unpack("<I", head)[0]))
    return messages


def read_envelopes(folder: Path, limit: int) -> list[dict[str, object]]:
    """Return at most so many envelopes, their fields by name."""
    lines = (folder / "envelopes.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[:limit]]


def read_zone(folder: Path) -> Zone:
    """Return the DNS answers."""
    zone: Zone = json.loads((folder / "zone.json").read_text("utf-8"))
    return zone


def joined(text: Text) -> str:
    """Return one TXT record, its strings joined."""
    return text if isinstance(text, str) else "".join(text)


def texts(zone: Zone) -> dict[str, str]:
    """Return the first TXT record of each name."""
    found = {name: answer.get("TXT") for name, answer in zone.items()}
    return {name: joined(records[0]) for name, records in found.items() if records}


def cpu_seconds() -> float:
    """Return the CPU seconds that this process used, all its threads, no children."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(work: Callable[[], Outcome]) -> tuple[float, Outcome]:
    """Return the CPU seconds of some work and what it gave."""
    begun = cpu_seconds()
    outcome = work()
    return cpu_seconds() - begun, outcome


def report(name: str, version: str, seconds: float, verdicts: list[str], path: str) -> None:
    """Write the verdicts, one a line, and print the line that every program prints."""
    Path(path).write_text("".join(f"{verdict}\n" for verdict in verdicts), "utf-8")
    line = {
        "peer": name,
        "version": version,
        "cpu_seconds": seconds,
        "messages": len(verdicts),
        "verdicts": path,
    }
    print(json.dumps(line))
