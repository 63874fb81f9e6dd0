"""Makes `rfc_sections.json`: section numbers and titles of the RFCs that the project cites.

Run with the folder of RFC texts: `python tests/vectors/make_rfc_sections.py ../shared/rfc`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HEADING = re.compile(r"(?:Appendix )?([1-9][0-9]*(?:\.[0-9]+)*|[A-Z](?:\.[0-9]+)*)\.?[ ]+(\S.*)")
TITLE_LIMIT = 80


def sections(text: str) -> dict[str, str]:
    """Return the headings of one RFC; they begin in the first column, the table of contents does not."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = HEADING.fullmatch(line.rstrip())
        if match and not re.search(r"\.{3,}|\s{3,}\d+$", match[2]) and len(match[2]) <= TITLE_LIMIT:
            found.setdefault(match[1], match[2])
    return found


def main() -> None:
    """Write the JSON beside this script."""
    folder = Path(sys.argv[1])
    table = {
        path.stem.removeprefix("rfc"): sections(path.read_text("utf-8", "replace"))
        for path in sorted(folder.glob("rfc[0-9]*.txt"))
    }
    target = Path(__file__).with_name("rfc_sections.json")
    target.write_text(json.dumps(table, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
