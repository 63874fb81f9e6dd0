"""A hostile case that hangs ends its process and says where it hung."""

from __future__ import annotations

import faulthandler
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Far above what the slowest case takes on a busy machine, far below what quadratic work would take.
HANG_SECONDS = 240


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Give every case a limit that only a hang can reach."""
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
