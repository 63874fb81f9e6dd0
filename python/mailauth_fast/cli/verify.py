"""`verify`: archives and queues to verdicts and a summary."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mailauth_fast.cli import fail_on as conditions
from mailauth_fast.cli import settings
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.formats import Format, pseudonym_key
from mailauth_fast.cli.options import (
    ChosenResolver,
    Dns,
    Historic,
    Now,
    RulesOption,
    Trust,
    chosen_resolver,
    chosen_time,
    recording,
)
from mailauth_fast.cli.output import NoRows, StandardOutput, chosen_format, open_parts, run_metadata
from mailauth_fast.cli.parts import ALL, Journal, Progressed, RowForm
from mailauth_fast.cli.run import Plan, execute
from mailauth_fast.resolvers import LiveResolver
from mailauth_fast.verify import Verifier

if TYPE_CHECKING:
    from mailauth_fast.cli.formats import Metadata
    from mailauth_fast.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `verify`."""

    output: Annotated[
        str | None,
        Parameter(
            name=["-o", "--output"], help="file or folder for the rows; - is standard output"
        ),
    ] = None
    overwrite: Annotated[bool, Parameter(negative="", help="replace an output that exists")] = False
    resume: Annotated[
        bool, Parameter(negative="", help="go on where a run with the same arguments stopped")
    ] = False
    row_format: Annotated[
        Format | None,
        Parameter(name="--format", help="of the rows; text is the summary alone"),
    ] = None
    dns: Dns = "live"
    now: Now = "received"
    rules: RulesOption = "auto"
    record: Annotated[Path | None, Parameter(help="also write every DNS answer to this store")] = (
        None
    )
    historic: Historic = False
    trust: Trust = ()
    attached: Annotated[
        bool, Parameter(negative="", help="also verify mails attached to a mail")
    ] = False
    retry_temperror: Annotated[
        bool,
        Parameter(
            negative="",
            help="ask again at the end for what failed, and judge the messages again that need it",
        ),
    ] = False
    authserv_id: Annotated[
        str, Parameter(help="fill authentication_results, in the name of this server")
    ] = ""
    jobs: Annotated[
        int | None, Parameter(name=["--jobs", "-j"], help="threads; default: all cores")
    ] = None
    shard: Annotated[
        str | None, Parameter(help="I/N: only every N-th unit of work, I from 0 to N-1")
    ] = None
    limit: Annotated[int | None, Parameter(help="stop after so many messages")] = None
    fail_on: Annotated[
        str | None,
        Parameter(help="comma list of FIELD=WORD; any row that matches gives exit code 1"),
    ] = None
    flat: Annotated[
        Literal["dkim"] | None, Parameter(help="dkim: a row a signature instead of a row a message")
    ] = None
    spreadsheet_safe: Annotated[
        bool, Parameter(negative="", help="csv: no cell that a spreadsheet takes for a formula")
    ] = False
    pseudonymize: Annotated[
        Path | None,
        Parameter(help="replace local parts by a hash that is keyed with this file's octets"),
    ] = None
    digest: Annotated[bool, Parameter(negative="", help="fill sha256")] = False
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", help="silent on success")
    ] = False


DEFAULTS = Options()


def verify(
    *inputs: Annotated[
        str,
        Parameter(
            help="mbox, Maildir, folders, messages, tar, zip, compressed files, JSONL, Parquet,"
            " mail queues; - is standard input"
        ),
    ],
    options: Annotated[Options, Parameter(name="*")] = DEFAULTS,
) -> int:
    """Verify archives and queues of messages, from files, folders, archives and streams."""
    if not inputs:
        raise CommandError(
            "nothing to verify; name a file or folder, or - for standard input", Exit.USAGE
        )
    _check_number("--jobs", options.jobs)
    _check_number("--limit", options.limit)
    if options.resume and options.overwrite:
        raise CommandError("--resume and --overwrite exclude each other; give one", Exit.USAGE)
    moment = chosen_time(options.now)
    policy = settings.policy(
        rules=options.rules,
        historic=options.historic,
        digest=options.digest,
        receiver=options.authserv_id or None,
        trust=options.trust or None,
    )
    output = options.output
    target = "-" if output is not None and is_dash(output) else output
    row_format = chosen_format(target, options.row_format)
    form = RowForm(row_format, options.flat is not None, options.spreadsheet_safe)
    chosen = chosen_resolver(options.dns)
    metadata = run_metadata(policy, moment, chosen.description)
    texts = ["-" if is_dash(text) else text for text in inputs]
    plan = _plan(texts, options, moment, chosen, row_format)
    parts = open_parts(target, form, metadata, plan.shard)
    if parts is None and options.resume:
        raise CommandError("--resume needs -o FILE or -o FOLDER, where the run was", Exit.USAGE)
    resolver = plan.recorder or chosen.resolver
    verifier = Verifier(resolver=resolver, policy=policy, workers=options.jobs)
    if parts is None:
        sink = NoRows() if row_format == "text" else StandardOutput(form, metadata)
        return execute(plan, verifier, sink, Progressed())
    with parts:
        journal = Journal(_arguments(texts, plan, form, policy, metadata), _file_facts(plan.inputs))
        done = parts.begin(journal, resume=options.resume, overwrite=options.overwrite)
        return execute(plan, verifier, parts, done)


def _plan(
    inputs: list[str],
    options: Options,
    moment: int | str,
    chosen: ChosenResolver,
    row_format: Format,
) -> Plan:
    key = options.pseudonymize
    fail_on = options.fail_on
    return Plan(
        inputs=[Path(text) for text in inputs],
        now=moment,
        shard=_chosen_shard(options.shard),
        limit=options.limit,
        is_attached=options.attached,
        retry_temperror=options.retry_temperror,
        live=chosen.resolver if isinstance(chosen.resolver, LiveResolver) else None,
        row_format=row_format,
        pseudonym_key=None if key is None else pseudonym_key(key),
        recorder=None if options.record is None else recording(chosen, options.record),
        resolver_problems=chosen.problems,
        conditions=conditions.conditions(fail_on) if fail_on else [],
        is_quiet=options.quiet,
    )


def _arguments(
    inputs: list[str], plan: Plan, form: RowForm, policy: Policy, metadata: Metadata
) -> dict[str, str]:
    """Return what decides the rows of a run: a run that goes on must be asked the same."""
    facts = {name.rpartition(".")[2]: value for name, value in metadata}
    return {
        "the list of inputs": " ".join(inputs),
        "--format": form.row_format,
        "--flat": "dkim" if form.is_flat else "",
        "--spreadsheet-safe": "yes" if form.is_spreadsheet_safe else "",
        "--attached": "yes" if plan.is_attached else "",
        "--retry-temperror": "yes" if plan.retry_temperror else "",
        "the key of --pseudonymize": _fingerprint(plan.pseudonym_key),
        "--limit": "" if plan.limit is None else str(plan.limit),
        "--shard": "{}/{}".format(*plan.shard),
        **{f"the policy's {name}": str(getattr(policy, name)) for name in policy.__slots__},
        **{f"the {name}": facts[name] for name in ("version", "now", "resolver")},
    }


def _fingerprint(key: bytes | None) -> str:
    """Return what tells two keys apart and neither of them."""
    if key is None:
        return ""
    return hmac.digest(key, b"mailauth_fast resume", "sha256").hex()[:16]


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
