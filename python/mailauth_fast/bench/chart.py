"""The chart of a measurement: bars of microseconds a message, by stage, and a line at the limit.

Knows how a measurement is drawn as SVG, by hand, without a library; must not know how it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from mailauth_fast.bench.stages import Stages
    from mailauth_fast.bench.throughput import Measurement

WIDTH, HEIGHT = 860, 274
LEFT, RIGHT, TOP = 120, 30, 84
ROOM = 1.1
"""The axis goes beyond the longest bar, for the figure of its whole."""
BAR, GAP = 44, 26
LETTER = 7.2
"""Width of a letter of the text in a bar, at most: what does not fit is left to the legend."""
TICKS = 9
STEPS = (1, 2, 5, 10)
COLORS = {
    "read": "#8c8c8c",
    "parse": "#56b4e9",
    "canonicalize": "#009e73",
    "hash": "#0072b2",
    "public key": "#e69f00",
    "evaluate": "#cc79a7",
    "write": "#5f5f5f",
}
"""Okabe and Ito's colours, which people with any colour vision tell apart."""
LIGHT = {"read", "parse", "public key"}
"""Stages whose colour needs dark figures."""
INK, FAINT, LIMIT = "#222222", "#d9d9d9", "#d62728"


def chart(found: Measurement) -> str:
    """Return a measurement as SVG."""
    bars = {"DKIM, memory": found.memory, "everything, disk": found.disk}
    limit = found.limit.seconds / found.messages * 1e6
    longest = max(limit, *(_microseconds(found, stages) for stages in bars.values()))
    scale = (WIDTH - LEFT - RIGHT) / (longest * ROOM)
    parts = [*_head(found), *_axis(longest, scale)]
    for number, (name, stages) in enumerate(bars.items()):
        top = TOP + number * (BAR + GAP)
        parts.append(_text(LEFT - 10, top + BAR / 2 + 4, name, anchor="end"))
        parts += _bar(found, stages, top, scale)
    x = LEFT + limit * scale
    bottom = _bottom()
    parts += [
        (
            f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{bottom}" stroke="{LIMIT}"'
            ' stroke-width="2" stroke-dasharray="6 4"/>'
        ),
        _text(
            x, TOP - 18, f"plain limit {limit:.1f} µs", color=LIMIT, anchor=_anchor(x), is_bold=True
        ),
        *_legend(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _microseconds(found: Measurement, stages: Stages) -> float:
    return sum(stages.values()) / found.messages * 1e6


def _head(found: Measurement) -> list[str]:
    title = f"One core, microseconds a message: {found.corpus}, {found.messages:,} messages"
    mean = found.octets / found.messages / 1000
    notes = (
        f"{mean:.1f} kB mean; hash path {found.hash_path}; "
        f"one stream {found.one_stream:.2f} GB/s, own {found.own_stream:.2f} GB/s; "
        f"{found.limit.operation_microseconds:.1f} µs a public-key operation"
    )
    return [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
            f' width="{WIDTH}" height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif"'
            ' font-size="13">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(16, 24, title, is_bold=True),
        _text(16, 43, notes, size=12),
    ]


def _axis(longest: float, scale: float) -> list[str]:
    step = _step(longest / TICKS)
    bottom = _bottom()
    parts = []
    for number in range(int(longest * ROOM / step) + 1):
        x = LEFT + number * step * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{FAINT}"/>'
        )
        parts.append(_text(x, bottom + 16, f"{number * step:g}", anchor="middle", size=12))
    return parts


def _bar(found: Measurement, stages: Stages, top: float, scale: float) -> list[str]:
    x, parts = float(LEFT), []
    for name, seconds in stages.items():
        microseconds = seconds / found.messages * 1e6
        width = microseconds * scale
        parts.append(
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"'
            f' fill="{COLORS[name]}"><title>{name}: {microseconds:.1f} µs</title></rect>'
        )
        label = f"{microseconds:.1f}"
        if len(label) * LETTER + 4 < width:
            middle = top + BAR / 2 + 4
            ink = INK if name in LIGHT else "#ffffff"
            parts.append(_text(x + width / 2, middle, label, color=ink, anchor="middle"))
        x += width
    whole = f"{_microseconds(found, stages):.1f}"
    return [*parts, _text(x + 6, top + BAR / 2 + 4, whole, is_bold=True)]


def _legend() -> list[str]:
    x, y, parts = float(LEFT), _bottom() + 32, []
    for name, color in COLORS.items():
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="12" height="12" fill="{color}"/>',
        )
        parts.append(_text(x + 17, y + 11, name, size=12))
        x += 17 + len(name) * LETTER + 20
    return parts


def _bottom() -> float:
    return TOP + 2 * (BAR + GAP) - GAP + 8


def _step(least: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 1e-3
    while power * 10 <= least:
        power *= 10
    return next(step * power for step in STEPS if step * power >= least)


def _anchor(x: float) -> str:
    if x > WIDTH - 100:
        return "end"
    return "start" if x < LEFT + 60 else "middle"


def _text(  # noqa: PLR0913 - keywords
    x: float,
    y: float,
    text: str,
    *,
    color: str = INK,
    anchor: str = "start",
    size: int = 13,
    is_bold: bool = False,
) -> str:
    weight = ' font-weight="bold"' if is_bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}"'
        f' font-size="{size}"{weight}>{escape(text)}</text>'
    )
