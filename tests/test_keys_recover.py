"""`keys recover`: keys out of signatures alone; altered mail, rotation, interrupts, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import RecordedResolver, Verifier, _core
from mailauth_fast.cli.exits import Exit
from mailauth_fast.keys.journal import SUFFIX
from mailauth_fast.keys.pair import Sample, Tried
from mailauth_fast.keys.search import ATTEMPT_LIMIT, Outcome, Search

from tests.door import archive_rows
from tests.keys import rsa_key
from tests.signing import Signer, sign

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
START = 1_600_000_000
SMALL_EXPONENTS = (3, 17)
"""Those that cost milliseconds."""


def mail(number: int, signer: Signer, subject: str = "") -> bytes:
    """Return a signed mail that was received so many days after the start."""
    moment = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(START + number * DAY))
    message = (
        f"From: a@{signer.domain}\r\nTo: b@example.net\r\nSubject: Mail {number} {subject}\r\n"
        f"Date: {moment}\r\nMessage-ID: <{number}@{signer.domain}>\r\n\r\nHello {number}\r\n"
    )
    received = f"Received: from a by b.example; {moment}\r\n".encode()
    return received + sign(message.encode(), signer)


def mbox(path: Path, mails: list[bytes]) -> Path:
    """Write an mbox."""
    entry = b"From a@example.com Mon Jan  1 00:00:00 2024\n%b\n"
    path.write_bytes(b"".join(entry % each.replace(b"\r\n", b"\n") for each in mails))
    return path


def signer(domain: str, bits: int = 512, exponent: int = 3, label: str = "") -> Signer:
    """Return a signer whose key takes milliseconds to recover."""
    return Signer(domain=domain, selector="s", key=rsa_key(domain + label, bits, exponent))


def command(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailauth_fast", "keys", "recover", *map(str, arguments)]
    environment = os.environ | variables
    return subprocess.run(
        line, capture_output=True, check=False, timeout=120, text=True, env=environment
    )


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the rows of a run by domain."""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"].partition("._domainkey.")[2]: row for row in rows}


def samples(flags: list[bool]) -> list[Sample]:
    """Return samples whose signatures are all different."""
    return [
        Sample(number.to_bytes(64, "big"), bytes(64), number, is_intact)
        for number, is_intact in enumerate(flags)
    ]


def needs_gmpy2() -> None:
    pytest.importorskip("gmpy2", reason="the extra `keys` is not installed")


def searched(archive: Path) -> dict[str, Outcome]:
    """Recover in this process, small exponents alone; return what came of each domain."""
    from mailauth_fast.keys.pair import try_pair  # noqa: PLC0415 - needs the extra

    evidence = _core.SignatureArchive([archive])
    for _ in evidence:
        pass
    found = {}
    for name, octets, count in evidence.names():
        held = [Sample(*parts) for parts in evidence.samples(name, octets)]
        search = Search(name, count, held, partial(evidence.agreeing, name, octets))
        while (pair := search.next_pair()) is not None:
            one, other = (held[place] for place in pair)
            search.take(pair, try_pair(one, other, search.witnesses(pair), SMALL_EXPONENTS))
        found[name.partition("._domainkey.")[2]] = search.outcome()
    return found


def test_a_recovered_key_verifies_the_archive_it_comes_from(tmp_path: Path) -> None:
    needs_gmpy2()
    good = signer("good.example", 1024, 17)
    mails = [mail(number, good) for number in range(3)]
    mails += [mail(number, signer("few.example")) for number in range(2)]
    archive, store = mbox(tmp_path / "a.mbox", mails), tmp_path / "keys.zst"
    done = command(archive, "-o", store, "--format", "jsonl", "--quiet")
    assert (done.returncode, done.stderr) == (Exit.FINISHED, "")
    found = outcomes(done)
    assert {domain: row["status"] for domain, row in found.items()} == {
        "good.example": "recovered",
        "few.example": "too-few",
    }
    assert found["good.example"]["keys"][0]["record"] == good.key.record()
    assert not store.with_name(store.name + SUFFIX).exists()
    rows = archive_rows(Verifier(RecordedResolver(store)).verify_archive(archive))
    assert [row["dkim"][0]["result"] for row in rows] == ["pass"] * 3 + ["unverifiable"] * 2
    facts = ("key_source", "key_first_seen", "key_last_seen")
    seen = [rows[0]["dkim"][0][name] for name in facts]
    assert seen == ["recovered:3", START, START + 2 * DAY]


def test_keys_that_the_store_holds_are_not_looked_for_again(tmp_path: Path) -> None:
    needs_gmpy2()
    old, new = signer("rotated.example"), signer("rotated.example", 512, 17, "new")
    early = [mail(number, old) for number in range(4)]
    late = early + [mail(number, new) for number in range(4, 8)]
    store = tmp_path / "keys.zst"
    statuses = []
    for name, mails in (("a.mbox", early), ("a.mbox", early), ("b.mbox", late)):
        done = command(mbox(tmp_path / name, mails), "-o", store, "--format", "jsonl", "--quiet")
        row = outcomes(done)["rotated.example"]
        statuses.append((row["status"], row["pairs"] > 0, len(row["keys"])))
    assert statuses == [("recovered", True, 1), ("known", False, 0), ("recovered", True, 1)]


def test_a_limit_of_time_leaves_names_for_a_resumed_run(tmp_path: Path) -> None:
    needs_gmpy2()
    domains = ("a.example", "b.example", "c.example")
    mails = [mail(number, signer(domain)) for domain in domains for number in range(3)]
    archive, store = mbox(tmp_path / "a.mbox", mails), tmp_path / "keys.zst"
    limited = ("-o", store, "--format", "jsonl", "-j1", "--quiet", "--cpu-minutes", "0.000001")
    done = command(archive, *limited)
    assert done.returncode == Exit.PARTIAL
    assert "names left for want of time: 2" in done.stderr
    assert store.with_name(store.name + SUFFIX).exists()
    done = command(archive, "-o", store, "--format", "jsonl", "--quiet", "--resume")
    assert done.returncode == Exit.FINISHED
    assert {row["status"] for row in outcomes(done).values()} == {"recovered"}
    assert {*outcomes(done)} == {*domains}


def test_rotated_keys_and_altered_headers(tmp_path: Path) -> None:
    needs_gmpy2()
    old, new = signer("rotated.example"), signer("rotated.example", 512, 17, "new")
    mails = [mail(number, old) for number in range(5)]
    mails += [mail(number, new) for number in range(5, 9)]
    # A list wrote into the subjects of these two.
    for altered in (2, 6):
        mails[altered] = mails[altered].replace(b"Subject: Mail", b"Subject: [list] Mail")
    outcome = searched(mbox(tmp_path / "a.mbox", mails))["rotated.example"]
    assert outcome.status == "recovered"
    keys = sorted(outcome.keys, key=lambda key: key.first_seen or 0)
    assert [key.record for key in keys] == [old.key.record(), new.key.record()]
    assert [(key.agreeing, key.signatures) for key in keys] == [(4, 9), (3, 9)]
    days = [(key.first_seen, key.last_seen) for key in keys]
    assert days == [(START, START + 4 * DAY), (START + 5 * DAY, START + 8 * DAY)]


def test_where_nothing_agrees_the_search_ends(tmp_path: Path) -> None:
    needs_gmpy2()
    # Each mail has a key of its own.
    mails = [mail(number, signer("odd.example", label=str(number))) for number in range(5)]
    outcome = searched(mbox(tmp_path / "a.mbox", mails))["odd.example"]
    assert (outcome.status, outcome.keys, outcome.pairs) == ("not-found", (), ATTEMPT_LIMIT)


def test_text_says_what_was_found_and_what_a_key_took(tmp_path: Path) -> None:
    needs_gmpy2()
    mails = [mail(number, signer("good.example")) for number in range(3)]
    mails += [mail(1, signer("few.example"))]
    done = command(mbox(tmp_path / "a.mbox", mails), "-o", tmp_path / "keys.zst")
    lines = done.stdout.splitlines()
    assert "s._domainkey.good.example" in lines[1]
    assert "3 of 3" in lines[1]
    assert lines[-2] == "1 name not tried: fewer than 3 different signatures"
    assert lines[-1].startswith("4 messages, 2 names: 1 key, 1 pair tried, 0.")
    assert lines[-1].endswith(" s a key on one core")


@pytest.fixture
def interrupted(tmp_path: Path) -> tuple[Path, Path, int]:
    """Interrupt a run when one of its names is done and one is being computed."""
    needs_gmpy2()
    mails = [mail(number, signer("quick.example")) for number in range(5)]
    mails += [mail(number, signer("slow.example", 1024, 65_537)) for number in range(3)]
    archive, store = mbox(tmp_path / "a.mbox", mails), tmp_path / "keys.zst"
    journal = store.with_name(store.name + SUFFIX)
    words = ("keys", "recover", str(archive), "-o", str(store), "-j1")
    line = [sys.executable, "-m", "mailauth_fast", *words]
    run = subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") == 2):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    return archive, store, run.wait(10)


def test_an_interrupted_run_goes_on_and_not_with_other_arguments(
    interrupted: tuple[Path, Path, int],
) -> None:
    archive, store, code = interrupted
    assert code == Exit.INTERRUPTED
    refused = command(archive, "-o", store)
    assert refused.returncode == Exit.USAGE
    assert "go on with --resume" in refused.stderr
    other = command(archive, "-o", store, "--resume", "--only", "quick.example")
    assert (other.returncode, "--only" in other.stderr) == (Exit.USAGE, True)
    # The journal alone makes the first name done: nothing of it is computed again.
    journal = store.with_name(store.name + SUFFIX)
    task, line = journal.read_text().splitlines()
    done = json.loads(line) | {"seconds": 99.0}
    slow = {**done, "name": "s._domainkey.slow.example", "octets": 128, "keys": []}
    journal.write_text(f"{task}\n{json.dumps(done)}\n{json.dumps(slow)}\n{line[:9]}")
    resumed = command(archive, "-o", store, "--resume", "--format", "jsonl")
    assert resumed.returncode == Exit.FINISHED
    assert outcomes(resumed)["quick.example"]["seconds"] == 99.0
    assert len(outcomes(resumed)) == 2
    assert not journal.exists()


def test_without_gmpy2_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "gmpy2.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    store = tmp_path / "keys.zst"
    done = command(tmp_path, "-o", store, PYTHONPATH=path)
    assert done.returncode == Exit.USAGE
    assert done.stderr.count("\n") == 1
    assert "pip install 'mailauth-fast[keys]'" in done.stderr
    assert not store.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), Exit.USAGE, "no archive to read"),
        (("a.mbox",), Exit.USAGE, "-o STORE"),
        (("a.mbox", "-o", "k", "--jobs", "0"), Exit.USAGE, "--jobs 0"),
        (("missing.mbox", "-o", "k"), Exit.FATAL, "missing.mbox"),
        (("a.mbox", "-o", "a.mbox"), Exit.FATAL, "a.mbox"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], code: Exit, words: str
) -> None:
    needs_gmpy2()
    mbox(tmp_path / "a.mbox", [mail(1, signer("few.example"))])
    names = [str(tmp_path / text) if "mbox" in text else text for text in arguments]
    names = [str(tmp_path / "k") if text == "k" else text for text in names]
    done = command(*names)
    assert done.returncode == code
    assert words in done.stderr.splitlines()[-1]


def test_intact_neighbours_come_first_and_attempts_end() -> None:
    flags = [False, True, False, True, True, True, False]
    search = Search("s._domainkey.example.com", 7, samples(flags), lambda _: [])
    pairs = []
    while (pair := search.next_pair()) is not None:
        pairs.append(pair)
        search.take(pair, Tried(None, 0, 1.0))
    # The intact ones are 1, 3, 4 and 5; pairs without a common member come first.
    assert pairs == [(3, 4), (1, 3), (4, 5), (1, 4), (3, 5), (1, 5)]
    outcome = search.outcome()
    assert (outcome.status, outcome.pairs, outcome.seconds) == ("not-found", ATTEMPT_LIMIT, 6.0)


@pytest.mark.parametrize(("count", "status"), [(2, "too-few"), (3, "not-found"), (4, "not-found")])
def test_fewest_signatures_at_n_minus_1_n_and_n_plus_1(count: int, status: str) -> None:
    search = Search("s._domainkey.example.com", count, samples([True] * count), lambda _: [])
    assert (search.next_pair() is None) == (status == "too-few")
    assert search.outcome().status == status


@pytest.mark.parametrize("octets", [63, 68, 513, 520])
def test_lengths_that_no_usual_key_has_are_not_tried(octets: int) -> None:
    odd = [Sample(bytes([number]) * octets, b"", None, is_intact=True) for number in range(1, 5)]
    search = Search("s._domainkey.example.com", 4, odd, lambda _: [])
    assert search.next_pair() is None
    assert search.outcome().status == "unusual-size"


def test_a_key_that_no_third_signature_confirms_is_none() -> None:
    search = Search("s._domainkey.example.com", 4, samples([True] * 4), lambda _: [1, 2])
    pair = search.next_pair()
    assert pair is not None
    modulus = rsa_key("lone", 512).modulus.to_bytes(64, "big")
    assert search.take(pair, Tried(modulus, 3, 0.0)) is None
    assert search.outcome().status == "unconfirmed"


def test_a_factor_that_is_not_the_modulus_is_taken_away() -> None:
    needs_gmpy2()
    from mailauth_fast.keys.pair import try_pair  # noqa: PLC0415 - needs the extra

    key = rsa_key("cofactor", 512, 3)
    prime = 1_000_003

    def multiple(number: int) -> Sample:
        """Return a signature whose power differs from its message by a multiple of the prime."""
        signature = key.sign_encoded(number.to_bytes(64, "big"))
        difference = int.from_bytes(signature, "big") ** 3 - number
        # A multiple of the modulus more in the message changes nothing for the key.
        shift = difference * pow(key.modulus, -1, prime) % prime
        shifted = number + key.modulus * shift
        return Sample(signature, shifted.to_bytes(72, "big"), None, is_intact=True)

    plain = 0x1234567 << 300
    witness = Sample(
        key.sign_encoded(plain.to_bytes(64, "big")), plain.to_bytes(64, "big"), None, is_intact=True
    )
    one, other = multiple(2**400 + 1), multiple(2**401 + 3)
    assert try_pair(one, other, (), SMALL_EXPONENTS).modulus is None
    found = try_pair(one, other, (witness,), SMALL_EXPONENTS)
    assert (found.exponent, found.modulus) == (3, key.modulus.to_bytes(64, "big"))
