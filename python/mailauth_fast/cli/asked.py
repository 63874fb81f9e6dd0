"""What a run asked of DNS, by type, and how its servers were used: a table for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from mailauth_fast.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from mailauth_fast import _core
    from mailauth_fast.resolvers import LiveResolver, ServerStatistics


class OfType(NamedTuple):
    """The questions of one record type.

    `names`: what the run asked its resolver for, each name once. `questions`: what the messages
    needed, each once a message.
    """

    type: str
    names: int
    questions: int

    @property
    def hit_rate(self) -> float:
        """Share of the questions that needed no name of their own."""
        return max(0.0, 1 - self.names / self.questions) if self.questions else 0.0


class Again(NamedTuple):
    """What came of asking again: `mended` messages are without a temperror since."""

    questions: int
    answered: int
    messages: int
    mended: int
    left: int


class Asked(NamedTuple):
    """What a run asked."""

    types: list[OfType]
    again: Again
    servers: Sequence[ServerStatistics]

    @classmethod
    def of(cls, run: _core.ArchiveRun, live: LiveResolver | None) -> Asked:
        """Take the figures of a run."""
        types = [OfType(*entry) for entry in run.asked]
        return cls(types, Again(*run.asked_again), live.statistics() if live is not None else ())


def print_asked(asked: Asked, file: TextIO) -> None:
    """Print the questions by type, what the servers were sent, and what asking again brought."""
    screen = console(file)
    if asked.types:
        table = Table(box=None, pad_edge=False)
        table.add_column("dns")
        for column in ("names", "questions", "hit rate"):
            table.add_column(column, justify="right")
        for entry in _with_total(asked.types):
            rate = f"{entry.hit_rate:.1%}"
            table.add_row(entry.type, f"{entry.names:,}", f"{entry.questions:,}", rate)
        screen.print(table, soft_wrap=True)
    for sentence in _sentences(asked):
        screen.print(sentence, soft_wrap=True)


def _with_total(types: list[OfType]) -> list[OfType]:
    if len(types) < 2:  # noqa: PLR2004 - one line is its own total
        return types
    names = sum(entry.names for entry in types)
    return [*types, OfType("all", names, sum(entry.questions for entry in types))]


def _sentences(asked: Asked) -> list[str]:
    sentences = []
    if asked.servers:
        sent = sum(server.sent for server in asked.servers)
        retried = sum(server.retried for server in asked.servers)
        over_tcp = sum(server.sent_over_tcp for server in asked.servers)
        sentences.append(
            f"{sent:,} datagrams sent, {retried:,} of them again; {over_tcp:,} questions over TCP"
        )
    again = asked.again
    if again.messages:
        sentences.append(
            f"{again.questions:,} questions asked again, {again.answered:,} answered;"
            f" {again.mended:,} of {again.messages:,} messages are without temperror since"
        )
    if again.left:
        sentences.append(
            f"{again.left:,} messages kept a temperror that was not asked again:"
            " too much was held back"
        )
    return sentences
