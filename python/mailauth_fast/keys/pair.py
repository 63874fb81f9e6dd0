"""Two signatures of one RSA key give its modulus: s^e - EM is a multiple of it for each of them.

Knows the arithmetic of one pair (RFC 8017, section 8.2.2) and runs in a process of its own; must
not know names, messages or which pairs are worth trying.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from mailauth_fast.keys.arithmetic import fast_arithmetic, small_primes, without_small_factors

EXPONENTS = (3, 5, 17, 257, 65_537)
"""Public exponents in use; all but the last cost milliseconds together."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One signature of a key that is looked for.

    `encoded` is what the key should turn the signature into: the octets of EMSA-PKCS1-v1_5, or
    empty where the signature is too short for one. `time` is of receipt, Unix seconds.
    `is_intact` tells that the body under the signature was not altered.
    """

    signature: bytes
    encoded: bytes
    time: int | None
    is_intact: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a pair: a modulus as long as a signature, or None; CPU seconds spent."""

    modulus: bytes | None
    exponent: int
    seconds: float


def try_pair(
    one: Sample,
    other: Sample,
    witnesses: tuple[Sample, ...] = (),
    exponents: tuple[int, ...] = EXPONENTS,
) -> Tried:
    """Look for a modulus that both signatures share, for each exponent.

    Args:
        one: a signature of at least 64 octets.
        other: another signature of the same length.
        witnesses: more signatures, that take away a factor which is not the modulus's.
        exponents: which to try, in this order.
    """
    begin = time.process_time()
    arithmetic = fast_arithmetic()
    primorial = math.prod(small_primes())
    length = len(one.signature)
    for exponent in exponents:
        multiples = [
            arithmetic.mpz(_number(sample.signature)) ** exponent - _number(sample.encoded)
            for sample in (one, other)
        ]
        common = int(abs(arithmetic.gcd(multiples[0], multiples[1])))
        common = without_small_factors(common, primorial)
        for witness in witnesses:
            if common.bit_length() <= 8 * length:
                break
            rest = pow(_number(witness.signature), exponent, common) - _number(witness.encoded)
            narrower = without_small_factors(math.gcd(rest, common), primorial)
            # A signature of another key would take away the modulus itself.
            common = narrower if _octets(narrower) >= length else common
        # RFC 8017, section 8.2.2: a signature is as long as its modulus.
        if _octets(common) == length:
            modulus = common.to_bytes(length, "big")
            return Tried(modulus, exponent, time.process_time() - begin)
    return Tried(None, 0, time.process_time() - begin)


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _octets(number: int) -> int:
    return (number.bit_length() + 7) // 8
