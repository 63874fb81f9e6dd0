"""The command line: exit codes, sentences, and that what was finished is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mailauth_fast import _core

SAMPLE = Path(__file__).parent / "sample"
MBOX = SAMPLE / "sample.mbox"
ZONE = f"zone:{SAMPLE / 'dns.json'}"
FINISHED, MATCHED, USAGE, PARTIAL, FATAL, TEMPERRORS, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mailauth_fast", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)


def message(
    folder: Path, name: str = "one.eml", text: bytes = b"From: a@example.com\r\n\r\nx"
) -> Path:
    path = folder / name
    path.write_bytes(text)
    return path


def one_sentence(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("mailauth-fast: ")
    for word in words:
        assert word.lower() in lines[0].lower()


def test_the_summary_counts_every_message() -> None:
    done = run("verify", MBOX, "--dns", ZONE)
    assert done.returncode == FINISHED
    assert done.stderr == b""
    rows = len(json.loads((SAMPLE / "expected.json").read_text()))
    assert f"{rows:,} messages" in done.stdout.decode()
    assert "dmarc" in done.stdout.decode()


def test_rows_are_the_same_octets_for_any_number_of_threads(tmp_path: Path) -> None:
    outputs = []
    for jobs in ("1", "2", "8"):
        out = tmp_path / f"{jobs}.parquet"
        assert (
            run("verify", MBOX, "--dns", ZONE, "-o", out, "-j", jobs, "-q").returncode == FINISHED
        )
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2]


def test_jsonl_goes_to_standard_output_and_the_summary_beside_it() -> None:
    done = run("verify", MBOX, "--dns", ZONE, "--format", "jsonl", "--limit", "3")
    assert done.returncode == FINISHED
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 3
    assert rows[0]["id"].startswith("sample.mbox:")
    assert b"3 messages" in done.stderr


def test_a_folder_without_extension_gets_a_part(tmp_path: Path) -> None:
    out = tmp_path / "rows"
    assert (
        run("verify", MBOX, "--dns", ZONE, "--format", "parquet", "-o", out).returncode == FINISHED
    )
    assert [path.name for path in out.glob("*")] == [".run", "part-00000000.parquet"]


def test_an_output_that_exists_needs_overwrite(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    out.write_text("mine")
    done = run("verify", MBOX, "--dns", ZONE, "-o", out)
    assert done.returncode == USAGE
    one_sentence(done, "rows.jsonl", "--overwrite")
    assert out.read_text() == "mine"
    assert run("verify", MBOX, "--dns", ZONE, "-o", out, "--overwrite").returncode == FINISHED
    assert out.read_text() != "mine"


def test_standard_input_is_sniffed() -> None:
    done = run("verify", "-", "--dns", ZONE, "--format", "jsonl", "-q", stdin=MBOX.read_bytes())
    assert done.returncode == FINISHED
    assert json.loads(done.stdout.splitlines()[0])["id"].startswith("-:")
    single = run(
        "verify", "-", "--dns", ZONE, "--format", "jsonl", "-q", stdin=b"From: a@b.example\n\n"
    )
    assert json.loads(single.stdout)["author"]["domain"] == "b.example"


def test_missing_beside_readable_is_partial_and_keeps_the_rows(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    done = run("verify", message(tmp_path), tmp_path / "none.eml", "--dns", ZONE, "-o", out, "-q")
    assert done.returncode == PARTIAL
    assert b"none.eml" in done.stderr
    assert len(out.read_text().splitlines()) == 1


def test_nothing_readable_is_fatal(tmp_path: Path) -> None:
    done = run("verify", tmp_path / "none.mbox", "--dns", ZONE, "-q", "--format", "jsonl")
    assert done.returncode == FATAL
    one_sentence(done, "none.mbox")


@pytest.mark.parametrize(
    ("magic", "word"),
    [(b"!BDN\0\0\0\0", "readpst"), (b"PK\x03\x04rest", "ZIP"), (b"\x1f\x8brest", "gzip")],
)
def test_an_unknown_format_is_refused_with_a_way_out(
    tmp_path: Path, magic: bytes, word: str
) -> None:
    done = run(
        "verify", message(tmp_path, "store.bin", magic), "--dns", ZONE, "-q", "--format", "jsonl"
    )
    assert done.returncode == FATAL
    one_sentence(done, "store.bin", word)


def test_an_unwritable_output_is_fatal(tmp_path: Path) -> None:
    done = run("verify", message(tmp_path), "--dns", ZONE, "-o", tmp_path / "no/such/rows.jsonl")
    assert done.returncode == FATAL
    one_sentence(done, "rows.jsonl", "cannot be written")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a.example": 3}', '{"a.example": {"TXT": [7]}}', "[" * 99_999]
)
def test_a_broken_zone_file_is_named(tmp_path: Path, text: str) -> None:
    zone = tmp_path / "broken.json"
    zone.write_text(text)
    done = run("verify", message(tmp_path), "--dns", f"zone:{zone}")
    assert done.returncode == USAGE
    one_sentence(done, "broken.json")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("verify",), "nothing to verify"),
        (("verify", "x", "--jobz", "2"), "--jobz"),
        (("verify", "x", "--now", "yesterday"), "--now"),
        (("verify", "x", "--dns", "sometimes"), "--dns"),
        (("verify", "x", "--jobs", "0"), "--jobs"),
        (("verify", "x", "--fail-on", "dmarc=maybe"), "dmarc"),
        (("verify", "x", "--fail-on", "colour=red"), "FIELD"),
        (("verify", "x", "--format", "parquet", "--dns", ZONE), "-o"),
        (("spf", "--ip", "1.2.3", "--dns", ZONE), "1.2.3"),
        (("nonsense",), "nonsense"),
    ],
)
def test_usage_errors_are_one_sentence(arguments: tuple[str, ...], word: str) -> None:
    done = run(*arguments)
    assert done.returncode == USAGE
    one_sentence(done, word)


def test_fail_on_matches_words_of_rows() -> None:
    assert run("verify", MBOX, "--dns", ZONE, "--fail-on", "dkim=fail").returncode == MATCHED
    assert run("verify", MBOX, "--dns", ZONE, "--fail-on", "error=any").returncode == FINISHED


def test_many_temperrors_are_exit_code_5(tmp_path: Path) -> None:
    zone = tmp_path / "dns.json"
    zone.write_text(json.dumps({"_dmarc.example.com": "SERVFAIL"}))
    for number in range(12):
        message(tmp_path, f"{number}.eml")
    inputs = sorted(tmp_path.glob("*.eml"))
    assert run("verify", *inputs, "--dns", f"zone:{zone}").returncode == TEMPERRORS
    assert run("verify", *inputs[:9], "--dns", f"zone:{zone}").returncode == FINISHED


def test_checks_by_hand() -> None:
    first = run("verify", MBOX, "--dns", ZONE, "--format", "jsonl", "--limit", "1", "-q")
    domain = json.loads(first.stdout)["author"]["domain"]
    found = json.loads(run("dmarc", domain, "--dns", ZONE, "--format", "json").stdout)
    assert found["result"] in {"found", "none"}
    spf = run(
        "spf",
        "--ip",
        "192.0.2.1",
        "--helo",
        "mx.example.net",
        "--mail-from",
        f"a@{domain}",
        "--dns",
        ZONE,
    )
    assert spf.returncode == FINISHED
    assert spf.stdout


def test_dkim_and_arc_of_one_message(tmp_path: Path) -> None:
    path = message(tmp_path)
    assert b"no DKIM-Signature" in run("dkim", path, "--dns", ZONE).stdout
    assert run("arc", path, "--dns", ZONE).stdout.startswith(b"none: ")
    missing = run("dkim", tmp_path / "none.eml", "--dns", ZONE)
    assert missing.returncode == FATAL
    one_sentence(missing, "none.eml")


def test_reasons_are_listed_as_text_and_json() -> None:
    assert b"RFC 7208" in run("reasons").stdout
    assert {"protocol", "code", "section", "sentence"} == set(
        json.loads(run("reasons", "--format", "json").stdout)[0]
    )


def test_version_names_engine_and_python() -> None:
    text = run("--version").stdout
    assert text.startswith(b"mailauth-fast 0.1.0 (engine ")
    assert (b", debug build," in text) != _core.is_optimized()


def test_version_names_the_two_lanes_of_a_cpu_with_sha_instructions() -> None:
    cpus = Path("/proc/cpuinfo")
    if not cpus.exists():
        pytest.skip("no /proc/cpuinfo here")
    flags = cpus.read_text("utf-8").split()
    with_sha = "sixteen-and-two-lanes" if "avx512bw" in flags else "two-lanes"
    path = with_sha if "sha_ni" in flags else "portable"
    assert _core.sha256_path() == path
    assert f", sha256 {path};".encode() in run("--version").stdout


def test_version_names_the_eight_lanes_of_a_cpu_that_multiplies_in_them() -> None:
    cpus = Path("/proc/cpuinfo")
    if not cpus.exists():
        pytest.skip("no /proc/cpuinfo here")
    path = "eight-lanes" if "avx512ifma" in cpus.read_text("utf-8").split() else "one-by-one"
    assert f", rsa {path}, ".encode() in run("--version").stdout


def test_controls_of_a_message_never_reach_the_terminal(tmp_path: Path) -> None:
    signature = b"DKIM-Signature: v=1; d=\x1b[31mred.example; s=\xe2\x80\xaex"
    text = b"From: a@example.com\r\n" + signature + b"\r\n\r\n"
    done = run("dkim", message(tmp_path, text=text), "--dns", ZONE)
    assert done.returncode == FINISHED
    assert b"\x1b" not in done.stdout
    assert "\u202e".encode() not in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m mailauth_fast verify {MBOX} --dns {ZONE} --format jsonl -q"
    shell = f"set -o pipefail; {command} | head -c 10 > {os.devnull}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=60)  # noqa: S607
    assert done.stderr == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_with_130_and_keeps_what_was_finished(
    tmp_path: Path, number: int
) -> None:
    command = [sys.executable, "-m", "mailauth_fast", "verify", "-", "--dns", ZONE]
    out = ["-o", str(tmp_path / "rows.jsonl")]
    child = subprocess.Popen([*command, *out], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(MBOX.read_bytes() * 40)
    child.stdin.flush()
    time.sleep(2)
    child.send_signal(number)
    child.stdin.close()
    assert child.stderr is not None
    errors = child.stderr.read().decode()
    assert child.wait(30) == INTERRUPTED
    child.stderr.close()
    assert "interrupted after" in errors
    assert not (tmp_path / "rows.jsonl").exists()
