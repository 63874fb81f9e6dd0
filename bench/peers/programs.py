"""How each peer is built under target/bench, by its own ordinary tools, and what it can be asked.

A peer that cannot be built here raises `Absent` with the reason; the others do not need it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(__file__).parent
ROOT = SOURCES.parent.parent
TARGET = ROOT / "target/bench"
PROGRAMS = TARGET / "peers"
PYTHON_PACKAGES = ("dkimpy[ed25519]>=1.1.8", "pyspf>=2.0.14", "authheaders>=0.16.3")
DEBIAN_PACKAGES = ("libopendkim11", "libopendkim-dev")
SLOW_LIMIT = 400
"""Messages a run of what needs milliseconds for each: its seconds a message count."""
LONGEST = 1_800
"""Seconds of one command: a build on a slow machine takes minutes."""

Command = list[str]


class Absent(Exception):  # noqa: N818 - a state of this machine, no error of ours
    """A peer cannot be built or run here; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program that takes FOLDER MODE LIMIT VERDICTS and prints one JSON line.

    Attributes:
        key: the last part of a row's name.
        modes: of `dkim`, `arc` and `all`, those it can do.
        build: makes it and returns the command, or raises `Absent`.
        limit: messages a run at most; None for no such limit.
    """

    key: str
    title: str
    modes: tuple[str, ...]
    build: Callable[[], Command]
    limit: int | None = None


def run(command: Command, folder: Path = ROOT, variables: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed.

    Raises:
        Absent: it is not there, or fails: the first line that tells why.
    """
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired as problem:
        raise Absent(f"{command[0]} took more than {LONGEST} s") from problem
    except FileNotFoundError as problem:
        raise Absent(f"{command[0]} is not installed") from problem
    if finished.returncode:
        raise Absent(f"{Path(command[0]).name}: {reason(finished.stderr or finished.stdout)}")
    return finished.stdout


def reason(printed: str) -> str:
    """Return the first line that speaks of an error, else the first line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it failed without a word"])[0]


def made(name: str) -> Path:
    """Return the folder of a program, made when missing."""
    folder = PROGRAMS / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build_ours() -> Command:
    """Return the command of this project, as this interpreter imports it."""
    return [sys.executable, str(SOURCES / "ours.py")]


def build_mail_auth() -> Command:
    """Build mail-auth; its parser asks for a newer Rust than it needs."""
    folder = made("mail_auth")
    flags = ["--release", "--locked", "--ignore-rust-version"]
    run(["cargo", "build", *flags], SOURCES / "mail_auth", {"CARGO_TARGET_DIR": str(folder)})
    return [str(folder / "release/peer-mail-auth")]


def build_go_msgauth() -> Command:
    """Build go-msgauth."""
    program = made("go_msgauth") / "peer-go-msgauth"
    run(["go", "build", "-o", str(program), "."], SOURCES / "go_msgauth")
    return [str(program)]


def build_opendkim() -> Command:
    """Unpack Debian's libopendkim, which needs no right to install, and link against it."""
    folder = made("opendkim")
    version = run(["apt-cache", "show", "--no-all-versions", DEBIAN_PACKAGES[0]], folder)
    version = version.partition("Version: ")[2].partition("\n")[0]
    if not version:
        raise Absent(f"apt-cache knows no {DEBIAN_PACKAGES[0]}: apt-get update")
    unpacked = folder / version
    if not unpacked.exists():
        partial = folder / "partial"
        for old in folder.glob("*.deb"):
            old.unlink()
        run(["apt-get", "download", *DEBIAN_PACKAGES], folder)
        for package in folder.glob("*.deb"):
            run(["dpkg-deb", "-x", str(package), str(partial)], folder)
        partial.rename(unpacked)
    library = next(unpacked.rglob("libopendkim.so.11"), None)
    if library is None:
        raise Absent("Debian's package holds no libopendkim.so.11")
    program = folder / "peer-opendkim"
    define, include = f'-DLIBRARY_VERSION="{version}"', f"-I{unpacked}/usr/include"
    source, path = str(SOURCES / "opendkim/peer.c"), f"-Wl,-rpath,{library.parent}"
    run(["cc", "-O2", "-Wall", define, include, source, "-o", str(program), str(library), path])
    return [str(program)]


def build_mailauth() -> Command:
    """Install mailauth of npm as locked beside a copy of its program."""
    folder, sources = made("mailauth"), SOURCES / "mailauth"
    shutil.copyfile(sources / "peer.js", folder / "peer.js")
    lock, installed = sources / "package-lock.json", folder / "node_modules/installed.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(sources / name, folder / name)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        shutil.copyfile(lock, installed)
    run(["node", "--version"])
    return ["node", str(folder / "peer.js")]


def build_python_stack() -> Command:
    """Install dkimpy, pyspf and authheaders into an environment of their own."""
    folder = TARGET / "venv"
    python = folder / "bin/python"
    uv = shutil.which("uv")
    if not python.exists():
        make = [uv, "venv", str(folder)] if uv else [sys.executable, "-m", "venv", str(folder)]
        run(make)
    install = (
        [uv, "pip", "install", "--quiet", "--python", str(python)]
        if uv
        else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    run([*install, *PYTHON_PACKAGES])
    return [str(python), str(SOURCES / "python_stack.py")]


OURS = Program("ours", "mailauth-fast", ("dkim", "arc", "all"), build_ours)
PEERS = (
    Program("mail-auth", "mail-auth", ("dkim", "arc", "all"), build_mail_auth),
    Program("go-msgauth", "go-msgauth", ("dkim",), build_go_msgauth),
    Program("opendkim", "libopendkim", ("dkim",), build_opendkim),
    Program("mailauth", "mailauth (npm)", ("dkim", "arc"), build_mailauth),
    Program("dkimpy", "dkimpy", ("dkim", "arc", "all"), build_python_stack, SLOW_LIMIT),
)
