"""`dns import`, `export`, `diff`, `merge`, `compact`, `names`, `warm`: forms and bad input."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import RecordedResolver, Verifier
from mailauth_fast.cli.exits import Exit
from mailauth_fast.store_rows import Store, StoredRow, seconds, txt, txt_strings

from tests.sample import generate

if TYPE_CHECKING:
    from pathlib import Path

MBOX = generate.FOLDER / "sample.mbox"
ZONE_FILE = generate.FOLDER / "dns.json"
NIGHT = "2026-11-23T00:00:00+00:00"
AT = 1_795_392_000

COF: list[dict[str, Any]] = [
    {
        "rrname": "A.Example.",
        "rrtype": "TXT",
        "rdata": ["v=spf1 -all", '"quoted \\"x\\"" "two"'],
        "time_first": 100,
        "time_last": 200,
        "count": 7,
    },
    {
        "rrname": "b.example",
        "rrtype": 1,
        "rdata": "192.0.2.1",
        "zone_time_first": 5,
        "zone_time_last": 6,
    },
    {
        "rrname": "c.example",
        "rrtype": "MX",
        "rdata": "10 mx.example.",
        "time_first": 1,
        "time_last": 2,
    },
]
ZONE = """$ORIGIN example.
$TTL 300
@ IN SOA ns hostmaster 1 2 3 4 60
@ IN NS ns
ns IN A 192.0.2.53
@ IN TXT "a\\;b" "nul\\000x"
mail IN MX 10 ns
alias IN CNAME mail
loop IN CNAME loop
"""
MAILAUTH = {
    "a.example": {
        "TXT": [["v=spf1 ", "-all"], "plain"],
        "MX": [{"exchange": "mx.example", "priority": 5}],
    },
    "b.example": {"A": ["192.0.2.1"], "MX": "NODATA"},
    "c.example": "NXDOMAIN",
}
KEYS: list[dict[str, Any]] = [
    {
        "domain": "example.com",
        "selector": "s",
        "value": "p=abc",
        "firstSeenAt": "2001-01-01T00:00:00Z",
        "lastSeenAt": None,
        "observations": [
            {
                "source": "live_dns",
                "firstSeenAt": "2024-01-01T00:00:00.000Z",
                "lastSeenAt": "2024-02-01T00:00:00Z",
            },
            {"source": "gcd_recovered", "firstSeenAt": 1, "lastSeenAt": 2},
        ],
    },
    {
        "domain": "example.net",
        "selector": "t",
        "value": "v=DKIM1; p=def",
        "firstSeenAt": "2001-01-01",
    },
]


ADDRESS = {"name": "a.example", "type": "A", "data": ["192.0.2.1"]}


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailauth_fast", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=120, text=True)


def imported(folder: Path, text: str, *options: str, name: str = "in.txt") -> list[StoredRow]:
    source, store = folder / name, folder / "store.zst"
    source.write_text(text)
    done = command("dns", "import", source, "-o", store, *options)
    assert (done.returncode, done.stderr) == (Exit.FINISHED, "")
    return sorted(Store(store), key=lambda row: (row.name, row.record_type, row.source))


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_passive_dns_is_imported_with_its_windows_and_guesses_counted(tmp_path: Path) -> None:
    source, store = tmp_path / "x.cof", tmp_path / "store.zst"
    source.write_text(lines(COF))
    done = command("dns", "import", source, "-o", store, "--source", "pdns:test")
    assert done.returncode == Exit.FINISHED
    assert "1 texts without quotes" in done.stderr
    one, two, three = Store(store)
    assert one.data == ['"quoted \\"x\\"" "two"', '"v=spf1 -all"']
    assert (one.name, one.first_seen, one.last_seen) == ("a.example", 100, 200)
    assert not one.is_single_record
    assert (two.record_type, two.first_seen, two.is_single_record) == ("A", 5, True)
    assert {row.source for row in (one, two, three)} == {"pdns:test"}


def test_passive_dns_times_become_two_sources_and_a_torn_reply_is_partial(tmp_path: Path) -> None:
    both = COF[0] | {"zone_time_first": 1, "zone_time_last": 2, "rdata": '"x"'}
    source, store = tmp_path / "x.cof", tmp_path / "store.zst"
    wrapped: list[Any] = [{"cond": "begin"}, {"obj": both}]
    source.write_text(lines([*wrapped, {"cond": "succeeded"}]))
    assert command("dns", "import", source, "-o", store).returncode == Exit.FINISHED
    assert [row.source for row in Store(store)] == ["pdns:x.cof", "zone:x.cof"]
    source.write_text(lines(wrapped))
    done = command("dns", "import", source, "-o", tmp_path / "other.zst")
    assert done.returncode == Exit.PARTIAL
    assert "not whole" in done.stderr


def test_a_zone_file_is_imported_as_of_its_day_with_aliases_followed(tmp_path: Path) -> None:
    rows = imported(tmp_path, ZONE, "--at", NIGHT)
    found = {(row.name, row.record_type): row for row in rows}
    assert found["example", "TXT"].data == ['"a;b" "nul\\000x"']
    assert found["example", "SOA"].first_seen == AT
    assert found["alias.example", "MX"].data == ["10 ns.example."]
    assert found["alias.example", "MX"].is_alias
    assert {row.source for row in rows} == {"zone:in.txt"}
    assert {row.ttl for row in rows} == {300}


def test_a_cache_of_mailauth_is_imported_without_times(tmp_path: Path) -> None:
    rows = imported(tmp_path, json.dumps(MAILAUTH))
    found = {(row.name, row.record_type): row for row in rows}
    assert found["a.example", "TXT"].data == ['"plain"', '"v=spf1 " "-all"']
    assert found["a.example", "MX"].data == ["5 mx.example."]
    assert (found["b.example", "MX"].rcode, found["b.example", "MX"].data) == ("NOERROR", [])
    assert found["c.example", "TXT"].rcode == "NXDOMAIN"
    assert {row.first_seen for row in rows} == {None}


def test_a_complete_cache_of_mailauth_denies_what_it_lacks(tmp_path: Path) -> None:
    rows = imported(tmp_path, json.dumps(MAILAUTH), "--complete")
    assert {row.source for row in rows} == {"zone:in.txt"}
    verifier = Verifier(RecordedResolver(tmp_path / "store.zst"))
    found = {
        domain: verifier.check_host("192.0.2.1", "x", f"a@{domain}").reason
        for domain in ("a.example", "b.example", "z.example", "example.net")
    }
    assert found == {
        "a.example": "matched",
        "b.example": "no-record",
        "z.example": "no-domain",
        "example.net": "no-domain",
    }
    for form in ("jsonl", "cof", "csv", "json", "mailauth", "zone"):
        assert command("dns", "export", tmp_path / "store.zst", "--format", form).returncode == 0
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(KEYS))
    done = command("dns", "import", keys, "-o", tmp_path / "other.zst", "--complete")
    assert "--complete is for mailauth's caches" in done.stderr


def test_published_key_archives_keep_their_channels_apart(tmp_path: Path) -> None:
    rows = imported(tmp_path, json.dumps(KEYS))
    assert [(row.name, row.source, row.first_seen) for row in rows] == [
        ("s._domainkey.example.com", "archive:gcd_recovered", 1),
        ("s._domainkey.example.com", "archive:live_dns", seconds("2024-01-01T00:00:00Z")),
        ("t._domainkey.example.net", "import:in.txt", None),
    ]
    record = {**KEYS[1], "source": "live_dns", "first_seen_at": 7, "last_seen_at": 8}
    payload = base64.urlsafe_b64encode(json.dumps({"record": record}).encode()).decode().rstrip("=")
    folder = tmp_path / "jws"
    folder.mkdir()
    (row,) = imported(folder, f"e30.{payload}.sig\n", "--format", "keys")
    assert (row.source, row.first_seen, row.last_seen) == ("archive:live_dns", 7, 8)


def test_tables_go_by_column_names(tmp_path: Path) -> None:
    keys = 'selector,value,domain,first_seen\ns,"v=DKIM1; p=a",Example.com,2024-01-01T00:00:00Z\n'
    (row,) = imported(tmp_path, keys)
    assert (row.name, row.data) == ("s._domainkey.example.com", ['"v=DKIM1; p=a"'])
    assert (row.first_seen, row.last_seen) == (seconds("2024-01-01T00:00:00Z"), None)
    scans = "name,type,value,timestamp\na.example,TXT,v=spf1 -all,50\na.example,A,192.0.2.1,50\n"
    folder = tmp_path / "scan"
    folder.mkdir()
    source, store = folder / "scan.csv.gz", folder / "store.zst"
    source.write_bytes(gzip.compress(scans.encode()))
    assert command("dns", "import", source, "-o", store).returncode == Exit.FINISHED
    assert [(row.data, row.first_seen, row.last_seen) for row in Store(store)] == [
        (['"v=spf1 -all"'], 50, 50),
        (["192.0.2.1"], 50, 50),
    ]


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("domain,selector,value\n,s,p=a\na.example,t,p=b\n", "csv", "row 2: no domain"),
        (lines([COF[2], {"rrname": "x.example"}, 5]), "cof", "line 2: no rrtype"),
        ("{nonsense\n" + lines([COF[2]]), "cof", "line 1"),
        (lines([ADDRESS | {"data": ["nope"]}, ADDRESS]), "jsonl", "a.example A: not an IPv4"),
        (json.dumps(MAILAUTH | {"z.example": {"A": [5]}}), "mailauth", "z.example A"),
        (json.dumps([*KEYS, {"domain": "x.example"}]), "keys", "row 3"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_rest_imported(
    tmp_path: Path, text: str, form: str, words: str
) -> None:
    source, store = tmp_path / "bad.txt", tmp_path / "store.zst"
    source.write_text(text)
    done = command("dns", "import", source, "-o", store, "--format", form)
    assert done.returncode == Exit.PARTIAL
    assert done.stderr.startswith(f"mailauth-fast: {source}: ")
    assert words in done.stderr
    assert "left out" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(Store(store))


@pytest.mark.parametrize(
    ("octets", "options", "code", "words"),
    [
        (None, (), Exit.FATAL, "cannot be read (no such file"),
        (b"\xff\xfe", (), Exit.FATAL, "no text"),
        (b"hello\n", (), Exit.FATAL, "nothing that can be imported"),
        (b"a,b\n1,2\n", ("--format", "csv"), Exit.FATAL, "lacks the columns"),
        (b"( ) zone\n", ("--format", "zone", "--origin", "example."), Exit.FATAL, "no zone file"),
        (b"{", ("--format", "mailauth"), Exit.FATAL, "no mailauth file"),
        (b"\x1f\x8bxx", (), Exit.FATAL, "cannot be read"),
    ],
)
def test_a_file_that_is_nothing_is_one_sentence_and_the_store_stays(
    tmp_path: Path, octets: bytes | None, options: tuple[str, ...], code: Exit, words: str
) -> None:
    store = tmp_path / "store.zst"
    (tmp_path / "good").mkdir()
    imported(tmp_path, lines([COF[2]]))
    before = [row.name for row in Store(store)]
    source = tmp_path / "bad"
    if octets is not None:
        source.write_bytes(octets)
    done = command("dns", "import", source, "-o", store, *options)
    assert done.returncode == code
    assert done.stderr.startswith(f"mailauth-fast: {source}: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert [row.name for row in Store(store)] == before


@pytest.mark.parametrize("arguments", [("merge",), ("compact",), ("export",), ("import",)])
def test_a_broken_store_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    broken = tmp_path / "broken.zst"
    broken.write_bytes(b"no store")
    if arguments == ("import",):
        source = tmp_path / "in.cof"
        source.write_text(lines(COF))
        done = command("dns", "import", source, "-o", broken)
    elif arguments == ("merge",):
        done = command("dns", "merge", broken, "-o", tmp_path / "out.zst")
    else:
        done = command("dns", *arguments, broken)
    assert done.returncode == Exit.FATAL
    assert done.stderr.startswith(f"mailauth-fast: {broken}: no DNS store")
    assert broken.read_bytes() == b"no store"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_merging_and_compacting_join_what_says_the_same(tmp_path: Path) -> None:
    stores = []
    for number, (first, last) in enumerate([(0, 100), (7_000, 7_500), (90_000, 90_000)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        row = {"name": "a.example", "type": "A", "data": ["192.0.2.1"], "source": "live:x"}
        imported(folder, lines([row | {"first_seen": first, "last_seen": last}]))
        stores.append(folder / "store.zst")
    out, again = tmp_path / "out.zst", tmp_path / "again.zst"
    done = command("dns", "merge", *stores, "-o", out)
    assert (done.returncode, done.stdout) == (Exit.FINISHED, "3 rows read, 2 written\n")
    windows = [(row.first_seen, row.last_seen) for row in Store(out)]
    assert windows == [(0, 7_500), (90_000, 90_000)]
    assert command("dns", "merge", *reversed(stores), out, "-o", again).returncode == 0
    assert again.read_bytes() == out.read_bytes()
    assert command("dns", "merge", out, "-o", again).returncode == Exit.USAGE
    assert command("dns", "compact", out).stdout == "2 rows read, 2 written\n"
    assert again.read_bytes() == out.read_bytes()


def test_compacting_in_place_loses_nothing_that_cannot_be_read(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    text = '{"schema": 1}\n{"name": "a.example", "type": "A", "rcode": "FUTURE"}\n'
    store.write_text(text)
    done = command("dns", "compact", store)
    assert done.returncode == Exit.FATAL
    assert "would be lost" in done.stderr
    assert store.read_text() == text
    done = command("dns", "compact", store, "-o", tmp_path / "out.zst")
    assert done.returncode == Exit.PARTIAL
    assert "unreadable" in done.stderr


def test_an_export_is_imported_again(tmp_path: Path) -> None:
    text = lines([COF[0], COF[2]])
    source, store = tmp_path / "x.cof", tmp_path / "store.zst"
    source.write_text(text)
    command("dns", "import", source, "-o", store)
    for form in ("jsonl", "cof", "csv", "json", "mailauth"):
        out, back = tmp_path / f"out.{form}", tmp_path / f"{form}.zst"
        assert command("dns", "export", store, "--format", form, "-o", out).returncode == 0
        assert command("dns", "import", out, "-o", back).returncode == Exit.FINISHED
        said = {text for row in Store(back) for text in row.data}
        assert said == {text for row in Store(store) for text in row.data}, form
    jsonl = list(Store(tmp_path / "jsonl.zst"))
    assert jsonl == list(Store(store))
    zone = command("dns", "export", store, "c.example", "--format", "zone").stdout
    assert zone == "c.example. 0 IN MX 10 mx.example.\n"
    assert (
        command("dns", "export", store, "--format", "zone", "--at", "150").stdout.count("\n") == 2
    )
    assert command("dns", "export", store, "-o", out).returncode == Exit.USAGE
    done = command("verify", MBOX, "--dns", f"zone:{tmp_path / 'out.json'}", "-q")
    assert done.returncode == Exit.FINISHED


def test_stores_are_compared_by_what_they_say(tmp_path: Path) -> None:
    stores = []
    for number, address in enumerate(("192.0.2.1", "192.0.2.2")):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = [
            {"name": "a.example", "type": "A", "data": [address], "last_seen": number},
            {"name": "b.example", "type": "A", "data": ["192.0.2.9"], "first_seen": number},
            {"name": f"only{number}.example", "type": "A", "rcode": "NXDOMAIN"},
        ]
        imported(folder, lines(rows))
        stores.append(folder / "store.zst")
    done = command("dns", "diff", *stores)
    assert done.returncode == Exit.MATCHED
    assert "1 equal, 1 only in A, 1 only in B, 1 different" in done.stdout
    assert "  - 192.0.2.1\n  + 192.0.2.2\n" in done.stdout
    told = command("dns", "diff", *stores, "--format", "jsonl").stdout.splitlines()
    kinds = [json.loads(line)["kind"] for line in told]
    assert kinds == ["different", "only_a", "only_b"]
    assert command("dns", "diff", stores[0], stores[0]).returncode == Exit.FINISHED


def test_names_are_listed_and_warmed_and_a_second_time_nothing_is_asked(tmp_path: Path) -> None:
    names, store = tmp_path / "names.txt", tmp_path / "store.zst"
    done = command("dns", "names", MBOX, "-o", names)
    assert done.returncode == Exit.FINISHED
    listed = names.read_text().splitlines()
    assert len(set(listed)) == len(listed) > 20
    assert f"{len(listed):,} questions" in done.stderr
    assert any("._domainkey." in line for line in listed)
    done = command("dns", "warm", names, "--store", store, "--dns", f"zone:{ZONE_FILE}")
    assert done.returncode == Exit.FINISHED
    warmed = {(row.name, row.record_type) for row in Store(store)}
    assert {tuple(line.split()) for line in listed} <= warmed
    before = store.read_bytes()
    done = command("dns", "warm", names, "--store", store, "--dns", f"zone:{ZONE_FILE}")
    assert done.stdout == "4 questions asked (2 servfail, 2 timeout)\n"
    assert store.read_bytes().startswith(before)


def test_warming_follows_spf_records_and_says_when_dns_fails(tmp_path: Path) -> None:
    zone = {
        "a.example": {"TXT": ["v=spf1 include:b.example a:c.example/24 mx exists:%{i}.x ~all"]},
        "b.example": {"TXT": ["v=spf1 redirect=d.example"]},
        "a.example.": "NODATA",
    }
    zone.pop("a.example.")
    zone_file, names, store = tmp_path / "z.json", tmp_path / "n", tmp_path / "s.zst"
    zone["a.example"]["MX"] = [[10, "mx.example"]]  # type: ignore[index]
    zone_file.write_text(json.dumps(zone))
    names.write_text("# comment\nA.example. txt\n")
    done = command("dns", "warm", names, "--store", store, "--dns", f"zone:{zone_file}")
    assert done.returncode == Exit.FINISHED
    asked = {f"{row.name} {row.record_type}" for row in Store(store)}
    assert asked == {
        "a.example TXT", "b.example TXT", "c.example A", "c.example AAAA", "a.example MX",
        "mx.example A", "mx.example AAAA", "d.example TXT",
    }  # fmt: skip
    zone_file.write_text(json.dumps({"e.example": "SERVFAIL"}))
    names.write_text("e.example\n")
    done = command("dns", "warm", names, "--store", store, "--dns", f"zone:{zone_file}")
    assert done.returncode == Exit.TEMPERRORS
    names.write_text("e.example ANY\n")
    done = command("dns", "warm", names, "--store", store, "--dns", f"zone:{zone_file}")
    assert done.returncode == Exit.USAGE
    assert "line 1: ANY" in done.stderr


def test_record_data_survives_its_presentation() -> None:
    strings = [b'a"b\\c', b"", bytes(range(256))[:255], b"\xff\x00"]
    assert txt_strings(txt(strings)) == strings
