from typing import final

__all__ = [
    "PlainLimit",
    "body_hash",
    "body_hashes",
    "canonicalize_body",
    "canonicalize_field",
    "decode_base64",
    "hash_seconds",
    "header_index",
    "stage_seconds",
    "tag_list",
]

def body_hash(octets: bytes, relaxed: bool) -> bytes: ...
def body_hashes(bodies: list[bytes], relaxed: bool) -> list[bytes]: ...
def canonicalize_body(octets: bytes, relaxed: bool) -> bytes: ...
def canonicalize_field(field: bytes, relaxed: bool) -> bytes: ...
def decode_base64(octets: bytes) -> bytes | None: ...

# Thread CPU seconds of all repeats together.
def hash_seconds(buffers: list[bytes], path: str, repeats: int) -> float: ...
def header_index(octets: bytes) -> list[tuple[int, int, int]]: ...

# Thread CPU seconds of all repeats together, by stage: parse, canonicalize, hash.
def stage_seconds(messages: list[bytes], repeats: int) -> dict[str, float]: ...
def tag_list(octets: bytes) -> list[tuple[bytes, bytes]] | None: ...

@final
class PlainLimit:
    # Each operation of `work`: algorithm, key, digest, signature.
    def __new__(
        cls,
        buffers: list[bytes],
        lengths: list[list[int]],
        work: list[list[tuple[str, bytes, bytes, bytes]]],
    ) -> PlainLimit: ...
    # Thread CPU seconds of hashing and of verifying.
    def run(self) -> tuple[float, float]: ...
    # Thread CPU seconds of verifying as the engine does.
    def own_verifying(self) -> float: ...
