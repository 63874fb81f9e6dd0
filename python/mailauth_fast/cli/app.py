"""The commands and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import TYPE_CHECKING, Annotated, NoReturn

import cyclopts
from cyclopts import App, CycloptsError, Group, Parameter

from mailauth_fast.cli import settings
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.terminal import Color, Look, console, printable, say, silence
from mailauth_fast.cli.version import version_text
from mailauth_fast.errors import (
    EngineError,
    MailauthError,
    ResolverUnavailable,
    StoreError,
    UnreadableInput,
)

if TYPE_CHECKING:
    from rich.console import Console

ARCHIVES = Group("Verify mail", sort_key=1)
CHECKS = Group("Check one thing by hand", sort_key=2)
RESULTS = Group("Understand and compare results", sort_key=3)
DNS = Group("Keep DNS answers", sort_key=4)
PROGRAM = Group("This program", sort_key=6)
EVERYWHERE = Group("Options of every command", sort_key=7)


def _said_default(value: object) -> str | None:
    """Return a default worth saying: that a switch is off says nothing."""
    return None if value in (None, False, "", ()) else str(value)


app = App(
    name="mailauth-fast",
    help="Verify who really sent a mail: SPF, DKIM, ARC and DMARC, for one or for millions.",
    help_format="plaintext",
    version=version_text,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    result_action="return_value",
    # cyclopts takes None for nothing to show, though its annotation says otherwise.
    default_parameter=Parameter(show_default=_said_default),
    config=[settings.fill],
    group_commands=Group("More commands", sort_key=5),
)
app["--help"].group = app["--version"].group = PROGRAM
app.command(
    "mailauth_fast.cli.verify:verify",
    name="verify",
    help="Verify archives and queues.",
    group=ARCHIVES,
)
app.command(
    "mailauth_fast.cli.explain:explain",
    name="explain",
    help="Explain one message: who answers for it, why, and what to change.",
    group=RESULTS,
)
app.command(
    "mailauth_fast.cli.checks:spf",
    name="spf",
    help="Evaluate SPF for a client, a HELO name and a MAIL FROM.",
    group=CHECKS,
)
app.command(
    "mailauth_fast.cli.checks:dkim",
    name="dkim",
    help="Verify the DKIM signatures of one message.",
    group=CHECKS,
)
app.command(
    "mailauth_fast.cli.checks:dmarc",
    name="dmarc",
    help="Find the DMARC policy that holds for a domain.",
    group=CHECKS,
)
app.command(
    "mailauth_fast.cli.checks:arc",
    name="arc",
    help="Verify the ARC chain of one message.",
    group=CHECKS,
)
app.command(
    "mailauth_fast.cli.checks:reasons",
    name="reasons",
    help="Print every reason code with its section and one sentence.",
    group=RESULTS,
)
app.command(
    "mailauth_fast.cli.config:config",
    name="config",
    help="Show every setting, its value and who set it.",
    group=PROGRAM,
)
app.command(
    "mailauth_fast.cli.completion:completion",
    name="completion",
    help="Print the script that completes commands in a shell.",
    group=PROGRAM,
)
app.command(
    "mailauth_fast.cli.completion:install_completion",
    name="--install-completion",
    help="Install that script for the shell in use.",
    group=PROGRAM,
)
app.command(
    "mailauth_fast.cli.diff:diff",
    name="diff",
    help="Compare verdict files, rule books, DNS stores or versions, by cause.",
    group=RESULTS,
)
app.command(
    "mailauth_fast.cli.schema:schema",
    name="schema",
    help="Print the JSON Schema of what is written.",
    group=RESULTS,
)
app.command(
    "mailauth_fast.cli.bench:bench",
    name="bench",
    help="Measure this machine's throughput beside its physical limit.",
    group=PROGRAM,
)
dns = App(
    name="dns",
    group=DNS,
    help="Fill, keep and look into DNS stores.",
    help_flags=["--help", "-h"],
    version_flags=[],
)
dns.command("mailauth_fast.cli.dns:show", name="show", help="Show what a DNS store holds.")
dns.command(
    "mailauth_fast.cli.dns_names:names",
    name="names",
    help="List the questions that verifying would begin with.",
)
dns.command(
    "mailauth_fast.cli.dns_names:warm", name="warm", help="Ask a list of questions into a store."
)
dns.command(
    "mailauth_fast.cli.dns_store:import_rows",
    name="import",
    help="Add passive DNS, zones, caches, key archives or tables to a store.",
)
dns.command(
    "mailauth_fast.cli.dns_store:export_rows",
    name="export",
    help="Write a store in a form that others read.",
)
dns.command(
    "mailauth_fast.cli.dns_store:diff_stores", name="diff", help="Compare what two stores say."
)
dns.command("mailauth_fast.cli.dns_store:merge_stores", name="merge", help="Join stores into one.")
dns.command(
    "mailauth_fast.cli.dns_store:compact_store",
    name="compact",
    help="Write a store anew, with as few rows as say the same.",
)
app.command(dns)
keys = App(
    name="keys",
    group=DNS,
    help="Find lost keys again, and look after published ones.",
    help_flags=["--help", "-h"],
    version_flags=[],
)
keys.command(
    "mailauth_fast.cli.keys:recover",
    name="recover",
    help="Recover public keys from the signatures of an archive.",
)
keys.command(
    "mailauth_fast.cli.keys_audit:audit",
    name="audit",
    help="Say what is wrong with the keys of a DNS store.",
)
app.command(keys)

FATAL = (EngineError, ResolverUnavailable, StoreError, UnreadableInput)
"""Faults of the environment; every other `MailauthError` is one of usage or configuration."""
DASH = "/dev/stdin/-"
"""Stands for a lone `-`, which the parser would take for an option."""


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[
        Path | None,
        Parameter(group=EVERYWHERE, help="TOML file of settings; else the nearest one is used"),
    ] = None,
    no_config: Annotated[
        bool, Parameter(group=EVERYWHERE, negative="", help="read no file of settings")
    ] = False,
    color: Annotated[
        Color, Parameter(group=EVERYWHERE, help="auto obeys NO_COLOR and TERM=dumb")
    ] = "auto",
    verbose: Annotated[
        bool, Parameter(group=EVERYWHERE, negative="", help="errors come with a traceback")
    ] = False,
) -> int:
    """Take the options of every command, then run the command."""
    Look.color, Look.is_verbose = color, verbose
    settings.use(config, is_ignored=no_config)
    code = app(tokens, exit_on_error=False, print_error=False, help_on_error=False)
    return code if isinstance(code, int) else Exit.FINISHED


def run(arguments: list[str]) -> int:
    """Run one command line; return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    Look.read(arguments)
    arguments = [DASH if argument == "-" else argument for argument in arguments]
    try:
        code = app.meta(
            arguments,
            console=_help_console(arguments),
            exit_on_error=False,
            print_error=False,
            help_on_error=False,
        )
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - all become one sentence
        if Look.is_verbose:
            _say_traceback()
        sentence, ending = _told(problem)
        if isinstance(problem, OSError) and problem.filename is None:
            silence(sys.stdout)
        say(sentence)
        return ending
    return code if isinstance(code, int) else Exit.FINISHED


def _help_console(arguments: list[str]) -> Console | None:
    """Return where help and the version go; the version is one line, however long it is."""
    is_for_help = not arguments or bool({"--help", "-h"} & {*arguments}) or arguments[0] in app
    return console(sys.stdout, is_wrapping="--version" not in arguments) if is_for_help else None


def _told(problem: BaseException) -> tuple[str, Exit]:
    """Return the sentence and the exit code of a fault."""
    match problem:
        case CycloptsError():
            return _usage_sentence(problem), Exit.USAGE
        case CommandError():
            return settings.blamed(str(problem)), problem.code
        case MailauthError():
            return str(problem), Exit.FATAL if isinstance(problem, FATAL) else Exit.USAGE
        case KeyboardInterrupt():
            return "interrupted", Exit.INTERRUPTED
        case OSError():
            name = "standard output" if problem.filename is None else str(problem.filename)
            reason = (problem.strerror or str(problem)).lower()
            return f"{name}: {reason}; check its permissions and the disk", Exit.FATAL
        case _:
            kind = f"{type(problem).__name__}: {problem}"
            advice = "report it with what --verbose prints"
            return f"a fault of this program ({' '.join(kind.split())}); {advice}", Exit.FATAL


def _say_traceback() -> None:
    for line in traceback.format_exc().splitlines():
        sys.stderr.write(f"{printable(line)}\n")


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
