"""What to change when a check does not pass, and what the short words of a verdict mean.

Texts only: for each reason code who has to do what. Knows no message; nothing here decides.
"""

from __future__ import annotations

ASK_AGAIN = "Receiver: defer the message and ask again later. Owner: check the name servers."
GIVE_ENVELOPE = "Receiver: give client address, HELO and MAIL FROM of the SMTP session."
KEEP_DNS = "Receiver: nobody can ask DNS of the past; a DNS store recorded then would decide."
FEWER_QUESTIONS = "Sender: no honest message needs so many DNS questions; shorten the SPF record."
ONE_FROM = "Sender: write exactly one From field with one author."
SHORTER_HEADER = "Sender: send fewer and shorter header fields."
SIGN_AGAIN = "Signer: let a current signing program write the field; this one breaks the syntax."
SIGN_LAST = (
    "Signer: sign as the last step before sending. Forwarder: leave signed fields and body alone, "
    "or seal with ARC."
)
MODERN_KEY = "Signer: sign with rsa-sha256 and a key of 2048 bits, or with ed25519-sha256."
PUBLISH_KEY = (
    "Owner of d=: publish the key under the selector, and keep it while mail is under way."
)
SEAL_AGAIN = "Sealer: let a current program write the ARC fields; these break the syntax."
LEAVE_SEALS = "Forwarder: leave the ARC fields of others alone and add a whole set of your own."

SPF = {
    "matched": "Owner: if this client may send for the domain, add its address to the record.",
    "no-match": "Owner: name the client in the record, and end the record with -all or ~all.",
    "no-record": 'Owner: publish an SPF record, such as "v=spf1 mx -all".',
    "no-domain": "Sender: use a domain that exists in MAIL FROM and HELO.",
    "invalid-domain": "Sender: use a full host or domain name, such as mail.example.com.",
    "invalid-sender": "Sender: give a mail address, or the empty address for bounces.",
    "multiple-records": "Owner: publish one SPF record; join the terms of the others into it.",
    "syntax-error": "Owner: correct the misspelt term; the whole record is void until then.",
    "include-none": "Owner: remove the include, or have that domain publish an SPF record.",
    "include-permerror": "Owner: tell the included domain, or remove the include.",
    "redirect-none": "Owner: correct the redirect, or have that domain publish an SPF record.",
    "lookup-limit": "Owner: cut the record to 10 terms that ask DNS; write ip4 and ip6 instead.",
    "void-limit": "Owner: remove the terms whose names do not exist any more.",
    "mx-limit": "Owner: name the hosts by ip4 and ip6 instead of mx.",
    "dns-timeout": ASK_AGAIN,
    "dns-servfail": ASK_AGAIN,
    "dns-refused": ASK_AGAIN,
    "dns-error": ASK_AGAIN,
    "dns-unknown": KEEP_DNS,
    "dns-budget": FEWER_QUESTIONS,
    "no-envelope": GIVE_ENVELOPE,
    "ip-untrusted": "Receiver: name your own relays, so that the first outside client is found.",
    "submission": "Nothing: an own user sent the message, and SPF does not judge own users.",
}

DKIM = {
    "historic-algorithm": MODERN_KEY,
    "body-hash-mismatch": SIGN_LAST,
    "signature-mismatch": SIGN_LAST,
    "tag-list-malformed": SIGN_AGAIN,
    "tag-duplicate": SIGN_AGAIN,
    "tag-missing": SIGN_AGAIN,
    "version-unsupported": "Signer: write v=1.",
    "algorithm-unsupported": "Signer: use a=rsa-sha256 or a=ed25519-sha256.",
    "canonicalization-unsupported": "Signer: use c=relaxed/relaxed.",
    "query-method-unsupported": "Signer: leave q= out, or write q=dns/txt.",
    "signature-encoding": SIGN_AGAIN,
    "body-hash-encoding": SIGN_AGAIN,
    "domain-invalid": "Signer: put a domain of two or more labels into d=.",
    "selector-invalid": "Signer: use a selector of letters, digits, hyphens and dots.",
    "auid-invalid": "Signer: leave i= out, or write @ and the domain of d=.",
    "auid-mismatch": "Signer: leave i= out, or keep it at or below the domain of d=.",
    "signed-headers-invalid": SIGN_AGAIN,
    "from-unsigned": "Signer: name From in h=; a signature without it proves nothing.",
    "body-length-invalid": "Signer: leave l= out.",
    "body-length-beyond-body": (
        "Signer: leave l= out. Forwarder: do not cut what others have signed."
    ),
    "time-invalid": "Signer: write t= and x= as Unix seconds.",
    "expiry-before-timestamp": "Signer: set x= some days after t=.",
    "limit-exceeded": SHORTER_HEADER,
    "key-unavailable": PUBLISH_KEY,
    "key-outside-window": KEEP_DNS,
    "key-malformed": "Owner of d=: publish v=DKIM1; k=rsa; p= and the key in base64, nothing else.",
    "key-version": "Owner of d=: begin the key record with v=DKIM1.",
    "key-revoked": "Signer: sign with a selector whose key is still published.",
    "key-hash": "Owner of d=: remove h= from the key record, or let it name sha256.",
    "key-type": "Owner of d=: make k= of the key record fit a= of the signature.",
    "key-service": "Owner of d=: remove s= from the key record, or let it name email.",
    "key-forbids-subdomain": "Signer: leave i= out. Owner of d=: or remove t=s from the key.",
    "key-small-order": "Owner of d=: make a new key at once; anyone can sign under this one.",
    "key-exponent": "Owner of d=: make a new RSA key with the exponent 65537.",
    "rsa-sha1": MODERN_KEY,
    "key-size": MODERN_KEY,
    "expired": "Signer: allow more days in x=. Receiver: give the time of receipt with --now.",
    "signed-in-future": "Signer: set the clock. Receiver: check the time of receipt.",
    "body-uncovered": "Signer: leave l= out, so that nothing can be added.",
    "signature-limit": "Sender: a message needs one or two signatures, not more than ten.",
    "dns-timeout": ASK_AGAIN,
    "dns-servfail": ASK_AGAIN,
    "dns-error": ASK_AGAIN,
    "dns-budget": FEWER_QUESTIONS,
}

ARC = {
    "historic-algorithm": "Sealer: seal with rsa-sha256 and a key of 2048 bits.",
    "set-limit": "Forwarder: the message goes in circles; look for a loop.",
    "instance-invalid": SEAL_AGAIN,
    "set-duplicate": LEAVE_SEALS,
    "set-incomplete": LEAVE_SEALS,
    "cv-fail": "Forwarder before the newest one: find out what broke the chain there.",
    "cv-invalid": "Sealer: write cv=none in the first set and cv=pass in every later one.",
    "seal-malformed": SEAL_AGAIN,
    "seal-with-headers": "Sealer: leave h= out of ARC-Seal.",
    "seal-mismatch": LEAVE_SEALS,
    "message-signature-malformed": SEAL_AGAIN,
    "message-signature-covers-seal": "Sealer: do not name ARC-Seal in h=.",
    "body-hash-mismatch": "Forwarder: seal as the last step, after every change of the message.",
    "signature-mismatch": "Forwarder: seal as the last step, after every change of the message.",
    "body-length-beyond-body": "Sealer: leave l= out.",
    "body-uncovered": "Sealer: leave l= out.",
    "expired": "Sealer: leave x= out, or allow more days.",
    "signed-in-future": "Sealer: set the clock.",
    "rsa-sha1": "Sealer: seal with rsa-sha256.",
    "key-size": "Sealer: seal with an RSA key of 2048 bits.",
    "key-unavailable": "Sealer: publish the key, and keep it while mail is under way.",
    "key-outside-window": KEEP_DNS,
    "key-unusable": "Sealer: publish a key record that may be used for mail.",
    "limit-exceeded": SHORTER_HEADER,
    "dns-timeout": ASK_AGAIN,
    "dns-servfail": ASK_AGAIN,
    "dns-error": ASK_AGAIN,
    "dns-budget": FEWER_QUESTIONS,
}

DMARC = {
    "not-aligned": (
        "Sender: sign with d= of the author's domain, or use it in MAIL FROM; "
        "services that send for others need a key of the author's domain."
    ),
    "not-authenticated": (
        "Sender: let mail arrive with a DKIM signature of the author's domain that verifies; "
        "it survives forwarding, where SPF does not."
    ),
    "no-record": 'Owner: publish "v=DMARC1; p=none; rua=mailto:..." and read the reports.',
    "multiple-records": "Owner: publish one DMARC record at this name.",
    "duplicate-tag": "Owner: name each tag once.",
    "no-usable-policy": "Owner: write p=none, p=quarantine or p=reject into the record.",
    "assumed-none": "Owner: write p=none, p=quarantine or p=reject into the record.",
    "no-author-domain": ONE_FROM,
    "malformed-from": ONE_FROM,
    "multiple-from-fields": ONE_FROM,
    "multiple-author-domains": ONE_FROM,
    "too-many-author-domains": ONE_FROM,
    "limit-exceeded": SHORTER_HEADER,
    "dns-budget": FEWER_QUESTIONS,
    "dns-error": ASK_AGAIN,
    "dns-unknown": KEEP_DNS,
    "spf-temperror": ASK_AGAIN,
    "dkim-temperror": ASK_AGAIN,
    "key-unavailable": KEEP_DNS,
    "no-envelope": GIVE_ENVELOPE,
    "ip-untrusted": "Receiver: name your own relays, so that the first outside client is found.",
    "submission": "Nothing: an own user sent the message; sign it before it leaves.",
}

AUTHOR = {
    "limit-exceeded": SHORTER_HEADER,
    "malformed-from": ONE_FROM,
    "multiple-author-domains": ONE_FROM,
    "multiple-from-fields": ONE_FROM,
    "no-author-domain": ONE_FROM,
}

ERROR = {
    "message-too-large": "Receiver: split the message or refuse it; nobody sends such mail.",
    "unreadable": "Check the source of the message.",
    "truncated": "Get the whole message from its source.",
}

ADVICE = {"spf": SPF, "dkim": DKIM, "arc": ARC, "dmarc": DMARC, "author": AUTHOR, "error": ERROR}
"""Protocol -> reason code -> who has to do what."""

LIMITS = {
    "cleartext-auth": "The user's password went over an unencrypted connection.",
    "dns-ambiguous": "The DNS store holds several answers for the time of the message.",
    "dns-budget": "The message asks more DNS questions than one message may ask.",
    "dns-interpolated": "An answer was seen before and after the message, not at its time.",
    "explanation-limit": "The text of exp= is longer than what is kept.",
    "key-outside-window": "A key was seen in DNS for the last time before the message came.",
    "limit-exceeded": "The message is larger than what is examined.",
    "lookup-limit": "SPF needs more than 10 terms that ask DNS.",
    "mx-limit": "A mechanism of SPF leads to more than 10 mail exchangers.",
    "no-receipt-time": "The time of receipt is not known: t= and x= were not judged.",
    "oldest-pass-limit": "The older ARC sets cost too much to say how far back they hold.",
    "publication-not-seen": "A key was seen in DNS for the first time after the message came.",
    "ptr-error": "DNS failed for a part of SPF that the RFC lets pass.",
    "ptr-limit": "Only the first 10 names of the client were looked at.",
    "report-uri-limit": "The DMARC record names more report destinations than are kept.",
    "signature-limit": "The message has more signatures than are examined.",
    "signatures-unlisted": "The message has so many more signatures that are not listed.",
    "stale": "An answer was used beyond its time to live.",
    "too-many-author-domains": "The From fields name more domains than are evaluated.",
    "unroutable-hop": "The trace names an address that is not a public one.",
    "void-limit": "SPF asks for more than 2 names that do not exist.",
}
"""Words of `limits`, without what follows their colon."""

REPAIRS = {
    "attached-limit": "More mails are attached, or deeper, than are examined.",
    "bare-cr": "A CR without LF was taken as an ordinary octet.",
    "content-length-ignored": "The length that the mbox gives for the message is wrong.",
    "from-line-in-body": "A line of the body looks like the beginning of the next message.",
    "lf": "Lines end with LF alone; each was taken as CRLF.",
    "mbox-from-line": "A line From of an mbox stands before the header and was dropped.",
    "mbox-quoting": "The mbox's quoting of lines that begin with From was undone.",
    "no-blank-line": "No blank line ends the header; the body begins where no field is.",
    "truncated": "The message ends in the middle of its source.",
}
"""Words of `repairs`."""

FLAGS = {
    "body-uncovered": "a part of the body is not signed",
    "content-type-unsigned": "Content-Type is not signed",
    "duplicate-signed-header": "a signed field occurs again without a signature",
    "long-lived": "the signature holds for very long",
    "no-timestamp": "the signature has no t=",
    "not-oversigned": "a second From could be added unnoticed",
    "small-exponent": "the RSA exponent is small",
    "subject-unsigned": "Subject is not signed",
    "weak-key": "the key is shorter than 2048 bits",
}
"""Hygiene facts of a signature."""


def advice_for(protocol: str, code: str, result: str) -> str | None:
    """Return who has to do what; `None` where nothing is to be done."""
    if result == "pass" and code != "historic-algorithm":
        return None
    if result == "unverifiable" and code == "key-unavailable":
        return KEEP_DNS
    return ADVICE.get(protocol, {}).get(code)


def meaning(table: dict[str, str], word: str) -> str | None:
    """Return what a word of `limits` or `repairs` means."""
    return table.get(word.partition(":")[0])
