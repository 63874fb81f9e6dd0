"""How much of a run is Python's: thread time of the main thread outside the calls into `_core`.

A profiler would cost more than it finds, so every callable of `_core` is stood in for by one that
reads the thread's clock before and after; a run makes some hundred such calls.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from mailauth_fast import _core

if TYPE_CHECKING:
    from collections.abc import Callable


class _Clock:
    """Thread seconds spent inside `_core`."""

    def __init__(self) -> None:
        self.inside = 0.0
        self.threads = 1

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call into `_core`; what comes out stands behind a stand-in again."""
        given = [_bare(each) for each in arguments]
        keywords = {name: _bare(each) for name, each in named.items()}
        self.threads = max(self.threads, threading.active_count())
        begun = time.thread_time()
        try:
            found = function(*given, **keywords)
        finally:
            self.inside += time.thread_time() - begun
        return _StandIn(found, self) if type(found) in _TYPES else found


_TYPES = frozenset(each for each in vars(_core).values() if isinstance(each, type))


class _StandIn:
    """Looks like an object of `_core`, or a function or a class of it."""

    def __init__(self, inner: Any, clock: _Clock) -> None:
        self._inner, self._clock = inner, clock

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._clock.call(self._inner, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        found = self._clock.call(getattr, self._inner, name)
        return _StandIn(found, self._clock) if callable(found) else found

    def __iter__(self) -> _StandIn:
        return _StandIn(iter(self._inner), self._clock)

    def __next__(self) -> Any:
        return self._clock.call(next, self._inner)

    def __len__(self) -> int:
        return len(self._inner)


def _bare(value: Any) -> Any:
    return value._inner if isinstance(value, _StandIn) else value  # noqa: SLF001 - own class


def python_share(work: Callable[[], object]) -> float:
    """Return the share of the process's CPU that Python takes while `work` runs.

    Raises:
        RuntimeError: `work` has other Python threads, which this does not see.
    """
    clock = _Clock()
    kept = {name: each for name, each in vars(_core).items() if callable(each)}
    for name, each in kept.items():
        setattr(_core, name, _StandIn(each, clock))
    try:
        process, thread = time.process_time(), time.thread_time()
        work()
        spent, all_spent = time.thread_time() - thread, time.process_time() - process
    finally:
        for name, each in kept.items():
            setattr(_core, name, each)
    if clock.threads > 1:
        raise RuntimeError("the run has Python threads beside the main thread")
    return (spent - clock.inside) / all_spent
