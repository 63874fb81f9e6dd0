"""DKIM vectors through `Verifier.verify` (RFC 6376, RFC 8301, RFC 8463).

Outcomes list every signature from the top of the header: `pass`, `fail-bodyhash`, `fail-signature`,
`key-unavailable`, another result word, or `none` for an unsigned message. Messages go in as they
are stored, most with LF. Where a suite ships no key for a message, the expectation is `key-
unavailable`: nothing but the receiver's own header says that it once verified.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, cast

from mailauth_fast import Policy

from .case import Case, Suite, case, read_json
from .engine import outcome, outcomes, verdict, verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .engine import Now, SignatureDict, VerdictDict, Zone

# The clock where a suite gives none: later than every `t=`, and no signature has expired by it.
CLOCK = 1_764_000_000
# dkim-stalwart's clock is the receipt of one of its mails; another was signed five hours later.
STALWART_CLOCK = 1_667_843_664
STALWART_SKEW = 6 * 3600
# lieser's verifier allows a quarter of an hour between the clocks of signer and receiver.
LIESER_SKEW = 900
FAILS = ("fail-bodyhash", "fail-signature")
TEST_KEY = "test._domainkey.football.example.com"
BRISBANE_KEY = "brisbane._domainkey.football.example.com"
GMAIL_KEY = "20120113._domainkey.gmail.com"

# What dkimpy's own tests assert of its message files, or that they are unsigned.
DKIMPY_MESSAGES: dict[str, str | tuple[str, ...]] = {
    "ed25519test.msg": "none",
    "ed25519test2.msg": "pass",
    # Signed with 2007-00._domainkey.kitterman.com, which the suite lacks.
    "message.mbox": "key-unavailable",
    "rfc6376.msg": "none",
    "rfc6376.signed.msg": "pass, pass",
    # The signature of the next file with t= taken out and x= put in.
    "rfc6376.signed.no_t.msg": "fail-signature",
    "rfc6376.signed.rsa.msg": "pass",
    "rfc6376.w1258.msg": "none",
    "test.message": "none",
    # d=legitimate.com(.attacker.com is no domain name.
    "test.message.baddomain": "permerror",
    "test2.message": "pass",
    "test_extra.message": "none",
    "test_nofrom.message": "none",
}
# Key records, each published for rfc6376.signed.rsa.msg, which test.txt's key signed.
DKIMPY_KEYS: dict[str, str | tuple[str, ...]] = {
    "test.txt": "pass",
    "test2.txt": "pass",
    "badversion.txt": "permerror",
    "badk.txt": "permerror",
    # The exponent is 65536: no signature verifies with it.
    "test_bad.txt": ("permerror", *FAILS),
    # s=tlsrpt is no key for e-mail (RFC 6376 §3.6.1).
    "test_tlsrpt.txt": "permerror",
    "1024_testkey_wo_markers.pub.rsa.txt": "fail-signature",
    "1024_testkey_wo_markers.pub.txt": "fail-signature",
    "2048_testkey_PKCS8.key.pub.txt": "fail-signature",
    "2048_testkey_wo_markers.pub.rsa.txt": "fail-signature",
    "2048_testkey_wo_markers.pub.txt": "fail-signature",
    # An Ed25519 key under a=rsa-sha256.
    "ed25519test.dns": "permerror",
    "eximtest.dns": "permerror",
}
GO_MSGAUTH = {
    "unsignedMailString.eml": "none",
    "verifiedMailString.eml": "pass",
    "verifiedRawRSAMailString.eml": "pass",
    "verifiedEd25519MailString.eml": "pass, fail-signature",
    # "exactly 2 results" with a limit of two; the third stays visible here, unexamined.
    "tooManySignaturesMailString.eml": "2 of 3 examined",
}
LIESER_KEY = "brisbane._domainkey.example.com"
# What these tests put before p= in that record; verifierSpec.mjs.js writes the records out.
LIESER_KEY_TAGS = {
    "DKIM key with empty notes tag": "n=;",
    "DKIM key with list of allowed hash algorithms": "h=sha1:sha256;",
    "DKIM key with wildcard service tag": "s=*;",
    "DKIM key with email service tag": "s=email;",
    "DKIM key with unknown tag": "g=*;",
    "Revoked key": "p=;",
    "Hash algorithm is not in the allowed list of the DKIM key": "h=sha1;",
    "DKIM key with other service tag": "s=other;",
}
LIESER_ERRORS = {
    "DKIM_SIGERROR_CORRUPT_BH": "fail-bodyhash",
    "DKIM_SIGERROR_BADSIG": "fail-signature",
    "DKIM_POLICYERROR_UNSIGNED_HEADER_ADDED": "policy",
}
# Mails that the suite's assertions do not name; their names and headers tell.
LIESER_OTHERS = {
    "bimi/rfc6376-A.2-with_bimi.eml": "sig0 pass",
    "fakePayPal.eml": "none",
    "ill_formed-from.eml": "none",
    "rfc6376-A.2-ill_formed-list_id.eml": "sig0 pass",
}
MAILAUTH = {
    "authtest.eml": "key-unavailable",
    "bimi.eml": "key-unavailable, key-unavailable",
    "ec/signed.eml": "pass, pass",
    "message1.eml": "none",
    "message2.eml": "key-unavailable",
    "message3.eml": "key-unavailable, key-unavailable",
    "message4.eml": "key-unavailable",
    "zbimi.eml": "key-unavailable",
    "zproov.eml": "pass",
}
MIMEKIT = {
    "gmail.msg": "pass",
    "multipart-no-end-boundary.msg": "pass",
    "related.msg": "pass",
    "rfc8463-example.msg": "pass, pass",
}
ZKEMAIL: dict[str, str | tuple[str, ...]] = {
    "helpers/email-body-tampered.eml": "fail-bodyhash",
    "helpers/email-bodyless.eml": "fail-bodyhash",
    "helpers/email-different-domain.eml": "pass",
    "helpers/email-good-large.eml": "pass",
    "helpers/email-good.eml": "pass",
    # "fail or no key": From is not what was signed; s=2a1hai was never published.
    "helpers/email-invalid-domain.eml": FAILS,
    "helpers/email-invalid-selector.eml": "key-unavailable",
    # dkimpy's observation is x= by its own clock; at receipt the lost keys decide.
    "helpers/multi-dkim-sig.eml": "key-unavailable, key-unavailable",
    "tests/test-emails/lorem_ipsum.eml": "key-unavailable",
    "tests/test-emails/test.eml": "pass",
}


def judged(
    path: Path,
    zone: Zone,
    shown: Callable[[VerdictDict], str] = outcomes,
    *,
    now: Now = "received",
    policy: Policy | None = None,
) -> Callable[[], str]:
    """Return the question of one message file."""
    return lambda: shown(verdict(verifier(zone, policy), path.read_bytes(), now=now))


def published(path: Path) -> str:
    """Read a key record from its file."""
    return path.read_text(encoding="ascii").strip()


def pem_record(path: Path) -> str:
    """Return the key record that publishes a PEM file's key."""
    base64 = re.sub(r"-----[^-]+-----|\s", "", path.read_text(encoding="ascii"))
    return f"v=DKIM1; k=rsa; p={base64}"


def rfc8463_zone(suites: Path) -> Zone:
    """Return the keys of RFC 8463 Appendix A, as dkim-mailauth holds them."""
    return cast("Zone", read_json(suites / "dkim-mailauth" / "ec" / "dns.json"))


def gmail_zone(suites: Path) -> Zone:
    """Return Gmail's key of 2012, as dkim-mimekit holds it."""
    record = pem_record(suites / "dkim-mimekit" / "dkim" / "gmail.pub")
    return {GMAIL_KEY: {"TXT": [record]}}


def dkimpy(folder: Path) -> list[Case]:
    """Read dkimpy's messages and key records."""
    data = folder / "data"
    zone = {**rfc8463_zone(folder.parent), **gmail_zone(folder.parent)}
    zone["sed._domainkey.test.ex"] = {"TXT": [published(data / "eximtest.dns")]}
    messages = [
        case(name, accepted, judged(data / name, zone, now=CLOCK))
        for name, accepted in DKIMPY_MESSAGES.items()
    ]
    signed = data / "rfc6376.signed.rsa.msg"
    keys = [
        case(
            f"key {name}",
            accepted,
            judged(signed, {TEST_KEY: {"TXT": [published(data / name)]}}, now=CLOCK),
        )
        for name, accepted in DKIMPY_KEYS.items()
    ]
    return messages + keys


def examined(row: VerdictDict) -> str:
    """Count the signatures that the limit let through."""
    count = sum(each["reason"] != "signature-limit" for each in row["dkim"])
    return f"{count} of {len(row['dkim'])} examined"


def go_msgauth(folder: Path) -> list[Case]:
    """Read go-msgauth's messages."""
    zone = cast("Zone", read_json(folder / "dns.json"))
    expected = cast("Mapping[str, object]", read_json(folder / "expected.json"))
    assert set(expected) == set(GO_MSGAUTH), "every file of expected.json has its outcome here"
    cases = []
    for name, accepted in GO_MSGAUTH.items():
        limited = name.startswith("tooMany")
        policy = Policy(max_signatures=2) if limited else None
        shown = examined if limited else outcomes
        run = judged(folder / name, zone, shown, now=CLOCK, policy=policy)
        cases.append(case(name, accepted, run))
    return cases


def lieser_expected(facts: Mapping[str, str]) -> str:
    """Write what is asserted of one signature: result, then d=, i= and s= where they are."""
    word = "pass"
    if facts["result"] != "SUCCESS":
        word = LIESER_ERRORS.get(facts.get("errorType", ""), "permerror")
    parts = [facts[name] for name in ("sdid", "auid", "selector") if name in facts]
    return " ".join([word, *parts])


def lieser_signature(
    row: VerdictDict, index: int, facts: Mapping[str, str]
) -> SignatureDict | None:
    """Return the signature meant: lieser sorts them, so its selector tells where it is asserted."""
    signatures = row["dkim"]
    if "selector" in facts:
        signatures = [each for each in signatures if each["selector"] == facts["selector"]]
        return signatures[0] if signatures else None
    return signatures[index] if index < len(signatures) else None


def lieser_shown(asserted: Mapping[int, Mapping[str, str]]) -> Callable[[VerdictDict], str]:
    """Return what writes the same facts of a verdict."""
    fields = {"sdid": "domain", "auid": "auid", "selector": "selector"}

    def shown(row: VerdictDict) -> str:
        written = []
        for index, facts in asserted.items():
            signature = lieser_signature(row, index, facts)
            if signature is None:
                return outcomes(row)
            values = cast("Mapping[str, str]", signature)
            parts = [str(values[fields[name]]) for name in fields if name in facts]
            written.append(" ".join([f"sig{index}", outcome(signature), *parts]))
        return ", ".join(written) or outcomes(row)

    return shown


def lieser_asserts(lines: list[str]) -> dict[int, dict[str, str]]:
    """Read `sig0.result="SUCCESS"` lines; of a result asserted again the last word holds."""
    facts: dict[int, dict[str, str]] = {}
    for line in lines:
        found = re.fullmatch(r'sig(\d)\.(\w+)="(.*)"', line)
        assert found, line
        facts.setdefault(int(found[1]), {})[found[2]] = found[3]
    return facts


def lieser_zone(base: Zone, test: str) -> Zone:
    """Return the zone of one test: some publish another record for the first key."""
    tags = LIESER_KEY_TAGS.get(test)
    if tags is None:
        return base
    entry = base[LIESER_KEY]
    assert isinstance(entry, dict)
    record = str(entry["TXT"][0])
    edited = "v=DKIM1; p=" if tags == "p=;" else record.replace("v=DKIM1; ", f"v=DKIM1;{tags}")
    return {**base, LIESER_KEY: {"TXT": [edited]}}


def lieser(folder: Path) -> list[Case]:
    """Read the mails of DKIM Verifier and what its tests assert of them."""
    zone = cast("Zone", read_json(folder / "dns.json"))
    tests = cast("list[dict[str, object]]", read_json(folder / "expected_from_verifierSpec.json"))
    policy = Policy(time_skew=LIESER_SKEW)
    cases = []
    for entry in tests:
        test = str(entry["test"])
        # Tests over several files assert the same of each.
        facts = lieser_asserts(cast("list[str]", entry["asserts"]))
        accepted = ", ".join(f"sig{at} {lieser_expected(each)}" for at, each in facts.items())
        for file in cast("list[str]", entry["files"]):
            run = judged(folder / file, lieser_zone(zone, test), lieser_shown(facts), policy=policy)
            cases.append(case(f"{test} | {file}", accepted, run))
    for file, accepted in LIESER_OTHERS.items():
        shown = lieser_shown({0: {}} if accepted != "none" else {})
        cases.append(case(file, accepted, judged(folder / file, zone, shown, policy=policy)))
    return cases


def mailauth(folder: Path) -> list[Case]:
    """Read mailauth's messages."""
    zone = rfc8463_zone(folder.parent)
    recovered = cast("Zone", read_json(folder.parent / "real-vger-i2c" / "dns.json"))
    gmail = "20161025._domainkey.gmail.com"
    zone = {**zone, gmail: recovered[gmail]}
    return [case(name, word, judged(folder / name, zone)) for name, word in MAILAUTH.items()]


def mimekit(folder: Path) -> list[Case]:
    """Read MimeKit's messages."""
    zone = {**rfc8463_zone(folder.parent), **gmail_zone(folder.parent)}
    data = folder / "dkim"
    return [
        case(name, word, judged(data / name, zone, now=CLOCK)) for name, word in MIMEKIT.items()
    ]


@cache
def stalwart_file(path: Path) -> tuple[Zone, bytes]:
    """Split a file into the key records of its first lines and the message."""
    head, _, message = path.read_bytes().partition(b"\n\n")
    records = (line.partition(" ") for line in head.decode("ascii").splitlines())
    return {name: {"TXT": [record]} for name, _, record in records}, message


def stalwart(folder: Path) -> list[Case]:
    """Read mail-auth's messages: the last signature passes."""

    def run(path: Path) -> str:
        zone, message = stalwart_file(path)
        engine = verifier(zone, Policy(time_skew=STALWART_SKEW))
        row = verdict(engine, message, now=STALWART_CLOCK)
        return outcome(row["dkim"][-1]) if row["dkim"] else "none"

    paths = sorted(folder.glob("0*.txt"))
    return [case(path.name, "pass", partial(run, path)) for path in paths]


def zkemail(folder: Path) -> list[Case]:
    """Read zk-email's mails."""
    zone = cast("Zone", read_json(folder / "dns.json"))
    observed = cast("Mapping[str, object]", read_json(folder / "observed_dkimpy.json"))
    assert set(observed) == set(ZKEMAIL), "every observed file has its outcome here"
    return [case(name, word, judged(folder / name, zone)) for name, word in ZKEMAIL.items()]


SUITES = (
    Suite(name="dkim-dkimpy", law="RFC 6376", folder="dkim-dkimpy", cases=26, load=dkimpy),
    Suite(
        name="dkim-go-msgauth", law="RFC 6376", folder="dkim-go-msgauth", cases=5, load=go_msgauth
    ),
    Suite(name="dkim-lieser", law="RFC 6376", folder="dkim-lieser", cases=36, load=lieser),
    Suite(
        name="dkim-mailauth",
        law="RFC 6376",
        folder="dkim-mailauth",
        cases=9,
        load=mailauth,
        note="the keys of six mails are lost; asked is that they are named so",
    ),
    Suite(name="dkim-mimekit", law="RFC 6376", folder="dkim-mimekit", cases=4, load=mimekit),
    Suite(name="dkim-stalwart", law="RFC 6376", folder="dkim-stalwart", cases=6, load=stalwart),
    Suite(name="dkim-zkemail", law="RFC 6376", folder="dkim-zkemail", cases=10, load=zkemail),
)
