"""dkimpy, and for everything pyspf and authheaders too, over a corpus folder.

`python python_stack.py FOLDER dkim|arc|all LIMIT VERDICTS` prints one JSON line; see __main__.py.
It runs in an environment of its own: authheaders is no dependency of this project.
"""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from corpus_folder import (
    WARM_UP,
    Zone,
    measured,
    read_envelopes,
    read_messages,
    read_zone,
    report,
    texts,
)

Judge = Callable[[int], str]
Lookup = Callable[..., str]


def text_lookup(zone: Zone) -> Lookup:
    """Return what dkimpy and authheaders call dnsfunc."""
    records = texts(zone)

    def dnsfunc(name: bytes | str, timeout: int = 0) -> str:
        del timeout
        text = name.decode("ascii") if isinstance(name, bytes) else name
        return records.get(text.rstrip(".").lower(), "")

    return dnsfunc


def signatures_judge(messages: list[bytes], dnsfunc: Lookup, *, with_arc: bool) -> Judge:
    """Return what gives a message's DKIM words, and its ARC word."""
    dkim = importlib.import_module("dkim")

    def word(signed: object, position: int) -> str:
        try:
            is_valid = dkim.DKIM.verify(signed, idx=position, dnsfunc=dnsfunc)
        except dkim.DKIMException:
            return "permerror"
        return "pass" if is_valid else "fail"

    def judge(number: int) -> str:
        signed = dkim.DKIM(messages[number])
        names = [name.lower() for name, _ in signed.headers]
        line = ",".join(word(signed, each) for each in range(names.count(b"dkim-signature")))
        if with_arc:
            status = dkim.ARC(messages[number]).verify(dnsfunc=dnsfunc)[0]
            line += f"|{status.decode() if status else 'fail'}"
        return line

    return judge


def everything_judge(
    messages: list[bytes], envelopes: list[dict[str, object]], zone: Zone
) -> Judge:
    """Return what gives a message's SPF and DMARC words by authheaders and pyspf."""
    authheaders, spf = importlib.import_module("authheaders"), importlib.import_module("spf")
    dnsfunc = text_lookup(zone)

    def records(name: str, kind: str, *_: object) -> list[object]:
        values = zone.get(name.rstrip(".").lower(), {}).get(kind, [])
        if kind != "TXT":
            return [((name, kind), value) for value in values]
        strings = ([value] if isinstance(value, str) else value for value in values)
        return [((name, kind), [each.encode() for each in value]) for value in strings]

    setattr(spf, "DNSLookup", records)  # noqa: B010 - no attribute that a type checker knows

    def judge(number: int) -> str:
        envelope = envelopes[number]
        results = authheaders.authenticate_message(
            messages[number],
            "mx.receiver.example",
            spf=True,
            ip=envelope["client_ip"],
            mail_from=envelope["mail_from"],
            helo=envelope["helo"],
            dnsfunc=dnsfunc,
        )
        words = {}
        for part in results.split(";")[1:]:
            method, _, rest = part.strip().partition("=")
            words[method] = rest.split(maxsplit=1)[0]
        return f"{words.get('spf', '')}|{words.get('dmarc', '')}"

    return judge


def main(folder: Path, mode: str, limit: int, path: str) -> None:
    """Verify and report."""
    messages, zone = read_messages(folder, limit), read_zone(folder)
    names = ["dkimpy"]
    if mode == "all":
        names += ["pyspf", "authheaders"]
        judge = everything_judge(messages, read_envelopes(folder, limit), zone)
    else:
        judge = signatures_judge(messages, text_lookup(zone), with_arc=mode == "arc")
    for number in range(min(WARM_UP, len(messages))):
        judge(number)
    seconds, lines = measured(lambda: [judge(number) for number in range(len(messages))])
    versions = [version(name) for name in names]
    others = [f"{name} {each}" for name, each in zip(names[1:], versions[1:], strict=True)]
    report("+".join(names), ", ".join([versions[0], *others]), seconds, lines, path)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])
