"""The 110 hostile cases by number: where each is tested, or why it is not yet.

`python -m tests.hostile_cases` prints them. A case that a test here shows has a function named
`test_case_NNN_...` in `tests/hostile/`; nothing has to be listed twice.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COUNT = 110
ARCHIVES = "needs compressed files and containers, which the issue on archives brings"
REPORTS = "needs the issue on reading reports"
RESUME = "needs checkpoints, which the issue on resumable runs brings"

# Shown by other tests than those in `tests/hostile/`.
ELSEWHERE: dict[int, tuple[str, str]] = {
    36: ("rust/core/src/dkim", "body hashes are fed in pieces inside the engine only"),
    77: ("rust/resolver/src/engine/tests.rs", "loss, delay, retry schedule and deadline"),
    78: ("rust/resolver/tests/live.rs", "replies that do not match what was asked, and where"),
    79: ("rust/resolver/tests/live.rs", "truncation, failing TCP, replies out of order"),
    80: ("rust/resolver/src/answer/tests.rs", "every octet of a reply changed; names and records"),
    81: ("rust/resolver/src/answer/tests.rs", "chains of 8 and 9, loops, kinds of no, errors"),
    82: ("rust/resolver/src/answer/tests.rs", "TTLs of 0, of 2**31 and more, and negative ones"),
    83: ("rust/resolver/tests/live.rs", "all servers failing, the breaker, a resolver that goes"),
    85: ("rust/resolver/src/engine/tests.rs", "equal questions are asked once and answered each"),
    86: ("tests/test_properties.py", "one fault at a time in every answer of a zone"),
    87: ("tests/test_determinism.py", "cached, cold and repeated runs"),
    88: ("rust/resolver/src/server.rs", "nothing is validated here; AD is asked of loopback alone"),
    92: ("rust/archive/src/tree/tests.rs", "links, pipes, loops and files that move or change"),
}

NOT_YET: dict[int, str] = {
    84: "needs the bound of the DNS cache under load, which the issue on DNS stores brings",
    **dict.fromkeys((90, 91), ARCHIVES),
    **dict.fromkeys((98, 99, 100), RESUME),
    **dict.fromkeys((93, 94, 95, 96, 97), RESUME),
    101: "needs the writers of CSV, HTML and terminal output",
    **dict.fromkeys((102, 103, 104, 105), REPORTS),
    109: "needs a run that lasts long enough to be interrupted, and sub-interpreters",
    110: "a soak of a day is no part of a test run",
}

# Tested in part; what is left.
PARTLY: dict[int, str] = {
    24: "replay suspicion over many receivers needs the reputation issue",
    51: "the rate towards one zone needs the live resolver's limits",
    59: "the count of authorized addresses and the path of the match need `explain`",
    65: "the cap on report addresses needs the issue on sending reports",
    70: "the comment of the override needs the issue on dispositions",
    72: "removing forged fields needs the issue on Authentication-Results",
    73: "reading the field back needs the issue on Authentication-Results",
    74: "a file beyond 4 GiB needs more disk than a test may use",
    75: "the depth cap of report mails needs the issue on reading reports",
    82: "that an entry of TTL 0 ends with its run needs the issue on DNS stores",
    87: "replay of a recorded zone needs the issue on DNS stores",
    89: "a message of 1 GB and ten million messages need the benchmark corpus",
    106: "panics injected into exported functions need failpoints in the binding",
    107: "the free-threaded interpreter needs its own run",
    108: "a million calls with flat memory need the soak",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its number, `tested`, `elsewhere` or `not yet`, and where or why."""

    number: int
    state: str
    detail: str

    def line(self) -> str:
        """Return the case as one line."""
        left = f" (left: {PARTLY[self.number]})" if self.number in PARTLY else ""
        return f"{self.number:3d}  {self.state:9s}  {self.detail}{left}"


def shown() -> dict[int, list[str]]:
    """Return the functions in `tests/hostile/` that show each case."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests" / "hostile").glob("test_*.py")):
        for match in re.finditer(r"^def test_case_(\d{3})_\w+", path.read_text(), re.MULTILINE):
            name = match[0].removeprefix("def ")
            found.setdefault(int(match[1]), []).append(f"{path.name}::{name}")
    return found


def cases() -> list[Case]:
    """Return every case, once for each state that claims it, by number."""
    here = [
        Case(number, "tested", f"{names[0]}" + (f" and {len(names) - 1} more" if names[1:] else ""))
        for number, names in shown().items()
    ]
    elsewhere = [
        Case(number, "elsewhere", f"{place}: {what}") for number, (place, what) in ELSEWHERE.items()
    ]
    not_yet = [Case(number, "not yet", reason) for number, reason in NOT_YET.items()]
    return sorted([*here, *elsewhere, *not_yet], key=lambda case: case.number)


def main() -> int:
    """Print every case and a count of each state."""
    listed = cases()
    for case in listed:
        sys.stdout.write(case.line() + "\n")
    for state in ("tested", "elsewhere", "not yet"):
        count = sum(case.state == state for case in listed)
        sys.stdout.write(f"{count} {state}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
