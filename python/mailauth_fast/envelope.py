"""The SMTP envelope of a message: what its octets do not hold (RFC 5321)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from mailauth_fast.errors import MailauthError


@dataclass(frozen=True, slots=True)
class Envelope:
    """What SMTP said about a message; everything may be missing.

    Args:
        client_ip: the client's address, IPv4 or IPv6.
        helo: the name of HELO or EHLO; may be empty or a literal.
        mail_from: the reverse-path without brackets; empty is the null sender.
        rcpt_to: the forward-paths.
        auth_id: the authenticated user of a submission.
        protocol: RFC 3848 word (`ESMTPS`, `ESMTPSA`, ...).
        received_at: Unix seconds of receipt.

    Raises:
        MailauthError: `client_ip` is no IP address.
    Source: RFC 5321 §2.3, RFC 7208 §2.
    """

    client_ip: str | None = None
    helo: str | None = None
    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()
    auth_id: str | None = None
    protocol: str | None = None
    received_at: int | None = None

    def __post_init__(self) -> None:
        """Check the address at once: later nobody would know which message it belonged to."""
        if isinstance(self.rcpt_to, str):
            raise MailauthError("rcpt_to is a single text; give a sequence of addresses")
        if self.client_ip is not None:
            try:
                address = ipaddress.ip_address(self.client_ip)
            except ValueError:
                raise MailauthError(f"client_ip {self.client_ip!r} is no IP address") from None
            object.__setattr__(self, "client_ip", str(address))
