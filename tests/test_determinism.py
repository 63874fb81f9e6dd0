"""The same input gives the same rows: in any order, on any number of threads, cached or not."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import Any, cast

import pytest
from mailauth_fast import Envelope

from tests.door import Row, archive_rows, digest, rows, verifier, words
from tests.hostile_cases import ROOT
from tests.sample import generate

ZONE: dict[str, Any] = json.loads((generate.FOLDER / "dns.json").read_bytes())
WORKERS = (1, 2, 8)


@pytest.fixture(scope="module")
def material() -> list[tuple[bytes, Envelope]]:
    """Return the messages of the sample archive with their envelopes."""
    entries, expected = generate.sample()
    return [
        (generate.unquoted(entry), Envelope(**cast("Any", each["envelope"])))
        for entry, each in zip(entries, expected, strict=True)
    ]


def judged(material: list[tuple[bytes, Envelope]], workers: int | None = None) -> list[Row]:
    """Return the rows of a fresh verifier, without their ids."""
    engine = verifier(ZONE, workers=workers)
    return without_ids(
        rows(
            engine.verify_batch(
                [raw for raw, _ in material], [envelope for _, envelope in material], now="received"
            )
        )
    )


def without_ids(found: list[Row]) -> list[Row]:
    """Return rows without what tells their place in a batch."""
    return [{name: value for name, value in row.items() if name != "id"} for row in found]


@pytest.mark.parametrize("workers", WORKERS)
def test_order_and_threads_change_nothing(
    material: list[tuple[bytes, Envelope]], workers: int
) -> None:
    reference = judged(material, workers=1)
    for seed in range(3):
        order = list(range(len(material)))
        random.Random(seed).shuffle(order)
        found = judged([material[index] for index in order], workers=workers)
        assert found == [reference[index] for index in order]


def test_a_batch_says_what_single_calls_say(material: list[tuple[bytes, Envelope]]) -> None:
    reference = judged(material)
    engine = verifier(ZONE)
    for (raw, envelope), row in zip(material[::3], reference[::3], strict=True):
        single = engine.verify(raw, envelope=envelope, now="received").to_dict()
        assert {**single, "id": None} == {**row, "id": None}


def test_a_warm_cache_changes_nothing(material: list[tuple[bytes, Envelope]]) -> None:
    engine = verifier(ZONE)
    raws, envelopes = [raw for raw, _ in material], [envelope for _, envelope in material]
    cold, warm = (rows(engine.verify_batch(raws, envelopes, now="received")) for _ in range(2))
    assert cold == warm
    assert without_ids(cold) == judged(material)


def test_a_message_does_not_depend_on_its_neighbours(
    material: list[tuple[bytes, Envelope]],
) -> None:
    reference = judged(material)
    for first in range(0, len(material), 41):
        alone = judged(material[first : first + 1])
        assert alone == reference[first : first + 1]


def test_an_archive_gives_the_same_rows_on_any_number_of_threads() -> None:
    path = generate.FOLDER / "sample.mbox"
    runs = [
        archive_rows(verifier(ZONE, workers=workers).verify_archive(path, now="received"))
        for workers in WORKERS
    ]
    assert runs[0] == runs[1] == runs[2]
    assert len({row["id"] for row in runs[0]}) == len(runs[0])
    assert {words(row)["spf"] for row in runs[0]} == {"not-evaluated"}


def test_another_process_gives_the_same_digest() -> None:
    program = (
        "import json, sys; from tests.door import *;"
        "zone = json.load(open(sys.argv[1]));"
        "print(digest(archive_rows(verifier(zone).verify_archive(sys.argv[2], now='received'))))"
    )
    files = [str(generate.FOLDER / "dns.json"), str(generate.FOLDER / "sample.mbox")]
    printed = {
        subprocess.run(
            [sys.executable, "-c", program, *files],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = archive_rows(verifier(ZONE).verify_archive(files[1], now="received"))
    assert printed == {digest(here) + "\n"}
