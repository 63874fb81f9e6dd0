"""`DnspythonResolver` over TLS, HTTPS and QUIC and with TSIG: the doors the engine has not."""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.nameserver
import dns.tsigkeyring
import pytest
from mailauth_fast import ResolverUnavailable, Verifier
from mailauth_fast.dns import Answer, DnspythonResolver, Question

from tests.dns_doors import Door, Kind, serving

if TYPE_CHECKING:
    from pathlib import Path

# Of httpx2, about the way dnspython hands it the file of a certificate.
pytestmark = pytest.mark.filterwarnings("ignore:.*verify.*:DeprecationWarning")

NEEDS: dict[Kind, str] = {"doh": "httpx2", "doq": "aioquic"}
NAMES = [f"n{number}.example" for number in range(5)]


def requires(kind: Kind) -> None:
    module = NEEDS.get(kind)
    if module is not None and find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def nameserver(
    kind: Kind, door: Door, *, trusts: bool = True, gets: bool = False
) -> dns.nameserver.Nameserver:
    verify = str(door.certificate) if trusts else True
    if kind == "doh":
        url = f"https://127.0.0.1:{door.port}/dns-query"
        return dns.nameserver.DoHNameserver(url, verify=verify, want_get=gets)
    if kind == "doq":
        return dns.nameserver.DoQNameserver("127.0.0.1", door.port, verify=verify)
    return dns.nameserver.DoTNameserver("127.0.0.1", door.port, verify=verify)


def ask(kind: Kind, folder: Path, *, trusts: bool = True, gets: bool = False) -> list[Answer]:
    async def run() -> list[Answer]:
        async with serving(kind, folder) as door:
            given = dns.asyncresolver.Resolver(configure=False)
            given.nameservers = [nameserver(kind, door, trusts=trusts, gets=gets)]
            given.lifetime = 5 if trusts else 1
            answers = await DnspythonResolver(given).resolve([Question(n, "TXT") for n in NAMES])
            assert sorted(door.asked) == (NAMES if trusts else [])
            return answers

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["dot", "doh", "doq"])
def test_answers_come_through_each_door(tmp_path: Path, kind: Kind) -> None:
    requires(kind)
    answers = ask(kind, tmp_path)
    found = {answer.question.name: answer.data for answer in answers}
    assert found == {name: ((f"text of {name}".encode(),),) for name in NAMES}
    assert all(answer.source.startswith("live:") for answer in answers)


def test_doh_by_get(tmp_path: Path) -> None:
    requires("doh")
    assert {answer.outcome for answer in ask("doh", tmp_path, gets=True)} == {"found"}


@pytest.mark.parametrize("kind", ["dot", "doh", "doq"])
def test_a_server_that_is_not_trusted_is_asked_nothing(tmp_path: Path, kind: Kind) -> None:
    requires(kind)
    outcomes = {answer.outcome for answer in ask(kind, tmp_path, trusts=False)}
    assert outcomes <= {"timeout", "servfail"}


@pytest.mark.parametrize(
    ("secret", "outcomes"),
    [("c2VjcmV0LW9mLXRoZS10ZXN0cw==", {"found"}), ("b3RoZXI=", {"servfail", "timeout"})],
)
def test_tsig_signs_questions_and_proves_answers(
    tmp_path: Path, secret: str, outcomes: set[str]
) -> None:
    async def run() -> Answer:
        async with serving("tsig", tmp_path) as door:
            given = dns.asyncresolver.Resolver(configure=False)
            given.nameservers, given.port, given.lifetime = ["127.0.0.1"], door.port, 1
            given.timeout = 0.3
            keys = dns.tsigkeyring.from_text({"key.example.": secret})
            given.use_tsig(keys, keyname="key.example.")
            (answer,) = await DnspythonResolver(given).resolve([Question("a.example", "TXT")])
            assert door.asked
            return answer

    assert asyncio.run(run()).outcome in outcomes


@pytest.mark.parametrize(("kind", "extra"), [("doh", "doh"), ("doq", "doq")])
def test_a_door_that_is_not_installed_is_no_time_out(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, extra: str
) -> None:
    monkeypatch.setattr("dns.query.have_doh", False)
    monkeypatch.setattr("dns.asyncquery.have_doh", False)
    monkeypatch.setattr("dns.quic.have_quic", False)
    monkeypatch.setitem(sys.modules, "aioquic", None)
    given = dns.asyncresolver.Resolver(configure=False)
    given.lifetime = 0.3
    url, port = "https://127.0.0.1:9/dns-query", 9
    given.nameservers = [
        dns.nameserver.DoHNameserver(url)
        if kind == "doh"
        else dns.nameserver.DoQNameserver("127.0.0.1", port)
    ]
    verifier = Verifier(DnspythonResolver(given), workers=1)
    with pytest.raises(ResolverUnavailable, match=rf"dnspython\[{extra}\]"):
        verifier.check_host("192.0.2.1", "mx.example.net", "a@example.com")
