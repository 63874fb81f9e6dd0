"""DNS stores: a replay finds what was recorded; torn, damaged and foreign files; `dns show`."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import (
    Envelope,
    RecordedResolver,
    RecordingResolver,
    StaticResolver,
    StoreError,
    Verifier,
)
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import chosen_resolver, recording
from mailauth_fast.dns import Answer, Outcome, Question

from tests.door import Row, rows
from tests.sample import generate

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast.resolvers import Resolver

MBOX = generate.FOLDER / "sample.mbox"
ZONE_FILE = generate.FOLDER / "dns.json"
ZONE: dict[str, Any] = json.loads(ZONE_FILE.read_bytes())
ENVELOPES = [
    Envelope(**expected["envelope"])
    for expected in json.loads((generate.FOLDER / "expected.json").read_bytes())
]
NOW = 1_777_874_400
KEY_FACTS = ("key_source", "key_first_seen", "key_last_seen")
FRAME = b"\x28\xb5\x2f\xfd"


def judged(resolver: Resolver) -> list[Row]:
    """Return the rows of the sample with its envelopes."""
    messages = [generate.unquoted(entry) for entry in generate.sample()[0]]
    return rows(Verifier(resolver).verify_batch(messages, ENVELOPES, now="received"))


def without_key_facts(found: list[Row]) -> list[Row]:
    """Return rows without what only a store knows of a key."""
    for row in found:
        row["dkim"] = [
            {name: value for name, value in signature.items() if name not in KEY_FACTS}
            for signature in row["dkim"]
        ]
    return found


def command(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "mailauth_fast", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=120)


def shown(store: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the rows that `dns show` prints for programs."""
    done = command("dns", "show", store, *arguments, "--format", "jsonl")
    assert (done.returncode, done.stderr) == (Exit.FINISHED, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Row]]:
    """Return a store of the sample's answers and the rows of the run that recorded it."""
    store = tmp_path_factory.mktemp("store") / "sample.dns.jsonl.zst"
    with RecordingResolver(StaticResolver(ZONE, "zone:dns.json"), store) as resolver:
        found = judged(resolver)
    return store, found


def small(store: Path, *names: str) -> Path:
    """Record one frame for each name."""
    zone = StaticResolver({name: {"TXT": [f"v=spf1 ip4:192.0.2.1 {name}"]} for name in names})
    with RecordingResolver(zone, store) as resolver:
        verifier = Verifier(resolver)
        for name in names:
            verifier.check_host("192.0.2.1", "mx.example", f"a@{name}")
            resolver.flush()
    return store


def test_a_replay_gives_the_same_rows_but_for_facts_of_keys(
    recorded: tuple[Path, list[Row]],
) -> None:
    store, found = recorded
    replayed = judged(RecordedResolver(store))
    sources = {sig["key_source"] for row in replayed for sig in row["dkim"] if sig["key_bits"]}
    assert sources == {"zone:dns.json"}
    assert without_key_facts(replayed) == without_key_facts(found)
    assert without_key_facts(judged(StaticResolver(ZONE))) == without_key_facts(found)


def test_two_recordings_hold_the_same_rows(
    tmp_path: Path, recorded: tuple[Path, list[Row]]
) -> None:
    again = tmp_path / "again.dns.jsonl.zst"
    with RecordingResolver(StaticResolver(ZONE, "zone:dns.json"), again) as resolver:
        judged(resolver)
    facts = []
    for store in (recorded[0], again):
        found = shown(store)
        assert all(row["first_seen"] == row["last_seen"] for row in found)
        untimed = [{**row, "first_seen": 0, "last_seen": 0} for row in found]
        facts.append(sorted(untimed, key=lambda row: (row["name"], row["type"])))
    assert facts[0] == facts[1]
    assert len({(row["name"], row["type"]) for row in facts[0]}) == len(facts[0]) > 100


def test_the_command_line_replays_a_store(recorded: tuple[Path, list[Row]]) -> None:
    outputs = [
        command("verify", MBOX, "--dns", dns, "--format", "jsonl", "-q")
        for dns in (f"zone:{ZONE_FILE}", f"store:{recorded[0]}")
    ]
    assert [done.returncode for done in outputs] == [Exit.FINISHED, Exit.FINISHED]
    live, replayed = ([json.loads(line) for line in done.stdout.splitlines()] for done in outputs)
    assert without_key_facts(replayed) == without_key_facts(live)


def test_what_a_store_does_not_know_is_no_verdict_about_the_mail(tmp_path: Path) -> None:
    verifier = Verifier(RecordedResolver(small(tmp_path / "a.zst", "a.example")))
    known = verifier.check_host("192.0.2.1", "mx.example", "a@a.example")
    unknown = verifier.check_host("192.0.2.1", "mx.example", "a@b.example")
    assert (known.result, unknown.result, unknown.reason) == (
        "permerror",
        "temperror",
        "dns-unknown",
    )
    message = generate.unquoted(generate.sample()[0][0])
    signatures = verifier.verify(message, now=NOW).dkim
    assert {(sig.result, sig.reason) for sig in signatures} == {("unverifiable", "key-unavailable")}


class Faulty:
    """Answers every question with one outcome."""

    def __init__(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.outcome = outcome

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        return [Answer(question, self.outcome, source="python") for question in questions]


@pytest.mark.parametrize("outcome", ["servfail", "refused", "timeout", "truncated", "lame"])
def test_a_fault_through_a_python_resolver_is_replayed(tmp_path: Path, outcome: Outcome) -> None:
    store = tmp_path / "faults.zst"
    with RecordingResolver(Faulty(outcome), store) as resolver:
        first = Verifier(resolver).check_host("192.0.2.1", "mx.example", "a@a.example")
    again = Verifier(RecordedResolver(store)).check_host("192.0.2.1", "mx.example", "a@a.example")
    assert first.result == "temperror"
    assert again == first
    assert {row["rcode"] for row in shown(store)} == {outcome.upper()}


def test_appending_adds_a_frame_and_cuts_a_torn_one(tmp_path: Path) -> None:
    store = small(tmp_path / "a.zst", "a.example", "b.example")
    before = store.read_bytes()
    small(store, "c.example")
    after = store.read_bytes()
    assert after.startswith(before)
    assert after.count(FRAME) == before.count(FRAME) + 1
    store.write_bytes(after[:-1])
    assert "torn" in RecordedResolver(store).problems[0]
    with RecordingResolver(StaticResolver({}), store) as resolver:
        assert "cut off" in resolver.problems[0]
        assert "a.zst" in resolver.problems[0]
    assert store.read_bytes() == before
    assert [row["name"] for row in shown(store)] == ["a.example", "b.example"]


def test_a_torn_store_is_shown_as_far_as_it_is_whole(tmp_path: Path) -> None:
    store = small(tmp_path / "a.zst", "a.example", "b.example")
    store.write_bytes(store.read_bytes()[:-3])
    done = command("dns", "show", store)
    assert done.returncode == Exit.PARTIAL
    assert b"1 of 1 rows" in done.stdout
    assert b"a.zst" in done.stderr
    assert b"torn" in done.stderr
    message = tmp_path / "one.eml"
    message.write_bytes(b"From: a@a.example\r\n\r\nx")
    replay = command("verify", message, "--dns", f"store:{store}")
    assert b"torn" in replay.stderr


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (None, "cannot be read (no such file"),
        (b"", "no DNS store"),
        (b"From: a@example.com\n", "no DNS store"),
        (b'{"schema": 2}\n', "update mailauth-fast"),
        (FRAME, "torn"),
    ],
)
def test_a_file_that_is_no_store_is_one_sentence(
    tmp_path: Path, octets: bytes | None, words: str
) -> None:
    store = tmp_path / "bad.dns.jsonl.zst"
    if octets is not None:
        store.write_bytes(octets)
    with pytest.raises(StoreError) as raised:
        RecordedResolver(store)
    sentence = str(raised.value)
    assert sentence.startswith(f"{store}: ")
    assert words in sentence
    message = tmp_path / "one.eml"
    message.write_bytes(b"From: a@a.example\r\n\r\nx")
    for arguments in (("dns", "show", store), ("verify", message, "--dns", f"store:{store}")):
        done = command(*arguments)
        assert done.returncode == Exit.FATAL
        assert done.stderr.decode() == f"mailauth-fast: {sentence}\n"


def test_show_chooses_by_name_and_type_and_escapes(tmp_path: Path) -> None:
    store = tmp_path / "plain.dns.jsonl"
    lines = [
        {"schema": 1},
        {"name": "a.example", "type": "TXT", "data": ['"x\u202e\\027"'], "rcode": "NOERROR"},
        {"name": "a.example", "type": "A", "data": [], "rcode": "NOERROR", "source": "\x1b[2J"},
        {
            "name": "b.example",
            "type": "A",
            "rcode": "NXDOMAIN",
            "first_seen": 0,
            "last_seen": 86400,
        },
    ]
    store.write_text("".join(json.dumps(line) + "\n" for line in lines))
    whole = command("dns", "show", store).stdout.decode()
    assert "\x1b" not in whole
    assert "\u202e" not in whole
    for words in ("1970-01-01  1970-01-02", "no data", "NXDOMAIN", "3 of 3 rows", "\\x1b[2J"):
        assert words in whole
    assert len(shown(store, "A.Example.")) == 2
    assert len(shown(store, "--type", "a")) == 2
    assert shown(store, "a.example", "--type", "A")[0]["source"] == "\x1b[2J"
    assert b"0 of 3 rows" in command("dns", "show", store, "c.example").stdout
    for wrong in ((store, "a..b"), ("-",), (), (store, "--format", "xml")):
        assert command("dns", "show", *wrong).returncode == Exit.USAGE


def test_a_full_disk_ends_the_run_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    store = small(tmp_path / "a.zst", "a.example")
    before = store.read_bytes()
    script = f"""
import resource
from mailauth_fast import RecordingResolver, StaticResolver, StoreError, Verifier
with RecordingResolver(StaticResolver({{}}), {str(store)!r}) as resolver:
    verifier = Verifier(resolver)
    verifier.check_host("192.0.2.1", "mx.example", "a@b.example")
    resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 5}, -1))
    try:
        resolver.flush()
    except StoreError as problem:
        assert "make room" in str(problem), problem
    try:
        verifier.check_host("192.0.2.1", "mx.example", "a@c.example")
    except StoreError as problem:
        print(problem)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith(f"{store}: the DNS store cannot be written")
    assert store.read_bytes() == before


def test_a_closed_recording_takes_no_more_questions(tmp_path: Path) -> None:
    resolver = RecordingResolver(StaticResolver({}), tmp_path / "a.zst")
    with pytest.raises(StoreError, match="something else is recording"):
        RecordingResolver(StaticResolver({}), tmp_path / "a.zst")
    resolver.close()
    resolver.close()
    with pytest.raises(StoreError, match="closed"):
        Verifier(resolver).check_host("192.0.2.1", "mx.example", "a@a.example")


def test_resolvers_survive_pickling_as_configuration(tmp_path: Path) -> None:
    store = small(tmp_path / "a.zst", "a.example")
    again = pickle.loads(pickle.dumps(RecordedResolver(store)))  # noqa: S301 - our own octets
    assert again.path == str(store)
    recorder = RecordingResolver(StaticResolver({}), store)
    octets = pickle.dumps(recorder)
    recorder.close()
    with pickle.loads(octets) as copy:  # noqa: S301 - our own octets
        Verifier(copy).check_host("192.0.2.1", "mx.example", "a@b.example")
    assert {row["name"] for row in shown(store)} == {"a.example", "b.example"}


def test_options_choose_and_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = small(tmp_path / "a.zst", "a.example", "b.example")
    store.write_bytes(store.read_bytes()[:-1])
    chosen = chosen_resolver(f"store:{store}")
    assert chosen.description.startswith("store sha256:")
    assert len(chosen.problems) == 1
    with pytest.raises(CommandError, match="choose another file"):
        recording(chosen, store)
    with recording(chosen, tmp_path / "b.zst") as recorder:
        Verifier(recorder).check_host("192.0.2.1", "mx.example", "a@a.example")
    copied = shown(tmp_path / "b.zst")
    assert copied == shown(tmp_path / "b.zst", "a.example")
    assert len(copied) == 1
    assert capsys.readouterr().err.count("torn") == 1
