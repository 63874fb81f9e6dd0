"""Deterministic keys for tests: RSA of any size, Ed25519, and the records that publish them.

Knows DER, PKCS #1 and how a key is derived from a label, so that a generated archive is the same
octets at every run; must not know what a message is. `cryptography` signs where it takes the key;
weak and multi-prime keys (RFC 8017 §3.2) are exponentiated here, because it refuses to make them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")
DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
}
HASH_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
}
# Smallest modulus that `cryptography` signs with.
LIBRARY_MIN_BITS = 1024
# Larger keys get several primes of this size: a prime of 2048 bits takes seconds to find.
PRIME_BITS = 1024


class OctetStream:
    """Octets derived from a label: SHA-256 over the label and a counter."""

    def __init__(self, label: str) -> None:
        """Start at the first octet of this label's stream."""
        self._blocks = self._generate(label.encode())
        self._buffer = b""

    @staticmethod
    def _generate(label: bytes) -> Iterator[bytes]:
        counter = 0
        while True:
            yield hashlib.sha256(label + counter.to_bytes(8, "big")).digest()
            counter += 1

    def take(self, count: int) -> bytes:
        """Return the next `count` octets."""
        while len(self._buffer) < count:
            self._buffer += next(self._blocks)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def below(self, limit: int) -> int:
        """Return a number in 0..limit; the bias of 2**-64 does not matter here."""
        octets = (limit.bit_length() + 7) // 8 + 8
        return int.from_bytes(self.take(octets), "big") % limit


class Key(Protocol):
    """What a signer needs of a key."""

    @property
    def algorithm(self) -> str:
        """The `k=` word, which is the first half of `a=` too."""

    def sign(self, data: bytes, digest: str) -> bytes:
        """Return the signature over `data`, hashed with `digest`."""

    def record(self, tags: str = "v=DKIM1; ") -> str:
        """Return the key record's text: `tags`, then `k=` and `p=`."""


@dataclass(frozen=True, slots=True)
class RsaKey:
    """An RSA key of two or more primes."""

    primes: tuple[int, ...]
    exponent: int = 65537
    algorithm: str = "rsa"

    @property
    def modulus(self) -> int:
        """The product of the primes."""
        return math.prod(self.primes)

    @property
    def private_exponent(self) -> int:
        """The inverse of the exponent."""
        return pow(self.exponent, -1, math.lcm(*(prime - 1 for prime in self.primes)))

    def power(self, number: int) -> int:
        """Raise to the private exponent by the Chinese remainder theorem."""
        modulus, private = self.modulus, self.private_exponent
        total = 0
        for prime in self.primes:
            rest = modulus // prime
            residue = pow(number % prime, private % (prime - 1), prime)
            total += residue * rest * pow(rest, -1, prime)
        return total % modulus

    def sign(self, data: bytes, digest: str = "sha256") -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 (RFC 8017 §8.2)."""
        is_usual = len(self.primes) == 2 and self.exponent > 1
        if is_usual and self.modulus.bit_length() >= LIBRARY_MIN_BITS:
            return library_key(self).sign(data, padding.PKCS1v15(), HASH_ALGORITHMS[digest])
        octets = (self.modulus.bit_length() + 7) // 8
        tail = DIGEST_INFO[digest] + hashlib.new(digest, data).digest()
        return self.sign_encoded(b"\0\1" + b"\xff" * (octets - len(tail) - 3) + b"\0" + tail)

    def sign_encoded(self, encoded: bytes) -> bytes:
        """Sign an encoded message as it stands, right or forged."""
        octets = (self.modulus.bit_length() + 7) // 8
        return self.power(int.from_bytes(encoded, "big")).to_bytes(octets, "big")

    def pkcs1(self) -> bytes:
        """Return the RSAPublicKey (RFC 8017 App. A.1.1)."""
        return rsa_public_key(self.modulus, self.exponent)

    def spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo that most key records hold."""
        return subject_public_key_info(self.pkcs1())

    def record(self, tags: str = "v=DKIM1; ", form: str = "spki") -> str:
        """Return the key record's text; `form` is `spki` or `pkcs1` (RFC 6376 §3.6.1)."""
        octets = self.spki() if form == "spki" else self.pkcs1()
        return f"{tags}k=rsa; p={base64.b64encode(octets).decode()}"


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """An Ed25519 key (RFC 8463)."""

    secret: bytes
    algorithm: str = "ed25519"

    def sign(self, data: bytes, digest: str = "sha256") -> bytes:
        """Sign the digest of `data` (RFC 8463 §3)."""
        return Ed25519PrivateKey.from_private_bytes(self.secret).sign(
            hashlib.new(digest, data).digest()
        )

    def public(self) -> bytes:
        """Return the 32 octets that `p=` holds."""
        private = Ed25519PrivateKey.from_private_bytes(self.secret)
        return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def record(self, tags: str = "v=DKIM1; ") -> str:
        """Return the key record's text."""
        return f"{tags}k=ed25519; p={base64.b64encode(self.public()).decode()}"


@functools.cache
def library_key(key: RsaKey) -> rsa.RSAPrivateKey:
    """Return the key in the form that `cryptography` signs with."""
    first, second = key.primes
    private = key.private_exponent
    numbers = rsa.RSAPrivateNumbers(
        p=first,
        q=second,
        d=private,
        dmp1=private % (first - 1),
        dmq1=private % (second - 1),
        iqmp=pow(second, -1, first),
        public_numbers=rsa.RSAPublicNumbers(key.exponent, key.modulus),
    )
    return numbers.private_key()


@functools.cache
def ed25519_key(label: str) -> Ed25519Key:
    """Derive a key from its label."""
    return Ed25519Key(OctetStream(f"ed25519 {label}").take(32))


@functools.cache
def rsa_key(label: str, bits: int = 2048, exponent: int = 65537) -> RsaKey:
    """Derive a key whose modulus has exactly `bits` bits."""
    stream = OctetStream(f"rsa {label} {bits} {exponent}")
    count = max(2, math.ceil(bits / PRIME_BITS))
    primes: list[int] = []
    for position in range(count):
        product = math.prod(primes)
        left = bits - product.bit_length() + 1
        if position == count - 1:
            low, high = -(-(1 << (bits - 1)) // product), ((1 << bits) - 1) // product
        else:
            size = left // (count - position)
            low, high = 3 << (size - 2), (1 << size) - 1
        primes.append(find_prime(stream, low, high, exponent))
    return RsaKey(tuple(primes), exponent)


@functools.cache
def small_primes() -> tuple[int, ...]:
    """Return the odd primes below 8192."""
    return tuple(n for n in range(3, 8192, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))


@functools.cache
def small_product() -> int:
    """Return the product of the odd primes below 8192."""
    return math.prod(small_primes())


def find_prime(stream: OctetStream, low: int, high: int, exponent: int) -> int:
    """Return a prime in low..=high for which `exponent` has an inverse."""
    while True:
        number = (low + stream.below(high - low)) | 1
        while number <= high:
            if math.gcd(number - 1, exponent) == 1 and is_prime(number):
                return number
            number += 2


def is_prime(number: int) -> bool:
    """Tell whether Miller and Rabin find no witness; no enemy chooses these numbers."""
    if math.gcd(number, small_product()) > 1:
        return number in small_primes()
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(not is_witness(base, number, odd, twos) for base in (2, 3, 5, 7, 11, 13, 17, 19))


def is_witness(base: int, number: int, odd: int, twos: int) -> bool:
    """Tell whether `base` proves that `number` is composite."""
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return False
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return False
    return True


def der(tag: int, content: bytes) -> bytes:
    """Return one DER element."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def der_integer(number: int) -> bytes:
    """Return a DER INTEGER, two's complement in the fewest octets."""
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def rsa_public_key(modulus: int, exponent: int) -> bytes:
    """Return an RSAPublicKey of any two numbers."""
    return der(0x30, der_integer(modulus) + der_integer(exponent))


def subject_public_key_info(key: bytes, algorithm: bytes = RSA_ENCRYPTION + b"\x05\0") -> bytes:
    """Wrap a public key; `algorithm` is the content of its AlgorithmIdentifier."""
    return der(0x30, der(0x30, algorithm) + der(0x03, b"\0" + key))


def key_record(octets: bytes, tags: str = "v=DKIM1; k=rsa; ") -> str:
    """Return a key record that publishes these octets, whatever they are."""
    return f"{tags}p={base64.b64encode(octets).decode()}"
