"""The hostile families of the benchmark are built as they claim, and judged without a fault."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from mailauth_fast import Envelope

from tests.door import NOW, Row, document, verifier

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture(scope="module")
def made() -> Any:
    """Return the module that builds the families."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(BENCH), *sys.path])
        yield importlib.import_module("hostile_families")


@pytest.fixture(scope="module")
def corpora(made: Any) -> Any:
    """Return the command that writes corpora."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(made.__file__).parent), *sys.path])
        importlib.import_module("hostile_corpus")
        yield importlib.import_module("corpus")


def judged(made: Any, name: str, count: int) -> Row:
    """Judge the message of a family."""
    (family,) = [each for each in made.families() if each.name == name]
    case = family.make(count)
    engine = verifier({**made.stage(), **case.zone}, workers=1)
    return document(engine.verify(case.octets, envelope=case.envelope, now=NOW))


def test_every_family_is_judged(made: Any) -> None:
    families = made.families()
    names = [each.name for each in families]
    assert len(set(names)) == len(names)
    for family in families:
        assert judged(made, family.name, 3)["error"] is None
        small, large = (len(family.make(count).octets) for count in (4, 8))
        assert large <= 2 * small + 100, family.name


@pytest.mark.parametrize(
    ("name", "count", "signatures"),
    [("slow-keys", 2, 2), ("spf-hosts", 2, 1), ("dmarc-addresses", 9, 1), ("key-notes", 100, 1)],
)
def test_work_is_not_cut_short_by_a_fault(
    made: Any, name: str, count: int, signatures: int
) -> None:
    row = judged(made, name, count)
    assert [each["result"] for each in row["dkim"]] == ["pass"] * signatures
    assert row["dmarc"]["result"] == "pass"


def test_chains_hold(made: Any) -> None:
    for name in ("chain", "chain-2048"):
        found = judged(made, name, 3)["arc"]
        assert (found["result"], found["instances"], found["oldest_pass"]) == ("pass", 3, 0)


@pytest.mark.parametrize(
    ("name", "count", "signatures"),
    [("ten-over-one-header", 5, 10), ("field-repeated", 9, 1), ("body-ten-lengths", 2, 10)],
)
def test_signatures_that_do_not_hold_are_looked_at_in_full(
    made: Any, name: str, count: int, signatures: int
) -> None:
    row = judged(made, name, count)
    assert len(row["dkim"]) == signatures
    for each in row["dkim"]:
        assert each["result"] == "fail"
        assert {each["body_hash"], each["signature"]} == {"pass", "fail"}


def written(folder: Path) -> tuple[list[bytes], list[Envelope], dict[str, Any]]:
    """Read what a corpus was written as."""
    packed, messages = (folder / "messages.bin").read_bytes(), []
    while packed:
        (length,) = struct.unpack_from("<I", packed)
        messages.append(packed[4 : 4 + length])
        packed = packed[4 + length :]
    lines = (folder / "envelopes.jsonl").read_text("utf-8").splitlines()
    zone = json.loads((folder / "zone.json").read_text("utf-8"))
    return messages, [Envelope(**json.loads(line)) for line in lines], zone


def test_the_corpus_is_judged_in_one_zone_as_each_message_in_its_own(
    made: Any, corpora: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(made.families()) + 20
    assert corpora.main(["hostile", "--count", str(count), "--out", str(tmp_path)]) == 0
    assert "hashed" not in capsys.readouterr().out
    messages, envelopes, zone = written(tmp_path)
    assert len(set(messages)) == len(messages) == len(envelopes) == count
    together = verifier(zone, workers=1)
    for family, octets, envelope in zip(made.families(), messages, envelopes, strict=False):
        case = family.make(min(16, family.limit or 16))
        assert (case.octets, case.envelope) == (octets, envelope)
        own = verifier({**made.stage(), **case.zone}, workers=1)
        rows = [
            document(each.verify(octets, envelope=envelope, now=NOW)) for each in (own, together)
        ]
        assert rows[0] == rows[1], family.name
        assert rows[0]["error"] is None


def test_a_corpus_of_more_than_there_is_is_refused(
    corpora: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.modules["hostile_corpus"], "LARGEST", 0)
    assert corpora.main(["hostile", "--count", "100000", "--out", str(tmp_path / "new")]) == 1
    assert "give --count a number up to that" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_without_cryptography_one_sentence_says_so(
    corpora: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "hostile_corpus", None)
    assert corpora.main(["hostile", "--count", "1", "--out", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "uv sync" in line
