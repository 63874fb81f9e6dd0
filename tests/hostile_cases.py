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
REPORTS = "needs the issue on reading reports"

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
    87: ("tests/test_determinism.py", "cold, cached, repeated; replayed in test_dns_store.py"),
    88: ("rust/resolver/src/server.rs", "nothing is validated here; AD is asked of loopback alone"),
    90: ("rust/archive/src/member/tests.rs", "cuts at every 100th octet, sums, members, bombs"),
    91: ("tests/test_archives.py", "links, devices, doubles, nesting, lies"),
    93: ("bench/archives.py", "200 kills at random instants, each resumed"),
    95: ("tests/test_resume.py", "a file size limit stands for the full disk"),
    96: ("tests/test_resume.py", "records cut and changed, changed arguments and inputs"),
    97: ("tests/test_resume.py", "a second run is refused by the lock"),
    98: ("tests/test_resume.py", "signals, lost readers, closed streams"),
    101: ("tests/test_formats.py", "hostile text in every format; the terminal in test_manners.py"),
    92: ("rust/archive/src/tree/tests.rs", "links, pipes, loops and files that move or change"),
}

NOT_YET: dict[int, str] = {
    84: "needs the bound of the DNS cache under load, which the issue on DNS stores brings",
    94: "needs failpoints between write, sync and rename",
    99: "a run is one process; a panic of a worker ends it with what was finished kept",
    100: "needs runs under memory limits and with a clock that steps",
    **dict.fromkeys((102, 103, 104, 105), REPORTS),
    109: "needs sub-interpreters and a fork beside a running pool",
    110: "a soak of a day is no part of a test run",
}

# Tested in part; what is left.
PARTLY: dict[int, str] = {
    24: "replay suspicion over many receivers needs the reputation issue",
    51: "the rate towards one zone needs the live resolver's limits",
    59: "the count of authorized addresses and the path of the match need `explain`",
    65: "the cap on report addresses needs the issue on sending reports",
    70: "the comment of the override needs the issue on dispositions",
    74: "a file beyond 4 GiB needs more disk than a test may use",
    75: "the depth cap of report mails needs the issue on reading reports",
    82: "that an entry of TTL 0 ends with its run needs the issue on DNS stores",
    95: "errors at the n-th write for every n need failpoints",
    101: "HTML is not written yet",
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
