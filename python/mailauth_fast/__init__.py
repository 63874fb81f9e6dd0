"""SPF, DKIM, ARC and DMARC for millions of mails at once: right, fast, explained."""

from __future__ import annotations

from mailauth_fast._core import __version__
from mailauth_fast.dns import Answer, DnspythonResolver, Question
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
)

__all__ = [
    "Answer",
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
]
