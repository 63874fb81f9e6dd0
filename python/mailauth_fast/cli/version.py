"""`--version`: what a bug report needs."""

from __future__ import annotations

import platform

from mailauth_fast import _core


def version_text() -> str:
    """Return version, engine and interpreter in one line."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"mailauth-fast {_core.__version__} (engine {_core.engine_text()}; {python})"
