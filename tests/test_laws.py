"""Law 6 (sizes) and law 7 (unsafe): what clippy cannot see across files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60
UNSAFE_CRATES = {"binding", "sha256", "fuzz"}


def production_lines(path: Path) -> int:
    """Count the lines of a file without its tests at the bottom."""
    text = path.read_text("utf-8")
    return text.split("#[cfg(test)]\nmod ", maxsplit=1)[0].count("\n")


def rust_files() -> list[Path]:
    return [path for path in (ROOT / "rust").rglob("*.rs") if "target" not in path.parts]


def python_files() -> list[Path]:
    return [
        path for folder in ("python", "tests", "bench") for path in (ROOT / folder).rglob("*.py")
    ]


def test_no_file_is_longer_than_a_sitting() -> None:
    files = [path for path in rust_files() if path.name != "tests.rs"] + python_files()
    long = {path.name: production_lines(path) for path in files}
    assert len(files) > 50
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES} == {}


def test_no_python_function_is_longer_than_a_page() -> None:
    long = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long.append(f"{path.name}:{node.name} has {lines} lines")
    assert long == []


def test_unsafe_is_forbidden_at_every_other_crates_root() -> None:
    for manifest in (ROOT / "rust").glob("*/Cargo.toml"):
        crate = manifest.parent
        if crate.name not in UNSAFE_CRATES:
            assert "#![forbid(unsafe_code)]" in (crate / "src/lib.rs").read_text("utf-8"), crate


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "common", "types", "misc", "base", "helpers"}
    names = {path.stem for path in rust_files() + python_files()}
    assert names & drawers == set()


def test_core_names_no_impure_crate() -> None:
    manifest = (ROOT / "rust/core/Cargo.toml").read_text("utf-8")
    dependencies = manifest.split("[dependencies]")[1].split("[")[0]
    assert not re.search(
        r"^(pyo3|tokio|nix|mio|socket2|getrandom|rand)\b", dependencies, re.MULTILINE
    )
