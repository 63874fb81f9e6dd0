"""`completion` and `--install-completion`: scripts for four shells out of the tree of commands."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads annotations
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.completion import ShellDetectionError, detect_shell

from mailauth_fast.cli.app import app
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.terminal import say

Shell = Literal["bash", "zsh", "fish", "powershell"]


def completion(shell: Annotated[Shell, Parameter(help="the shell that reads the script")]) -> int:
    """Print the script that completes commands in a shell, for packagers and for a look at it."""
    print(app.generate_completion(shell=shell))
    return Exit.FINISHED


def install_completion(
    *,
    shell: Annotated[Shell | None, Parameter(help="default: the shell in use")] = None,
    output: Annotated[
        Path | None,
        Parameter(name=["-o", "--output"], help="file to write; default: where the shell looks"),
    ] = None,
) -> int:
    """Install the script that completes commands, and have the shell read it when it starts."""
    try:
        chosen = detect_shell() if shell is None else shell
    except ShellDetectionError:
        sentence = "the shell in use is not known; give --shell bash, zsh, fish or powershell"
        raise CommandError(sentence, Exit.USAGE) from None
    is_default = output is None
    path = app.install_completion(shell=chosen, output=output, add_to_startup=is_default)
    say(f"{path}: completion for {chosen} is installed; start a new shell")
    return Exit.FINISHED
