"""Compile `compiled.pyx` into target/bench/kernels: `uv run python bench/kernels/build.py`.

Cython writes the C text and the annotated HTML beside it, the C compiler that built Python makes
the module; nothing else is needed. A module that is newer than its text is taken as it is.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).parent / "compiled.pyx"
FOLDER = Path(__file__).parent.parent.parent / "target/bench/kernels"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
HEADERS = Path(sysconfig.get_path("include"))
FLAGS = ("-O3", "-fPIC", "-w", f"-I{HEADERS}")


class Kernels(Protocol):
    """What each of the three implementations offers."""

    body_hash: Callable[[bytes, bool], bytes]
    canonicalize_body: Callable[[bytes, bool], bytes]
    canonicalize_field: Callable[[bytes, bool], bytes]
    decode_base64: Callable[[bytes], bytes | None]
    header_index: Callable[[bytes], list[tuple[int, int, int]]]
    tag_list: Callable[[bytes], list[tuple[bytes, bytes]] | None]


def compiler() -> list[str] | None:
    """Return the command that makes a module from C; None without compiler or Python.h."""
    usual = str(sysconfig.get_config_var("LDSHARED") or "")
    named = os.environ.get("CC")
    for command in (f"{named} -shared" if named else usual, usual, "cc -shared"):
        words = shlex.split(command)
        if words and shutil.which(words[0]) and (HEADERS / "Python.h").exists():
            return words
    return None


def build() -> Path:
    """Compile what is out of date; return the module's path.

    Raises:
        RuntimeError: there is no C compiler, or no header of Python.
    """
    module = FOLDER / f"compiled{SUFFIX}"
    if module.exists() and module.stat().st_mtime > SOURCE.stat().st_mtime:
        return module
    command = compiler()
    if command is None:
        raise RuntimeError(f"there is no C compiler (name it in CC) or no {HEADERS}/Python.h")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # A name of its own, so that two builds at once do not read each other's halves.
    text = FOLDER / f"compiled.{os.getpid()}.c"
    partial = FOLDER / f"compiled.{os.getpid()}.so"
    cython = (sys.executable, "-m", "cython", "--annotate", "--module-name", "compiled")
    subprocess.run([*cython, "-o", text, SOURCE], check=True)
    subprocess.run([*command, *FLAGS, "-o", partial, text], check=True)
    for path in (text, text.with_suffix(".html")):
        path.replace(FOLDER / f"compiled{path.suffix}")
    return partial.replace(module)


def compiled() -> Kernels:
    """Return the Cython implementation, compiled where needed."""
    path = build()
    spec = importlib.util.spec_from_file_location("compiled", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is no module of this Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Kernels", module)


if __name__ == "__main__":
    print(build())
    print(FOLDER / "compiled.html")
