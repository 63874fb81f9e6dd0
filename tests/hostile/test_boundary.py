"""Cases 106 to 108: what Python may hand to the engine, and what it gets back."""

from __future__ import annotations

import mmap
import pickle
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from mailauth_fast import Envelope, Policy, StaticResolver, Verifier
from mailauth_fast.errors import MailauthError

from tests.door import NOW, document, rows, verifier, words
from tests.hostile.scene import ATTACKER, LEGITIMATE, ZONE, legitimate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAW = legitimate()


class Octets(bytes):
    """A subclass of bytes."""

    __slots__ = ()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, Octets])
def test_case_107_bytes_like_messages(kind: type[Any]) -> None:
    engine = verifier(ZONE)
    single = document(engine.verify(kind(RAW), now=NOW))
    (row,) = rows(engine.verify_batch([kind(RAW)], now=NOW))
    assert words(single) == words(row)
    assert single["dmarc"]["result"] == "pass"


def test_case_107_a_slice_and_a_mapped_file(tmp_path: Path) -> None:
    engine = verifier(ZONE)
    path = tmp_path / "a.eml"
    path.write_bytes(RAW)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert document(engine.verify(cast("Any", mapped), now=NOW))["dmarc"]["result"] == "pass"
    strided = memoryview(bytes(octet for octet in RAW for _ in range(2)))[::2]
    try:
        assert document(engine.verify(strided, now=NOW))["dmarc"]["result"] == "pass"
    except MailauthError:
        assert not strided.contiguous


def test_case_107_a_buffer_that_changes_during_the_run() -> None:
    engine = verifier(ZONE)
    buffer = bytearray(RAW * 1)
    messages = [buffer] * 2000
    stop = threading.Event()

    def scribble() -> None:
        while not stop.is_set():
            buffer[-10] ^= 1
            buffer[-10] ^= 1

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        found = rows(engine.verify_batch(messages, now=NOW))
    finally:
        stop.set()
        thread.join()
    assert len(found) == len(messages)
    assert {row["dkim"][0]["result"] for row in found} <= {"pass", "fail"}
    assert {row["size"] for row in found} == {len(RAW)}


@pytest.mark.parametrize("raw", [None, "text", 7, ["list"], object(), 1.5])
def test_case_108_what_is_no_message_is_the_callers_fault(raw: object) -> None:
    engine = verifier(ZONE)
    for call in (engine.verify, lambda each: engine.verify_batch([each])):
        with pytest.raises((MailauthError, TypeError)):
            call(cast("Any", raw))
    assert document(engine.verify(RAW, now=NOW))["dmarc"]["result"] == "pass"


def test_case_108_a_generator_that_raises_and_one_that_does_not() -> None:
    engine = verifier(ZONE)

    def broken() -> Iterator[bytes]:
        yield RAW
        raise ZeroDivisionError

    with pytest.raises((MailauthError, TypeError, ZeroDivisionError)):
        engine.verify_batch(cast("Any", broken()))
    assert len(rows(engine.verify_batch((RAW, RAW), now=NOW))) == 2


@pytest.mark.parametrize("now", ["yesterday", 10**30, -(10**30), b"received", [], float("nan")])
def test_case_108_what_is_no_time(now: object) -> None:
    with pytest.raises((MailauthError, TypeError, ValueError, OverflowError)):
        verifier(ZONE).verify(RAW, now=cast("Any", now))


@pytest.mark.parametrize(
    "parts",
    [
        {"client_ip": "not an address"},
        {"client_ip": 7},
        {"client_ip": "192.0.2.1", "mail_from": 7},
        {"client_ip": "192.0.2.1", "received_at": "x"},
    ],
)
def test_case_108_what_is_no_envelope(parts: dict[str, Any]) -> None:
    with pytest.raises((MailauthError, TypeError, ValueError)):
        verifier(ZONE).verify(RAW, envelope=Envelope(**parts), now=NOW)


@pytest.mark.parametrize(
    "text", ["\ud800@a.example", "a@\udcff.example", "\0", "x" * 100_000, "@", "@@", " "]
)
def test_case_108_odd_text_in_an_envelope_is_a_value(text: str) -> None:
    envelope = Envelope(client_ip="198.51.100.66", helo=text, mail_from=text)
    try:
        row = document(verifier(ZONE).verify(RAW, envelope=envelope, now=NOW))
    except MailauthError:
        # Surrogates are no text that an SMTP server could have seen: refusing them is allowed.
        assert any(0xD800 <= ord(character) < 0xE000 for character in text)
        return
    assert row["spf"]["result"] in {"none", "permerror"}
    assert row["dmarc"]["result"] == "pass"


@pytest.mark.parametrize(
    "values",
    [
        {"rules": "rfc1"},
        {"min_rsa_bits": -1},
        {"max_rsa_bits": 8193},
        {"min_rsa_bits": 4096, "max_rsa_bits": 1024},
        {"max_signatures": -1},
        {"body_length": "some"},
        {"time_skew": -1},
        {"unknown": 1},
    ],
)
def test_case_108_what_is_no_policy(values: dict[str, Any]) -> None:
    with pytest.raises((MailauthError, TypeError)):
        Policy(**values)


@pytest.mark.parametrize(
    "zone",
    [
        {"a.example": "MAYBE"},
        {"a.example": {"SPF": ["x"]}},
        {"a.example": {"MX": ["x"]}},
        {"a.example": {"A": ["x"]}},
        {"a.example": 7},
    ],
)
def test_case_108_what_is_no_zone(zone: dict[str, Any]) -> None:
    with pytest.raises((MailauthError, TypeError, ValueError)):
        Verifier(resolver=StaticResolver(zone)).verify(RAW)


def test_case_108_envelopes_must_match_the_messages() -> None:
    with pytest.raises((MailauthError, ValueError)):
        verifier(ZONE).verify_batch([RAW, RAW], [None])


@pytest.mark.parametrize("name", ["", "a b", "\ud800", "x" * 300, "a..b", "[192.0.2.1]"])
def test_case_106_names_that_are_none_have_no_organization(name: str) -> None:
    engine = verifier(ZONE)
    try:
        assert engine.organizational_domain(name) is None
    except (MailauthError, UnicodeError):
        assert not name.isascii()


def test_case_106_a_resolver_that_raises_is_unavailable() -> None:
    class Broken:
        async def resolve(self, questions: list[Any]) -> list[Any]:
            raise ZeroDivisionError(questions)

    engine = Verifier(resolver=cast("Any", Broken()))
    for _ in range(3):
        with pytest.raises(MailauthError):
            engine.verify(RAW, now=NOW)


def test_case_106_a_verifier_is_picklable_and_shared_between_threads() -> None:
    engine: Verifier = pickle.loads(pickle.dumps(verifier(ZONE)))  # noqa: S301
    found: list[str] = []

    def work() -> None:
        found.extend(document(engine.verify(RAW, now=NOW))["dmarc"]["result"] for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["pass"] * 200
    assert engine.organizational_domain(f"a.{ATTACKER}") is not None
    assert engine.organizational_domain(LEGITIMATE) == LEGITIMATE
