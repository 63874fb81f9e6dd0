"""The messages of the sample archive before anyone signed or changed them.

Knows header fields and bodies of many shapes, all invented; must not know keys or verdicts.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.keys import OctetStream

SUBJECTS = (
    "Meeting room plan",
    "Invoice for the last month",
    "Maintenance window on Sunday",
    "Minutes of the working group",
    "Your order was sent",
    "Weekly digest",
    "Question about the manual",
    "New opening hours",
)
SENTENCES = (
    "The room on the second floor is booked until noon.",
    "Please find the figures in the table below.",
    "The service will be unavailable for about two hours.",
    "Comments are welcome before the end of the week.",
    "A parcel left our warehouse this morning.",
    "The manual describes the procedure in chapter four.",
    "We thank everybody who sent a correction.",
    "The next meeting takes place at the usual time.",
    "All measurements were repeated with the new instrument.",
    "Nothing needs to be done on your side.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to be: who writes when to whom, and a body with CRLF line ends."""

    number: int
    time: int
    author: str = "notices@alpha.example"
    addressee: str = "reader@receiver.example"
    extra: tuple[str, ...] = ()
    body: bytes = b""

    @property
    def date(self) -> str:
        """The Date field's value."""
        return format_datetime(datetime.fromtimestamp(self.time, UTC))

    @property
    def subject(self) -> str:
        """The Subject field's value."""
        return f"{SUBJECTS[self.number % len(SUBJECTS)]} ({self.number})"

    def render(self, source: str | None = None) -> bytes:
        """Return the message; `source` replaces the From field's value."""
        sender = source if source is not None else f"Sender {self.number} <{self.author}>"
        lines = [
            f"From: {sender}",
            f"To: {self.addressee}",
            f"Subject: {self.subject}",
            f"Date: {self.date}",
            f"Message-ID: <{self.number}.{self.time}@{self.author.rpartition('@')[2]}>",
            "MIME-Version: 1.0",
            *self.extra,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def prose(number: int, sentences: int = 8) -> list[str]:
    """Return lines of invented text that depend on the number alone."""
    stream = OctetStream(f"prose {number}")
    chosen = [SENTENCES[stream.below(len(SENTENCES))] for _ in range(sentences)]
    return textwrap.wrap(" ".join(chosen), 72)


def crlf(lines: list[str]) -> bytes:
    """Join lines, each with a CRLF."""
    return "".join(f"{line}\r\n" for line in lines).encode()


def plain_body(number: int) -> bytes:
    """Return two paragraphs."""
    return crlf([*prose(number), "", *prose(number + 1, 4)])


def blank_body(number: int) -> bytes:
    """Return text with white space that relaxed canonicalization changes."""
    first, *rest = prose(number)
    return crlf(
        [first.replace(" ", "  "), "\t" + " \t ".join(rest[:2]) + "  ", "", " ", "\t", "", ""]
    )


def html_body(number: int) -> bytes:
    """Return a multipart/alternative body; the boundary is in `MULTIPART`."""
    text = prose(number, 5)
    marked = [f'  <p class="line">{line}</p>' for line in text]
    return crlf([
        "--part", "Content-Type: text/plain; charset=utf-8", "", *text,
        "--part", "Content-Type: text/html; charset=utf-8", "",
        "<html><body>", *marked, "</body></html>", "--part--",
    ])  # fmt: skip


def attachment_body(number: int) -> bytes:
    """Return a multipart body with 3 kB of base64."""
    octets = (
        base64.encodebytes(OctetStream(f"attachment {number}").take(3000)).decode().splitlines()
    )
    head = ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64", ""]
    return crlf(
        [
            "--part",
            "Content-Type: text/plain",
            "",
            *prose(number, 3),
            "--part",
            *head,
            *octets,
            "--part--",
        ]
    )


def long_line_body(number: int) -> bytes:
    """Return one line of about 900 octets, with 8-bit text."""
    return crlf([" ".join(prose(number, 16)) + " Grüße, ευχαριστούμε."])


def empty_body(_number: int) -> bytes:
    """Return no body at all."""
    return b""


def newline_body(_number: int) -> bytes:
    """Return a body of empty lines only."""
    return b"\r\n\r\n\r\n"


def quoting_body(number: int) -> bytes:
    """Return text with lines that an mbox must quote."""
    return crlf(
        [
            "From here on the text was quoted:",
            ">From a line that was quoted before",
            *prose(number, 3),
        ]
    )


MULTIPART = 'Content-Type: multipart/mixed; boundary="part"'
EIGHT_BIT = "Content-Type: text/plain; charset=utf-8"
BodyShape = Callable[[int], bytes]
# The body shapes that ordinary messages take in turn, with the fields they need.
SHAPES: tuple[tuple[BodyShape, tuple[str, ...]], ...] = (
    (plain_body, ()),
    (html_body, (MULTIPART,)),
    (blank_body, ()),
    (attachment_body, (MULTIPART,)),
    (long_line_body, (EIGHT_BIT, "Content-Transfer-Encoding: 8bit")),
)
