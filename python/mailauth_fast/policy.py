"""Every knob of a verification, checked at construction; also what a configuration file fills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mailauth_fast import _core
from mailauth_fast.errors import InvalidPolicy

Rules = Literal["auto", "rfc9989", "rfc7489"]
BodyLength = Literal["honour", "whole"]

RSA_BITS_CEILING = 8192
"""Largest RSA modulus that may be allowed: beyond it one verification costs 30 usual ones."""
MIN_RSA_BITS = 1024
"""RFC 8301 §3.2: shorter keys are never valid."""
HISTORIC_MIN_RSA_BITS = 512
"""RFC 6376 §3.3.3, obsolete: what verifiers had to take before RFC 8301."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits and switches; the contract's table says what each one means.

    Raises:
        InvalidPolicy: a value is out of its range, or the public suffix list cannot be used.
    """

    rules: Rules = "auto"
    historic: bool = False
    min_rsa_bits: int | None = None  # 1024, or 512 with `historic`
    max_rsa_bits: int = 4096
    max_signatures: int = 10
    body_length: BodyLength = "honour"
    public_suffix_list: str | Path | None = None
    private_suffixes: bool = True
    trusted_sealers: tuple[str, ...] = ()
    trust: tuple[str, ...] = ()  # whose Received fields are believed, as of `--trust`
    time_skew: int = 300
    reject_on_policy_alone: bool = False
    digest: bool = False
    receiver: str = ""

    def __post_init__(self) -> None:
        """Check every value; normalise the list of sealers."""
        self._check_words()
        floor = HISTORIC_MIN_RSA_BITS if self.historic else MIN_RSA_BITS
        smallest = floor if self.min_rsa_bits is None else self.min_rsa_bits
        object.__setattr__(self, "min_rsa_bits", smallest)
        _check_range("min_rsa_bits", smallest, floor, RSA_BITS_CEILING)
        _check_range("max_rsa_bits", self.max_rsa_bits, smallest, RSA_BITS_CEILING)
        _check_range("max_signatures", self.max_signatures, 1, 100)
        _check_range("time_skew", self.time_skew, 0, 7 * 86_400)
        if isinstance(self.trusted_sealers, str):
            raise InvalidPolicy("trusted_sealers is a single text; give a sequence of domains")
        if isinstance(self.trust, str):
            raise InvalidPolicy(
                f"trust is a single text; give a sequence of entries: ({self.trust!r},)"
            )
        object.__setattr__(self, "trust", tuple(self.trust))
        if not all(isinstance(entry, str) for entry in self.trust):
            raise InvalidPolicy("trust holds an entry that is no text; use net:CIDR, by:NAME, ...")
        _core.check_trust(self.trust)
        sealers = tuple(name.lower().rstrip(".") for name in self.trusted_sealers)
        object.__setattr__(self, "trusted_sealers", sealers)

    def _check_words(self) -> None:
        for name, words in (("rules", get_args(Rules)), ("body_length", get_args(BodyLength))):
            if getattr(self, name) not in words:
                options = ", ".join(words)
                raise InvalidPolicy(f"{name} is {getattr(self, name)!r}; use one of {options}")
        for name in ("historic", "private_suffixes", "reject_on_policy_alone", "digest"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidPolicy(f"{name} is {getattr(self, name)!r}; use True or False")
        if not isinstance(self.receiver, str):
            raise InvalidPolicy("receiver is no text; give a host name")
        if self.public_suffix_list is not None and not Path(self.public_suffix_list).exists():
            raise InvalidPolicy(
                f"{self.public_suffix_list}: no such public suffix list; give a file or a folder"
            )


def _check_range(name: str, value: int, lowest: int, highest: int) -> None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not lowest <= value <= highest:
        raise InvalidPolicy(f"{name} is {value!r}; use a whole number from {lowest} to {highest}")
