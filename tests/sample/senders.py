"""The domains of the sample archive: their keys, records and signers.

Knows what is published where; must not know any message. All names are those of RFC 2606.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.keys import Ed25519Key, RsaKey, ed25519_key, key_record, rsa_key
from tests.signing import Signer

Zone = dict[str, str | Mapping[str, object]]

SEED = "sample archive"
EAI_DOMAIN = "xn--bcher-kva.example"
EAI_NAME = "bücher.example"

# Domain: its DMARC record (None: no record) and the last octet of its mail host in 192.0.2.0/24.
DOMAINS: dict[str, tuple[str | None, int]] = {
    "alpha.example": ("v=DMARC1; p=reject; rua=mailto:dmarc@alpha.example", 10),
    "beta.example": ("v=DMARC1; p=quarantine; sp=reject; fo=1", 20),
    "gamma.example": (
        "v=DMARC1; p=none; rua=mailto:dmarc@gamma.example,mailto:two@gamma.example",
        30,
    ),
    "delta.example": (None, 40),
    "strict.example": ("v=DMARC1; p=reject; adkim=s; aspf=s", 50),
    "testing.example": ("v=DMARC1; p=reject; t=y", 60),
    "partial.example": ("v=DMARC1; p=quarantine; pct=50", 70),
    "nowhere.example": ("v=DMARC1; p=none; sp=quarantine; np=reject", 80),
    "bank.example": ("v=DMARC1; p=reject; psd=y", 90),
    "unit.beta.example": ("v=DMARC1; p=none; psd=n", 100),
    "example.com": ("v=DMARC1;p=reject;", 110),
    "example.net": ("v=DMARC1; p=none", 120),
    "example.org": ("v=DMARC1; p=none", 130),
    EAI_DOMAIN: ("v=DMARC1; p=reject", 140),
}
# RSA modulus sizes, in bits, that alpha.example publishes.
SIZES = (512, 768, 1024, 4096, 4352)
# Domains with a key and a mail host whose policy has to be inherited.
SUBDOMAINS = (
    "news.alpha.example",
    "mail.strict.example",
    "team.nowhere.example",
    "giant.bank.example",
)
# Domains whose policy cannot be had, or is none.
ODD_POLICIES: Zone = {
    "_dmarc.silent.example": "TIMEOUT",
    "_dmarc.broken.example": "SERVFAIL",
    "_dmarc.twice.example": {"TXT": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]},
    "_dmarc.lower.example": {"TXT": ["v=dmarc1; p=reject"]},
    "_dmarc.wild.example": {"TXT": ["v=spf1 -all"]},
    "_dmarc.empty.example": "NODATA",
}


def rsa(name: str, bits: int = 2048) -> RsaKey:
    """Return a key of the sample."""
    return rsa_key(f"{SEED} {name}", bits)


def ed25519(name: str) -> Ed25519Key:
    """Return an Ed25519 key of the sample."""
    return ed25519_key(f"{SEED} {name}")


def signer(domain: str, selector: str = "s1") -> Signer:
    """Return a domain's signer with one of its ordinary keys."""
    if selector == "e1":
        return Signer(domain=domain, selector="e1", key=ed25519(domain))
    return Signer(domain=domain, selector=selector, key=rsa(f"{domain} {selector}"))


def sized_signer(bits: int) -> Signer:
    """Return a signer of alpha.example with an RSA key of this size."""
    return Signer(domain="alpha.example", selector=f"r{bits}", key=rsa("sized", bits))


def odd_signer(selector: str) -> Signer:
    """Return a signer of alpha.example whose published record is odd; see `odd_records`."""
    return Signer(domain="alpha.example", selector=selector, key=rsa("odd", 1024))


def odd_records() -> Zone:
    """Return what alpha.example publishes under the selectors of `odd_signer`."""
    key = rsa("odd", 1024)
    record = key.record()
    at = "._domainkey.alpha.example"
    return {
        f"revoked{at}": {"TXT": ["v=DKIM1; k=rsa; p="]},
        f"othertype{at}": {"TXT": [ed25519("odd").record()]},
        f"otherkey{at}": {"TXT": [rsa("other", 1024).record()]},
        f"sha1only{at}": {"TXT": [key.record("v=DKIM1; h=sha1; ")]},
        f"reports{at}": {"TXT": [key.record("v=DKIM1; s=tlsrpt; ")]},
        f"samedomain{at}": {"TXT": [key.record("v=DKIM1; t=s; ")]},
        f"trial{at}": {"TXT": [key.record("v=DKIM1; t=y; ")]},
        f"garbled{at}": {"TXT": [key_record(key.spki()[:-9])]},
        f"late{at}": {"TXT": [key.record("k=rsa; v=DKIM1; ").replace("k=rsa; p=", "p=")]},
        f"silent{at}": "TIMEOUT",
        f"broken{at}": {"TXT": "SERVFAIL"},
        f"pkcs1{at}": {"TXT": [key.record(form="pkcs1")]},
        f"split{at}": {"TXT": [[record[:40], record[40:90], record[90:]]]},
        f"alias{at}": {"CNAME": ["keys.example.net"]},
        "keys.example.net": {"TXT": [record]},
        f"among{at}": {
            "TXT": ["site-verification=0123456789", record, rsa("other", 1024).record()]
        },
    }


def hosts() -> dict[str, str]:
    """Return the address of each domain's mail host."""
    fixed = {name: f"192.0.2.{host}" for name, (_, host) in DOMAINS.items()}
    others = [*SUBDOMAINS, *(name.removeprefix("_dmarc.") for name in ODD_POLICIES)]
    return fixed | {name: f"192.0.2.{200 + number}" for number, name in enumerate(others)}


def zone() -> Zone:
    """Return every DNS answer of the sample, as StaticResolver takes it."""
    answers: Zone = {**ODD_POLICIES, **odd_records()}
    for name, address in hosts().items():
        answers |= host_records(name, address)
        answers |= key_records(signer(name), signer(name, "e1"))
    for name, (policy, _) in DOMAINS.items():
        if policy is not None:
            answers[f"_dmarc.{name}"] = {"TXT": [policy]}
    answers |= key_records(*(sized_signer(bits) for bits in SIZES))
    return dict(sorted(answers.items()))


def host_records(name: str, address: str) -> Zone:
    """Return a domain's address, mail exchanger and SPF record."""
    return {
        name: {"A": [address], "MX": [[10, f"mail.{name}"]], "TXT": [f"v=spf1 ip4:{address} -all"]},
        f"mail.{name}": {"A": [address], "TXT": ["v=spf1 a -all"]},
    }


def key_records(*signers: Signer) -> Zone:
    """Return the key records of these signers."""
    return {each.key_name: {"TXT": [each.key.record()]} for each in signers}
