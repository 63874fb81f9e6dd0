"""The verdict as typed records: the contract's JSON with attributes.

The engine writes the JSON; these records only read it, so a name that differs fails at once.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from mailauth_fast import _core
from mailauth_fast.errors import MailauthError

Word = str
SpfWord = Literal[
    "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror", "not-evaluated"
]
DkimWord = Literal["pass", "fail", "policy", "temperror", "permerror", "unverifiable"]
ArcWord = Literal["none", "pass", "fail", "temperror", "unverifiable"]
DmarcWord = Literal["none", "pass", "fail", "temperror", "permerror", "unverifiable"]
CheckWord = Literal["pass", "fail", "not-checked"]
PolicyWord = Literal["none", "quarantine", "reject"]
ActionWord = Literal["none", "quarantine", "reject", "accept", "defer"]
RulesWord = Literal["rfc9989", "rfc7489"]
DiscoveryWord = Literal["treewalk", "psl"]
AlignmentWord = Literal["relaxed", "strict"]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a verdict."""

    def to_dict(self) -> dict[str, object]:
        """Return the contract's JSON shape."""
        built: dict[str, object] = msgspec.to_builtins(self)
        return built


class Author(Record, frozen=True):
    """The author domain (RFC 9989 §3.2.2)."""

    domain: str | None
    organizational_domain: str | None
    reason: str | None
    display_name: str | None
    flags: list[str]


class EnvelopeSources(Record, frozen=True):
    """Where each part of the envelope comes from."""

    client_ip: str
    helo: str
    mail_from: str
    rcpt_to: str
    received_at: str


class EnvelopeRow(Record, frozen=True):
    """The envelope that was used."""

    client_ip: str | None
    helo: str | None
    mail_from: str | None
    rcpt_to: list[str]
    auth_id: str | None
    protocol: str | None
    sources: EnvelopeSources


class Spf(Record, frozen=True):
    """SPF of the MAIL FROM identity (RFC 7208)."""

    result: SpfWord
    identity: str
    domain: str | None
    reason: str
    mechanism: str | None
    explanation: str | None
    dns_lookups: int
    void_lookups: int


class SpfHelo(Record, frozen=True):
    """SPF of the HELO identity (RFC 7208 §2.3)."""

    result: SpfWord
    domain: str | None
    reason: str


class NearMiss(Record, frozen=True):
    """A change in transit that explains a failure."""

    cause: str
    octets_added: int


class DkimSignature(Record, frozen=True):
    """One DKIM-Signature field (RFC 6376)."""

    result: DkimWord
    reason: str
    domain: str | None
    selector: str | None
    auid: str | None
    algorithm: str | None
    canonicalization: str | None
    key_bits: int | None
    signed_headers: list[str]
    body_hash: CheckWord
    signature: CheckWord
    body_octets_signed: int | None
    body_octets: int | None
    testing: bool
    signed_at: int | None
    expires_at: int | None
    key_source: str | None
    key_first_seen: int | None
    key_last_seen: int | None
    near_miss: NearMiss | None
    flags: list[str]
    header_b: str | None


class Sealer(Record, frozen=True):
    """One ARC-Seal (RFC 8617 §4.1.3)."""

    instance: int
    domain: str | None
    selector: str | None


class Arc(Record, frozen=True):
    """The ARC chain (RFC 8617)."""

    result: ArcWord
    reason: str
    instances: int
    oldest_pass: int | None
    sealers: list[Sealer]


class Dmarc(Record, frozen=True):
    """DMARC (RFC 9989, RFC 7489 for mail judged before May 2026; obsolete since then)."""

    result: DmarcWord
    reason: str
    policy_domain: str | None
    record: str | None
    policy: PolicyWord | None
    subdomain_policy: PolicyWord | None
    nonexistent_policy: PolicyWord | None
    dkim_alignment: AlignmentWord | None
    spf_alignment: AlignmentWord | None
    testing: bool | None
    psd: str | None
    pct: int | None
    fo: str | None
    rua: list[str]
    ruf: list[str]
    effective_policy: PolicyWord | None
    spf_aligned: bool | None
    dkim_aligned: bool | None
    discovery: DiscoveryWord
    rules: RulesWord


class Disposition(Record, frozen=True):
    """What the receiver does with the message."""

    action: ActionWord
    override: str | None
    reason: str
    smtp_reply: str | None


class Verdict(Record, frozen=True):
    """Everything that is said of one message; times are Unix seconds.

    The row's own Authentication-Results field is `authentication_results_field`, under the
    contract's name in JSON; the method writes one for any authserv-id.
    """

    id: str
    size: int
    message_id: str | None
    date: int | None
    sha256: str | None
    received_at: int | None
    judged_at: int | None
    error: str | None
    author: Author | None
    envelope: EnvelopeRow
    spf: Spf | None
    spf_helo: SpfHelo | None
    dkim: list[DkimSignature]
    arc: Arc | None
    dmarc: Dmarc | None
    disposition: Disposition | None
    flow: str
    authentication_results_field: str | None = msgspec.field(name="authentication_results")
    limits: list[str]
    repairs: list[str]
    dns_questions: int

    def authentication_results(self, authserv_id: str) -> str:
        """Return the value of the Authentication-Results field that tells this verdict.

        One line without CR and LF, to be put above all other fields; nothing in a message can
        add a result to it or end it.

        Args:
            authserv_id: the name of the host that writes the field.

        Raises:
            MailauthError: `authserv_id` is empty, too long or holds what no field may hold.
        Source: RFC 8601 §2.2, RFC 6008 §4.
        """
        if not isinstance(authserv_id, str) or any("\ud800" <= c <= "\udfff" for c in authserv_id):
            raise MailauthError(f"authserv_id {authserv_id!r} is no text; give a host name")
        return _core.authentication_results(msgspec.json.encode(self), authserv_id)


class PolicyDiscovery(Record, frozen=True):
    """The DMARC policy that holds for a domain (RFC 9989 §4.10)."""

    result: Literal["found", "none", "temperror", "permerror"]
    reason: str
    policy_domain: str | None
    organizational_domain: str | None
    record: str | None
    policy: PolicyWord | None
    subdomain_policy: PolicyWord | None
    nonexistent_policy: PolicyWord | None
    effective_policy: PolicyWord | None
    dkim_alignment: AlignmentWord | None
    spf_alignment: AlignmentWord | None
    testing: bool | None
    psd: str | None
    pct: int | None
    rua: list[str]
    ruf: list[str]
    rua_limits: list[int | None] | None
    discovery: DiscoveryWord
    rules: RulesWord
    questions: list[str]


class ReportAuthorization(Record, frozen=True):
    """Whether a foreign destination takes reports for a policy domain (RFC 9990 §4)."""

    result: Literal["yes", "no", "temperror"]
    reason: str
    rua: list[str]
    ruf: list[str]


class Property(Record, frozen=True):
    """One property of a result (RFC 8601 §2.2 propspec)."""

    type: str | None
    name: str
    value: str


class MethodResult(Record, frozen=True):
    """One result (RFC 8601 §2.2 resinfo)."""

    method: str
    version: int | None
    result: str
    reason: str | None
    properties: list[Property]


class AuthenticationResults(Record, frozen=True):
    """One Authentication-Results field as read (RFC 8601)."""

    authserv_id: str | None
    version: int | None
    results: list[MethodResult]
    error: str | None


RecordType = TypeVar("RecordType", bound=Record)


def decode(octets: bytes, record: type[RecordType]) -> RecordType:
    """Read the engine's JSON as one of the records."""
    return msgspec.json.decode(octets, type=record)
