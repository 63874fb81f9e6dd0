"""Makes a seeded corpus and writes it for every program that is measured with it.

`uv run python bench/corpus.py NAME --count N [--seed S] --out FOLDER` writes messages.bin,
zone.json, envelopes.jsonl and NAME.mbox into the folder, and prints what they hold.

messages.bin: each message's length, 32 bits, little endian, and its octets. zone.json: DNS answers
by name and type. envelopes.jsonl: one line a message. Valid mail, seeded: `bulk` (newsletters),
`list` (long headers, ARC sets), `small`, `large` (1-30 MB). `hostile`: what attackers send, every
family of hostile_families.py at growing n; nothing of it is drawn, so it takes no seed, and it has
no mbox, whose readers would cut its messages elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast import MailauthError
from mailauth_fast.bench.corpus import NAMES, Corpus, cached, write_corpus, write_mbox

if TYPE_CHECKING:
    from mailauth_fast.bench.corpus import Name

HOSTILE = "hostile"


def made(name: Name | None, count: int, seed: int) -> Corpus:
    """Return a corpus, kept from an earlier run if it can be; without a name the hostile one.

    Raises:
        MailauthError: it cannot be made.
    """
    if name is not None:
        return cached(name, count, seed)
    try:
        # Signs with the keys of the tests: only this corpus needs them.
        from hostile_corpus import hostile  # noqa: PLC0415
    except ImportError as problem:
        raise MailauthError(
            f"corpus 'hostile' is made in a checkout with `uv sync`: {problem}"
        ) from None
    return hostile(count)


def facts(corpus: Corpus) -> dict[str, float]:
    """Return what a corpus holds, in messages, octets and signatures."""
    octets = sum(map(len, corpus.octets()))
    sizes = {
        "messages": len(corpus.messages),
        "octets": octets,
        "mean octets": octets / max(1, len(corpus.messages)),
    }
    if corpus.name == HOSTILE:
        return sizes
    return {
        **sizes,
        "hashed octets": corpus.hashed_octets,
        "signatures": sum(len(message.work) for message in corpus.messages),
    }


def main(arguments: list[str]) -> int:
    """Write a corpus and print its facts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=(*NAMES, HOSTILE))
    parser.add_argument("--count", type=int, required=True, help="messages")
    parser.add_argument("--seed", type=int, default=1, help="not of hostile")
    parser.add_argument("--out", type=Path, required=True, help="folder, made when missing")
    chosen = parser.parse_args(arguments)
    try:
        corpus = made(None if chosen.name == HOSTILE else chosen.name, chosen.count, chosen.seed)
        write_corpus(corpus, chosen.out)
        if corpus.name != HOSTILE:
            write_mbox(corpus, chosen.out / f"{corpus.name}.mbox")
    except (MailauthError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for what, value in facts(corpus).items():
        print(f"{what:<14}{value:>16,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
