"""`bench` and its chart: their shape on a tiny corpus; how fast anything is is never tested."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from mailauth_fast import Verifier, _core
from mailauth_fast.bench import limit, stages, throughput
from mailauth_fast.bench.chart import chart
from mailauth_fast.bench.corpus import build
from mailauth_fast.cli import app

COUNT = 6
USAGE = 2


@pytest.fixture(scope="module")
def measured() -> throughput.Measurement:
    return throughput.measure(build("bulk", COUNT), runs=1, cores=2)


def test_every_stage_is_measured_beside_the_limit(measured: throughput.Measurement) -> None:
    assert tuple(measured.memory) == stages.MEMORY_STAGES
    assert tuple(measured.disk) == stages.DISK_STAGES
    for found in (measured.memory, measured.disk):
        assert found["hash"] > 0
        assert found["canonicalize"] > 0
        assert min(found.values()) >= 0
    assert measured.memory_whole <= sum(measured.memory.values()) + 1e-9
    assert measured.disk_whole <= sum(measured.disk.values()) + 1e-9
    assert measured.memory_whole > 0
    assert measured.disk_whole > 0
    assert measured.limit.operations >= COUNT == measured.messages
    assert measured.limit.seconds > 0
    assert [each.cores for each in measured.cores] == [1, 2]
    assert measured.hash_path == _core.sha256_path()


def test_the_chart_is_svg_with_a_bar_a_stage_and_the_limit(
    measured: throughput.Measurement,
) -> None:
    root = ET.fromstring(chart(measured))  # noqa: S314 - our own
    texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    bars = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")][1:]
    assert len(bars) == len(stages.MEMORY_STAGES) + len(stages.DISK_STAGES)
    assert any(text.startswith("plain limit ") for text in texts)
    assert any(f"hash path {measured.hash_path};" in text for text in texts)


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (8, (1, 2, 4, 8))]
)
def test_core_counts_double_up_to_all(cores: int, counts: tuple[int, ...]) -> None:
    assert throughput.core_counts(cores) == counts


def test_a_delivered_message_gives_spf_its_envelope(tmp_path: Path) -> None:
    archive = stages.Archive(build("list", 2), tmp_path)
    for path, word in ((archive.mbox, "pass"), (archive.unsigned, "none")):
        (rows,) = archive.verifier().verify_archive(path)
        assert len(rows) == 2
        for row in rows:
            assert row.spf is not None
            assert row.arc is not None
            assert row.spf.result == "pass"
            assert row.arc.result == word
            assert {each.result for each in row.dkim} == ({"pass"} if word == "pass" else set())
    assert archive.unsigned.stat().st_size == archive.octets


def test_two_processes_measure_the_limit_together(tmp_path: Path) -> None:
    with limit.LimitPair(build("small", 2), tmp_path) as pair:
        assert pair.speedup() > 0


def test_a_slow_stream_is_void_only_with_sha_instructions() -> None:
    assert limit.is_void(limit.VOID_BELOW - 0.01) is limit.has_sha_instructions()
    assert not limit.is_void(limit.VOID_BELOW)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(["bench", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_command_names_hash_path_load_and_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailauth_fast.cli.bench.cached", build)
    code, out, err = run(capsys, "--count", "3", "--runs", "1", "--corpus", "small")
    assert code == 0
    assert ("debug build" in err) != _core.is_optimized()
    assert len(err.splitlines()) == int(not _core.is_optimized())
    for text in (
        f"SHA-256 path {_core.sha256_path()}",
        "load ",
        "plain limit",
        *stages.DISK_STAGES,
    ):
        assert text in out


def test_json_holds_the_figures_and_the_chart_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mailauth_fast.cli.bench.cached", build)
    svg = tmp_path / "c.svg"
    code, out, _ = run(capsys, "--count", "3", "--runs", "1", "--json", "--chart", str(svg))
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    assert {"corpus", "hash_path", "load", "limit", "memory", "disk", "cores", "void"} <= {*found}
    assert (found["messages"], found["runs"]) == (3, 1)
    assert svg.read_text("utf-8").startswith("<svg ")


@pytest.mark.parametrize("wrong", [("--count", "0"), ("--runs", "0"), ("--corpus", "spam")])
def test_what_cannot_be_measured_is_refused(
    capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    code, out, err = run(capsys, *wrong)
    assert (code, out) == (USAGE, "")
    assert wrong[1] in err


WITHOUT_CRYPTOGRAPHY = """
import sys
from pathlib import Path
import mailauth_fast.resolvers  # what dnspython takes for DNS over QUIC stands on cryptography too
for name in ["cryptography", *sys.modules]:
    if name.startswith("cryptography"):
        sys.modules[name] = None
from mailauth_fast.bench import corpus
from mailauth_fast.cli import app
corpus.CHECKOUT = Path("nothing-is-cached-here")
sys.exit(app.run(["bench", "--count", "1"]))
"""


def test_without_cryptography_one_sentence_says_so() -> None:
    command = [sys.executable, "-c", WITHOUT_CRYPTOGRAPHY]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (USAGE, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("mailauth-fast: ")
    assert "cryptography" in line


def test_python_share_sees_python_and_puts_the_door_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "bench"))
    from share import python_share  # noqa: PLC0415

    engine = _core.Engine
    share = python_share(lambda: sum(range(200_000)))
    assert share > 0.5
    assert _core.Engine is engine
    corpus = build("small", 2)

    def verified() -> None:
        from mailauth_fast import StaticResolver  # noqa: PLC0415

        found = Verifier(StaticResolver(corpus.zone), workers=1).verify_batch(corpus.octets())
        assert [row.dkim[0].result for row in found] == ["pass", "pass"]

    assert 0 < python_share(verified) < 1
    assert _core.Engine is engine


def test_the_page_is_made_from_what_was_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "bench"))
    import results  # noqa: PLC0415

    monkeypatch.setattr(results, "RECORD", tmp_path / "results.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    rows = [
        results.row("a", 0.9996, 1.0),
        results.row("b", 0.0304, 0.03, is_most=True),
        results.row("c", 2, None),
        results.row("d", None, 1.0),
    ]
    assert [each.ok for each in rows] == [True, True, True, False]
    assert not results.row("e", 0.9994, 1.0).ok
    assert not results.row("f", 0.0306, 0.03, is_most=True).ok
    results.record("peers", results.section("command", rows, "the text", machine="a machine"))
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    for text in ("## Beside the peers", "| `a` | 1 | 1 | reached |", "not measured", "the text"):
        assert text in page
    assert results.read()["peers"].machine == "a machine"


@pytest.mark.parametrize("name", ["throughput", "hostile", "peers.__main__"])
def test_a_debug_build_is_not_measured(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Path(__file__).parent.parent / "bench"
    monkeypatch.syspath_prepend(str(bench / "peers"))
    monkeypatch.syspath_prepend(str(bench))
    monkeypatch.setattr(_core, "is_optimized", lambda: False)
    monkeypatch.setattr(sys, "argv", [name])
    main = importlib.import_module(name).main
    assert (main() if name == "throughput" else main([])) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "is a debug build" in told.err
