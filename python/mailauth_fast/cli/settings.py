"""Every setting of a run: flag, environment `MAILAUTH_FAST_*`, file, default, in this order.

The file's `[policy]` fills `Policy`, its `[verify]` the options of every command that has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mailauth_fast.cli.configuration import (
    Found,
    Setting,
    Source,
    found_file,
    read_environment,
    read_file,
)
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.errors import InvalidPolicy

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.argument import ArgumentCollection

    from mailauth_fast.cli.configuration import Value
    from mailauth_fast.policy import Policy, Rules

SETTINGS = (
    Setting(
        section="policy",
        key="rules",
        kind="text",
        default="auto",
        words=("auto", "rfc9989", "rfc7489"),
    ),
    Setting(section="policy", key="historic", kind="switch", default=False),
    Setting(section="policy", key="min_rsa_bits", kind="number"),
    Setting(section="policy", key="max_rsa_bits", kind="number", default=4096),
    Setting(section="policy", key="max_signatures", kind="number", default=10),
    Setting(
        section="policy",
        key="body_length",
        kind="text",
        default="honour",
        words=("honour", "whole"),
    ),
    Setting(section="policy", key="public_suffix_list", kind="path"),
    Setting(section="policy", key="private_suffixes", kind="switch", default=True),
    Setting(section="policy", key="trusted_sealers", kind="list", default=()),
    Setting(section="policy", key="time_skew", kind="number", default=300),
    Setting(section="policy", key="reject_on_policy_alone", kind="switch", default=False),
    Setting(section="policy", key="digest", kind="switch", default=False),
    Setting(section="policy", key="receiver", kind="text", default=""),
    Setting(section="verify", key="dns", kind="resolver", default="live"),
    Setting(section="verify", key="record", kind="path"),
    Setting(section="verify", key="now", kind="time", default="received"),
    Setting(section="policy", key="trust", kind="list", default=()),
    Setting(section="verify", key="authserv_id", kind="text"),
    Setting(section="verify", key="jobs", kind="number", lowest=1),
    Setting(section="verify", key="quiet", kind="switch", default=False),
    Setting(section="verify", key="limit", kind="number", lowest=1, command="verify"),
    Setting(section="verify", key="fail_on", kind="text", command="verify"),
    Setting(
        section="verify",
        key="format",
        kind="text",
        words=("text", "json", "jsonl", "csv", "parquet", "arrow", "sqlite"),
        command="verify",
    ),
)
"""The defaults are those of `Policy` and of the options; a test holds them together."""

BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass
class Active:
    """What holds for this run."""

    config: Path | None = None
    is_ignored: bool = False
    found: dict[str, Found] | None = None
    flagged: set[str] = field(default_factory=set)


_active = Active()


def use(config: Path | None, *, is_ignored: bool) -> None:
    """Choose the file; `--no-config` leaves the environment's values as they are."""
    if config is not None and is_ignored:
        raise CommandError(
            "--config and --no-config exclude each other; leave one away", Exit.USAGE
        )
    _active.config, _active.is_ignored = config, is_ignored
    _active.found = None
    _active.flagged.clear()
    if config is not None:
        found()


def found() -> dict[str, Found]:
    """Return what environment and file set, read when it is first needed."""
    if _active.found is None:
        path = None if _active.is_ignored else found_file(_active.config)
        of_file = {} if path is None else read_file(path, SETTINGS)
        _active.found = of_file | read_environment(SETTINGS)
    return _active.found


def fill(_app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give the options that were not typed what environment and file say (for cyclopts)."""
    from cyclopts import Token  # noqa: PLC0415 - start-up time

    for argument in arguments:
        setting = next(filter(None, (BY_KEY.get(_key(name)) for name in argument.names)), None)
        if setting is None or (setting.command is not None and commands[:1] != (setting.command,)):
            continue
        if argument.tokens:
            _active.flagged.add(setting.key)
        elif setting.key == "format" and _is_named_by_output(arguments):
            continue
        elif setting.key in found():
            entry = found()[setting.key]
            for index, text in enumerate(_texts(entry.value)):
                keyword = f"--{setting.key.replace('_', '-')}"
                origin = str(entry.source.name)
                argument.append(Token(keyword=keyword, value=text, source=origin, index=index))


def _is_named_by_output(arguments: ArgumentCollection) -> bool:
    """Tell whether `-o` was typed with an extension: it wins over a format that was not."""
    return any(
        Path(token.value).suffix
        for argument in arguments
        if "--output" in argument.names
        for token in argument.tokens
    )


def _key(name: str) -> str:
    return name.removeprefix("--").replace("-", "_") if name.startswith("--") else ""


def _texts(value: Value) -> list[str]:
    if isinstance(value, tuple):
        return list(value)
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def policy(
    *,
    rules: Rules | None = None,
    historic: bool | None = None,
    digest: bool | None = None,
    receiver: str | None = None,
    trust: tuple[str, ...] | None = None,
) -> Policy:
    """Return the policy of this run: these values, else environment and file, else the defaults.

    Options of a command were already filled by the configuration; None stands for a field that the
    command has no option for.
    """
    from mailauth_fast.policy import Policy  # noqa: PLC0415 - start-up time

    given = {
        "rules": rules,
        "historic": historic,
        "digest": digest,
        "receiver": receiver,
        "trust": trust,
    }
    fields: dict[str, Value] = {
        setting.key: found()[setting.key].value
        for setting in SETTINGS
        if setting.section == "policy" and setting.key in found()
    }
    fields.update((key, value) for key, value in given.items() if value is not None)
    try:
        return Policy(**fields)  # type: ignore[arg-type]  # read_file and read_environment checked
    except InvalidPolicy as problem:
        raise CommandError(blamed(str(problem)), Exit.USAGE) from None


def blamed(sentence: str) -> str:
    """Name file or variable in front of a sentence about a value that was not typed."""
    key = _key(sentence.split(" ", 1)[0]) or sentence.split(" ", 1)[0]
    if key in BY_KEY and key not in _active.flagged and key in (_active.found or {}):
        return f"{found()[key].source.name}: {sentence}"
    return sentence


def source_of(key: str) -> Source:
    """Tell who set a value."""
    if key in _active.flagged:
        return Source("flag")
    return found()[key].source if key in found() else Source("default")
