"""The plain limit: what nobody who verifies a corpus with usual means can do without.

One SHA-256 over every octet that must be hashed, one stream, and one public-key operation a
signature with a key that was read beforehand, both by aws-lc. Knows the machine; must not know
how the engine verifies. `python -m mailauth_fast.bench.limit FILE` is one process of two that
measure the limit at the same time.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from mailauth_fast import _core
from mailauth_fast.errors import EngineError

if TYPE_CHECKING:
    from types import TracebackType

    from mailauth_fast.bench.corpus import Corpus, Message

STREAM = b"\x55" * (1 << 20)
"""One long buffer: the speed of a hash without the cost of its start."""
STREAM_REPEATS = 3
BUFFERS = 16
"""As many as the lanes of any path; all are the same octets, so that they come from the cache."""
GIGA = 1e9
VOID_BELOW = 1.2
"""GB/s of one stream that a machine with SHA-NI always reaches when it is left alone."""
PAIR_OCTETS = 64 << 20
"""Octets that each of two processes works through: some tenths of a second."""

Account = tuple[list[bytes], list[list[int]], list[list[tuple[str, bytes, bytes, bytes]]]]
"""Buffers, lengths and public-key operations, as `_core.kernels.PlainLimit` takes them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one pass over a corpus costs at least, in CPU seconds."""

    messages: int
    hashed_octets: int
    operations: int
    hashing: float
    verifying: float

    @property
    def seconds(self) -> float:
        """Return the whole."""
        return self.hashing + self.verifying

    @property
    def rate(self) -> float:
        """Return messages a second."""
        return self.messages / self.seconds

    @property
    def operation_microseconds(self) -> float:
        """Return what one public-key operation takes."""
        return self.verifying / max(1, self.operations) * 1e6


def account(messages: tuple[Message, ...]) -> Account:
    """Return what the limit of these messages consists of."""
    return (
        [message.octets for message in messages],
        [list(message.hashed) for message in messages],
        [
            [(each.algorithm, each.key, each.digest, each.signature) for each in message.work]
            for message in messages
        ],
    )


class PlainLimit:
    """The plain limit of a corpus, ready to be measured again and again."""

    def __init__(self, corpus: Corpus) -> None:
        """Read the keys."""
        self._plain = _core.kernels.PlainLimit(*account(corpus.messages))
        self._messages = len(corpus.messages)
        self._octets = corpus.hashed_octets
        self._operations = sum(len(message.work) for message in corpus.messages)

    def run(self) -> Limit:
        """Measure one pass."""
        hashing, verifying = self._plain.run()
        return Limit(self._messages, self._octets, self._operations, hashing, verifying)

    def own_verifying(self) -> float:
        """Return the CPU seconds of the same public-key operations by the engine's own way."""
        return self._plain.own_verifying()


def stream_speed(path: str = "library") -> float:
    """Return GB/s of a hash path over long buffers; `library` is one stream of aws-lc."""
    buffers = [STREAM] * BUFFERS
    seconds = _core.kernels.hash_seconds(buffers, path, STREAM_REPEATS)
    return len(STREAM) * len(buffers) * STREAM_REPEATS / seconds / GIGA


def has_sha_instructions() -> bool:
    """Tell whether the CPU has the SHA instructions, as far as Linux tells."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    return "sha_ni" in text.split()


def is_void(gigabytes: float) -> bool:
    """Tell whether others had the machine: one stream is slower than it can be."""
    return has_sha_instructions() and gigabytes < VOID_BELOW


class LimitPair:
    """Two processes with the same work, which measure their plain limit alone and together."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        """Start both; they read their work from `folder`."""
        octets, chosen = 0, 0
        while chosen < len(corpus.messages) and octets < PAIR_OCTETS:
            octets += sum(corpus.messages[chosen].hashed)
            chosen += 1
        path = folder / "limit.pickle"
        path.write_bytes(pickle.dumps(account(corpus.messages[:chosen])))
        command = [sys.executable, "-m", "mailauth_fast.bench.limit", str(path)]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
            for _ in range(2)
        ]

    def __enter__(self) -> Self:
        """Wait until both are ready."""
        for process in self._processes:
            _answer(process)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _problem: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End both."""
        for process in self._processes:
            process.communicate()

    def speedup(self) -> float:
        """Return how much more the two get done together than one alone, at most about 2."""
        alone = self._seconds(self._processes[:1])
        return 2 * alone / self._seconds(self._processes)

    @staticmethod
    def _seconds(processes: list[subprocess.Popen[bytes]]) -> float:
        begun = time.perf_counter()
        for process in processes:
            pipe = _pipe(process.stdin)
            pipe.write(b"run\n")
            pipe.flush()
        for process in processes:
            _answer(process)
        return time.perf_counter() - begun


def _answer(process: subprocess.Popen[bytes]) -> None:
    if not _pipe(process.stdout).readline():
        raise EngineError("a process that measures the plain limit ended early")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EngineError("a process that measures the plain limit has no pipe")
    return pipe


def serve(path: Path) -> None:
    """Say a line when ready, then answer each line on standard input once a pass is done."""
    plain = _core.kernels.PlainLimit(*pickle.loads(path.read_bytes()))  # noqa: S301 - own file
    _say("ready")
    for _ in sys.stdin:
        plain.run()
        _say("done")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
