"""What is wrong with published keys: each by itself, and all of them together.

Knows sizes, exponents and factors and what they mean (RFC 6376 §3.6.1, RFC 8301 §3.2); must not
know files. A factor that two keys share is a private key in the open: that it is there is told,
the factor never. Debian's weak keys of 2008 are not looked for: that takes their list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from mailauth_fast.keys.arithmetic import (
    PlainArithmetic,
    shared_factors,
    small_primes,
    without_small_factors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mailauth_fast.keys.arithmetic import Arithmetic

Finding = Literal[
    "shared-factor",
    "small-factor",
    "flawed-generator",
    "unsafe-exponent",
    "short-key",
    "malformed",
    "sha1-alone",
    "other-service",
    "reused",
    "below-2048",
    "large-key",
    "small-exponent",
    "large-exponent",
    "testing",
    "old",
    "revoked",
]

FINDINGS: dict[Finding, str] = {
    "shared-factor": "shares a prime with another key: both private keys can be computed",
    "small-factor": "the modulus has a small factor: the private key can be computed",
    "flawed-generator": "made by the generator of CVE-2017-15361: the private key can be computed",
    "unsafe-exponent": "the exponent is even or below 3: nothing verifies, or everything does",
    "short-key": "below 1024 bits: verifiers must not accept it (RFC 8301 §3.2)",
    "malformed": "no signature verifies with it: see its problem",
    "sha1-alone": "h= allows SHA-1 alone, which nobody may accept (RFC 8301 §3.1)",
    "other-service": "s= leaves out email: no mail verifies with it (RFC 6376 §3.6.1)",
    "reused": "the same key stands at other domains: who loses it loses all of them",
    "below-2048": "below the 2048 bits that signers should use (RFC 8301 §3.2)",
    "large-key": "above 4096 bits: verifiers need not support it (RFC 8301 §3.2)",
    "small-exponent": "an exponent below 65537",
    "large-exponent": "an exponent beyond 32 bits: many verifiers refuse it",
    "testing": "t=y: verifiers treat its mail as unsigned (RFC 6376 §3.6.1)",
    "old": "seen unchanged for more than a year",
    "revoked": "p= is empty: revoked (RFC 6376 §3.6.1)",
}
"""Every finding with one sentence, the worst first."""

SHORTEST_ACCEPTED, SHORTEST_WANTED, LONGEST_SUPPORTED = 1024, 2048, 4096
USUAL_EXPONENT = 65_537
EXPONENT_BITS = 32
OLD_SECONDS = 366 * 86_400
"""A key that one mailbox gave away a year ago still signs: operators are told to change twice."""
FLAWED_PRIMES = tuple(prime for prime in small_primes() if 2 < prime <= 167)  # noqa: PLR2004
"""The primes of the published test for CVE-2017-15361."""


class StoredKey(msgspec.Struct, frozen=True):
    """One key record of one row of a store."""

    selector: str
    domain: str
    text: str
    first_seen: int | None
    last_seen: int | None
    source: str
    problem: str | None
    algorithm: str | None
    bits: int | None
    modulus: str | None
    exponent: str | None
    is_revoked: bool
    is_testing: bool
    is_strict: bool
    is_sha1_alone: bool
    is_for_other_services: bool


@dataclass(slots=True)
class AuditedKey:
    """A key record of one name, out of all rows that hold it.

    `days` it was seen unchanged; `domains` that publish the same key, itself among them;
    `shares_with` names keys with which it has a prime in common.
    """

    selector: str
    domain: str
    algorithm: str | None
    bits: int | None
    exponent: int | None
    problem: str | None
    first_seen: int | None
    last_seen: int | None
    sources: list[str]
    days: int | None = None
    domains: int = 1
    shares_with: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Where the key is published."""
        return f"{self.selector}._domainkey.{self.domain}"


class KeyAudit:
    """Gathers the key records of a store, then judges them."""

    def __init__(self) -> None:
        """Know no key yet."""
        self._rows: dict[tuple[str, str, str], list[StoredKey]] = {}

    def add(self, row: StoredKey) -> None:
        """Take a row; the same record seen again says when it was seen and by whom."""
        self._rows.setdefault((row.domain, row.selector, row.text), []).append(row)

    def finish(self, arithmetic: Arithmetic) -> list[AuditedKey]:
        """Return all keys with what is wrong with them, by domain and selector."""
        audited: list[tuple[AuditedKey, StoredKey, int]] = []
        for place in sorted(self._rows):
            rows = self._rows[place]
            modulus = int(rows[0].modulus or "0", 16)
            audited.append((_merged(rows), rows[0], modulus))
        moduli = sorted({modulus for _, _, modulus in audited if modulus > 1})
        primorial = math.prod(small_primes())
        partners = _partners(moduli, primorial, arithmetic)
        places: dict[int, list[AuditedKey]] = {}
        for key, _, modulus in audited:
            places.setdefault(modulus, []).append(key)
        for key, row, modulus in audited:
            if modulus > 1:
                key.domains = len({other.domain for other in places[modulus]})
                names = (other.name for part in partners[modulus] for other in places[part])
                key.shares_with = sorted({*names})
            found = {*_own_findings(key, row), *_modulus_findings(modulus, primorial)}
            if key.domains > 1:
                found.add("reused")
            if key.shares_with:
                found.add("shared-factor")
            key.findings = [finding for finding in FINDINGS if finding in found]
        return [key for key, _, _ in audited]


def _merged(rows: list[StoredKey]) -> AuditedKey:
    row = rows[0]
    first = min((row.first_seen for row in rows if row.first_seen is not None), default=None)
    last = max((row.last_seen for row in rows if row.last_seen is not None), default=None)
    return AuditedKey(
        selector=row.selector,
        domain=row.domain,
        algorithm=row.algorithm,
        bits=row.bits,
        exponent=None if row.exponent is None else int(row.exponent, 16),
        problem=row.problem,
        first_seen=first,
        last_seen=last,
        sources=sorted({row.source for row in rows}),
        days=None if first is None or last is None else (last - first) // 86_400,
    )


def _own_findings(key: AuditedKey, row: StoredKey) -> Iterable[Finding]:
    tests: dict[Finding, bool] = {
        "revoked": row.is_revoked,
        "malformed": row.problem is not None and not row.is_revoked,
        "sha1-alone": row.is_sha1_alone,
        "other-service": row.is_for_other_services,
        "testing": row.is_testing,
    }
    if key.first_seen is not None and key.last_seen is not None and not row.is_revoked:
        tests["old"] = key.last_seen - key.first_seen >= OLD_SECONDS
    if key.algorithm == "rsa" and key.bits is not None:
        tests["short-key"] = key.bits < SHORTEST_ACCEPTED
        tests["below-2048"] = SHORTEST_ACCEPTED <= key.bits < SHORTEST_WANTED
        tests["large-key"] = key.bits > LONGEST_SUPPORTED
    if key.exponent is not None:
        is_unsafe = key.exponent < 3 or key.exponent % 2 == 0  # noqa: PLR2004
        tests["unsafe-exponent"] = is_unsafe
        tests["small-exponent"] = key.exponent < USUAL_EXPONENT and not is_unsafe
        tests["large-exponent"] = key.exponent.bit_length() > EXPONENT_BITS
    return (finding for finding, holds in tests.items() if holds)


def _modulus_findings(modulus: int, primorial: int) -> Iterable[Finding]:
    if modulus <= 1:
        return
    if math.gcd(modulus, primorial) > 1:
        yield "small-factor"
    elif all(_is_power(modulus % prime, prime) for prime in FLAWED_PRIMES):
        yield "flawed-generator"


def _is_power(number: int, prime: int) -> bool:
    """Tell whether a number is a power of 65537 modulo a prime."""
    power, is_found = 1, number == 1
    while not is_found and (power := power * USUAL_EXPONENT % prime) != 1:
        is_found = power == number
    return is_found


def _partners(moduli: list[int], primorial: int, arithmetic: Arithmetic) -> Mapping[int, list[int]]:
    """Return for each modulus the others that share a factor with it which is not small."""
    cores = {modulus: without_small_factors(modulus, primorial) for modulus in moduli}
    different = sorted({core for core in cores.values() if core > 1})
    factors = dict(zip(different, shared_factors(different, arithmetic), strict=True))
    suspects = [modulus for modulus in moduli if factors.get(cores[modulus], 1) > 1]
    found: dict[int, list[int]] = {modulus: [] for modulus in moduli}
    # Few: a key among millions, unless somebody's generator is broken.
    for place, one in enumerate(suspects):
        for other in suspects[place + 1 :]:
            if math.gcd(cores[one], cores[other]) > 1:
                found[one].append(other)
                found[other].append(one)
    return found


def is_slow(arithmetic: Arithmetic, keys: int) -> bool:
    """Tell whether so many keys take long without gmpy2."""
    return isinstance(arithmetic, PlainArithmetic) and keys > MANY_KEYS


MANY_KEYS = 2_000
"""Keys that Python's own integers compare within seconds."""
