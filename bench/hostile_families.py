"""The hostile families: mail that costs a careless verifier more than its size, by a number n.

Knows what attackers send, numbered as the cases of the tests; must not know how it is timed.
"""

from __future__ import annotations

import base64
import functools
import itertools
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast import Envelope
from mailauth_fast.bench.bodies import Writer

# The stage and the signer of the tests are used as they are.
sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.hostile.scene import LEGITIMATE, LEGITIMATE_IP, SIGNER, ZONE, legitimate, mail
from tests.keys import rsa_key
from tests.signing import Sealer, Signer, seal, sign, signature_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.door import Zone

SETS = 50
"""ARC sets of the longest chain that is looked at (RFC 8617 §4.2.1)."""
SIGNATURES = 10
"""Signatures that are examined."""
NAMES = 1_000
"""Names of `h=` that are examined."""
TEXT_OCTETS = 60_000
"""Octets of a large TXT record."""
SLOW_EXPONENT = 2**33 - 9
"""The largest exponent that a key may have: the slowest to verify."""
SOME_SIGNATURE = base64.b64encode(b"\1" * 256).decode()
"""Right in size, so that it is verified, and wrong."""
ENVELOPE = Envelope(client_ip=LEGITIMATE_IP, helo="mx.sender.example", mail_from=f"a@{LEGITIMATE}")
DMARC, KEY = "_dmarc.", f"{SIGNER.selector}._domainkey."
"""What stands before the domain in the names of its policy and its key."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message, and what is published for it beside the stage's zone.

    No two cases publish different answers at one name: their zones can be put together.
    """

    octets: bytes
    zone: Zone = field(default_factory=dict)
    envelope: Envelope = ENVELOPE


@dataclass(frozen=True, slots=True)
class Family:
    """Messages that grow with a number.

    Attributes:
        number: of the case in the tests.
        make: n to message; its size grows at most linearly.
        limit: the largest n that costs more than the one before: a cap, or what a zone can hold.
    """

    name: str
    number: int
    make: Callable[[int], Case]
    limit: int | None = None


def plain(make: Callable[[int], bytes]) -> Callable[[int], Case]:
    """Turn a message into a case."""
    return lambda count: Case(make(count))


def with_body(body: bytes, *signers: Signer) -> bytes:
    """Return a message whose signatures are looked at in full, though its body is another."""
    chosen = signers or (SIGNER, SIGNER.having(canonicalization="simple/simple"))
    return sign(mail(), *chosen).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body


def unverifying(signer: Signer, count: int = 1) -> bytes:
    """Return so many signatures that are verified and do not hold; no two cover the same."""
    wrong = signer.having(override={**signer.override, "b": SOME_SIGNATURE})
    names = [name for name in signer.headers if name != "from"]
    fields = [
        signature_field(
            mail(), wrong.having(headers=(*names[:place], "from", *names[place:]), timestamp=place)
        )
        for place in range(count)
    ]
    return b"".join(fields)


def author(value: bytes) -> bytes:
    """Return a signed message with this From field."""
    return unverifying(SIGNER) + mail(value)


def authors() -> list[Family]:
    """Return From fields (case 20, 10 and 18)."""
    domain = f"@{LEGITIMATE}".encode()
    label = "ü".encode() * 500
    values: dict[str, Callable[[int], bytes]] = {
        "from-comments": lambda n: b"(" * n + b")" * n + b" a" + domain,
        "from-open-comments": lambda n: b"(" * n + b" a" + domain,
        "from-addresses": lambda n: b", ".join([b"a" + domain] * n),
        "from-quoted-pairs": lambda n: b'"' + b"\\x" * n + b'" <a' + domain + b">",
        "from-words": lambda n: b"x " * n + b"<a" + domain + b">",
        "from-groups": lambda n: b"a:" * n,
        "from-angles": lambda n: b"<" * n,
        "from-encoded-words": lambda n: b"=?utf-8?q?=41?= " * n + b"<a" + domain + b">",
        "from-domains": lambda n: b", ".join(b"a@d%d.example" % each for each in range(n)),
        "from-long-u-labels": lambda n: b", ".join(b"a@%d" % each + label for each in range(n)),
        "from-many-labels": lambda n: b", ".join([b"a@" + b"a." * 120 + b"example"] * n),
        "from-routes": lambda n: b"<" + b"@a.example," * n + b":a" + domain + b">",
    }
    numbers = {"from-domains": 10, "from-long-u-labels": 18, "from-many-labels": 19}
    return [
        Family(name, numbers.get(name, 20), plain(functools.partial(made_author, value)))
        for name, value in values.items()
    ]


def made_author(value: Callable[[int], bytes], count: int) -> bytes:
    """Return the message whose From field is made of n."""
    return author(value(count))


def fields_of(make: Callable[[int], bytes], names: tuple[str, ...] = ()) -> Callable[[int], Case]:
    """Return a family whose header begins with these fields; `names` are signed as well."""
    signatures = unverifying(SIGNER.having(headers=("from", "to", "subject", *names)))

    def made(count: int) -> Case:
        return Case(signatures + make(count) + mail())

    return made


def headers() -> list[Family]:
    """Return header sections (cases 26, 41, 72, 74 and 76)."""
    many = ("x-many",) * (NAMES - 3)
    result = b" x.example; " + b"dkim=pass header.d=legitimate.example; " * 100 + b"\r\n"
    hop = b"Received: from a.example (b [192.0.2.7]) by c; Mon, 04 May 2026 06:00:00 +0000\r\n"
    content = b"Content-Type: text/plain"
    made: list[tuple[str, int, Callable[[int], bytes], tuple[str, ...]]] = [
        ("fields", 74, lambda n: b"A:\r\n" * n, ()),
        ("field-long", 74, lambda n: b"X: " + b"x" * n + b"\r\n", ()),
        ("field-long-signed", 41, lambda n: b"X-Many: " + b"x" * n + b"\r\n", many[:1]),
        ("field-blanks-signed", 41, lambda n: b"X-Many: " + b" " * n + b"x\r\n", many[:1]),
        ("field-words-signed", 41, lambda n: b"X-Many: " + b"w  " * n + b"\r\n", many[:1]),
        ("field-folds-signed", 41, lambda n: b"X-Many: " + b"x\r\n " * n + b"x\r\n", many[:1]),
        ("field-repeated", 41, lambda n: b"X-Many: 1\r\n" * n, many),
        ("fields-distinct", 26, lambda n: b"".join(b"Y%d: a\r\n" % i for i in range(n)), many),
        ("received", 74, lambda n: hop * n, ()),
        ("received-comments", 74, lambda n: b"Received: " + b"(" * n + b"\r\n", ()),
        ("date-comments", 74, lambda n: b"Date: " + b"(" * n + b")" * n + b"\r\n", ()),
        ("message-id", 74, lambda n: b"Message-ID: <" + b"<" * n + b"@a>\r\n", ()),
        ("results", 72, lambda n: b"Authentication-Results:" + result * n, ()),
        ("results-fields", 72, lambda n: (b"Authentication-Results:" + result) * n, ()),
        ("parameters", 76, lambda n: content + b'; p="x"' * n + b"\r\n", ()),
        ("nul", 33, lambda n: b"X: " + b"\0\r" * n + b"\r\n", ()),
    ]
    return [Family(name, case, fields_of(make, names)) for name, case, make, names in made]


def tagged(make: Callable[[int], dict[str, str | None]]) -> Callable[[int], Case]:
    """Return a family of one signature with these tags."""

    def made(count: int) -> Case:
        tags = {"b": SOME_SIGNATURE, **make(count)}
        return Case(signature_field(mail(), SIGNER.having(override=tags)) + mail())

    return made


def absent_names(count: int) -> Case:
    """Return n absent names in `h=` over n fields."""
    names = ("from", *(f"x{number}" for number in range(count)))
    head = b"".join(b"Y%d: a\r\n" % number for number in range(count))
    return Case(head + unverifying(SIGNER.having(headers=names)) + mail())


def ten_over_one_header(count: int) -> Case:
    """Return as many signatures as are examined, each over the same n octets of header."""
    signatures = unverifying(SIGNER.having(headers=("from", "to", "x-many")), SIGNATURES)
    return Case(signatures + b"X-Many: " + b"x" * count + b"\r\n" + mail())


def ten_over_many_names(count: int) -> Case:
    """Return as many signatures and names as are examined, over n fields of one name."""
    names = ("from", *("x-many",) * (NAMES - 1))
    return Case(
        unverifying(SIGNER.having(headers=names), SIGNATURES) + b"X-Many:1\r\n" * count + mail()
    )


def slow_keys(count: int) -> Case:
    """Return n signatures of the slowest key that may be used."""
    signer = SIGNER.having(key=rsa_key("slow", 4096, SLOW_EXPONENT), selector="slow")
    zone = {signer.key_name: {"TXT": [signer.key.record()]}}
    signers = [signer.having(timestamp=1_777_870_000 - number) for number in range(count)]
    return Case(sign(mail(), *signers), zone)


def signatures() -> list[Family]:
    """Return signature fields (cases 25 to 30 and 40)."""
    junk = SIGNER.having(override={"b": SOME_SIGNATURE})
    alike = signature_field(mail(), junk)
    short = b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=eA==; b=eA==\r\n"
    tags: dict[str, tuple[int, Callable[[int], dict[str, str | None]]]] = {
        "tag-unknown": (30, lambda n: {"unknown": "y" * n}),
        "tag-folded": (30, lambda n: {"unknown": " y" * n}),
        "tags-distinct": (30, lambda n: {f"y{number}": "" for number in range(n)}),
        "tags-repeated": (30, lambda n: {"y": "; y=" * n}),
        "tag-copied": (30, lambda n: {"z": "From:a=40b|" * n}),
        "tag-signature": (29, lambda n: {"b": "eA" * n}),
        "tag-body-hash": (28, lambda n: {"bh": "eA" * n}),
        "tag-colons": (26, lambda n: {"h": ":" * n}),
        "tag-names": (26, lambda n: {"h": "from" + ":x" * n}),
        "tag-agent": (30, lambda n: {"i": "=41" * n + f"@{LEGITIMATE}"}),
        "tag-length": (39, lambda n: {"l": "0" * n}),
    }
    return [
        *(Family(name, number, tagged(make)) for name, (number, make) in tags.items()),
        Family("signatures", 25, lambda n: Case(short * n + legitimate())),
        Family("signatures-alike", 40, lambda n: Case(alike * n + legitimate())),
        Family("names-absent", 26, absent_names),
        Family("ten-over-one-header", 39, ten_over_one_header),
        Family("ten-over-many-names", 41, ten_over_many_names),
        Family("slow-keys", 44, slow_keys, SIGNATURES),
    ]


def ten_lengths(count: int) -> Case:
    """Return signatures with ten lengths and both canonicalizations over a body of n lines."""
    body = b"a line  of text \r\n" * count
    modes = ("relaxed/relaxed", "relaxed/simple")
    signers = [
        SIGNER.having(
            override={"l": str(count * (number + 1))}, canonicalization=modes[number % len(modes)]
        )
        for number in range(SIGNATURES)
    ]
    return Case(with_body(body, *signers))


def nested_parts(count: int) -> bytes:
    """Return n parts, each within the one before."""
    part = b'--%d\r\nContent-Type: multipart/mixed; boundary="%d"\r\n\r\n'
    return b"".join(part % (number, number + 1) for number in range(count))


def bodies() -> list[Family]:
    """Return bodies (cases 33, 38, 39, 74 and 75), each under both canonicalizations."""
    made: dict[str, Callable[[int], bytes]] = {
        "body-blanks": lambda n: b" " * n,
        "body-alternating": lambda n: b" \t" * n + b"\r\n",
        "body-empty-lines": lambda n: b"\r\n" * n + b"x",
        "body-blank-lines": lambda n: b" \r\n" * n,
        "body-short-lines": lambda n: b"a \r\n" * n,
        "body-carriage-returns": lambda n: b"\r" * n,
        "body-line-feeds": lambda n: b"\n" * n + b"x",
        "body-lines-by-line-feeds": lambda n: b"a b\n" * n,
        "body-spaced-letters": lambda n: b"a  " * n,
        "body-tabs": lambda n: b"\ta" * n,
        "body-stray-line-ends": lambda n: b"\r\r\n\n\r" * n,
        "body-empty-then-letter": lambda n: (b"\r\n" * 40 + b"x") * n,
        "body-nul": lambda n: b"\0" * n,
        "body-lines": lambda n: (b"x" * 76 + b"\r\n") * n,
    }

    def built(make: Callable[[int], bytes]) -> Callable[[int], Case]:
        return lambda count: Case(with_body(make(count)))

    return [
        *(Family(name, 38, built(make)) for name, make in made.items()),
        Family("body-parts", 75, built(nested_parts)),
        Family("body-ten-lengths", 39, ten_lengths),
    ]


@functools.cache
def chain(name: str, sets: int, bits: int, exponent: int = 65537, padding: int = 0) -> Case:
    """Return a valid chain of so many sets by one sealer; each signs `padding` octets."""
    key = rsa_key("chain", bits, exponent)
    signer = Signer(domain=f"{name}.example", selector="s1", key=key)
    orders = list(itertools.permutations(("from", "to", "subject", "x-many")))
    message = b"X-Many: " + b"x" * padding + b"\r\n" + legitimate()
    for number in range(sets):
        order = orders[number % len(orders)]
        message = seal(message, Sealer(signer=signer.having(headers=order)))
    return Case(message, {signer.key_name: {"TXT": [key.record()]}})


def chains() -> list[Family]:
    """Return ARC chains (cases 66 to 69 and 72)."""
    results = b"ARC-Authentication-Results: i=1; x.example; "
    numbered = b"ARC-Seal: i=%d; a=rsa-sha256; cv=none; d=a.example; s=s; b=eA==\r\n"
    slow, wide = "chain-slow-keys", "chain-over-one-header"
    return [
        Family("chain", 69, lambda n: chain("chain", n, 1024), SETS),
        Family("chain-2048", 69, lambda n: chain("chain-2048", n, 2048), SETS),
        Family(slow, 69, lambda n: chain(slow, n, 4096, SLOW_EXPONENT), SETS),
        Family(wide, 69, lambda n: chain(wide, SETS, 1024, padding=n), 1 << 23),
        Family("seals-no-tags", 67, lambda n: Case(b"ARC-Seal: x\r\n" * n + legitimate())),
        Family("seals-one-instance", 66, lambda n: Case(numbered % 1 * n + legitimate())),
        Family(
            "seals-instances",
            66,
            lambda n: Case(b"".join(numbered % i for i in range(n)) + legitimate()),
        ),
        Family(
            "chain-results", 72, lambda n: Case(results + b"dkim=pass; " * n + b"\r\n" + mail())
        ),
    ]


def at_home(name: str, count: int, client_ip: str = LEGITIMATE_IP) -> tuple[str, Case]:
    """Return a domain of its own for this n, and mail of it that passes everything."""
    domain = f"n{count}.{name}.example"
    signer = SIGNER.having(domain=domain)
    zone: Zone = {
        domain: {"TXT": [f"v=spf1 ip4:{client_ip} -all"]},
        f"{DMARC}{domain}": {"TXT": ["v=DMARC1; p=reject"]},
        signer.key_name: {"TXT": [signer.key.record()]},
    }
    sender = Envelope(client_ip=client_ip, helo="mx.sender.example", mail_from=f"a@{domain}")
    return domain, Case(sign(mail(f"admin@{domain}"), signer), zone, sender)


def published(name: str, owner: str, make: Callable[[int], object]) -> Callable[[int], Case]:
    """Return a family of one record: a TXT record, or several of a list."""

    def made(count: int) -> Case:
        domain, case = at_home(name, count)
        value = make(count)
        records = value if isinstance(value, list) else [value]
        return replace(case, zone={**case.zone, f"{owner}{domain}": {"TXT": records}})

    return made


def many_hosts(count: int) -> Case:
    """Return an SPF record of n mx terms with n hosts each (case 50)."""
    domain, case = at_home("spf-hosts", count)
    terms = " ".join(f"mx:m{term}.{domain}" for term in range(count))
    zone: dict[str, object] = {**case.zone, domain: {"TXT": [f"v=spf1 {terms} -all"]}}
    for term in range(count):
        exchangers = [[host, f"h{host}.m{term}.{domain}"] for host in range(count)]
        zone[f"m{term}.{domain}"] = {"MX": list(exchangers)}
        zone |= {f"h{host}.m{term}.{domain}": {"A": ["198.51.100.9"]} for host in range(count)}
    return replace(case, zone=zone)


def reverse_names(count: int) -> Case:
    """Return an answer of n names to a `ptr` term (case 53)."""
    high, low = divmod(count, 256)
    domain, case = at_home("spf-reverse-names", count, f"100.64.{high}.{low}")
    names = [f"n{number}.other.example" for number in range(count)]
    zone: Zone = {
        **case.zone,
        domain: {"TXT": ["v=spf1 ptr exists:%{p}.example -all"]},
        f"{low}.{high}.64.100.in-addr.arpa": {"PTR": names},
        **{name: {"A": ["198.51.100.9"]} for name in names},
    }
    return replace(case, zone=zone)


def records() -> list[Family]:
    """Return records of DNS (cases 48, 50 to 55 and 65); a zone can hold no more than the limit."""
    key = SIGNER.key.record()
    texts: list[tuple[str, int, str, int, Callable[[int], object]]] = [
        ("spf-terms", 55, "", 17, lambda n: f"v=spf1 {'ip4:198.51.100.1 ' * n}-all"),
        ("spf-ip6-terms", 55, "", 12, lambda n: f"v=spf1 {'ip6:2001::1 ' * n}-all"),
        ("spf-macros", 54, "", 12, lambda n: f"v=spf1 exists:{'%{d1r}%{l}%{s}' * n} -all"),
        ("spf-macro-literal", 54, "", 1, lambda n: f"v=spf1 exists:{'.' * n} -all"),
        ("spf-modifiers", 55, "", 7, lambda n: f"v=spf1 {'x=%{d} ' * n}-all"),
        ("spf-records", 55, "", 12, lambda n: ["v=spf2 -all"] * n),
        ("key-tags", 48, KEY, 8, lambda n: key + "".join(f"; y{i}=" for i in range(n))),
        ("key-notes", 48, KEY, 1, lambda n: f"v=DKIM1; n={'x' * n}; {key[8:]}"),
        ("key-records", 48, KEY, 400, lambda n: [key] * n),
        (
            "dmarc-tags",
            61,
            DMARC,
            8,
            lambda n: "v=DMARC1; p=none; " + "".join(f"y{i}=;" for i in range(n)),
        ),
        (
            "dmarc-addresses",
            65,
            DMARC,
            18,
            lambda n: "v=DMARC1; p=none; rua=" + "mailto:a@b.example," * n,
        ),
        ("dmarc-records", 61, DMARC, 17, lambda n: ["v=DMARC1; p=none"] * n),
    ]
    return [
        *(
            Family(name, case, published(name, owner, make), TEXT_OCTETS // octets)
            for name, case, owner, octets, make in texts
        ),
        Family("spf-hosts", 50, many_hosts, 10),
        Family("spf-reverse-names", 53, reverse_names, 1_000),
    ]


def families() -> list[Family]:
    """Return every family."""
    return [*authors(), *headers(), *signatures(), *bodies(), *chains(), *records()]


def usual_mail(octets: int) -> bytes:
    """Return a signed message of text, HTML and an image, about so large."""
    mark = "=_usual"
    body = Writer(octets).multipart(mark, {"plain": 0.2, "html": 0.4, "image": 0.4}, octets)
    content = f'Content-Type: multipart/mixed; boundary="{mark}"'.encode()
    return sign(mail(f"admin@{LEGITIMATE}", content, body=body), SIGNER)


def stage() -> Zone:
    """Return what is published for all families."""
    return {**ZONE, "mx.sender.example": {"A": [LEGITIMATE_IP]}}
