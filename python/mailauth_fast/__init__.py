"""SPF, DKIM, ARC and DMARC for millions of mails at once: right, fast, explained."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mailauth_fast._core import __version__

if TYPE_CHECKING:
    from mailauth_fast.dns import Answer, DnspythonResolver, Question
    from mailauth_fast.dns_cache import DnsCache
    from mailauth_fast.envelope import Envelope
    from mailauth_fast.errors import (
        EngineError,
        InvalidPolicy,
        MailauthError,
        ReportError,
        ResolverUnavailable,
        StoreError,
        UnreadableInput,
    )
    from mailauth_fast.policy import Policy
    from mailauth_fast.resolvers import (
        LiveResolver,
        RecordedResolver,
        RecordingResolver,
        StaticResolver,
    )
    from mailauth_fast.verdict import Verdict
    from mailauth_fast.verify import (
        Verdicts,
        Verifier,
        author_domain,
        parse_authentication_results,
        strip_authentication_results,
    )

__all__ = [
    "Answer",
    "DnsCache",
    "DnspythonResolver",
    "EngineError",
    "Envelope",
    "InvalidPolicy",
    "LiveResolver",
    "MailauthError",
    "Policy",
    "Question",
    "RecordedResolver",
    "RecordingResolver",
    "ReportError",
    "ResolverUnavailable",
    "StaticResolver",
    "StoreError",
    "UnreadableInput",
    "Verdict",
    "Verdicts",
    "Verifier",
    "__version__",
    "author_domain",
    "parse_authentication_results",
    "strip_authentication_results",
]

ROOMS = ("errors", "policy", "envelope", "verdict", "dns", "resolvers", "dns_cache", "verify")
"""Where the public names live, the cheapest to import first."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `--version` and `--help` need none of them."""
    if name in __all__:
        for room in ROOMS:
            module = import_module(f"{__name__}.{room}")
            if name in vars(module):
                globals()[name] = vars(module)[name]
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
