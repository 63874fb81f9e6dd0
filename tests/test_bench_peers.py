"""bench/peers: what it says of verdicts that differ, of peers that are missing, and its rows."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast.bench import letters
from mailauth_fast.bench.corpus import build, write_corpus

if TYPE_CHECKING:
    from types import ModuleType

BENCH = Path(__file__).parent.parent / "bench"
COUNT = 6
KEYS = {"name", "value", "target", "ok"}


def loaded(name: str) -> ModuleType:
    """Import a module of bench/ or bench/peers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        patch.syspath_prepend(str(BENCH / "peers"))
        return importlib.import_module(name)


def standing(key: str, **changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "mode": "dkim",
        "corpus": "bulk",
        "key": key,
        "title": key,
        "absent": None,
        "version": "1.0",
        "messages": 100,
        "runs": 7,
        "seconds": 2e-5,
        "ratio": 1.0,
        "disagreements": {},
    }
    return {**line, **changes}


def test_rows_have_the_contracts_keys_and_targets() -> None:
    lines = [
        standing("ours"),
        standing("mail-auth", ratio=1.9994),
        standing("opendkim", ratio=9.9996),
        standing("go-msgauth", ratio=7.0),
        {**standing("dkimpy"), "absent": "pip: ERROR: no network"},
    ]
    rows = loaded("peer_table").result_rows(lines)
    assert all(set(row) == KEYS for row in rows)
    assert [(row["name"], row["value"], row["target"], row["ok"]) for row in rows] == [
        ("dkim-bulk-mail-auth", 1.999, 2.0, False),
        ("dkim-bulk-opendkim", 10.0, 10.0, True),
        ("dkim-bulk-dkimpy", None, 50.0, False),
    ]


def test_a_peer_that_disagrees_meets_no_target() -> None:
    unlike = standing("mail-auth", ratio=3.0, disagreements={"pass / neutral": 2})
    peer_table = loaded("peer_table")
    assert [row["ok"] for row in peer_table.result_rows([standing("ours"), unlike])] == [False]
    text = peer_table.render([standing("ours"), unlike])
    assert "2 messages ours / theirs pass / neutral" in text
    assert "2 of 100" in text


def test_an_absent_peer_is_named_with_the_reason() -> None:
    absent = {"mode": "dkim", "corpus": "bulk", "key": "opendkim", "title": "libopendkim"}
    absent["absent"] = "apt-get: E: a | b"
    peer_table = loaded("peer_table")
    assert "left out: apt-get: E: a \\| b" in peer_table.render([standing("ours"), absent])
    table = peer_table.table([standing("ours"), absent])
    assert "left out: apt-get: E: a | b" in table
    assert "not measured" in table


def test_the_reason_of_a_failure_is_its_first_error() -> None:
    programs = loaded("programs")
    assert (
        programs.reason("  Compiling a\nerror: no such thing\nerror: 2") == "error: no such thing"
    )
    assert programs.reason("\nTraceback\nmore") == "Traceback"
    assert programs.reason("") == "it failed without a word"
    with pytest.raises(programs.Absent, match="no-such-tool is not installed"):
        programs.run(["no-such-tool"])
    failing = [sys.executable, "-c", "raise SystemExit('an error of its own')"]
    with pytest.raises(programs.Absent, match="an error of its own"):
        programs.run(failing)


def test_programs_see_every_verdict_and_every_disagreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "DOMAIN_COUNT", 3)
    corpus = build("list", COUNT)
    write_corpus(corpus, tmp_path)
    # The last octet of the last message is its last line's end; the one before it is content.
    octets = (tmp_path / "messages.bin").read_bytes()
    (tmp_path / "messages.bin").write_bytes(octets[:-3] + b"~" + octets[-2:])
    verdicts = {}
    for name in ("ours", "python_stack"):
        path = tmp_path / f"{name}.txt"
        program = BENCH / f"peers/{name}.py"
        arguments = [str(tmp_path), "arc", "100", str(path)]
        ran = subprocess.run(
            [sys.executable, str(program), *arguments], check=True, capture_output=True
        )
        line = json.loads(ran.stdout)
        assert line["messages"] == COUNT
        assert line["version"]
        assert line["cpu_seconds"] > 0
        assert line["verdicts"] == str(path)
        verdicts[name] = path.read_text("utf-8").splitlines()
    assert verdicts["ours"] == ["pass|pass"] * (COUNT - 1) + ["fail|fail"]
    # dkimpy tells a body hash that differs by an exception.
    assert verdicts["python_stack"] == ["pass|pass"] * (COUNT - 1) + ["permerror|fail"]
    compare = loaded("peer_table").compare
    assert compare(verdicts["ours"], verdicts["python_stack"]) == {"fail|fail / permerror|fail": 1}
