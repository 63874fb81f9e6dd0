"""`dns names` and `dns warm`: what a run will ask, and asking it the night before."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import Dns, chosen_resolver, reason_of, recording
from mailauth_fast.cli.terminal import say
from mailauth_fast.dns import Answer, Question
from mailauth_fast.errors import UnreadableInput
from mailauth_fast.store_rows import Store, txt_strings
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator

Asked = tuple[str, str]
TYPES = frozenset({"A", "AAAA", "MX", "PTR", "TXT"})
ROUND_LIMIT = 12
"""Rounds of questions that a chain of SPF records can lead to (RFC 7208 §4.6.4)."""
BATCH = 4_096
TERM = re.compile(
    r"[+?~-]?(include|redirect|a|mx|exists)(?:[:=]([^/\s]+))?(?:/\S*)?", re.IGNORECASE
)
ANSWERED = frozenset({"found", "nodata", "nxdomain"})


class Collector:
    """Answers nothing and remembers what it was asked."""

    def __init__(self) -> None:
        """Begin without a question."""
        self.asked: dict[Asked, int] = {}

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Note the questions; a store that is empty would answer the same."""
        for question in questions:
            place = (question.name, question.type)
            self.asked[place] = self.asked.get(place, 0) + 1
        return [Answer(question, "unknown") for question in questions]


def names(
    *inputs: Annotated[str, Parameter(help="as of verify")],
    output: Annotated[
        Path | None, Parameter(name=["-o", "--output"], help="file; else standard output")
    ] = None,
    jobs: Annotated[
        int | None, Parameter(name=["--jobs", "-j"], help="threads; default: all cores")
    ] = None,
) -> int:
    """List the DNS questions that verifying would begin with: a name and a type a line, each once.

    What SPF records lead to is found by `dns warm`, which follows them.
    """
    if not inputs or any(is_dash(text) for text in inputs):
        raise CommandError("dns names reads files and folders; name one", Exit.USAGE)
    collector = Collector()
    messages = 0
    run = Verifier(collector, workers=jobs).start_archive(
        [Path(text) for text in inputs], now="received"
    )
    try:
        for rows in run:
            messages += len(rows)
    finally:
        run.close()
    lines = [f"{name} {kind}\n" for name, kind in sorted(collector.asked)]
    if output is None:
        sys.stdout.writelines(lines)
    else:
        try:
            output.write_text("".join(lines), encoding="utf-8")
        except OSError as problem:
            broken = f"{output}: cannot be written ({reason_of(problem)}); check --output"
            raise CommandError(broken, Exit.FATAL) from None
    by_type = Counter(kind for _, kind in collector.asked)
    table = ", ".join(f"{count:,} {kind}" for kind, count in sorted(by_type.items()))
    say(f"{messages:,} messages begin with {len(lines):,} questions ({table or 'none'})")
    for sentence in run.problems:
        say(sentence)
    return Exit.PARTIAL if run.problems else Exit.FINISHED


def warm(
    questions: Annotated[Path, Parameter(help="lines of a name and a type, as of dns names")],
    *,
    store: Annotated[
        Path, Parameter(name=["-o", "--output", "--store", "--record"], help="the store to fill")
    ],
    dns: Dns = "live",
    refresh: Annotated[
        bool, Parameter(negative="", help="ask also what the store knows already")
    ] = False,
) -> int:
    """Ask a list of DNS questions, and what the SPF records found lead to, into a DNS store."""
    waiting = list(dict.fromkeys(_read(questions)))
    known = set() if refresh or not store.exists() else _known(store)
    chosen = chosen_resolver(dns)
    outcomes: Counter[str] = Counter()
    with recording(chosen, store) as recorder:
        for _ in range(ROUND_LIMIT):
            waiting = [asked for asked in dict.fromkeys(waiting) if asked not in known]
            if not waiting:
                break
            known.update(waiting)
            waiting = list(_asked(recorder.native(), waiting, outcomes))
    table = ", ".join(f"{count:,} {word}" for word, count in sorted(outcomes.items()))
    print(f"{outcomes.total():,} questions asked ({table or 'all were known'})")
    faults = outcomes.total() - sum(outcomes[word] for word in ANSWERED)
    # As a run that ends with too many errors of DNS: more than 1 %, at least 10.
    is_broken = faults == outcomes.total() > 0 or faults >= max(10, outcomes.total() // 100 + 1)
    return Exit.TEMPERRORS if is_broken else Exit.FINISHED


def _asked(
    resolver: _core.RecordingResolver, waiting: list[Asked], outcomes: Counter[str]
) -> Iterator[Asked]:
    """Ask; give what the answers lead to."""
    for start in range(0, len(waiting), BATCH):
        batch = waiting[start : start + BATCH]
        for name, kind, outcome, data in _core.ask(resolver, batch):
            outcomes[outcome] += 1
            if kind == "TXT":
                for text in data:
                    yield from _spf_questions(name, b"".join(txt_strings(text)))
            elif kind == "MX":
                hosts = [text.partition(" ")[2].rstrip(".") for text in data]
                yield from ((host, kind) for host in hosts[:10] if host for kind in ("A", "AAAA"))


def _spf_questions(domain: str, text: bytes) -> Iterator[Asked]:
    """Give what a check of this record would ask whatever the client; macros need a message."""
    words = text.decode("latin-1").split()
    if not words or words[0].lower() != "v=spf1":
        return
    for word in words[1:]:
        match = TERM.fullmatch(word)
        if match is None or "%" in word:
            continue
        term, target = match[1].lower(), (match[2] or domain).rstrip(".").lower()
        if term in {"include", "redirect"}:
            yield target, "TXT"
        elif term == "mx":
            yield target, "MX"
        else:
            yield target, "A"
            if term == "a":
                yield target, "AAAA"


def _read(path: Path) -> Iterator[Asked]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = reason_of(problem) if isinstance(problem, OSError) else "no text"
        raise UnreadableInput(f"{path}: cannot be read ({reason}); check the name") from None
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, kind = words[0].rstrip(".").lower(), (words[1:2] or ["TXT"])[0].upper()
        if kind not in TYPES:
            sentence = f"{path}: line {number}: {kind} is not asked; use {', '.join(sorted(TYPES))}"
            raise CommandError(sentence, Exit.USAGE)
        yield name, kind


def _known(store: Path) -> set[Asked]:
    rows = Store(store)
    return {(row.name, row.record_type) for row in rows if row.rcode in {"NOERROR", "NXDOMAIN"}}
