"""Every case in which the engine and a suite part, with the sentence of the RFC that decides.

One reviewed list: the gate fails when a case differs that is not here, when it differs otherwise
than written here, when a case here agrees by now, when a suite has more than five, and when a
quotation does not stand in the RFC's text.
"""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 5
# Where the suite is the standard's own or the mail is real there is nothing to explain.
NONE_IN = frozenset(
    {
        "open-spf rfc7208",
        "open-spf rfc4408",
        "psl",
        "psl-orgdomain-derived",
        "dmarc-rfc9989-treewalk",
        "real-vger-i2c",
        "real-googlegroups-kasan",
    }
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference: what the engine says, and the sentence that the suite contradicts."""

    got: str
    rule: str
    quote: str


# mailauth asks for addresses of the other family before it calls a lookup void; the RFC asks for
# those of the client's family alone (RFC 7208 §5.3) and counts each empty answer.
VOID_LOOKUPS = Deviation(
    "permerror",
    "RFC 7208 §4.6.4",
    'SPF implementations SHOULD limit "void lookups" to two.',
)
# lieser's verifier passes such a signature with a warning.
FUTURE = Deviation(
    "sig0 policy",
    "RFC 6376 §3.5",
    "Implementations MAY ignore signatures that have a timestamp in the future.",
)
# lieser's verifier refuses a message that gained a field beside a signed one of that name.
ADDED_FIELD = Deviation(
    "sig0 pass",
    "RFC 6376 §8.15",
    "DKIM signs and validates the data it is told to and works correctly.",
)
# g= of RFC 4871 limited a key to local-parts; RFC 6376 dropped it.
GRANULARITY = Deviation("pass", "RFC 6376 §3.2", "Unrecognized tags MUST be ignored.")
# authheaders goes on with one of several author domains and calls the end of it "fail".
SEVERAL_AUTHORS = Deviation(
    "dkim=fail-signature dmarc=permerror policy=reject",
    "RFC 9989 §5.3.1",
    "If zero or more than one domain is extracted from the RFC5322.From header field, then DMARC"
    " validation is not possible and the process terminates.",
)

DEVIATIONS: dict[str, dict[str, Deviation]] = {
    "spf-mailauth": {
        "SPF Verifier Tests Should not count IPv4-only A records as void when checking IPv6"
        " client": VOID_LOOKUPS,
    },
    "dkim-lieser": {
        "Received time is before Signature Timestamp |"
        " dkim/time-received_long_before_creation.eml": FUTURE,
        "Added From header | dkim/added_header-date.eml": ADDED_FIELD,
        "Added From header | dkim/added_header-from.eml": ADDED_FIELD,
        "Added From header | dkim/added_header-subject.eml": ADDED_FIELD,
        "Added From header | dkim/added_header-to.eml": ADDED_FIELD,
    },
    "dkim-mail-dkim": {
        "badkey_8.txt": GRANULARITY,
        "badkey_9.txt": GRANULARITY,
        "badkey_12.txt": GRANULARITY,
        "badkey_13.txt": GRANULARITY,
    },
    "dmarc-authheaders": {
        "test.bad.message": Deviation(
            "dkim=none dmarc=fail policy=none",
            "RFC 9989 §4.8",
            "Syntax errors in the remainder of the record MUST be discarded in favor of default"
            " values (if any) or ignored outright.",
        ),
        "test.message_multi": SEVERAL_AUTHORS,
        "test.message_multi2": SEVERAL_AUTHORS,
    },
    "dmarc-opendmarc": {
        # OpenDMARC takes any beginning of "none", "quarantine" or "reject".
        "v=DMARC1; p=n;": Deviation(
            "refused",
            "RFC 7489 §6.6.3",
            "otherwise, the Mail Receiver applies no DMARC processing to this message.",
        ),
    },
}
