"""`verify`: archives and queues to verdicts and a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mailauth_fast.cli import fail_on as conditions
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.formats import Format  # noqa: TC001 - cyclopts reads it
from mailauth_fast.cli.options import (
    Dns,
    Historic,
    Now,
    RulesOption,
    chosen_resolver,
    chosen_time,
)
from mailauth_fast.cli.output import NoRows, StandardOutput, chosen_format, open_parts, run_metadata
from mailauth_fast.cli.parts import ALL, Journal, Progressed
from mailauth_fast.cli.run import Plan, execute
from mailauth_fast.policy import Policy
from mailauth_fast.verify import Verifier


def verify(
    *inputs: Annotated[
        str,
        Parameter(help="mbox files, Maildir, folders of messages, messages; - is standard input"),
    ],
    output: Annotated[
        str | None,
        Parameter(
            name=["-o", "--output"], help="file or folder for the rows; - is standard output"
        ),
    ] = None,
    overwrite: Annotated[
        bool, Parameter(negative="", help="replace an output that exists")
    ] = False,
    resume: Annotated[
        bool, Parameter(negative="", help="go on where a run with the same arguments stopped")
    ] = False,
    row_format: Annotated[
        Format | None,
        Parameter(name="--format", help="of the rows; text is the summary alone"),
    ] = None,
    dns: Dns = "live",
    now: Now = "received",
    rules: RulesOption = "auto",
    historic: Historic = False,
    authserv_id: Annotated[
        str, Parameter(help="fill authentication_results, in the name of this server")
    ] = "",
    jobs: Annotated[
        int | None, Parameter(name=["--jobs", "-j"], help="threads; default: all cores")
    ] = None,
    shard: Annotated[
        str | None, Parameter(help="I/N: only every N-th unit of work, I from 0 to N-1")
    ] = None,
    limit: Annotated[int | None, Parameter(help="stop after so many messages")] = None,
    fail_on: Annotated[
        str | None,
        Parameter(help="comma list of FIELD=WORD; any row that matches gives exit code 1"),
    ] = None,
    digest: Annotated[bool, Parameter(negative="", help="fill sha256")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", help="silent on success")
    ] = False,
) -> int:
    """Verify archives and queues: mbox, Maildir, trees of messages, standard input."""
    if not inputs:
        raise CommandError(
            "nothing to verify; name a file or folder, or - for standard input", Exit.USAGE
        )
    _check_number("--jobs", jobs)
    _check_number("--limit", limit)
    if resume and overwrite:
        raise CommandError("--resume and --overwrite exclude each other; give one", Exit.USAGE)
    moment = chosen_time(now)
    policy = Policy(rules=rules, historic=historic, digest=digest, receiver=authserv_id)
    chosen = chosen_resolver(dns)
    target = "-" if output is not None and is_dash(output) else output
    result_format = chosen_format(target, row_format)
    metadata = run_metadata(policy, moment, chosen.description)
    texts = ["-" if is_dash(text) else text for text in inputs]
    plan = Plan(
        inputs=[Path(text) for text in texts],
        now=moment,
        shard=_chosen_shard(shard),
        limit=limit,
        row_format=result_format,
        conditions=conditions.conditions(fail_on) if fail_on else [],
        is_quiet=quiet,
    )
    parts = open_parts(target, result_format, metadata, shard=plan.shard, is_flat=False)
    if parts is None and resume:
        raise CommandError("--resume needs -o FILE or -o FOLDER, where the run was", Exit.USAGE)
    verifier = Verifier(resolver=chosen.resolver, policy=policy, workers=jobs)
    if parts is None:
        sink = NoRows() if result_format == "text" else StandardOutput()
        return execute(plan, verifier, sink, Progressed())
    with parts:
        journal = Journal(_arguments(texts, plan, policy, metadata), _file_facts(plan.inputs))
        done = parts.begin(journal, resume=resume, overwrite=overwrite)
        return execute(plan, verifier, parts, done)


def _arguments(
    inputs: list[str], plan: Plan, policy: Policy, metadata: list[tuple[str, str]]
) -> dict[str, str]:
    """Return what decides the rows of a run: a run that goes on must be asked the same."""
    facts = {name.rpartition(".")[2]: value for name, value in metadata}
    return {
        "the list of inputs": " ".join(inputs),
        "--format": plan.row_format,
        "--limit": "" if plan.limit is None else str(plan.limit),
        "--shard": "{}/{}".format(*plan.shard),
        **{f"the policy's {name}": str(getattr(policy, name)) for name in policy.__slots__},
        **{f"the {name}": facts[name] for name in ("version", "now", "resolver")},
    }


def _file_facts(inputs: list[Path]) -> dict[str, tuple[int, int]]:
    """Return size and time of change of the input files; a folder has neither."""
    facts = {}
    for path in inputs:
        if path.is_file():
            status = path.stat()
            facts[str(path)] = (status.st_size, status.st_mtime_ns)
    return facts


def _chosen_shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return ALL
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and int(number) < int(count)):
        raise CommandError(f"--shard {text}: use I/N with I from 0 to N-1", Exit.USAGE)
    return int(number), int(count)


def _check_number(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise CommandError(f"{name} {value}: use a number of at least 1", Exit.USAGE)
