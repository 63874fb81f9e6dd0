"""Cases 43 to 49: keys that are weak, malformed or forged, and the records that publish them."""

from __future__ import annotations

import base64
import hashlib
import math

import pytest
from mailauth_fast import Policy

from tests.hostile.scene import (
    ED25519_SIGNER,
    KEY,
    LEGITIMATE,
    SIGNER,
    dkim_word,
    judged,
    legitimate,
    mail,
)
from tests.keys import (
    DIGEST_INFO,
    RSA_ENCRYPTION,
    RsaKey,
    der,
    der_integer,
    ed25519_key,
    key_record,
    rsa_key,
    rsa_public_key,
    subject_public_key_info,
)
from tests.signing import signature_field

WIDE = Policy(max_rsa_bits=8192)
HISTORIC = Policy(historic=True)
NEVER_PASS = {"fail", "policy", "permerror"}
# The order of Ed25519's base point (RFC 8032 §5.1).
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD_PRIME = 2**255 - 19
SMALL_ORDER = [
    bytes.fromhex(text)
    for text in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "00" * 31 + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        # Encodings that are not canonical: y = p, y = p + 1, and x = 0 with its sign bit set.
        "ed" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "ff",
        "ee" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "ff",
        "01" + "00" * 30 + "80",
        "ec" + "ff" * 30 + "ff",
    )
]


def publish(record: str | list[object], selector: str = "s1") -> dict[str, object]:
    """Return a zone in which a selector of the legitimate domain has this record."""
    return {f"{selector}._domainkey.{LEGITIMATE}": {"TXT": [record]}}


def word_of(key: RsaKey, octets: bytes | None = None, policy: Policy | None = None) -> str:
    """Return the word of a message signed with `key`, whose record holds `octets`."""
    record = key_record(key.spki() if octets is None else octets)
    options = {} if policy is None else {"policy": policy}
    return dkim_word(legitimate(SIGNER.having(key=key)), publish(record), **options)


@pytest.mark.parametrize(
    ("bits", "word"),
    [
        (512, "policy"),
        (768, "policy"),
        (1016, "policy"),
        (1017, "policy"),
        (1023, "policy"),
        (1024, "pass"),
        (1025, "pass"),
        (4095, "pass"),
        (4096, "pass"),
        (4097, "policy"),
        (8192, "policy"),
        (8193, "policy"),
        (16384, "policy"),
        (32768, "policy"),
    ],
)
def test_case_043_key_sizes(bits: int, word: str) -> None:
    assert word_of(rsa_key("sized", bits)) == word


@pytest.mark.parametrize(("bits", "word"), [(4097, "pass"), (8192, "pass"), (8193, "policy")])
def test_case_043_key_sizes_by_option(bits: int, word: str) -> None:
    assert word_of(rsa_key("sized", bits), policy=WIDE) == word


def test_case_043_a_weak_key_is_flagged() -> None:
    zone = publish(rsa_key("sized", 1024).record())
    (signature,) = judged(legitimate(SIGNER.having(key=rsa_key("sized", 1024))), zone)["dkim"]
    assert signature["key_bits"] == 1024
    assert "weak-key" in signature["flags"]


@pytest.mark.parametrize("exponent", [0, 1, 2, 65536, 2**33 + 17, 2**64 + 13, 2**1999 + 1])
def test_case_044_exponents_that_no_key_may_have(exponent: int) -> None:
    octets = subject_public_key_info(rsa_public_key(KEY.modulus, exponent))
    assert word_of(KEY, octets) in NEVER_PASS


@pytest.mark.parametrize("exponent", [1, 2**33 + 17, 2**64 + 13])
def test_case_044_signatures_that_such_exponents_would_verify(exponent: int) -> None:
    key = rsa_key("exponent", 1024, exponent)
    assert word_of(key) in NEVER_PASS


@pytest.mark.parametrize(("exponent", "is_small"), [(3, True), (65537, False), (2**33 - 9, False)])
def test_case_044_exponents_that_verify(exponent: int, is_small: bool) -> None:  # noqa: FBT001
    key = rsa_key("exponent", 1024, exponent)
    (signature,) = judged(legitimate(SIGNER.having(key=key)), publish(key.record()))["dkim"]
    assert signature["result"] == "pass"
    assert ("small-exponent" in signature["flags"]) is is_small


def test_case_045_forms_that_are_accepted() -> None:
    without_null = subject_public_key_info(KEY.pkcs1(), RSA_ENCRYPTION)
    assert [word_of(KEY, form) for form in (KEY.spki(), KEY.pkcs1(), without_null)] == ["pass"] * 3


def malformed_keys() -> dict[str, bytes]:
    """Return public keys that break DER or RSA in one way each."""
    modulus, exponent = KEY.modulus, KEY.exponent
    octets = modulus.to_bytes(256, "big")
    tail = der_integer(exponent)
    long_form = b"\x30\x83" + (len(KEY.spki()) - 4).to_bytes(3, "big") + KEY.spki()[4:]
    pss = bytes.fromhex("06092a864886f70d01010a")
    with_hash = bytes.fromhex("06092a864886f70d01010b")
    wrapped = subject_public_key_info
    return {
        "even": wrapped(rsa_public_key(modulus - 1, exponent)),
        "power": wrapped(rsa_public_key(2**2047, exponent)),
        "zero": wrapped(rsa_public_key(0, exponent)),
        "one": wrapped(rsa_public_key(1, exponent)),
        "negative": wrapped(der(0x30, der(0x02, octets) + tail)),
        "leading-zeros": wrapped(der(0x30, der(0x02, b"\0\0" + octets) + tail)),
        "long-length": long_form,
        "trailing": KEY.spki() + b"\0",
        "trailing-pkcs1": KEY.pkcs1() + b"\0",
        "trailing-inside": wrapped(KEY.pkcs1() + b"\0"),
        "pss": wrapped(KEY.pkcs1(), pss),
        "with-hash": wrapped(KEY.pkcs1(), with_hash + b"\x05\0"),
        "parameters": wrapped(KEY.pkcs1(), RSA_ENCRYPTION + b"\x04\x02ab"),
        "truncated": KEY.spki()[:-1],
        "empty-sequence": b"\x30\0",
        "no-der": b"x" * 300,
        "unused-bits": der(
            0x30, der(0x30, RSA_ENCRYPTION + b"\x05\0") + der(0x03, b"\1" + KEY.pkcs1())
        ),
    }


@pytest.mark.parametrize("name", malformed_keys())
def test_case_045_forms_that_are_refused(name: str) -> None:
    assert word_of(KEY, malformed_keys()[name]) in {"permerror", "policy"}


def forged_encodings(data: bytes, size: int) -> dict[str, bytes]:
    """Return encoded messages that are not the one of RFC 8017 §9.2."""
    digest = hashlib.sha256(data).digest()
    info = DIGEST_INFO["sha256"] + digest
    no_null = bytes.fromhex("302f300b0609608648016503040201" + "0420") + digest
    long_length = bytes.fromhex("308131300d060960864801650304020105000420") + digest
    octet_string = bytes.fromhex("3033300f0609608648016503040201" + "04020000" + "0420") + digest
    sha1_name = bytes.fromhex("302d300906052b0e03021a05000420") + digest

    def padded(tail: bytes, start: bytes = b"\0\1", fill: bytes = b"\xff") -> bytes:
        return start + fill * (size - len(tail) - 3) + b"\0" + tail

    good = padded(info)
    return {
        "garbage-after-hash": b"\0\1" + b"\xff" * 8 + b"\0" + info + b"x" * (size - len(info) - 11),
        "zeros-first": b"\0" * 8 + good[:2] + good[10:],
        "other-octet": good[:60] + b"\xfe" + good[61:],
        "block-type-2": padded(info, b"\0\2"),
        "block-type-0": padded(info, b"\0\0", b"\0"),
        "no-null": padded(no_null),
        "sha1-name": padded(sha1_name),
        "long-length": padded(long_length),
        "octet-string": padded(octet_string),
        "raw-hash": padded(digest),
        "zero-after-hash": good[:2] + good[3:] + b"\0",
        "first-octet": b"\1" + good[1:],
        "no-separator": good.replace(b"\xff\0", b"\xff\xff", 1),
    }


def with_encoding(name: str, key: RsaKey) -> bytes:
    """Return a message whose signature decrypts to a forged encoding."""

    class Forger:
        algorithm = "rsa"

        def sign(self, data: bytes, digest: str) -> bytes:
            assert digest == "sha256"
            return key.sign_encoded(forged_encodings(data, 256)[name])

        def record(self, tags: str = "v=DKIM1; ") -> str:
            return key.record(tags)

    message = mail()
    return signature_field(message, SIGNER.having(key=Forger())) + message


@pytest.mark.parametrize("name", forged_encodings(b"", 256))
def test_case_046_forged_encodings_fail(name: str) -> None:
    assert dkim_word(with_encoding(name, KEY)) == "fail"


def cube_root(number: int) -> int:
    """Return the smallest integer whose cube is not below `number`."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**3 >= number else (middle + 1, high)
    return low


def test_case_046_the_low_exponent_forgery_needs_no_key_and_fails() -> None:
    key = rsa_key("exponent", 2048, 3)
    message = mail()

    class CubeRoot:
        algorithm = "rsa"

        def sign(self, data: bytes, digest: str) -> bytes:
            info = DIGEST_INFO[digest] + hashlib.new(digest, data).digest()
            wanted = b"\0\1" + b"\xff" * 8 + b"\0" + info
            root = cube_root(int.from_bytes(wanted.ljust(256, b"\0"), "big"))
            assert (root**3).to_bytes(256, "big").startswith(wanted)
            return root.to_bytes(256, "big")

        def record(self, tags: str = "v=DKIM1; ") -> str:
            return key.record(tags)

    raw = signature_field(message, SIGNER.having(key=CubeRoot())) + message
    assert dkim_word(raw, publish(key.record())) == "fail"


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_case_047_small_order_keys_verify_nothing(point: bytes) -> None:
    record = f"v=DKIM1; k=ed25519; p={base64.b64encode(point).decode()}"
    for subject in range(8):
        for r in (SMALL_ORDER[0], point):
            forged = base64.b64encode(r + bytes(32)).decode()
            signer = ED25519_SIGNER.having(override={"b": forged})
            raw = legitimate(signer, subject=b"%d" % subject)
            assert dkim_word(raw, publish(record, "e1")) == "permerror"


def test_case_047_a_signature_has_one_encoding() -> None:
    class Shifted:
        algorithm = "ed25519"

        def sign(self, data: bytes, digest: str) -> bytes:
            octets = ed25519_key("legitimate").sign(data, digest)
            return octets[:32] + (int.from_bytes(octets[32:], "little") + ORDER).to_bytes(
                32, "little"
            )

        def record(self, tags: str = "v=DKIM1; ") -> str:
            return ed25519_key("legitimate").record(tags)

    assert dkim_word(legitimate(ED25519_SIGNER)) == "pass"
    message = mail()
    assert (
        dkim_word(signature_field(message, ED25519_SIGNER.having(key=Shifted())) + message)
        == "fail"
    )


@pytest.mark.parametrize("octets", [0, 31, 33, 44])
def test_case_047_an_ed25519_key_has_32_octets(octets: int) -> None:
    public = ed25519_key("legitimate").public()
    spki = bytes.fromhex("302a300506032b6570032100") + public
    value = spki if octets == 44 else (public + b"\0")[:octets]
    record = f"v=DKIM1; k=ed25519; p={base64.b64encode(value).decode()}"
    assert dkim_word(legitimate(ED25519_SIGNER), publish(record, "e1")) == "permerror"


def test_case_047_key_type_and_algorithm_must_agree() -> None:
    assert dkim_word(legitimate(), publish(ed25519_key("legitimate").record())) == "permerror"
    assert dkim_word(legitimate(ED25519_SIGNER), publish(KEY.record(), "e1")) == "permerror"


P = KEY.record(tags="").removeprefix("k=rsa; ")


@pytest.mark.parametrize(
    ("records", "word"),
    [
        (["v=DKIM1; k=rsa; p="], "permerror"),
        ([f"k=rsa; v=DKIM1; {P}"], "permerror"),
        ([f"v=DKIM2; {P}"], "permerror"),
        ([f"v=DKIM1; h=sha1; {P}"], "permerror"),
        ([f"v=DKIM1; h=sha1:sha256; {P}"], "pass"),
        ([f"v=DKIM1; s=tlsrpt; {P}"], "permerror"),
        ([f"v=DKIM1; s=tlsrpt:email; {P}"], "pass"),
        ([f"v=DKIM1; t=y; {P}"], "pass"),
        ([f"v=DKIM1; t=s; {P}"], "pass"),
        ([f"v=DKIM1; n=some junk; x=; {P}"], "pass"),
        ([f"v=DKIM1; n=; {P}"], "pass"),
        ([f"v=DKIM1; k=unknown; {P}"], "permerror"),
        ([f"v=DKIM1; k=RSA; {P}"], "pass"),
        ([f"{P}v=DKIM1; k=rsa"], "permerror"),
        ([P], "pass"),
        (["v=DKIM1; k=rsa"], "permerror"),
        (["v=spf1 -all"], "permerror"),
        ([[""]], "permerror"),
        ([["", f"v=DKIM1; {P[:40]}", "", P[40:], ""]], "pass"),
        ([f"v=DKIM1; n={'x' * 60_000}; {P}"], "pass"),
        ([f"v=DKIM1; p={'A' * 4097}"], "policy"),
        ([f"v=DKIM1; {P}; g="], "pass"),
        ([f"v=DKIM1; {P}; {P}"], "permerror"),
        ([f"v=DKIM1; p=!!!{P[2:]}"], "permerror"),
    ],
)
def test_case_048_key_records(records: list[object], word: str) -> None:
    zone = {SIGNER.key_name: {"TXT": records}}
    assert dkim_word(legitimate(), zone) == word


def test_case_048_an_agent_below_the_domain_and_the_strict_flag() -> None:
    raw = legitimate(SIGNER.having(auid=f"@mail.{LEGITIMATE}"))
    assert (dkim_word(raw), dkim_word(raw, publish(f"v=DKIM1; t=s; {P}"))) == ("pass", "permerror")


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("other", "word"),
    [
        ("v=spf1 -all", "pass"),
        (rsa_key("other", 1024).record(), "pass"),
        ("v=DKIM1; p=", "pass"),
        ("v=DKIM1; p=!", "pass"),
    ],
)
def test_case_048_the_order_of_records_means_nothing(other: str, word: str, order: int) -> None:
    records = [KEY.record(), other][::order]
    assert dkim_word(legitimate(), {SIGNER.key_name: {"TXT": records}}) == word


@pytest.mark.parametrize("order", [1, -1])
def test_case_048_several_records_that_do_not_verify_give_one_word(order: int) -> None:
    wrong, weak, revoked = rsa_key("other", 1024), rsa_key("sized", 768), "v=DKIM1; p="
    for records, word in (
        ([wrong.record(), revoked], "fail"),
        ([weak.record(), revoked], "policy"),
        ([weak.record(), wrong.record()], "fail"),
    ):
        assert dkim_word(legitimate(), {SIGNER.key_name: {"TXT": records[::order]}}) == word


def test_case_049_sha1_is_policy_and_may_pass_for_archives() -> None:
    raw = legitimate(SIGNER.having(digest="sha1"))
    (signature,) = judged(raw)["dkim"]
    assert (signature["result"], signature["body_hash"], signature["signature"]) == (
        "policy",
        "pass",
        "pass",
    )
    (signature,) = judged(raw, policy=HISTORIC)["dkim"]
    assert (signature["result"], signature["reason"]) == ("pass", "historic-algorithm")
    assert word_of(rsa_key("sized", 512), policy=HISTORIC) == "pass"
    assert word_of(rsa_key("sized", 504), policy=HISTORIC) == "policy"


def test_the_forgeries_are_forged_from_the_true_encoding() -> None:
    assert math.prod(KEY.primes) == KEY.modulus
    assert all(len(each) == 256 for each in forged_encodings(b"x", 256).values())
