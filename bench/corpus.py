"""Makes a seeded corpus and writes it for every program that is measured with it.

`uv run python bench/corpus.py NAME --count N [--seed S] --out FOLDER` writes messages.bin,
zone.json, envelopes.jsonl and NAME.mbox into the folder, and prints what they hold.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mailauth_fast import MailauthError
from mailauth_fast.bench.corpus import NAMES, Corpus, cached, write_corpus, write_mbox


def facts(corpus: Corpus) -> dict[str, float]:
    """Return what a corpus holds, in messages, octets and signatures."""
    octets = sum(map(len, corpus.octets()))
    return {
        "messages": len(corpus.messages),
        "octets": octets,
        "mean octets": octets / max(1, len(corpus.messages)),
        "hashed octets": corpus.hashed_octets,
        "signatures": sum(len(message.work) for message in corpus.messages),
    }


def main(arguments: list[str]) -> int:
    """Write a corpus and print its facts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--count", type=int, required=True, help="messages")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder, made when missing")
    chosen = parser.parse_args(arguments)
    try:
        corpus = cached(chosen.name, chosen.count, chosen.seed)
        write_corpus(corpus, chosen.out)
        write_mbox(corpus, chosen.out / f"{corpus.name}.mbox")
    except (MailauthError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for what, value in facts(corpus).items():
        print(f"{what:<14}{value:>16,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
