"""`keys audit`: sizes, exponents, common factors, reuse and age of the keys in a DNS store."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailauth_fast import _core
from mailauth_fast.cli.exits import Exit
from mailauth_fast.keys import arithmetic
from mailauth_fast.keys.arithmetic import PlainArithmetic, best_arithmetic, shared_factors
from mailauth_fast.keys.audit import FINDINGS, OLD_SECONDS
from mailauth_fast.store_rows import key_row

from tests.keys import RsaKey, ed25519_key, key_record, rsa_key, rsa_public_key

if TYPE_CHECKING:
    from pathlib import Path

FIRST = 1_600_000_000
GOOD = rsa_key("good")


def store_of(path: Path, *keys: tuple[str, str], seconds: int = 0) -> Path:
    """Write a store that saw each record for so many seconds."""
    store = _core.StoreWriter(path)
    rows = [key_row(*key, (FIRST, FIRST + seconds), "live:192.0.2.53") for key in keys]
    assert store.add([msgspec.json.encode(row) for row in rows]) == []
    store.close()
    return path


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "mailauth_fast", "keys", "audit", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, check=False, timeout=120, text=True)


def audited(path: Path) -> dict[str, Any]:
    """Return the rows of an audit by selector."""
    done = command(path, "--format", "jsonl")
    assert (done.returncode, done.stderr) == (Exit.FINISHED, "")
    return {row["selector"]: row for row in map(json.loads, done.stdout.splitlines())}


def numbers(modulus: int, exponent: int = 65_537) -> str:
    """Return the record of a key that is not made by any rule."""
    return key_record(rsa_public_key(modulus, exponent))


def flawed_modulus() -> int:
    """Return a number that is a power of 65537 modulo every small prime of the test."""
    primes = [prime for prime in range(3, 168) if all(prime % other for other in range(2, prime))]
    product = math.prod(primes)
    # Adding multiples of the product changes nothing modulo the primes; an even one keeps it odd.
    number = pow(65_537, 12_345, product) + product * (1 << 2048 - product.bit_length())
    number += 0 if number % 2 else product
    while math.gcd(number, math.prod(arithmetic.small_primes())) > 1:
        number += 2 * product
    return number


def test_every_kind_of_key_is_told(tmp_path: Path) -> None:
    cases: dict[str, tuple[str, list[str]]] = {
        "good": (GOOD.record(), []),
        "ed": (ed25519_key("a").record(), []),
        "revoked": ("v=DKIM1; k=rsa; p=", ["revoked"]),
        "testing": (rsa_key("t").record("v=DKIM1; t=y; "), ["testing"]),
        "sha1": (rsa_key("h").record("v=DKIM1; h=sha1; "), ["sha1-alone"]),
        "tls": (rsa_key("r").record("v=DKIM1; s=tlsrpt; "), ["other-service"]),
        "b1024": (rsa_key("m", 1024).record(), ["below-2048"]),
        "b512": (rsa_key("s", 512).record(), ["short-key"]),
        "b4104": (rsa_key("l", 4104).record(), ["large-key"]),
        "e3": (rsa_key("e", 2048, 3).record(), ["small-exponent"]),
        "e2": (numbers(rsa_key("e2").modulus, 2), ["unsafe-exponent", "malformed"]),
        "e1": (numbers(rsa_key("e1").modulus, 1), ["unsafe-exponent", "malformed"]),
        "e32": (numbers(rsa_key("e32").modulus, 2**32 - 1), []),
        "e33": (numbers(rsa_key("e33").modulus, 2**32 + 1), ["large-exponent"]),
        "spf": ("v=spf1 -all", ["malformed"]),
        "small": (numbers(3 * rsa_key("f", 2046).modulus), ["small-factor"]),
        "flawed": (numbers(flawed_modulus()), ["flawed-generator"]),
    }
    names = [(f"{name}._domainkey.example.com", record) for name, (record, _) in cases.items()]
    found = audited(store_of(tmp_path / "keys.zst", *names))
    assert {name: row["findings"] for name, row in found.items()} == {
        name: findings for name, (_, findings) in cases.items()
    }
    assert (found["good"]["bits"], found["good"]["exponent"]) == (2048, 65_537)
    assert (found["ed"]["algorithm"], found["ed"]["bits"]) == ("ed25519", 256)
    assert found["spf"]["problem"] == "key-malformed"


@pytest.mark.parametrize(
    ("seconds", "is_old"), [(OLD_SECONDS - 1, False), (OLD_SECONDS, True), (OLD_SECONDS + 1, True)]
)
def test_age_at_n_minus_1_n_and_n_plus_1(tmp_path: Path, seconds: int, *, is_old: bool) -> None:
    name = "s._domainkey.example.com"
    found = audited(store_of(tmp_path / "keys.zst", (name, GOOD.record()), seconds=seconds))
    assert ("old" in found["s"]["findings"]) == is_old
    assert found["s"]["days"] == seconds // 86_400


def test_a_record_seen_twice_is_one_key_and_a_reused_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.zst"
    keys = [(f"{name}._domainkey.{name}.example", GOOD.record()) for name in ("a", "b")]
    store_of(path, *keys)
    store_of(path, keys[0], ("c._domainkey.a.example", GOOD.record()), seconds=5 * 86_400)
    found = audited(path)
    assert sorted(found) == ["a", "b", "c"]
    assert [found[name]["days"] for name in "abc"] == [5, 0, 5]
    assert {row["domains"] for row in found.values()} == {2}
    assert {tuple(row["findings"]) for row in found.values()} == {("reused",)}


def test_common_factors_are_found_and_never_shown(tmp_path: Path) -> None:
    one, other = rsa_key("one").primes, rsa_key("other").primes
    keys = {
        "one": RsaKey(one),
        "two": RsaKey((one[0], other[0])),
        "three": RsaKey((other[0], rsa_key("third").primes[0])),
        "good": GOOD,
    }
    names = [(f"{name}._domainkey.{name}.example", key.record()) for name, key in keys.items()]
    path = store_of(tmp_path / "keys.zst", *names)
    found = audited(path)
    shares = {name: [other[: other.index(".")] for other in row["shares_with"]]
              for name, row in found.items()}  # fmt: skip
    assert shares == {"one": ["two"], "two": ["one", "three"], "three": ["two"], "good": []}
    assert found["two"]["findings"][0] == "shared-factor"
    shown = command(path).stdout
    assert "shared-factor (with one._domainkey.one.example, three" in shown
    # Not in decimal nor in hexadecimal.
    for prime in (one[0], other[0]):
        for text in (str(prime)[:20], f"{prime:x}"[:20]):
            assert text not in shown + json.dumps(found)


def test_text_tells_the_worst_first_and_counts(tmp_path: Path) -> None:
    names = {
        "a": rsa_key("m", 1024).record(),
        "b": "v=DKIM1; p=",
        "c": numbers(3 * rsa_key("f", 2046).modulus),
        "d": GOOD.record(),
    }
    keys = [(f"{name}._domainkey.example.com", record) for name, record in names.items()]
    path = store_of(tmp_path / "keys.zst", *keys)
    lines = command(path).stdout.splitlines()
    assert [line[0] for line in lines[:4]] == ["n", "c", "a", "b"]
    assert lines[5] == "4 keys of 1 domains, seen from 2020-09-13 to 2020-09-13"
    assert f"        1  revoked: {FINDINGS['revoked']}" in lines
    assert command(path, "--all").stdout.splitlines()[4].startswith("d._domainkey")


def test_stores_that_are_none_or_torn(tmp_path: Path) -> None:
    (tmp_path / "none").write_bytes(b"no store")
    for name in ("missing", "none"):
        done = command(tmp_path / name)
        assert (done.returncode, done.stderr.count("\n")) == (Exit.FATAL, 1)
        assert name in done.stderr
    path = store_of(tmp_path / "keys.zst", ("s._domainkey.example.com", GOOD.record()))
    whole = path.read_bytes()
    store_of(path, ("t._domainkey.example.com", GOOD.record()))
    path.write_bytes(path.read_bytes()[:-3])
    torn = command(path, "--format", "jsonl")
    assert (torn.returncode, torn.stdout.count("\n")) == (Exit.PARTIAL, 1)
    assert len(whole) < path.stat().st_size
    assert command("-").returncode == Exit.USAGE


PRIMES = [prime for prime in range(101, 400) if all(prime % other for other in range(2, 20))]
MODULI = st.lists(st.tuples(*[st.sampled_from(PRIMES)] * 2).map(math.prod), unique=True)


@pytest.mark.parametrize("chunk", [1, 3, 256])
@pytest.mark.parametrize("is_plain", [True, False])
def test_common_factors_are_those_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch, chunk: int, *, is_plain: bool
) -> None:
    monkeypatch.setattr(arithmetic, "PLAIN_CHUNK", chunk)
    monkeypatch.setattr(arithmetic, "GMP_CHUNK", chunk)
    chosen = PlainArithmetic() if is_plain else best_arithmetic()

    @given(MODULI)
    @settings(max_examples=100, deadline=None)
    def check(moduli: list[int]) -> None:
        found = shared_factors(moduli, chosen)
        for place, modulus in enumerate(moduli):
            others = [math.gcd(modulus, other) for other in moduli[:place] + moduli[place + 1 :]]
            assert all(found[place] % factor == 0 for factor in others)
            assert modulus % found[place] == 0
            assert (found[place] > 1) == any(factor > 1 for factor in others)

    check()
