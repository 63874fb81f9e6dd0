"""The commands and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import signal
from typing import NoReturn

import cyclopts
from cyclopts import App, CycloptsError

from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.errors import (
    EngineError,
    MailauthError,
    ResolverUnavailable,
    StoreError,
    UnreadableInput,
)

app = App(
    name="mailauth-fast",
    help="Verify who really sent a mail: SPF, DKIM, ARC and DMARC, for one or for millions.",
    version_flags=[],
    help_flags=["--help", "-h"],
    result_action="return_value",
)
app.command("mailauth_fast.cli.verify:verify", name="verify", help="Verify archives and queues.")
app.command(
    "mailauth_fast.cli.checks:spf",
    name="spf",
    help="Evaluate SPF for a client, a HELO name and a MAIL FROM.",
)
app.command(
    "mailauth_fast.cli.checks:dkim", name="dkim", help="Verify the DKIM signatures of one message."
)
app.command(
    "mailauth_fast.cli.checks:dmarc",
    name="dmarc",
    help="Find the DMARC policy that holds for a domain.",
)
app.command("mailauth_fast.cli.checks:arc", name="arc", help="Verify the ARC chain of one message.")
app.command(
    "mailauth_fast.cli.checks:reasons",
    name="reasons",
    help="Print every reason code with its section and one sentence.",
)
dns = App(name="dns", help="Look into DNS stores.", help_flags=["--help", "-h"], version_flags=[])
dns.command("mailauth_fast.cli.dns:show", name="show", help="Show what a DNS store holds.")
app.command(dns)

FATAL = (EngineError, ResolverUnavailable, StoreError, UnreadableInput)
"""Faults of the environment; every other `MailauthError` is one of usage or configuration."""
DASH = "/dev/stdin/-"
"""Stands for a lone `-`, which the parser would take for an option."""


def run(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    arguments = [DASH if argument == "-" else argument for argument in arguments]
    try:
        code = app(arguments, exit_on_error=False, print_error=False, help_on_error=False)
    except CycloptsError as problem:
        say(_usage_sentence(problem))
        return Exit.USAGE
    except CommandError as problem:
        say(str(problem))
        return problem.code
    except MailauthError as problem:
        say(str(problem))
        return Exit.FATAL if isinstance(problem, FATAL) else Exit.USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.FINISHED


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _usage_sentence(problem: CycloptsError) -> str:
    text = str(problem) if not isinstance(problem, cyclopts.MissingArgumentError) else ""
    if not text and problem.argument is not None:
        text = f"the argument {problem.argument.name} is missing"
    sentence = " ".join(text.replace(DASH, "-").split()).rstrip(".")
    return f"{printable(sentence)}; see mailauth-fast --help"


def is_dash(text: str) -> bool:
    """Tell whether an argument was a lone `-`."""
    return text == DASH
