"""`diff`: what differs between two sets of verdicts, by cause, and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import duckdb
import msgspec
import pytest
from mailauth_fast import MailauthError
from mailauth_fast.comparison import Change, changes, compare
from mailauth_fast.verdict_rows import Outcome, VerdictRow, open_verdicts

from tests.test_cli import FATAL, FINISHED, MATCHED, MBOX, PARTIAL, USAGE, ZONE, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

Json = dict[str, Any]
ZSTD = "format parquet, compression zstd"
EMPTY: Json = {
    "error": None,
    "spf": None,
    "spf_helo": None,
    "dkim": [],
    "arc": None,
    "dmarc": None,
    "disposition": None,
}


def words(text: str) -> dict[str, str]:
    word, _, reason = text.partition("/")
    return {"result": word, "reason": reason}


def row(row_id: str, dmarc: str = "pass/aligned", *signatures: str) -> Json:
    dkim = [words(text) for text in signatures]
    return {"id": row_id, **EMPTY, "dkim": dkim, "dmarc": words(dmarc), "flow": "unknown"}


def records(rows: Sequence[Json]) -> list[VerdictRow]:
    return msgspec.convert(rows, list[VerdictRow])


def outcome(dmarc: str, *signatures: str) -> Outcome:
    return records([row("x", dmarc, *signatures)])[0].outcome()


def write(path: Path, rows: Sequence[Json]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def facts(done: subprocess.CompletedProcess[bytes]) -> Json:
    return cast("Json", json.loads(done.stdout))


def one_sentence(done: subprocess.CompletedProcess[bytes], code: int, *parts: str) -> None:
    assert done.returncode == code, done.stderr
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the sample's verdicts in every form with rows."""
    folder = tmp_path_factory.mktemp("verdicts")
    for name in ("a.parquet", "a.jsonl", "parts"):
        form = ("--format", "parquet") if name == "parts" else ()
        done = run("verify", MBOX, "--dns", ZONE, "--rules", "rfc7489", "-o", folder / name, *form)
        assert done.returncode == FINISHED
    lines = (folder / "a.jsonl").read_text().splitlines()
    (folder / "lines.json").write_text("[" + ",\n".join(lines) + "]\n")
    (folder / "pretty.json").write_text(json.dumps([json.loads(line) for line in lines], indent=1))
    return folder


@pytest.mark.parametrize("name", ["a.jsonl", "lines.json", "pretty.json", "parts", "a.parquet"])
def test_the_same_verdicts_in_another_form_are_equal(verdicts: Path, name: str) -> None:
    done = run("diff", verdicts / "a.parquet", verdicts / name, "--format", "json")
    assert done.returncode == FINISHED
    assert facts(done)["equal"] == 433
    assert facts(done)["causes"] == []


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "pretty.json"])
def test_a_form_is_known_by_its_octets(verdicts: Path, tmp_path: Path, name: str) -> None:
    renamed = tmp_path / "verdicts.bin"
    renamed.write_bytes((verdicts / name).read_bytes())
    done = run("diff", verdicts / "a.parquet", renamed)
    assert done.returncode == FINISHED
    assert b"433 messages in both: 433 equal, 0 differ" in done.stdout


def test_a_file_that_duckdb_wrote_again_is_read(verdicts: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    query = f"copy (from '{verdicts / 'a.parquet'}' order by id desc) to '{again}' ({ZSTD})"
    duckdb.sql(query)
    done = run("diff", verdicts / "a.jsonl", again, "--format", "json")
    assert done.returncode == FINISHED
    assert facts(done)["equal"] == 433


def test_text_and_json_give_the_same_facts(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [row(f"m:{n}", "fail/not-aligned") for n in range(5)])
    changed = [row(f"m:{n}", "none/no-record") for n in range(4)]
    b = write(tmp_path / "b.jsonl", [*changed, row("new:0"), row("new:1")])
    done = run("diff", a, b)
    assert done.returncode == MATCHED
    assert done.stdout.decode().splitlines()[2:] == [
        "4 messages in both: 0 equal, 4 differ",
        "1 only in A: m:4",
        "2 only in B: new:0, new:1",
        "",
        "        4  dmarc: fail/not-aligned -> none/no-record",
        "           in m:0, m:1, m:2 and 1 more",
    ]
    found = facts(run("diff", a, b, "--format", "json"))
    assert (found["equal"], found["different"]) == (0, 4)
    assert found["only_a"] == {"count": 1, "examples": ["m:4"]}
    assert found["only_b"] == {"count": 2, "examples": ["new:0", "new:1"]}
    change = {
        "field": "dmarc",
        "position": None,
        "a": {"word": "fail", "reason": "not-aligned"},
        "b": {"word": "none", "reason": "no-record"},
    }
    assert found["causes"] == [{"count": 4, "changes": [change], "examples": ["m:0", "m:1", "m:2"]}]
    lines = [
        json.loads(line) for line in run("diff", a, b, "--format", "jsonl").stdout.splitlines()
    ]
    assert lines[0] == {"id": "m:0", "changes": [change]}
    assert [line.get("only") for line in lines[4:]] == ["a", "b"]


def test_limit_compares_the_first_rows_of_each_side(tmp_path: Path) -> None:
    a = write(tmp_path / "a.jsonl", [row("1"), row("2"), row("3")])
    b = write(tmp_path / "b.jsonl", [row("1"), row("2"), row("4")])
    assert run("diff", a, b).returncode == MATCHED
    assert run("diff", a, b, "--limit", "2").returncode == FINISHED


def test_lines_fit_80_columns_and_carry_no_controls(tmp_path: Path) -> None:
    ids = [f"folder with spaces/{'x' * 40}\u202e\x1b[31m:{n}" for n in range(3)]
    a = write(tmp_path / "a.jsonl", [row(each, "pass/x") for each in ids])
    b = write(tmp_path / "b.jsonl", [row(each, "fail/" + "y-" * 20) for each in ids])
    text = run("diff", a, b).stdout.decode()
    assert max(map(len, text.splitlines()[2:])) <= 80
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_rule_books_are_compared_over_one_input() -> None:
    done = run("diff", "rules:rfc7489", "rules:rfc9989", MBOX, "--dns", ZONE, "--format", "json")
    assert done.returncode == MATCHED
    found = facts(done)
    assert found["equal"] + found["different"] == 433
    assert {change["field"] for group in found["causes"] for change in group["changes"]} == {
        "dmarc",
        "disposition",
    }
    same = run("diff", "rules:rfc7489", "rules:rfc7489", MBOX, "--dns", ZONE)
    assert same.returncode == FINISHED


def test_zones_and_historic_rules_are_compared_over_one_input(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    done = run("diff", ZONE, f"zone:{empty}", MBOX, "--format", "json", "--limit", "50")
    assert done.returncode == MATCHED
    changed = [change for group in facts(done)["causes"] for change in group["changes"]]
    assert any(change["a"]["word"] == "pass" and change["field"] == "dkim" for change in changed)
    historic = run("diff", "historic:off", "historic:on", MBOX, "--dns", ZONE, "--format", "json")
    reasons = {
        change["b"]["reason"]
        for group in facts(historic)["causes"]
        for change in group["changes"]
        if change["field"] == "dkim"
    }
    assert reasons == {"historic-algorithm"}


def test_an_input_that_is_missing_is_never_0(tmp_path: Path) -> None:
    arguments = ("rules:rfc7489", "rules:rfc7489", "--dns", ZONE)
    missing = tmp_path / "none.mbox"
    done = run("diff", *arguments[:2], missing, *arguments[2:])
    assert done.returncode == FATAL
    assert done.stderr.decode().count("none.mbox") == 1
    assert run("diff", *arguments[:2], MBOX, missing, *arguments[2:]).returncode == PARTIAL


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("rules:rfc7489", "historic:on", "x.mbox"), "one kind"),
        (("rules:rfc7489", "rules:rfc9989"), "INPUT"),
        (("rules:rfc7489", "rules:rfc9989", "-"), "once"),
        (("a.parquet", "b.parquet", "x.mbox"), "x.mbox"),
        (("-", "b.parquet"), "-o FILE"),
        (("a.parquet", "b.parquet", "--limit", "0"), "--limit"),
    ],
)
def test_usage_is_one_sentence(arguments: tuple[str, ...], part: str) -> None:
    one_sentence(run("diff", *arguments), USAGE, part)


def test_what_cannot_be_read_is_one_sentence(verdicts: Path, tmp_path: Path) -> None:
    good = verdicts / "a.parquet"
    one_sentence(run("diff", good, tmp_path / "none.parquet"), FATAL, "none.parquet")
    whole = good.read_bytes()
    for name, octets in {"torn.parquet": whole[:-100], "magic.parquet": b"PAR1"}.items():
        (tmp_path / name).write_bytes(octets)
        one_sentence(run("diff", good, tmp_path / name), FATAL, name, "cannot be read")
    torn = (verdicts / "a.jsonl").read_bytes()[:-100]
    (tmp_path / "torn.jsonl").write_bytes(torn)
    one_sentence(run("diff", good, tmp_path / "torn.jsonl"), FATAL, "torn.jsonl", "line 433")


def test_what_is_no_verdict_file_is_named(verdicts: Path, tmp_path: Path) -> None:
    good = verdicts / "a.parquet"
    flat = tmp_path / "flat.parquet"
    faults = {
        "* exclude (dmarc)": "column dmarc is missing",
        "* replace ('pass' as spf)": "column spf holds something else",
        "* replace (struct_pack(result := 'x') as arc)": "column arc.reason is missing",
    }
    for columns, part in faults.items():
        table = duckdb.sql(f"from '{good}' select {columns}")
        assert table is not None
        table.write_parquet(str(flat), compression="zstd")
        one_sentence(run("diff", good, flat), USAGE, "flat.parquet", part)
    duckdb.sql(f"copy (from '{good}') to '{flat}' (format parquet, compression brotli)")
    one_sentence(run("diff", good, flat), FATAL, "compression is not known", "zstd")
    duckdb.sql(f"copy (from '{good}') to '{flat}' (format parquet, compression snappy)")
    assert run("diff", good, flat).returncode == FINISHED, "what other writers default to"
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "x", "error": null}\n')
    one_sentence(run("diff", good, other), USAGE, "other.jsonl", "`spf`")
    other.write_text("From a@example.com\n")
    one_sentence(run("diff", good, other), USAGE, "neither as Parquet, Arrow nor JSON")
    (tmp_path / "folder").mkdir()
    one_sentence(run("diff", good, tmp_path / "folder"), USAGE, "holds no verdict file")


def test_a_newer_schema_is_refused_in_one_sentence(verdicts: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.parquet"
    metadata = "kv_metadata {'mailauth_fast.schema_version': '2'}"
    duckdb.sql(f"copy (select 1 as x) to '{newer}' ({ZSTD}, {metadata})")
    one_sentence(run("diff", verdicts / "a.parquet", newer), USAGE, "schema version 2", "newer")


def test_the_version_that_wrote_a_file_is_named(verdicts: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    metadata = "kv_metadata {'mailauth_fast.version': '0.0.9'}"
    duckdb.sql(f"copy (from '{verdicts / 'a.parquet'}') to '{other}' ({ZSTD}, {metadata})")
    text = run("diff", verdicts / "a.parquet", other).stdout.decode()
    assert "version 0.1.0" in text
    assert "version 0.0.9" in text
    assert open_verdicts(verdicts / "a.parquet").metadata["rules"] == "rfc7489"


def test_a_cause_is_everything_that_differs_in_the_order_of_evaluation() -> None:
    a = outcome("pass/aligned", "pass/ok", "fail/body-hash")
    b = outcome("fail/not-aligned", "fail/body-hash")
    assert changes(a, a) == ()
    assert changes(a, b) == (
        Change("dkim", 1, ("pass", "ok"), ("fail", "body-hash")),
        Change("dkim", 2, ("fail", "body-hash"), None),
        Change("dmarc", None, ("pass", "aligned"), ("fail", "not-aligned")),
    )
    failed = records([{"id": "x", **EMPTY, "error": "truncated"}])[0].outcome()
    assert changes(a, failed) == (Change("error", None, None, ("truncated", "")),)


def test_rows_are_joined_in_any_order_and_duplicates_in_theirs() -> None:
    rows = [row(str(n % 90), f"pass/{n}") for n in range(100)]
    later = sorted(rows, key=lambda each: each["id"])
    found = compare(records(rows), records(later))
    assert (found.equal, found.different, found.is_equal) == (100, 0, True)
    swapped = compare(
        records([row("d", "pass/1"), row("d", "pass/2")]), records([row("d", "pass/2")])
    )
    assert (swapped.different, swapped.only["a"].count) == (1, 1)


@pytest.mark.parametrize(("unmatched", "is_refused"), [(9, False), (10, False), (11, True)])
def test_rows_that_wait_are_bounded(unmatched: int, is_refused: bool) -> None:  # noqa: FBT001
    rows = records([row(f"a{n}") for n in range(unmatched)])
    if is_refused:
        with pytest.raises(MailauthError, match="more than 10 rows of A"):
            compare(rows, [], unmatched_limit=10)
    else:
        assert compare(rows, [], unmatched_limit=10).only["a"].count == unmatched


def test_causes_are_bounded_and_no_row_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailauth_fast.comparison.CAUSE_LIMIT", 3)
    a = records([row(str(n)) for n in range(9)])
    b = records([row(str(n), f"fail/r{n % 5}") for n in range(9)])
    found = compare(a, b)
    assert len(found.causes) == 4
    assert sum(group.count for group in found.groups()) == found.different == 9
    assert [group.count for group in found.groups()] == [3, 2, 2, 2]
