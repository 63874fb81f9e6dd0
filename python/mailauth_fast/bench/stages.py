"""Where the time of a run goes, stage by stage, on one core.

Knows the public door, the command line and the kernels; must not know the engine's inside. Stages
are measured apart; what they do not explain of a whole run is the evaluation.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import msgspec

from mailauth_fast import _core
from mailauth_fast.cli import settings, verify
from mailauth_fast.cli.exits import Exit
from mailauth_fast.errors import EngineError
from mailauth_fast.policy import Policy
from mailauth_fast.resolvers import StaticResolver
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from mailauth_fast.bench.corpus import Corpus

Stages = dict[str, float]
"""Stage -> CPU seconds of one pass over a corpus."""

MEMORY_STAGES = ("parse", "canonicalize", "hash", "public key", "evaluate")
DISK_STAGES = ("read", *MEMORY_STAGES, "write")
BORDER = "border.receiver.example"
"""The host that received the mail of an mbox; its trace field is believed."""
SEPARATOR = b"From bench@mail.example Mon May  4 06:00:00 2026\r\n"
SIGNATURE = re.compile(rb"^(DKIM-Signature|ARC-[A-Za-z-]+)(?=:)", re.MULTILINE | re.IGNORECASE)
DATE = re.compile(rb"^Date: *([^\r\n]+)", re.MULTILINE)


def delivered(corpus: Corpus) -> Iterator[bytes]:
    """Give each message with the trace of its delivery on top, from which SPF is evaluated."""
    for message in corpus.messages:
        envelope = message.envelope
        date = DATE.search(message.octets)
        text = formatdate(0) if date is None else date.group(1).decode("ascii", "replace")
        trace = (
            f"Return-Path: <{envelope.mail_from}>\r\n"
            f"Received: from {envelope.helo} ({envelope.helo} [{envelope.client_ip}])\r\n"
            f"\tby {BORDER} (Postfix) with ESMTPS id 4Xq1; {text}\r\n"
        )
        yield trace.encode() + message.octets


def unsigned(octets: bytes) -> bytes:
    """Return a message of the same size without signatures: their fields have another name."""
    header, end, body = octets.partition(b"\r\n\r\n")
    return SIGNATURE.sub(lambda found: b"X" * len(found.group()), header) + end + body


class Archive:
    """A corpus as files: an mbox, one without signatures, a zone."""

    def __init__(self, corpus: Corpus, folder: Path) -> None:
        """Write them."""
        self.mbox, self.unsigned = folder / f"{corpus.name}.mbox", folder / "unsigned.mbox"
        self.zone, self.out = folder / "zone.json", folder / "verdicts.parquet"
        self.messages = len(corpus.messages)
        with self.mbox.open("wb") as signed, self.unsigned.open("wb") as bare:
            for octets in delivered(corpus):
                signed.write(SEPARATOR + octets + b"\r\n")
                bare.write(SEPARATOR + unsigned(octets) + b"\r\n")
        self.octets = self.mbox.stat().st_size
        self.zone.write_bytes(msgspec.json.encode(corpus.zone))

    def verify(self, workers: int) -> None:
        """Run `mailauth-fast verify` over the mbox, to Parquet, in this process."""
        settings.use(None, is_ignored=True)
        options = verify.Options(
            output=str(self.out),
            overwrite=True,
            dns=f"zone:{self.zone}",
            trust=(f"by:{BORDER}",),
            jobs=workers,
            quiet=True,
        )
        code = verify.verify(str(self.mbox), options=options)
        if code != Exit.FINISHED:
            raise EngineError(f"the run over the corpus ended with exit code {code}")

    def verifier(self) -> Verifier:
        """Return an engine of one thread that judges as `verify` does."""
        zone = msgspec.json.decode(self.zone.read_bytes(), type=dict)
        return Verifier(StaticResolver(zone), Policy(trust=(f"by:{BORDER}",)), workers=1)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that all threads of this process spend on one call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def drain(rows: Iterable[_core.Rows]) -> None:
    """Take rows and drop them."""
    for _ in rows:
        pass


class StageMeter:
    """Measures the stages of one corpus."""

    def __init__(self, corpus: Corpus, archive: Archive) -> None:
        """Prepare what is measured; the canonical forms are stood in for by octets as long."""
        self._corpus, self._archive = corpus, archive
        self._octets = corpus.octets()
        self._memory = Verifier(StaticResolver(corpus.zone), workers=1)
        self._disk = archive.verifier()
        self._bare = [unsigned(octets) for octets in delivered(corpus)]
        self._forms = [
            form for message in corpus.messages for form in _forms(message.octets, message.hashed)
        ]

    def kernels(self, public_key: float) -> Stages:
        """Measure what both ways have in common; the seconds of public keys are given."""
        found = _core.kernels.stage_seconds(self._octets, 1)
        return {
            "parse": found["parse"],
            "canonicalize": found["canonicalize"],
            "hash": _core.kernels.hash_seconds(self._forms, _core.sha256_path(), 1),
            "public key": public_key,
        }

    def memory(self) -> float:
        """Return the CPU seconds of DKIM alone, octets in memory, one worker."""
        return cpu_seconds(lambda: self._memory.verify_batch(self._octets, now="received"))

    def disk(self) -> float:
        """Return the CPU seconds of everything, mbox in, Parquet out, one worker."""
        return cpu_seconds(lambda: self._archive.verify(1))

    def read(self) -> float:
        """Return what an mbox costs beyond the same messages in memory, none of them signed."""
        archive = [self._archive.unsigned]
        from_file = cpu_seconds(lambda: drain(self._disk.start_archive(archive)))
        bare = cpu_seconds(lambda: self._disk.verify_batch(self._bare, now="received"))
        return max(0.0, from_file - bare)

    def write(self) -> float:
        """Return the CPU seconds of writing the verdicts as Parquet."""
        tables = list(self._disk.start_archive([self._archive.mbox]))
        out = self._archive.out.with_suffix(".stage")

        def written() -> None:
            writer = _core.Writer(out, "parquet", [])
            for rows in tables:
                writer.write(rows)
            writer.close()

        seconds = cpu_seconds(written)
        out.unlink()
        return seconds


def _forms(octets: bytes, lengths: tuple[int, ...]) -> Iterator[bytes]:
    """Give octets of these lengths, each from another place of the message."""
    for number, length in enumerate(lengths):
        shifted = octets[number:] or octets
        yield (shifted * (length // len(shifted) + 1))[:length]


def with_remainder(stages: Stages, whole: float, order: tuple[str, ...]) -> Stages:
    """Return the stages in order; the evaluation is what the others do not explain."""
    rest = max(0.0, whole - sum(stages.values()))
    return {name: rest if name == "evaluate" else stages[name] for name in order}
