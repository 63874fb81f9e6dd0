"""The kernels of pure Python, Cython and Rust give equal octets; the doors for measuring work."""

from __future__ import annotations

import hashlib
import mailbox
import re
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kernels import build, pure
from mailauth_fast import EngineError, MailauthError, _core

from tests.conformance.case import SUITES
from tests.keys import ed25519_key, rsa_key
from tests.strategies import effort, messages

SAMPLE = Path(__file__).parent / "sample/sample.mbox"
REAL = [SUITES / "real-vger-i2c/eml", SUITES / "real-googlegroups-kasan/eml"]
EACH = 20
"""Every so many of the real messages."""
LINE_END = re.compile(rb"\r?\n")
ENGINE = cast("build.Kernels", _core.kernels)
# White space, line ends, and what ends a name or a value.
OCTETS = st.lists(
    st.sampled_from([b" ", b"\t", b"\r", b"\n", b"\r\n", b"a", b"Z9", b"=", b":", b";", b"\0"]),
    max_size=24,
).map(b"".join)
# Long enough for whole blocks, with little to change in them.
LONG = st.tuples(st.integers(0, 140), OCTETS, st.integers(0, 140), OCTETS).map(
    lambda parts: b"x" * parts[0] + parts[1] + b"y" * parts[2] + parts[3]
)
BASE64 = st.lists(
    st.sampled_from([b"A", b"Q", b"g", b"/", b"+9", b"=", b" ", b"\r\n", b"-"]), max_size=9
).map(b"".join)


def sample(line_end: bytes) -> list[bytes]:
    with closing(mailbox.mbox(SAMPLE)) as box:
        return [LINE_END.sub(line_end, bytes(message)) for message in box]


@pytest.fixture(scope="module")
def compiled() -> build.Kernels:
    if build.compiler() is None:
        pytest.skip("no C compiler or no Python.h, so Cython's kernels were not compared")
    return build.compiled()


def others(compiled: build.Kernels) -> list[build.Kernels]:
    return [compiled, ENGINE]


def assert_equal_forms(octets: bytes, compiled: build.Kernels) -> None:
    for relaxed in (False, True):
        body, digest = pure.canonicalize_body(octets, relaxed), pure.body_hash(octets, relaxed)
        field = pure.canonicalize_field(octets, relaxed)
        for other in others(compiled):
            assert other.canonicalize_body(octets, relaxed) == body
            assert other.body_hash(octets, relaxed) == digest
            assert other.canonicalize_field(octets, relaxed) == field


def assert_equal_values(octets: bytes, compiled: build.Kernels) -> None:
    for other in others(compiled):
        assert other.tag_list(octets) == pure.tag_list(octets)
        assert other.decode_base64(octets) == pure.decode_base64(octets)
        assert other.header_index(octets) == pure.header_index(octets)


def assert_equal_message(octets: bytes, compiled: build.Kernels) -> int:
    """Compare everything a message gives; return how many of its values are lists of tags."""
    index = pure.header_index(octets)
    for other in others(compiled):
        assert other.header_index(octets) == index
    body = octets[index[-1][2] if index else 0 :]
    lists = 0
    for relaxed in (False, True):
        form = pure.canonicalize_body(body, relaxed)
        assert {other.canonicalize_body(body, relaxed) for other in others(compiled)} == {form}
        digest = pure.body_hash(body, relaxed)
        assert {other.body_hash(body, relaxed) for other in others(compiled)} == {digest}
    for start, colon, end in index:
        field, value = octets[start:end], octets[colon + 1 : end]
        for relaxed in (False, True):
            form = pure.canonicalize_field(field, relaxed)
            forms = {other.canonicalize_field(field, relaxed) for other in others(compiled)}
            assert forms == {form}
        tags = pure.tag_list(value)
        assert [other.tag_list(value) for other in others(compiled)] == [tags, tags]
        for tag in [tag for _, tag in tags or []] or [value]:
            decoded = pure.decode_base64(tag)
            assert {other.decode_base64(tag) for other in others(compiled)} == {decoded}
        lists += tags is not None
    return lists


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_equal_octets_on_the_sample(compiled: build.Kernels, line_end: bytes) -> None:
    letters = sample(line_end)
    assert len(letters) > 300
    assert sum(assert_equal_message(letter, compiled) for letter in letters) > 300


@pytest.mark.parametrize("folder", REAL, ids=lambda folder: folder.parent.name)
def test_equal_octets_on_real_mail(compiled: build.Kernels, folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"the suite is not there: {folder}")
    paths = sorted(folder.iterdir())[::EACH]
    assert len(paths) > 30
    lists = 0
    for path in paths:
        octets = path.read_bytes()
        lists += assert_equal_message(octets, compiled)
        assert_equal_message(LINE_END.sub(b"\r\n", octets), compiled)
    assert lists > 30


@effort(400)
@given(st.one_of(OCTETS, LONG, messages()))
@example(b"")
@example(b"A" * 63 + b" " + b"\r\n" + b"B" * 64)
@example(b">From x\nA: 1\n 2\n")
@example(b"From : x\r\n")
@example(b"From x")
def test_equal_octets_on_any_octets(compiled: build.Kernels, octets: bytes) -> None:
    assert_equal_forms(octets, compiled)
    assert_equal_values(octets, compiled)


@effort(200)
@given(BASE64)
def test_equal_octets_of_base64(compiled: build.Kernels, text: bytes) -> None:
    decoded = pure.decode_base64(text)
    assert [other.decode_base64(text) for other in others(compiled)] == [decoded, decoded]


@effort(200)
@given(st.lists(st.tuples(st.sampled_from([b"a", b"b1", b" c_ ", b"\r\n d", b"1"]), OCTETS)))
def test_equal_lists_of_tags(compiled: build.Kernels, pairs: list[tuple[bytes, bytes]]) -> None:
    text = b";".join(name + b"=" + value for name, value in pairs)
    tags = pure.tag_list(text)
    assert [other.tag_list(text) for other in others(compiled)] == [tags, tags]


def test_the_stages_of_a_message_are_told_apart() -> None:
    letters = sample(b"\r\n")
    seconds = _core.kernels.stage_seconds(letters, 1)
    assert set(seconds) == {"parse", "canonicalize", "hash"}
    assert min(seconds.values()) > 0
    for path in ("library", "portable", _core.sha256_path()):
        assert _core.kernels.hash_seconds(letters, path, 2) > 0
        assert _core.kernels.hash_seconds([], path, 2) >= 0
    assert _core.kernels.stage_seconds([], 1) == dict.fromkeys(seconds, 0)


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(MailauthError, match="three-lanes"):
        _core.kernels.hash_seconds([b"x"], "three-lanes", 1)


Work = tuple[str, bytes, bytes, bytes]
WORK = [
    ("rsa-sha256", rsa_key("limit", 1024).spki(), rsa_key("limit", 1024).sign(b"x")),
    ("ed25519-sha256", ed25519_key("limit").public(), ed25519_key("limit").sign(b"x")),
]
DIGEST = hashlib.sha256(b"x").digest()


def limit(digest: bytes, lengths: list[int]) -> _core.kernels.PlainLimit:
    work = [(algorithm, key, digest, signature) for algorithm, key, signature in WORK]
    return _core.kernels.PlainLimit([b"octets", b""], [lengths, []], [work, []])


def test_the_plain_limit_hashes_and_verifies() -> None:
    for _ in range(2):
        hashing, verifying = limit(DIGEST, [0, 6, 6000]).run()
        assert hashing > 0
        assert verifying > 0
    for _ in range(4):
        assert limit(DIGEST, [1]).own_verifying() > 0


def test_a_signature_that_does_not_verify_voids_the_plain_limit() -> None:
    with pytest.raises(EngineError, match="does not verify"):
        limit(bytes(32), [1]).run()
    with pytest.raises(EngineError, match="does not verify"):
        limit(bytes(32), [1]).own_verifying()


def test_a_plain_limit_that_makes_no_sense_is_refused() -> None:
    make = _core.kernels.PlainLimit
    corpora: list[tuple[list[bytes], list[list[int]], list[list[Work]]]] = [
        ([b"x"], [], [[]]),
        ([b""], [[1]], [[]]),
        ([b"x"], [[1]], [[("rsa-sha1", b"", DIGEST, b"")]]),
        ([b"x"], [[1]], [[("rsa-sha256", b"", DIGEST, b"")]]),
        ([b"x"], [[1]], [[(*WORK[1][:2], b"short", b"")]]),
    ]
    for buffers, lengths, work in corpora:
        with pytest.raises(MailauthError):
            make(buffers, lengths, work)
