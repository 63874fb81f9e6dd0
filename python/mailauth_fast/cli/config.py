"""`config show`: every setting, its value and who set it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from mailauth_fast.cli import settings
from mailauth_fast.cli.exits import Exit
from mailauth_fast.cli.options import (  # cyclopts reads annotations
    Dns,  # noqa: TC001
    Historic,  # noqa: TC001
    Now,  # noqa: TC001
    RulesOption,  # noqa: TC001
)
from mailauth_fast.cli.terminal import printable, printable_json

if TYPE_CHECKING:
    from mailauth_fast.cli.configuration import Setting, Value

config = App(name="config", help="Show every setting, its value and who set it.")


@config.command
def show(
    *,
    dns: Dns = "live",
    now: Now = "received",
    rules: RulesOption = "auto",
    historic: Historic = False,
    digest: Annotated[bool, Parameter(negative="", help="fill sha256")] = False,
    jobs: Annotated[int | None, Parameter(name=["--jobs", "-j"], help="threads")] = None,
    trust: Annotated[
        list[str] | None, Parameter(help="net:CIDR, by:NAME, hops:N, preset:NAME")
    ] = None,
    authserv_id: Annotated[str | None, Parameter(help="who speaks in the results")] = None,
    form: Annotated[
        Literal["text", "json"], Parameter(name="--format", help="text or json")
    ] = "text",
) -> int:
    """Print every setting, its value and who set it: flag, environment, file or default.

    Options of other commands can be given to see what they would win over.
    """
    settings.policy(rules=rules, historic=historic, digest=digest)
    flags: dict[str, Value] = {
        "dns": dns,
        "now": now,
        "rules": rules,
        "historic": historic,
        "digest": digest,
        "jobs": jobs,
        "trust": tuple(trust or ()),
        "authserv_id": authserv_id,
    }
    rows = [_row(setting, flags) for setting in settings.SETTINGS]
    if form == "json":
        sys.stdout.write(printable_json(json.dumps(rows, indent=2, ensure_ascii=False)) + "\n")
        return Exit.FINISHED
    names = [f"{row['section']}.{row['key']}" for row in rows]
    values = [_shown(row["value"]) for row in rows]
    widths = max(map(len, names)), max(map(len, values))
    for name, value, row in zip(names, values, rows, strict=True):
        origin = "" if row["name"] is None else f" {row['name']}"
        source = printable(f"{row['source']}{origin}")
        print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")
    return Exit.FINISHED


def _row(setting: Setting, flags: dict[str, Value]) -> dict[str, Value]:
    source = settings.source_of(setting.key)
    value = setting.default
    if source.kind == "flag":
        value = flags[setting.key]
    elif source.kind != "default":
        value = settings.found()[setting.key].value
    return {
        "section": setting.section,
        "key": setting.key,
        "value": value,
        "source": source.kind,
        "name": source.name,
    }


def _shown(value: Value) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
