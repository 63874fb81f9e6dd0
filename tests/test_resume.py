"""A run that is stopped in any way goes on where it was, and ends as an undisturbed one."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mailauth_fast.cli import parts as kept_parts
from mailauth_fast.cli.app import run

if TYPE_CHECKING:
    import msgspec

SAMPLE = Path(__file__).parent / "sample"
ZONE = f"zone:{SAMPLE / 'dns.json'}"
UNIT_OCTETS = 64 << 20
COPIES = 140
"""Of the sample: some 130 MiB, two units and a rest."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "many.mbox"
    octets = (SAMPLE / "sample.mbox").read_bytes()
    with path.open("wb") as file:
        for _ in range(COPIES):
            file.write(octets)
    assert path.stat().st_size > 2 * UNIT_OCTETS
    return path


@pytest.fixture(scope="module")
def undisturbed(archive: Path) -> Path:
    out = archive.with_name("undisturbed.jsonl")
    verify(archive, out)
    return out


def verify(archive: Path, out: Path, *more: str) -> int:
    return run(["verify", str(archive), "--dns", ZONE, "-q", "-o", str(out), *more])


def command(archive: Path, out: Path, *more: str) -> list[str]:
    verify = [sys.executable, "-m", "mailauth_fast", "verify", str(archive), "--dns", ZONE, "-q"]
    return [*verify, "-o", str(out), *more]


def stopped(archive: Path, out: Path, number: int, *more: str) -> tuple[int, str]:
    """Stop a run when its first piece is on disk or about to be."""
    child = subprocess.Popen(command(archive, out, *more), stderr=subprocess.PIPE)
    work = out.with_name(f".{out.name}.run") if out.suffix else out / ".run"
    until = time.monotonic() + 60
    while not any(work.glob("*piece*")) and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(number)
    errors = child.communicate(timeout=60)[1].decode()
    return child.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_at_a_checkpoint_and_resume_goes_on(
    archive: Path, undisturbed: Path, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "rows.jsonl"
    code, errors = stopped(archive, out, number)
    assert code == 130
    assert "--resume goes on" in errors
    assert "the verdicts of 0 messages" not in errors
    assert not out.exists()
    assert verify(archive, out) == 2
    assert verify(archive, out, "--resume") == 5
    assert out.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.jsonl"]


def test_a_kill_loses_only_what_is_in_progress(
    archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    code, _ = stopped(archive, out, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert verify(archive, out, "--resume") == 5
    assert out.read_bytes() == undisturbed.read_bytes()
    assert verify(archive, out, "--resume") == 0, "nothing is left to do"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_parquet_file_has_the_same_octets_after_a_stop(
    archive: Path, tmp_path: Path, number: int
) -> None:
    """Undisturbed it is written as the rows come, after a stop it is put together from pieces."""
    whole, out = tmp_path / "whole.parquet", tmp_path / "rows.parquet"
    assert verify(archive, whole) == 5
    code, _ = stopped(archive, out, number)
    assert code in {130, -number}
    assert not out.exists()
    assert verify(archive, out, "--resume") == 5
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet", "whole.parquet"]


def test_a_parquet_file_that_cannot_have_its_name_keeps_its_pieces(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, out = tmp_path / "whole.parquet", tmp_path / "rows.parquet"
    verify(archive, whole)
    out.mkdir()
    assert verify(archive, out, "--overwrite") == 4
    assert "--resume" in capsys.readouterr().err
    work = tmp_path / ".rows.parquet.run"
    assert (work / "run-piece-000000.parquet").exists()
    assert not (tmp_path / ".rows.parquet.partial").exists()
    out.rmdir()
    assert verify(archive, out, "--resume") == 5
    assert out.read_bytes() == whole.read_bytes()
    assert not work.exists()


def test_a_file_has_a_piece_a_second_at_most(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    write = kept_parts.write_record

    def noted(path: Path, record: msgspec.Struct, *, is_synced: bool = True) -> None:
        made.append(path)
        write(path, record, is_synced=is_synced)

    monkeypatch.setattr(kept_parts, "write_record", noted)
    for seconds, pieces in ((0.0, 3), (3600.0, 1)):
        monkeypatch.setattr(kept_parts, "PIECE_SECONDS", seconds)
        made.clear()
        assert verify(archive, tmp_path / "rows.jsonl", "--overwrite") == 5
        assert len([path for path in made if "-piece-" in path.name]) == pieces
    made.clear()
    verify(archive, tmp_path / "rows.parquet")
    assert [path.name for path in made] == ["run.json"], "a whole file needs no piece"


@pytest.mark.parametrize("row_format", ["jsonl", "parquet"])
def test_a_folder_has_one_part_a_unit_and_the_same_octets_after_stops(
    archive: Path, tmp_path: Path, row_format: str
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    verify(archive, whole, "--format", row_format)
    parts = sorted(path.name for path in whole.glob("part-*"))
    assert parts == [f"part-{number:08}.{row_format}" for number in range(3)]
    for _ in range(2):
        stopped(archive, out, signal.SIGINT, "--format", row_format, "--resume")
    assert verify(archive, out, "--format", row_format, "--resume") == 5
    for part in parts:
        assert (out / part).read_bytes() == (whole / part).read_bytes()
    assert verify(archive, out, "--format", row_format, "--resume") == 5, "counts are kept"


def test_shards_are_units_and_together_the_whole(
    archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "parts"
    for shard in ("1/2", "0/2"):
        assert verify(archive, out, "--format", "jsonl", "--shard", shard) == 5
    parts = sorted(out.glob("part-*"))
    assert [part.name for part in parts] == [f"part-{number:08}.jsonl" for number in range(3)]
    assert b"".join(part.read_bytes() for part in parts) == undisturbed.read_bytes()


def test_changed_arguments_are_refused_and_named(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "parts"
    assert verify(archive, out, "--format", "jsonl", "--limit", "5") == 0
    for more, name in (
        (["--limit", "6"], "--limit was 5 when the run began, now it is 6"),
        (["--limit", "5", "--rules", "rfc7489"], "rules was auto"),
        (["--limit", "5", "--now", "7"], "now was received"),
    ):
        assert verify(archive, out, "--format", "jsonl", "--resume", *more) == 2
        assert name in capsys.readouterr().err
    assert verify(archive, out, "--format", "jsonl", "--resume", "--limit", "5") == 0


def test_a_changed_source_is_refused_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box, out = tmp_path / "a.mbox", tmp_path / "parts"
    box.write_bytes((SAMPLE / "sample.mbox").read_bytes())
    verify(box, out)
    with box.open("ab") as file:
        file.write(b"\n")
    assert verify(box, out, "--resume") == 2
    assert "a.mbox: has changed since the run began" in capsys.readouterr().err


def test_a_damaged_record_is_refused_never_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "parts"
    verify(SAMPLE / "sample.mbox", out, "--limit", "20")
    for name in ("run.json", "run-piece-000000.json", "run.end.json"):
        record = out / ".run" / name
        whole = record.read_bytes()
        for place in range(0, len(whole), 7):
            flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
            for octets in (whole[:place], flipped):
                record.write_bytes(octets)
                assert verify(SAMPLE / "sample.mbox", out, "--limit", "20", "--resume") == 2
                assert f"{name}: the record of the run is damaged" in capsys.readouterr().err
        record.write_bytes(whole)
    assert verify(SAMPLE / "sample.mbox", out, "--limit", "20", "--resume") == 0


@pytest.mark.parametrize("text", ["2/2", "1", "a/b", "-1/2", "1/0"])
def test_a_shard_is_i_of_n(tmp_path: Path, text: str) -> None:
    assert verify(SAMPLE / "sample.mbox", tmp_path / "x.jsonl", "--shard", text) == 2


def test_resume_needs_an_output_and_no_overwrite(tmp_path: Path) -> None:
    box = str(SAMPLE / "sample.mbox")
    assert run(["verify", box, "--dns", ZONE, "--resume"]) == 2
    assert verify(SAMPLE / "sample.mbox", tmp_path / "x", "--resume", "--overwrite") == 2


def test_two_runs_do_not_share_an_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.jsonl"
    child = subprocess.Popen(command(Path("-"), out), stdin=subprocess.PIPE)
    lock = tmp_path / ".rows.jsonl.run" / "run.json"
    while not lock.exists() and child.poll() is None:
        time.sleep(0.01)
    assert verify(SAMPLE / "sample.mbox", out, "--overwrite") == 2
    assert "another run is writing there" in capsys.readouterr().err
    assert child.stdin is not None
    child.stdin.close()
    child.wait(30)


def test_a_full_disk_keeps_what_was_finished(archive: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands for the disk: it is the same error to a writer."""
    out = tmp_path / "rows.jsonl"
    size = archive.stat().st_size // 2 // 1024
    shell = f"trap '' XFSZ; ulimit -f {size}; exec " + " ".join(command(archive, out))
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=120)  # noqa: S607
    assert done.returncode == 4, done.stderr
    assert b"--resume" in done.stderr
    assert not out.exists()
    assert (tmp_path / ".rows.jsonl.run").exists()
    assert verify(archive, out, "--resume") == 5
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_stream_that_says_nothing_more_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    octets = (SAMPLE / "sample.mbox").read_bytes() * 2
    child = subprocess.Popen(
        command(Path("-"), out), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdin is not None
    child.stdin.write(octets)
    child.stdin.flush()
    while not (tmp_path / ".rows.jsonl.run" / "run.json").exists():
        time.sleep(0.01)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130, "though the pipe is still open"
    child.stdin.close()
    resumed = [*command(Path("-"), out), "--resume"]
    done = subprocess.run(resumed, input=octets, capture_output=True, check=False, timeout=60)
    assert done.returncode == 5, done.stderr
    whole = tmp_path / "whole.jsonl"
    subprocess.run(command(Path("-"), whole), input=octets, capture_output=True, check=False)
    assert out.read_bytes() == whole.read_bytes()


def test_a_run_killed_while_it_cleaned_up_is_made_again_or_whole(
    archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out, work = tmp_path / "rows.jsonl", tmp_path / ".rows.jsonl.run"
    stopped(archive, out, signal.SIGINT)
    while not (work / "run.end.json").exists():
        with subprocess.Popen(command(archive, out, "--resume")) as child:
            while not (work / "run.end.json").exists() and child.poll() is None:
                time.sleep(0.001)
            child.kill()
    (work / "run-piece-000000.jsonl").unlink()
    assert verify(archive, out, "--resume") == 5
    assert out.read_bytes() == undisturbed.read_bytes()
    work.mkdir()
    (work / "run.end.json").write_text("left over")
    assert verify(archive, out, "--resume") == 0
    assert not work.exists()


def test_a_run_killed_before_its_last_word_finds_that_nothing_is_left(
    archive: Path, undisturbed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "parts"
    verify(archive, out, "--format", "jsonl")
    (out / ".run/run.end.json").unlink()
    assert verify(archive, out, "--format", "jsonl", "--resume") == 5
    parts = sorted(out.glob("part-*"))
    assert b"".join(part.read_bytes() for part in parts) == undisturbed.read_bytes()


def test_the_second_signal_ends_a_run_that_waits_for_dns_at_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        out = tmp_path / "rows.jsonl"
        verify = [sys.executable, "-m", "mailauth_fast", "verify", str(SAMPLE / "sample.mbox")]
        child = subprocess.Popen(
            [*verify, "--dns", server, "-o", str(out)], stderr=subprocess.PIPE, text=True
        )
        silent.recv(512)
        child.send_signal(signal.SIGINT)
        assert child.stderr is not None
        assert "once more to stop at once" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        errors = child.communicate(timeout=30)[1]
    assert child.returncode == 130, errors
    assert "--resume goes on" in errors
    assert not out.exists()
