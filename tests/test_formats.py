"""Formats out: read back by strangers they hold what the JSON holds, and the same octets twice."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

import arro3.io
import duckdb
import pytest
from arro3.core import Array, DataType, Table
from hypothesis import given
from hypothesis import strategies as st
from mailauth_fast import Envelope, MailauthError, UnreadableInput, _core
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.formats import (
    EXTENSIONS,
    PART_FORM,
    STREAMED,
    Format,
    RowStream,
    assemble,
    pseudonym_key,
)

from tests.door import NOW, Row, rows, verifier
from tests.sample import generate
from tests.test_sample import EXPECTED, ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

METADATA = [("mailauth_fast.schema_version", "1"), ("mailauth_fast.rules", "auto")]
FORMATS: list[Format] = [each for each in get_args(Format) if each != "text"]
SHAPES = pytest.mark.parametrize("is_flat", [False, True], ids=["verdicts", "signatures"])
EACH_FORMAT = pytest.mark.parametrize("row_format", FORMATS)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@,;\"'\r\n\t "))
KEY = b"a key of pseudonyms, 32 octets.."
HOSTILE = (
    b'From: "=HYPERLINK(\\"http://x.example\\";\'a\')" <a@example.com>\r\n'
    b'Message-ID: <=cmd|"/C calc"!A0,\xe2\x80\xae\x1b[2J@example.com>\r\n\r\nx\r\n'
)
HOSTILE_ENVELOPE = Envelope(
    client_ip="192.0.2.1", helo=" +1 ", mail_from="", rcpt_to=("@a", "b\r\nc"), auth_id='-1"'
)


@pytest.fixture(scope="module")
def found() -> list[_core.Rows]:
    """Return the sample's rows with their envelopes, and hostile ones, in uneven batches."""
    entries, _ = generate.sample()
    messages = [*map(generate.unquoted, entries), HOSTILE]
    envelopes = [*(Envelope(**expected["envelope"]) for expected in EXPECTED), HOSTILE_ENVELOPE]
    engine = verifier(ZONE)._engine  # noqa: SLF001 - rows as the commands have them
    return [
        engine.verify_batch(messages[start:end], envelopes[start:end], "received")
        for start, end in pairwise([0, 1, 8, 64, len(messages)])
    ]


def written(  # noqa: PLR0913 - what a run knows
    folder: Path,
    row_format: Format,
    found: Sequence[_core.Rows],
    *,
    is_flat: bool = False,
    is_one_part: bool = False,
    is_spreadsheet_safe: bool = False,
) -> Path:
    """Write the batches as one part each or as one part, and assemble them."""
    form = PART_FORM[row_format]
    folder.mkdir()
    parts = [folder / f"part-{number}.{form}" for number in range(1 if is_one_part else len(found))]
    for number, part in enumerate(parts):
        writer = _core.Writer(part, form, METADATA, is_flat, is_spreadsheet_safe)
        for batch in found if is_one_part else [found[number]]:
            writer.write(batch)
        writer.close()
    target = folder / f"out.{row_format}"
    assemble(row_format, parts, target, METADATA, is_flat=is_flat)
    left = {path.name for path in folder.iterdir()} - {part.name for part in parts}
    assert left == {target.name}
    return target


def expected_rows(found: Sequence[_core.Rows], *, is_flat: bool) -> list[Row]:
    return [json.loads(line) for batch in found for line in batch.jsonl(is_flat).splitlines()]


def flat(row: Row, *, is_flat: bool) -> dict[str, Any]:
    """Return a row's values under the names of its flat columns."""
    values = {}
    for path, _ in _core.flat_columns(is_flat):
        value: Any = row
        for name in path:
            value = value[name] if value is not None else None
        values["_".join(path)] = value
    return values


def as_cell(value: Any) -> str:
    """Return what a CSV cell says of a value."""
    if value is None or value == []:
        return ""
    if isinstance(value, list) and isinstance(value[0], str):
        return ";".join(value)
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_stored(value: Any, kind: str) -> Any:
    """Return what a column of SQLite holds of a value."""
    return (value or []) if kind == "list" else value


def arrow_rows(octets: bytes, is_stream: bool) -> tuple[list[Row], dict[bytes, bytes]]:  # noqa: FBT001
    read = arro3.io.read_ipc_stream if is_stream else arro3.io.read_ipc
    table = read(io.BytesIO(octets)).read_all()
    return rows(table), dict(table.schema.metadata)


def test_a_row_of_columns_prints_as_the_verdict_does(found: list[_core.Rows]) -> None:
    printed = expected_rows(found, is_flat=False)
    assert [row for batch in found for row in rows(batch)] == printed
    assert len(printed) == len(EXPECTED) + 1


def test_a_signature_a_row_has_the_columns_of_its_signature(found: list[_core.Rows]) -> None:
    wanted = [
        {
            "id": row["id"],
            "message_id": row["message_id"],
            "date": row["date"],
            "received_at": row["received_at"],
            "judged_at": row["judged_at"],
            "author_domain": row["author"]["domain"],
            "author_organizational_domain": row["author"]["organizational_domain"],
            "dmarc_result": row["dmarc"]["result"],
            "dmarc_policy_domain": row["dmarc"]["policy_domain"],
            "position": position,
            **signature,
        }
        for row in expected_rows(found, is_flat=False)
        for position, signature in enumerate(row["dkim"])
    ]
    printed = expected_rows(found, is_flat=True)
    assert printed == wanted
    assert {row["position"] for row in printed} >= {0, 1}


@SHAPES
def test_json_and_jsonl_hold_every_row(
    tmp_path: Path, found: list[_core.Rows], *, is_flat: bool
) -> None:
    wanted = expected_rows(found, is_flat=is_flat)
    lines = written(tmp_path / "1", "jsonl", found, is_flat=is_flat).read_bytes()
    assert [json.loads(line) for line in lines.splitlines()] == wanted
    text = written(tmp_path / "2", "json", found, is_flat=is_flat).read_bytes()
    assert json.loads(text) == wanted
    assert text.count(b"\n") == len(wanted) + 2


@SHAPES
def test_csv_is_read_by_strangers(
    tmp_path: Path, found: list[_core.Rows], *, is_flat: bool
) -> None:
    path = written(tmp_path / "1", "csv", found, is_flat=is_flat)
    text = path.read_bytes().decode()
    wanted = [
        {name: as_cell(value) for name, value in flat(row, is_flat=is_flat).items()}
        for row in expected_rows(found, is_flat=is_flat)
    ]
    assert list(csv.DictReader(io.StringIO(text, newline=""), strict=True)) == wanted
    assert text.endswith("\r\n")
    options = "all_varchar=true, quote='\"', escape='\"', delim=',', header=true"
    relation = duckdb.sql(f"SELECT * FROM read_csv('{path}', {options})")  # noqa: S608
    assert relation is not None
    read = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert [{name: value or "" for name, value in row.items()} for row in read] == wanted


def test_csv_tells_an_empty_text_from_an_absent_one(found: list[_core.Rows]) -> None:
    header = _core.csv_header().strip().split(",")
    assert b'," +1 ","","@a;b\r\nc",' in found[-1].csv()
    assert len(header) == len(set(header))
    assert {"spf_result", "envelope_sources_client_ip", "dkim", "arc_sealers"} <= set(header)


@given(texts=st.tuples(TEXTS, TEXTS), is_safe=st.booleans())
def test_any_text_survives_csv_and_json(texts: tuple[str, str], *, is_safe: bool) -> None:
    envelope = Envelope(auth_id=texts[0], rcpt_to=texts)
    found = verifier({}).verify_batch([b"x"], [envelope])._rows  # noqa: SLF001 - as the commands
    lines = _core.csv_header() + found.csv(is_spreadsheet_safe=is_safe).decode()
    (row,) = csv.DictReader(io.StringIO(lines, newline=""), strict=True)
    cells = (row["envelope_auth_id"], row["envelope_rcpt_to"])
    marks = [
        "'" if is_safe and text[:1] in set("=+-@\t\r\n") else ""
        for text in (texts[0], ";".join(texts))
    ]
    assert cells == (marks[0] + texts[0], marks[1] + ";".join(texts))
    assert json.loads(found.jsonl())["envelope"]["rcpt_to"] == list(texts)


def test_formulas_are_quoted_only_by_the_switch(tmp_path: Path, found: list[_core.Rows]) -> None:
    def cells(folder: str, *, is_spreadsheet_safe: bool) -> Row:
        path = written(
            tmp_path / folder, "csv", found, is_spreadsheet_safe=is_spreadsheet_safe
        ).open(newline="", encoding="utf-8")
        with path as file:
            return list(csv.DictReader(file))[-1]

    names = ("author_display_name", "envelope_rcpt_to", "envelope_auth_id")
    raw = cells("raw", is_spreadsheet_safe=False)
    safe = cells("safe", is_spreadsheet_safe=True)
    assert [raw[name][0] for name in names] == ["=", "@", "-"]
    assert [safe[name] for name in names] == [f"'{raw[name]}" for name in names]
    assert {name: safe[name] for name in raw if name not in names} == {
        name: raw[name] for name in raw if name not in names
    }


@SHAPES
def test_parquet_is_read_by_duckdb(
    tmp_path: Path, found: list[_core.Rows], *, is_flat: bool
) -> None:
    path = written(tmp_path / "1", "parquet", found, is_flat=is_flat)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        relation = database.sql(f"SELECT to_json(r) FROM '{path}' r")  # noqa: S608
        read = [json.loads(row[0]) for row in relation.fetchall()]
        facts = database.sql(
            f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{path}')"  # noqa: S608
        ).fetchall()
        codecs = database.sql(
            f"SELECT DISTINCT compression FROM parquet_metadata('{path}')"  # noqa: S608
        ).fetchall()
    wanted = expected_rows(found, is_flat=is_flat)
    for row, other in zip(read, wanted, strict=True):
        assert {name: row[name] for name in row if not is_time(name)}.keys() == {
            name for name in other if not is_time(name)
        }
        for name in ("id", "message_id", "dmarc", "spf", "result", "limits"):
            assert row.get(name) == other.get(name)
    assert set(METADATA) <= set(facts)
    assert codecs == [("ZSTD",)]
    table = rows(arro3.io.read_parquet(path).read_all())
    assert table == wanted


def is_time(name: str) -> bool:
    return name == "date" or name.endswith("_at")


@SHAPES
def test_arrow_is_read_by_strangers(
    tmp_path: Path, found: list[_core.Rows], *, is_flat: bool
) -> None:
    octets = written(tmp_path / "1", "arrow", found, is_flat=is_flat).read_bytes()
    read, facts = arrow_rows(octets, is_stream=False)
    assert read == expected_rows(found, is_flat=is_flat)
    assert facts == {key.encode(): value.encode() for key, value in METADATA}


@SHAPES
def test_sqlite_is_read_by_sqlite(
    tmp_path: Path, found: list[_core.Rows], *, is_flat: bool
) -> None:
    path = written(tmp_path / "1", "sqlite", found, is_flat=is_flat)
    table = "signatures" if is_flat else "verdicts"
    kinds = {"_".join(names): kind for names, kind in _core.flat_columns(is_flat)}
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        read = [dict(row) for row in database.execute(f"SELECT * FROM {table} ORDER BY rowid")]  # noqa: S608
        facts = [tuple(row) for row in database.execute("SELECT key, value FROM metadata")]
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert database.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    for row in read:
        row.update({name: json.loads(row[name]) for name, kind in kinds.items() if kind == "list"})
    wanted = [
        {name: as_stored(value, kinds[name]) for name, value in flat(row, is_flat=is_flat).items()}
        for row in expected_rows(found, is_flat=is_flat)
    ]
    assert read == wanted
    assert facts == sorted(METADATA)


@EACH_FORMAT
@SHAPES
def test_where_parts_are_cut_does_not_show(
    tmp_path: Path, found: list[_core.Rows], row_format: Format, *, is_flat: bool
) -> None:
    apart = written(tmp_path / "1", row_format, found, is_flat=is_flat)
    whole = written(tmp_path / "2", row_format, found, is_flat=is_flat, is_one_part=True)
    again = written(tmp_path / "3", row_format, found, is_flat=is_flat)
    assert apart.read_bytes() == whole.read_bytes() == again.read_bytes()


def test_batches_that_fill_up_are_cut_at_the_same_rows(tmp_path: Path) -> None:
    """More rows than are held at once; absent objects and empty lists on both sides of a cut."""
    engine = verifier({})._engine  # noqa: SLF001 - rows as the commands have them
    kinds = [b"x", b"From: a@b.example\r\nDKIM-Signature: v=1; d=b.example\r\n\r\nx", HOSTILE]
    count = 4_500
    ids = Array([f"m:{number}" for number in range(count)], DataType.utf8())
    raw = Array([kinds[number % 7 % 3] for number in range(count)], DataType.binary())

    def batches(cuts: list[int]) -> list[_core.Rows]:
        pieces = [
            [each.slice(start, end - start) for each in (ids, raw)] for start, end in pairwise(cuts)
        ]
        tables = [Table.from_pydict({"id": names, "raw": octets}) for names, octets in pieces]
        return [engine.verify_batch(table, None, NOW) for table in tables]

    whole = batches([0, count])
    cut = batches([0, 1, 1_023, 1_024, 1_025, 3_072, 3_073, count])
    for row_format in ("parquet", "arrow"):
        one = written(tmp_path / f"{row_format}1", row_format, whole)
        other = written(tmp_path / f"{row_format}2", row_format, cut)
        assert one.read_bytes() == other.read_bytes()
    read, _ = arrow_rows(other.read_bytes(), is_stream=False)
    assert read == expected_rows(whole, is_flat=False)


@EACH_FORMAT
@SHAPES
def test_a_run_without_rows_gives_a_file_that_can_be_read(
    tmp_path: Path, row_format: Format, *, is_flat: bool
) -> None:
    none: list[_core.Rows] = []
    bare = written(tmp_path / "1", row_format, none, is_flat=is_flat)
    empty = written(tmp_path / "2", row_format, none, is_flat=is_flat, is_one_part=True)
    octets = bare.read_bytes()
    assert octets == empty.read_bytes()
    if row_format == "json":
        assert json.loads(octets) == []
    elif row_format == "jsonl":
        assert octets == b""
    elif row_format == "csv":
        assert octets.decode() == _core.csv_header(is_flat)
    elif row_format == "arrow":
        assert arrow_rows(octets, is_stream=False)[0] == []
    elif row_format == "parquet":
        assert rows(arro3.io.read_parquet(bare).read_all()) == []
    else:
        with closing(sqlite3.connect(bare)) as database:
            table = "signatures" if is_flat else "verdicts"
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608


@SHAPES
@pytest.mark.parametrize("row_format", sorted(STREAMED))
def test_standard_output_gets_what_a_file_gets(
    tmp_path: Path, found: list[_core.Rows], row_format: Format, *, is_flat: bool
) -> None:
    for batches in (found, []):
        out = io.BytesIO()
        stream = RowStream(row_format, out, METADATA, is_flat=is_flat)
        for batch in batches:
            stream.write(batch)
        stream.close()
        target = written(tmp_path / f"{len(batches)}", row_format, batches, is_flat=is_flat)
        if row_format == "arrow":
            read, facts = arrow_rows(out.getvalue(), is_stream=True)
            assert (read, facts) == arrow_rows(target.read_bytes(), is_stream=False)
        else:
            assert out.getvalue() == target.read_bytes()


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path, found: list[_core.Rows]) -> None:
    part = tmp_path / "part.parquet"
    for row_format in FORMATS:
        target = tmp_path / f"out.{row_format}"
        with pytest.raises(UnreadableInput, match=str(part)):
            assemble(row_format, [part], target, METADATA)
        with pytest.raises(UnreadableInput, match=r"absent.*cannot be written"):
            assemble(row_format, [], tmp_path / "absent" / target.name, METADATA)
    writer = _core.Writer(part, "parquet", METADATA, is_flat=True)
    writer.write(found[0])
    writer.close()
    with pytest.raises(UnreadableInput, match="another version"):
        assemble("arrow", [part], tmp_path / "out.arrow", METADATA)
    part.write_bytes(b"PAR1 torn")
    for row_format in FORMATS:
        if row_format not in ("jsonl", "csv", "json"):
            with pytest.raises(UnreadableInput, match=str(part)):
                assemble(row_format, [part], tmp_path / f"out.{row_format}", METADATA)
    assert [path.name for path in tmp_path.iterdir()] == [part.name]
    with pytest.raises(MailauthError, match="parts are"):
        _core.Writer(part, "arrow", METADATA)
    with pytest.raises(MailauthError, match="no format"):
        _core.assemble("xml", [], part, METADATA)


def test_the_formats_tables_agree() -> None:
    assert set(EXTENSIONS.values()) == set(PART_FORM) == set(FORMATS)
    assert set(PART_FORM) >= STREAMED


def test_pseudonyms_are_the_keys(found: list[_core.Rows]) -> None:
    before = expected_rows(found, is_flat=False)
    hidden = [batch.pseudonymized(KEY) for batch in found]
    after = expected_rows(hidden, is_flat=False)
    assert after == expected_rows([batch.pseudonymized(KEY) for batch in found], is_flat=False)
    other = expected_rows([batch.pseudonymized(KEY[::-1]) for batch in found], is_flat=False)
    pairs: dict[str, set[str]] = {}
    for row, shown, another in zip(before, after, other, strict=True):
        assert shown["dkim"] == [
            {**signature, "auid": new["auid"]}
            for signature, new in zip(row["dkim"], shown["dkim"], strict=True)
        ]
        assert (shown["author"] or {}).get("domain") == (row["author"] or {}).get("domain")
        mailbox = row["envelope"]["mail_from"]
        if mailbox:
            local, _, domain = mailbox.rpartition("@")
            pseudonym, _, kept = shown["envelope"]["mail_from"].rpartition("@")
            assert kept == domain
            assert local not in shown["envelope"]["mail_from"]
            assert another["envelope"]["mail_from"] != shown["envelope"]["mail_from"]
            pairs.setdefault(mailbox, set()).add(pseudonym)
    assert len(pairs) > 1
    assert all(len(names) == 1 for names in pairs.values())
    assert len(set.union(*pairs.values())) == len(pairs)


def test_a_key_is_octets_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for length, is_key in ((15, False), (16, True), (17, True), (65_536, True), (65_537, False)):
        path.write_bytes(b"k" * length)
        if is_key:
            assert pseudonym_key(path) == b"k" * length
        else:
            with pytest.raises(CommandError, match="octets") as caught:
                pseudonym_key(path)
            assert caught.value.code == Exit.USAGE
            assert "kkk" not in str(caught.value)
    path.unlink()
    with pytest.raises(CommandError, match="cannot be read"):
        pseudonym_key(path)
    with pytest.raises(MailauthError, match="at least 16 octets"):
        verifier({}).verify_batch([b"x"])._rows.pseudonymized(b"short")  # noqa: SLF001
