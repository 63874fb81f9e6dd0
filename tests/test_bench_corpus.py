"""The corpora that speed is measured with: real mail's shape, valid, and honestly accounted for."""

from __future__ import annotations

import json
import re
import statistics
import struct
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from mailauth_fast import Envelope, MailauthError, StaticResolver, Verifier
from mailauth_fast.bench import corpus as corpora
from mailauth_fast.bench import letters, signing
from mailauth_fast.bench.bodies import Writer
from mailauth_fast.bench.corpus import Corpus, PublicKeyWork, build, write_corpus, write_mbox

from tests.canonicalization import canonical_body, canonical_field
from tests.door import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.door import Row

NOW = 1_790_000_000
COUNTS: dict[corpora.Name, int] = {"bulk": 12, "list": 4, "small": 4, "large": 1}


@pytest.fixture(scope="module", autouse=True)
def _few_keys() -> Any:
    """Let few domains send, so that few keys are made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(letters, "DOMAIN_COUNT", 4)
        patch.setattr(letters, "LARGE_BODY", (300_000, 1_000_000))
        yield


@pytest.fixture(scope="module")
def built(_few_keys: None) -> dict[str, Corpus]:
    """Return a small corpus of each family."""
    return {name: build(name, count) for name, count in COUNTS.items()}


@pytest.mark.parametrize("name", ["bulk", "list"])
def test_work_done_together_gives_what_work_done_alone_gives(
    name: corpora.Name, built: dict[str, Corpus]
) -> None:
    """Keys are known, so that hashes and signatures of all messages are computed together."""
    corpus, messages = built[name], []
    for octets in corpus.octets():
        start = re.search(rb"[;\s]b=\s*", octets)
        assert start is not None
        place = start.end()
        other = b"A" if octets[place : place + 1] != b"A" else b"B"
        other_signature = octets[:place] + other + octets[place + 1 :]
        messages += [octets, octets, other_signature, octets + b"x\r\n", octets]
    verifier = Verifier(StaticResolver(corpus.zone), workers=1)
    cold, warm = (rows(verifier.verify_batch(messages, now=NOW)) for _ in range(2))
    alone = [verifier.verify(octets, now=NOW).to_dict() for octets in messages]
    assert cold == warm
    assert [{**row, "id": None} for row in warm] == [{**row, "id": None} for row in alone]
    reasons = [{each["reason"] for each in row["dkim"]} for row in warm]
    for place, results in ((0, {"verified"}), (3, {"body-hash-mismatch"})):
        assert reasons[place::5] == [results] * len(corpus.messages)
    forged = [
        {row["arc"]["reason"], *found} for row, found in zip(warm[2::5], reasons[2::5], strict=True)
    ]
    assert all({"signature-mismatch", "seal-mismatch"} & found for found in forged)


@pytest.mark.parametrize("name", COUNTS)
def test_every_message_passes_everything(name: corpora.Name, built: dict[str, Corpus]) -> None:
    corpus = built[name]
    verifier = Verifier(StaticResolver(corpus.zone), workers=1)
    for message in corpus.messages:
        judged = verifier.verify(message.octets, envelope=message.envelope, now=NOW)
        row: Row = judged.to_dict()
        seals = sum(each.startswith(b"ARC-Seal:") for each in message.octets.split(b"\r\n"))
        assert {each["result"] for each in row["dkim"]} == {"pass"}
        assert len(row["dkim"]) + 2 * seals == len(message.work)
        assert (row["arc"]["result"], row["arc"]["instances"]) == (
            "pass" if seals else "none",
            seals,
        )
        assert (row["spf"]["result"], row["dmarc"]["result"]) == ("pass", "pass")
        assert (row["limits"], row["repairs"], row["error"]) == ([], [], None)
        assert (name == "list") == bool(seals)


def verifies(work: PublicKeyWork) -> bool:
    """Tell whether the signature verifies; a wrong one raises."""
    if work.algorithm == "ed25519-sha256":
        ed25519.Ed25519PublicKey.from_public_bytes(work.key).verify(work.signature, work.digest)
        return True
    key = load_der_public_key(work.key)
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(work.signature, work.digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
    return True


@pytest.mark.parametrize("name", COUNTS)
def test_the_account_holds(name: corpora.Name, built: dict[str, Corpus]) -> None:
    for message in built[name].messages:
        assert all(map(verifies, message.work))
        body = message.octets.partition(b"\r\n\r\n")[2]
        lengths = [len(canonical_body(body, mode)) for mode in ("relaxed", "simple")]
        assert message.hashed[0] in lengths
        assert len(message.hashed) == 1 + len(message.work)
    assert built[name].hashed_octets == sum(sum(each.hashed) for each in built[name].messages)


def test_families_have_their_size(built: dict[str, Corpus]) -> None:
    heads = {
        name: statistics.mean(len(octets.partition(b"\r\n\r\n")[0]) for octets in corpus.octets())
        for name, corpus in built.items()
    }
    small = statistics.mean(map(len, built["small"].octets()))
    assert heads["list"] == pytest.approx(10_000, rel=0.1)
    assert small == pytest.approx(1_000, rel=0.1)
    bulk = build("bulk", 200, seed=3)
    assert statistics.mean(map(len, bulk.octets())) == pytest.approx(28_000, rel=0.2)
    algorithms = [work.algorithm for message in bulk.messages for work in message.work]
    assert 10 <= algorithms.count("ed25519-sha256") <= 50
    assert algorithms.count("rsa-sha256") == 200
    assert {b"c=relaxed/simple", b"c=relaxed/relaxed"} == {
        mode
        for octets in bulk.octets()
        for mode in (b"c=relaxed/simple", b"c=relaxed/relaxed")
        if mode in octets
    }


def test_only_signatures_differ_between_builds_of_a_seed(built: dict[str, Corpus]) -> None:
    def bodies(corpus: Corpus) -> list[bytes]:
        return [octets.partition(b"\r\n\r\n")[2] for octets in corpus.octets()]

    again, other = build("bulk", COUNTS["bulk"]), build("bulk", COUNTS["bulk"], seed=2)
    assert bodies(again) == bodies(built["bulk"])
    assert again.envelopes() == built["bulk"].envelopes()
    assert set(bodies(other)).isdisjoint(bodies(again))


def test_messages_that_share_a_digest_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "text", lambda _self, _octets: b"the same\r\n")
    with pytest.raises(AssertionError, match="share a canonical digest"):
        build("small", 2)


def test_what_is_written_is_what_was_built(built: dict[str, Corpus], tmp_path: Path) -> None:
    corpus = built["list"]
    write_corpus(corpus, tmp_path / "new")
    packed, found = (tmp_path / "new/messages.bin").read_bytes(), []
    while packed:
        (length,) = struct.unpack_from("<I", packed)
        found.append(packed[4 : 4 + length])
        packed = packed[4 + length :]
    assert found == corpus.octets()
    assert json.loads((tmp_path / "new/zone.json").read_text()) == corpus.zone
    lines = (tmp_path / "new/envelopes.jsonl").read_text().splitlines()
    assert [Envelope(**json.loads(line)) for line in lines] == corpus.envelopes()
    write_mbox(corpus, tmp_path / "list.mbox")
    verifier = Verifier(StaticResolver(corpus.zone), workers=1)
    tables = list(verifier.verify_archive(tmp_path / "list.mbox", now=NOW))
    sizes = [row.to_dict()["size"] for table in tables for row in table]
    assert sizes == [len(octets) for octets in corpus.octets()]


def test_a_kept_corpus_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "CHECKOUT", tmp_path)
    corpora.cached("small", 2)
    assert not list(tmp_path.iterdir())
    (tmp_path / "Cargo.toml").touch()
    first = corpora.cached("small", 2)
    assert corpora.cached("small", 2) == first
    (kept,) = (tmp_path / "target/bench").iterdir()
    kept.write_bytes(b"broken")
    with pytest.raises(MailauthError, match="delete it"):
        corpora.cached("small", 2)


def test_what_cannot_be_built_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MailauthError, match="give one of bulk, list, small, large"):
        build("other", 1)  # type: ignore[arg-type]
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    signing.key.cache_clear()
    with pytest.raises(MailauthError, match=r"install mailauth-fast\[bench\]"):
        build("small", 1)


@pytest.mark.parametrize("mode", ["relaxed", "simple"])
def test_the_signer_canonicalizes_as_the_rfc_says(mode: str) -> None:
    bodies = [
        b"",
        b"\r\n",
        b" \r\n",
        b"a \t b\r\n\r\n",
        b" \t\r\na\t\r\n \r\n\r\n",
        b"a\r\n\r\nb\r\n",
    ]
    for body in bodies:
        assert signing.canonical_body(body, mode) == canonical_body(body, mode)
    for field in (b"A:b\r\n", b"A \t: \tb\r\n\t c  d \r\n", b"a:\r\n"):
        assert signing.canonical_field(field) == canonical_field(field, "relaxed")
