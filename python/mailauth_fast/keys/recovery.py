"""Many searches at once: a process a core, each with one pair of one name.

Knows processes and their end; must not know how a pair is chosen or computed. A process and not a
thread, so that an interrupt need not wait for half a minute of arithmetic.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from mailauth_fast.errors import EngineError
from mailauth_fast.keys.pair import Tried, try_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess

    from mailauth_fast.keys.search import RecoveredKey, Search

PATIENCE_SECONDS = 0.5
"""How often progress is told while nothing ends."""


class Recovery:
    """A run over several searches."""

    def __init__(
        self,
        searches: list[Search],
        jobs: int,
        limit: float | None,
        found: Callable[[Search, RecoveredKey], None],
        tick: Callable[[], None],
    ) -> None:
        """Take searches in their order.

        Args:
            searches: what to look for.
            jobs: processes; one with a key of 2048 bits takes 200 MB.
            limit: CPU seconds after which no pair is begun; None = all are.
            found: called for each key at once.
            tick: called twice a second and after each pair.
        """
        self._waiting = list(reversed(searches))
        self._jobs = jobs
        self._limit = limit
        self._spent = 0.0
        self._interrupted = 0
        self._found = found
        self._tick = tick
        self._running: dict[Future[Tried], tuple[Search, tuple[int, int]]] = {}

    @property
    def left(self) -> int:
        """Searches that the limit left undone."""
        return len(self._waiting) + self._interrupted

    @property
    def _is_spent(self) -> bool:
        return self._limit is not None and self._spent >= self._limit

    def run(self) -> Iterator[Search]:
        """Give each search when it has ended.

        Raises:
            EngineError: a process died.
        """
        others = {*multiprocessing.active_children()}
        pool = ProcessPoolExecutor(
            self._jobs, multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
        )
        try:
            yield from self._drive(pool)
        except BrokenProcessPool:
            raise EngineError(
                "a process of keys recover ended early, perhaps for want of memory (200 MB each);"
                " go on with --resume and a smaller --jobs"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            _end({*multiprocessing.active_children()} - others)

    def _drive(self, pool: ProcessPoolExecutor) -> Iterator[Search]:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._jobs and not self._is_spent:
                search = self._waiting.pop()
                if not self._submit(pool, search):
                    yield search
            if self._is_spent and not self._running:
                return
            done, _ = wait(self._running, PATIENCE_SECONDS, FIRST_COMPLETED)
            for future in done:
                search, pair = self._running.pop(future)
                tried = future.result()
                self._spent += tried.seconds
                key = search.take(pair, tried)
                if key is not None:
                    self._found(search, key)
                if not self._submit(pool, search):
                    yield search
            self._tick()

    def _submit(self, pool: ProcessPoolExecutor, search: Search) -> bool:
        pair = search.next_pair()
        if pair is None:
            return False
        if self._is_spent:
            self._interrupted += 1
            return True
        one, other = (search.samples[place] for place in pair)
        future = pool.submit(try_pair, one, other, search.witnesses(pair))
        self._running[future] = (search, pair)
        return True


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(children: set[BaseProcess]) -> None:
    for child in children:
        child.terminate()
    for child in children:
        child.join()
