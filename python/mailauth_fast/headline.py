"""The one sentence that an explanation begins with: who answers for a message, and is that proven?

Reads a verdict only. A domain answers when DKIM or SPF authenticated it; the author's domain is
proven when such a domain is aligned with it (RFC 9989 §5.3.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mailauth_fast.verdict import DkimSignature, Verdict

UNREADABLE = {
    "limit-exceeded": "its header is too large to be read",
    "malformed-from": "its From cannot be read",
    "multiple-author-domains": "its From names several domains",
    "multiple-from-fields": "it has several From fields",
    "no-author-domain": "no domain stands in From",
}
"""Why a message has no author domain, by reason."""

UNKNOWN = {
    "ip-untrusted": "the client's address is not trusted, so SPF cannot tell",
    "key-unavailable": "its key is lost",
    "no-envelope": "without an envelope SPF cannot tell",
    "submission": "an own user sent it, whom SPF does not judge",
}
"""Why DMARC could not be decided, by reason."""


class Headline(msgspec.Struct, frozen=True):
    """Who answers for a message.

    Args:
        sentence: for people; holds names out of the message.
        domain: the domain that answers; `None` when nobody does.
        is_proven: the author's domain itself answers.
    """

    sentence: str
    domain: str | None
    is_proven: bool


def headline(verdict: Verdict) -> Headline:
    """Say in one sentence which domain answers for the message, and whether that is proven."""
    if verdict.error is not None or verdict.author is None or verdict.dmarc is None:
        return Headline(
            "Nothing can be said of this message: it has no verdict.", None, is_proven=False
        )
    author = verdict.author.domain
    if author is not None:
        means = _aligned_means(verdict, author)
        if verdict.dmarc.result == "pass":
            proof = _joined([*means, "DMARC"])
            return Headline(
                f"{author} answers for this message: proven by {proof}.", author, is_proven=True
            )
        if verdict.dmarc.result == "none" and means:
            proof = _joined(means)
            sentence = f"{author} answers for this message: proven by {proof}, without DMARC."
            return Headline(sentence, author, is_proven=True)
    return _unproven(verdict, author)


def _unproven(verdict: Verdict, author: str | None) -> Headline:
    other, means = _other(verdict)
    why = _why(verdict, author)
    if other is None:
        return Headline(f"Nobody answers for this message: {why}.", None, is_proven=False)
    sentence = f"{other} answers for this message ({means}), but not proven is its author: {why}."
    return Headline(sentence, other, is_proven=False)


def _why(verdict: Verdict, author: str | None) -> str:
    dmarc = verdict.dmarc
    if author is None or dmarc is None:
        reason = verdict.author.reason if verdict.author is not None else None
        return UNREADABLE.get(reason or "", "it has no author domain")
    if dmarc.result == "temperror":
        return f"From says {author}, and DNS cannot tell now"
    if dmarc.result == "unverifiable":
        return f"From says {author}, and {UNKNOWN.get(dmarc.reason, 'the evidence is lost')}"
    return f"From says {author}, but nothing proves it"


def _aligned_means(verdict: Verdict, author: str) -> list[str]:
    """Return what authenticated a domain that is aligned, as far as the verdict tells."""
    dmarc, spf = verdict.dmarc, verdict.spf
    is_judged = dmarc is not None and dmarc.dkim_aligned is not None
    means = []
    signed = [
        each for each in passing(verdict) if _is_aligned(verdict, each.domain, author, "dkim")
    ]
    if dmarc is not None and (dmarc.dkim_aligned or (not is_judged and signed)):
        means.append(_signature_words(signed[0]) if signed else "DKIM")
    is_spf = spf is not None and spf.result == "pass"
    is_related = spf is not None and _is_aligned(verdict, spf.domain, author, "spf")
    if dmarc is not None and (dmarc.spf_aligned or (not is_judged and is_spf and is_related)):
        means.append(f"SPF ({spf.domain})" if spf is not None and is_related else "SPF")
    return means


def passing(verdict: Verdict) -> list[DkimSignature]:
    """Return the signatures that pass, from the top."""
    return [each for each in verdict.dkim if each.result == "pass" and each.domain is not None]


def _is_aligned(verdict: Verdict, domain: str | None, author: str, kind: str) -> bool:
    """Tell whether a domain and the author's are of one organization, as far as names tell it."""
    if domain is None or verdict.author is None or verdict.dmarc is None:
        return False
    dmarc = verdict.dmarc
    mode = dmarc.dkim_alignment if kind == "dkim" else dmarc.spf_alignment
    if domain == author or mode == "strict":
        return domain == author
    # RFC 9989 §3.2.10.1: relaxed alignment asks for one Organizational Domain.
    organization = verdict.author.organizational_domain or author
    return domain == organization or domain.endswith(f".{organization}")


def _other(verdict: Verdict) -> tuple[str | None, str]:
    """Return the first domain that anything authenticated, and how."""
    signed = passing(verdict)
    if signed:
        return signed[0].domain, "DKIM"
    if verdict.spf is not None and verdict.spf.result == "pass":
        return verdict.spf.domain, "SPF"
    return None, ""


def _signature_words(signature: DkimSignature) -> str:
    notes = [f"d={signature.domain}"]
    if signature.reason == "historic-algorithm":
        notes.append("by historic rules")
    if signature.testing:
        notes.append("a test key")
    return f"DKIM ({', '.join(notes)})"


def _joined(words: list[str]) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
