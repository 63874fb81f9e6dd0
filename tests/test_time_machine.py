"""As-of rules of DNS stores: what was true at receipt decides, row by row of the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from mailauth_fast import (
    Envelope,
    InvalidPolicy,
    Policy,
    RecordedResolver,
    StaticResolver,
    Verifier,
    _core,
)
from mailauth_fast.explanation import checks
from mailauth_fast.store_import import Import
from mailauth_fast.store_rows import day

from tests.keys import ed25519_key
from tests.signing import Signer, sign

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast import Verdict

DAY = 86_400
RECEIVED = 1_600_000_000
KEY, OTHER = ed25519_key("time machine"), ed25519_key("another")
SIGNER = Signer(domain="example.com", selector="s", key=KEY)
RAW = (
    b"From: a@example.com\r\nTo: b@example.net\r\nSubject: x\r\n"
    b"Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHi\r\n"
)
ENVELOPE = Envelope(
    client_ip="192.0.2.1",
    helo="mx.example.com",
    mail_from="a@example.com",
    received_at=RECEIVED,
)
HERE, BEFORE, AFTER = (-5, 5), (-20, -10), (10, 20)


def row(name: str, text: str | None, days: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Return a row whose window is given in days from receipt; no text is NXDOMAIN."""
    return {
        "name": name,
        "type": "TXT",
        "data": [] if text is None else [f'"{text}"'],
        "rcode": "NXDOMAIN" if text is None else "NOERROR",
        "first_seen": RECEIVED + days[0] * DAY,
        "last_seen": RECEIVED + days[1] * DAY,
        "source": "live:192.0.2.53",
    } | more


def key(days: tuple[int, int], published: Any = KEY, **more: Any) -> dict[str, Any]:
    return row(SIGNER.key_name, None if published is None else published.record(), days, **more)


def spf(days: tuple[int, int], text: str | None = "v=spf1 ip4:192.0.2.1 -all") -> dict[str, Any]:
    return row("example.com", text, days)


def judged(folder: Path, rows: list[dict[str, Any]], now: Any = "received") -> Verdict:
    store = folder / "store.jsonl"
    lines = [{"schema": 1}, *rows]
    store.write_text("".join(json.dumps(line) + "\n" for line in lines))
    verifier = Verifier(RecordedResolver(store), policy=Policy(rules="rfc9989"))
    return verifier.verify(sign(RAW, SIGNER), envelope=ENVELOPE, now=now)


@pytest.mark.parametrize(
    ("rows", "result", "reason", "words"),
    [
        ([key(HERE)], "pass", "verified", []),
        ([key(HERE, OTHER), key((-6, 6)), key((-4, 4), None)], "pass", "verified", []),
        ([key(BEFORE), key(AFTER)], "pass", "verified", ["dns-interpolated"]),
        ([key(BEFORE), key(AFTER, OTHER)], "pass", "verified", []),
        ([key(BEFORE, OTHER), key(AFTER)], "pass", "verified", []),
        ([key(AFTER)], "pass", "verified", ["publication-not-seen"]),
        ([key(AFTER, OTHER)], "fail", "signature-mismatch", ["publication-not-seen"]),
        ([key(BEFORE)], "unverifiable", "key-outside-window", ["key-outside-window"]),
        ([key(HERE, None)], "permerror", "key-unavailable", []),
        ([], "unverifiable", "key-unavailable", []),
    ],
)
def test_a_key_is_the_one_of_its_time(
    tmp_path: Path, rows: list[dict[str, Any]], result: str, reason: str, words: list[str]
) -> None:
    verdict = judged(tmp_path, rows)
    assert (verdict.dkim[0].result, verdict.dkim[0].reason) == (result, reason)
    assert verdict.limits == words


@pytest.mark.parametrize(
    ("rows", "result", "reason", "words"),
    [
        ([spf(HERE)], "pass", "matched", []),
        ([spf(HERE, "v=spf1 -all"), spf((-4, 4))], "pass", "matched", ["dns-ambiguous"]),
        ([spf(HERE), spf((-4, 4), "v=spf1 -all")], "fail", "matched", ["dns-ambiguous"]),
        ([spf(BEFORE), spf(AFTER)], "pass", "matched", ["dns-interpolated"]),
        ([spf(BEFORE), spf(AFTER, "v=spf1 -all")], "temperror", "dns-unknown", []),
        ([spf(AFTER)], "temperror", "dns-unknown", []),
        ([spf(BEFORE)], "temperror", "dns-unknown", []),
        ([spf(HERE, None)], "none", "no-domain", []),
        ([], "temperror", "dns-unknown", []),
    ],
)
def test_a_policy_is_the_one_of_its_time_or_unknown(
    tmp_path: Path, rows: list[dict[str, Any]], result: str, reason: str, words: list[str]
) -> None:
    verdict = judged(tmp_path, rows)
    assert verdict.spf is not None
    assert (verdict.spf.result, verdict.spf.reason) == (result, reason)
    assert verdict.limits == words


def test_the_verdict_names_the_key_that_verified(tmp_path: Path) -> None:
    rows = [
        key(HERE, OTHER),
        key((-6, 6), source="archive:live_dns"),
        key((-7, 7), OTHER, source="zone:x"),
    ]
    signature = judged(tmp_path, rows).dkim[0]
    assert signature.key_source == "archive:live_dns"
    assert signature.key_first_seen == RECEIVED - 6 * DAY
    assert signature.key_last_seen == RECEIVED + 6 * DAY


def test_the_time_that_is_judged_by_decides_and_not_that_of_receipt(tmp_path: Path) -> None:
    verdict = judged(tmp_path, [key(BEFORE), spf(BEFORE)], now=RECEIVED - 15 * DAY)
    assert verdict.spf is not None
    assert (verdict.dkim[0].result, verdict.spf.result) == ("pass", "pass")


def test_a_lost_policy_is_dns_unknown_and_an_old_key_no_failure(tmp_path: Path) -> None:
    policy = row("_dmarc.example.com", "v=DMARC1; p=reject", AFTER)
    verdict = judged(tmp_path, [key(HERE), spf(HERE), policy])
    assert verdict.dmarc is not None
    assert (verdict.dmarc.result, verdict.dmarc.reason) == ("temperror", "dns-unknown")
    rows = [key(BEFORE), spf(HERE, "v=spf1 ?all"), {**policy, "first_seen": 0}]
    verdict = judged(tmp_path, rows)
    assert verdict.dmarc is not None
    assert verdict.dmarc.result == "unverifiable"


def test_one_archive_of_two_years_sees_two_keys(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    rows = [key((-400, -300), OTHER), key((-10, 10)), spf((-400, 400))]
    store.write_text("".join(json.dumps(line) + "\n" for line in [{"schema": 1}, *rows]))
    verifier = Verifier(RecordedResolver(store))
    signers = [SIGNER.having(key=OTHER), SIGNER, SIGNER]
    envelopes = [
        Envelope(received_at=RECEIVED + day * DAY, client_ip="192.0.2.1", mail_from="a@example.com")
        for day in (-350, 0, -350)
    ]
    table = verifier.verify_batch(
        [sign(RAW, signer) for signer in signers], envelopes, now="received"
    )
    results = [row.dkim[0].result for row in table]
    assert results == ["pass", "pass", "fail"]


def test_the_public_suffix_list_is_the_one_of_the_day(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "public_suffix_list-2019-01-01.dat").write_text("com\n")
    (folder / "20210101.dat").write_text("com\nexample.com\n")
    (folder / "README").write_text("no list")
    zone = StaticResolver({"_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]}})
    policy = Policy(rules="rfc7489", public_suffix_list=folder)
    verifier = Verifier(zone, policy=policy)
    raw = RAW.replace(b"a@example.com", b"a@shop.example.com")
    found = [
        verifier.verify(raw, envelope=Envelope(received_at=time), now="received")
        for time in (1_262_304_000, RECEIVED, 1_609_459_199, 1_609_459_200)
    ]
    domains = [verdict.author and verdict.author.organizational_domain for verdict in found]
    assert domains == ["example.com", "example.com", "example.com", "shop.example.com"]
    assert verifier.organizational_domain("a.shop.example.com") == "shop.example.com"


@pytest.mark.parametrize(
    ("name", "octets", "words"),
    [
        ("list.dat", b"com\n", "a date in its name"),
        ("2019-01-01.dat", b"// nothing\n", "holds no rule"),
        ("2019-01-01.dat", b"\xff", "not UTF-8"),
    ],
)
def test_a_folder_without_usable_lists_is_one_sentence(
    tmp_path: Path, name: str, octets: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(octets)
    with pytest.raises(InvalidPolicy, match=words):
        Verifier(StaticResolver({}), policy=Policy(public_suffix_list=tmp_path))


def test_an_imported_zone_denies_what_it_does_not_hold_and_expands_wildcards(
    tmp_path: Path,
) -> None:
    zone, store = tmp_path / "example.zone", tmp_path / "store.zst"
    zone.write_text(
        "$ORIGIN example.com.\n$TTL 60\n@ SOA ns x 1 2 3 4 5\n@ NS ns.example.net.\n"
        '*.mail TXT "v=spf1 ip4:192.0.2.1 -all"\nsub NS ns.example.net.\n'
    )
    writer = _core.StoreWriter(store)
    job = Import(zone, at=RECEIVED)
    job.read()
    assert writer.add([msgspec.json.encode(found) for found in job.rows()]) == []
    writer.close()
    verifier = Verifier(RecordedResolver(store))

    def spf_of(domain: str, received_at: int) -> tuple[str, str]:
        envelope = Envelope(
            client_ip="192.0.2.1",
            helo="x",
            mail_from=f"a@{domain}",
            received_at=received_at,
        )
        verdict = verifier.verify(RAW, envelope=envelope, now="received")
        assert verdict.spf is not None
        return verdict.spf.result, verdict.spf.reason

    assert spf_of("a.mail.example.com", RECEIVED) == ("pass", "matched")
    assert spf_of("example.com", RECEIVED) == ("none", "no-record")
    assert spf_of("absent.example.com", RECEIVED) == ("none", "no-domain")
    assert spf_of("x.sub.example.com", RECEIVED) == ("temperror", "dns-unknown")
    assert spf_of("absent.example.com", RECEIVED + DAY) == ("temperror", "dns-unknown")


@pytest.mark.parametrize(
    ("days", "told"),
    [(HERE, ""), (BEFORE, "; last {} before the message"), (AFTER, "; first {} after the message")],
)
def test_an_explanation_tells_how_far_a_key_was_from_the_message(
    tmp_path: Path, days: tuple[int, int], told: str
) -> None:
    (check,) = (each for each in checks(judged(tmp_path, [key(days)])) if each.check == "dkim")
    seen = dict(check.details)["key seen"]
    edges = [day(RECEIVED + number * DAY) for number in days]
    distance = min(abs(number) for number in days)
    ending = told.format("1 day" if distance == 1 else f"{distance} days")
    assert seen.startswith(f"{edges[0]} to {edges[1]}, ")
    assert seen.endswith(ending)
    assert bool(told) == ("message" in seen)
