"""Seeded octets of bodies: text, quoted-printable, indented HTML and base64, with CRLF line ends.

Knows what the bodies of real mail look like to a canonicalizer; must not know who signs them.
"""

from __future__ import annotations

import base64
from random import Random

SYLLABLES = "an ar be chi de dor el en fal gar hin il lor mer ne on qui ren sa tel ul ver xi"
WORD_COUNT = 2000
LINE_WORDS = 11
"""Words of a line of text: some 72 octets."""
BASE64_LINE = 78
"""Octets of a base64 line of 57 octets with its CRLF."""
STYLES = (
    'style="padding:0 12px;font:14px/20px Arial"',
    'align="center" valign="top"',
    'width="600" cellpadding="0" cellspacing="0" border="0"',
    'class="column  content"',
)


class Writer:
    """Writes parts of a wanted size; the seed alone decides what."""

    def __init__(self, seed: int | str) -> None:
        """Start at the first octet of this seed's stream."""
        self.random = Random(seed)
        pool = Random("words")
        self.pool = [
            "".join(pool.choices(SYLLABLES.split(), k=pool.choice((1, 2, 2, 3, 3, 4))))
            for _ in range(WORD_COUNT)
        ]

    def words(self, count: int) -> str:
        """Return words with single spaces."""
        return " ".join(self.random.choices(self.pool, k=count))

    def token(self, octets: int = 16) -> str:
        """Return lower-case hex digits, unlike any other's."""
        return self.random.randbytes(octets).hex()

    def text(self, octets: int) -> bytes:
        """Return lines of words; some end in a space, as flowed text does."""
        lines: list[str] = []
        left = octets
        while left > 0:
            end = self.random.choice(("", "", " ", "\r\n"))
            lines.append(self.words(LINE_WORDS).capitalize() + end)
            left -= len(lines[-1]) + 2
        return "\r\n".join(lines).encode() + b"\r\n"

    def quoted_printable(self, octets: int) -> bytes:
        """Return text with soft line breaks and encoded octets (RFC 2045 §6.7)."""
        lines: list[str] = []
        left = octets
        while left > 0:
            accent = self.random.choice(("=C3=A9", "=E2=80=99", "=3D", "=20"))
            lines.append(f"{self.words(5)}{accent}{self.words(5)}")
            lines[-1] += self.random.choice(("=", "=", "=", ""))
            left -= len(lines[-1]) + 2
        return "\r\n".join(lines).encode() + b"\r\n"

    def html(self, octets: int) -> bytes:
        """Return nested tables, indented with spaces, sometimes with tabs or spaces at the end."""
        lines = ["<!DOCTYPE html>", "<html>", "<body>"]
        left = octets - 60
        while left > 0:
            depth = self.random.randrange(1, 13)
            indent = "\t" * (depth // 2) if depth % 5 == 0 else "  " * depth
            style = self.random.choice(STYLES)
            lines.append(f"{indent}<td {style}>")
            lines.append(f"{indent}  {self.words(self.random.randrange(2, 9))}")
            link = f"https://click.example/{self.token(12)}"
            tail = self.random.choice(("", "", "", " ", "\r\n"))
            lines.append(f'{indent}  <a href="{link}">{self.words(2)}</a></td>{tail}')
            left -= len(lines[-1]) + len(lines[-2]) + len(lines[-3]) + 6
        return "\r\n".join([*lines, "</body>", "</html>"]).encode() + b"\r\n"

    def base64(self, octets: int) -> bytes:
        """Return base64 lines of 76 octets (RFC 2045 §6.8)."""
        raw = self.random.randbytes(max(1, octets * 57 // BASE64_LINE))
        return base64.encodebytes(raw).replace(b"\n", b"\r\n")

    def part(self, kind: str, octets: int) -> bytes:
        """Return the fields and the body of one MIME part, about so many octets in all."""
        made = {
            "plain": ("text/plain; charset=utf-8", "8bit", self.text),
            "quoted": ("text/plain; charset=utf-8", "quoted-printable", self.quoted_printable),
            "html": ("text/html; charset=utf-8", "7bit", self.html),
            "image": ("image/png", "base64", self.base64),
        }
        content_type, encoding, write = made[kind]
        head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        return head.encode() + write(max(40, octets - len(head)))

    def multipart(self, boundary: str, shares: dict[str, float], octets: int) -> bytes:
        """Return a multipart body (RFC 2046 §5.1); `shares` tells each part's share of it."""
        mark = f"--{boundary}\r\n".encode()
        parts = [mark + self.part(kind, int(octets * share)) for kind, share in shares.items()]
        return b"\r\n".join([*parts, mark[:-2] + b"--\r\n"])
