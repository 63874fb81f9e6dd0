"""The stage of the hostile cases: a legitimate domain with a strict policy, and an attacker's.

Knows what both publish and how a message of either looks; must not know the cases.
"""

from __future__ import annotations

from typing import Any

from mailauth_fast import Envelope

from tests.door import Row, verdict
from tests.keys import ed25519_key, rsa_key
from tests.signing import Signer, sign

LEGITIMATE = "legitimate.example"
ATTACKER = "attack.example"
LEGITIMATE_IP = "192.0.2.1"
ATTACKER_IP = "198.51.100.66"
KEY = rsa_key("legitimate", 2048)
SIGNER = Signer(
    domain=LEGITIMATE,
    selector="s1",
    key=KEY,
    headers=("from", "to", "subject"),
    timestamp=1_777_870_000,
)
ED25519_SIGNER = SIGNER.having(selector="e1", key=ed25519_key("legitimate"))
ATTACK_SIGNER = SIGNER.having(domain=ATTACKER, key=rsa_key("attacker", 1024))

ZONE: dict[str, Any] = {
    LEGITIMATE: {"A": [LEGITIMATE_IP], "TXT": [f"v=spf1 ip4:{LEGITIMATE_IP} -all"]},
    f"_dmarc.{LEGITIMATE}": {"TXT": ["v=DMARC1; p=reject"]},
    ATTACKER: {"A": [ATTACKER_IP], "TXT": ["v=spf1 +all"]},
    **{
        each.key_name: {"TXT": [each.key.record()]}
        for each in (SIGNER, ED25519_SIGNER, ATTACK_SIGNER)
    },
}
BODY = b"Hello,\r\n\r\nthis is a line.\r\n"


def mail(
    sender: str | bytes = f"admin@{LEGITIMATE}",
    *fields: bytes,
    subject: bytes = b"A subject",
    body: bytes = BODY,
) -> bytes:
    """Return a message with CRLF line ends; `fields` stand between Subject and body."""
    value = sender.encode() if isinstance(sender, str) else sender
    lines = [b"From: " + value, b"To: reader@receiver.example", b"Subject: " + subject, *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def legitimate(signer: Signer = SIGNER, **parts: Any) -> bytes:
    """Return a message that the legitimate domain signed."""
    return sign(mail(**parts), signer)


def attacker(mail_from: str | None = f"any@{ATTACKER}", helo: str = ATTACKER) -> Envelope:
    """Return the envelope of a message that the attacker's host delivers."""
    return Envelope(client_ip=ATTACKER_IP, helo=helo, mail_from=mail_from)


def judged(raw: bytes, zone: dict[str, Any] | None = None, **options: Any) -> Row:
    """Judge a message on this stage; `zone` adds to what is published."""
    return verdict(raw, {**ZONE, **(zone or {})}, **options)


def dkim_word(raw: bytes, zone: dict[str, Any] | None = None, **options: Any) -> str:
    """Return the result of the only signature."""
    (signature,) = judged(raw, zone, **options)["dkim"]
    return str(signature["result"])


def questions(raw: bytes, zone: dict[str, Any] | None = None, **options: Any) -> int:
    """Return how many DNS questions the message forced."""
    return int(judged(raw, zone, **options)["dns_questions"])
