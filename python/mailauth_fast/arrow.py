"""The shapes of foreign Arrow objects: whoever speaks the PyCapsule interface."""

from __future__ import annotations

from typing import Protocol


class ArrowStream(Protocol):
    """Gives a stream of arrays or record batches."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a stream capsule."""


class ArrowArray(Protocol):
    """Gives one array or record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Return a schema capsule and an array capsule."""


ArrowData = ArrowStream | ArrowArray
