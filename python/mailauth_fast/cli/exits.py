"""The exit codes of the contract; where several apply the order is 130, 4, 5, 3, 1."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the shell is told."""

    FINISHED = 0
    MATCHED = 1
    USAGE = 2
    PARTIAL = 3
    FATAL = 4
    TEMPERRORS = 5
    INTERRUPTED = 130


ORDER = (Exit.INTERRUPTED, Exit.FATAL, Exit.TEMPERRORS, Exit.PARTIAL, Exit.MATCHED)


def strongest(codes: set[Exit]) -> Exit:
    """Return the code that wins where several apply."""
    return next((code for code in ORDER if code in codes), Exit.FINISHED)


class CommandError(Exception):
    """One sentence and the code to end with."""

    def __init__(self, sentence: str, code: Exit) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.code = code
