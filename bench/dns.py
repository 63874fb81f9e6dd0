"""What the resolver promises, measured on loopback: its speed beside others', and faults.

`uv run python bench/dns.py [--json] [PART...]` prints one row a promise; every part is a file
`bench/dns_PART.py` with `measure(folder)`. NSD, Unbound and dnsperf are Debian's packages.

This file has the name of dnspython's package: a neighbour that imports `dns` gets the package.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("rates", "cold", "questions", "faults", "cache")


def dnspython() -> None:
    """Put the package into this file's place.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != HERE]
    spec = PathFinder.find_spec("dns", elsewhere)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("dnspython is not installed")
    package = importlib.util.module_from_spec(spec)
    sys.modules["dns"] = package
    spec.loader.exec_module(package)


def main() -> int:
    """Measure every part, or those named, and print the rows."""
    import msgspec  # noqa: PLC0415 - not for a neighbour that wants dnspython

    named = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    rows = []
    for part in named or PARTS:
        with tempfile.TemporaryDirectory(prefix="mailauth-dns-") as folder:
            rows += importlib.import_module(f"dns_{part}").measure(Path(folder))
    if "--json" in sys.argv:
        print(msgspec.json.encode(rows).decode())
    else:
        for entry in rows:
            mark = "told" if entry.target is None else "ok" if entry.ok else "MISSED"
            print(f"{entry.name:<36}{entry.value!s:>12}  target {entry.target}  {mark}")
    return 0 if all(entry.ok for entry in rows) else 1


dnspython()
if __name__ == "__main__":
    sys.exit(main())
