"""Large numbers: the one place that knows gmpy2, and what is done without it.

gmpy2 is an extra because its licence (LGPL) keeps it out of our wheel; it is the only library in
reach whose greatest common divisor of numbers of 134 million bits ends within a minute.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Protocol, cast

from mailauth_fast.errors import MailauthError

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL_PRIME_END = 12_553
"""Last of the first 1,500 primes: what the cofactor of a recovered modulus is made of."""


class Arithmetic(Protocol):
    """What is used of gmpy2; Python's own integers do the same, but slower."""

    def mpz(self, number: int, /) -> int:
        """Return the number in the library's form."""

    def gcd(self, one: int, other: int, /) -> int:
        """Return the greatest common divisor."""


class PlainArithmetic:
    """Python's own integers."""

    def mpz(self, number: int, /) -> int:
        """Return the number."""
        return number

    def gcd(self, one: int, other: int, /) -> int:
        """Return the greatest common divisor."""
        return math.gcd(one, other)


def fast_arithmetic() -> Arithmetic:
    """Return gmpy2.

    Raises:
        MailauthError: it is not installed.
    """
    try:
        return cast("Arithmetic", importlib.import_module("gmpy2"))
    except ImportError:
        sentence = (
            "keys recover needs gmpy2 for its large numbers;"
            " install it with: pip install 'mailauth-fast[keys]'"
        )
        raise MailauthError(sentence) from None


def best_arithmetic() -> Arithmetic:
    """Return gmpy2, or Python's own integers where it is not installed."""
    try:
        return fast_arithmetic()
    except MailauthError:
        return PlainArithmetic()


def small_primes() -> list[int]:
    """Return the primes up to `SMALL_PRIME_END`."""
    is_prime = bytearray([1]) * (SMALL_PRIME_END + 1)
    is_prime[:2] = b"\0\0"
    for number in range(2, math.isqrt(SMALL_PRIME_END) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(is_prime[number * number :: number]))
    return [number for number, flag in enumerate(is_prime) if flag]


def without_small_factors(number: int, primorial: int) -> int:
    """Return the number without the primes that `primorial` is the product of."""
    while number > 1 and (factor := math.gcd(number, primorial)) > 1:
        number //= factor
    return number


def shared_factors(moduli: Sequence[int], arithmetic: Arithmetic) -> list[int]:
    """Return for each of these different numbers what it has in common with the others, else 1.

    A product tree goes up and remainders modulo squares come down, in chunks that fit into memory:
    quasi-linear within a chunk, each chunk against each other.
    Source: Bernstein, "How to find the smooth parts of integers" (2004).
    """
    size = GMP_CHUNK if not isinstance(arithmetic, PlainArithmetic) else PLAIN_CHUNK
    numbers = [arithmetic.mpz(modulus) for modulus in moduli]
    chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    trees = [_product_tree(chunk) for chunk in chunks]
    common: list[int] = []
    for place, chunk in enumerate(chunks):
        found = [1] * len(chunk)
        for other, tree in enumerate(trees):
            is_own = other == place
            rests = _remainders(tree[-1][0], trees[place], is_squared=is_own)
            for index, (number, rest) in enumerate(zip(chunk, rests, strict=True)):
                rest = rest // number if is_own else rest  # noqa: PLW2901 - one remainder
                factor = arithmetic.gcd(rest, number)
                found[index] = found[index] * factor // arithmetic.gcd(found[index], factor)
        common.extend(int(factor) for factor in found)
    return common


GMP_CHUNK = 20_000
"""Moduli of one tree: 132 MB for 2048 bits."""
PLAIN_CHUNK = 256
"""Python's own division is quadratic: small trees are cheaper, though there are more of them."""


def _product_tree(numbers: list[int]) -> list[list[int]]:
    tree = [numbers]
    while len(tree[-1]) > 1:
        level = tree[-1]
        tree.append([math.prod(level[start : start + 2]) for start in range(0, len(level), 2)])
    return tree


def _remainders(product: int, tree: list[list[int]], *, is_squared: bool) -> list[int]:
    """Return the product modulo each leaf, or modulo each leaf's square."""
    rests = [product]
    for level in reversed(tree):
        rests = [
            rests[place // 2 if len(level) > 1 else 0] % (node * node if is_squared else node)
            for place, node in enumerate(level)
        ]
    return rests
