"""Law 2: one door to Python. An addition to these lists is a reviewed change of them."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import mailauth_fast
from mailauth_fast import Policy, StaticResolver, Verifier, _core

API = Path(__file__).parent.parent / "python/mailauth_fast/__init__.py"
DOOR = {
    "ArchiveRun",
    "Delivery",
    "DnsCache",
    "Engine",
    "IpcStream",
    "LiveResolver",
    "RecordedResolver",
    "RecordingResolver",
    "Rows",
    "SignatureArchive",
    "StaticZone",
    "VerdictFile",
    "StoreKeys",
    "StoreRows",
    "StoreWriter",
    "ask",
    "compact",
    "Writer",
    "__version__",
    "authentication_results",
    "assemble",
    "author_domain",
    "csv_header",
    "check_trust",
    "engine_text",
    "flat_columns",
    "is_optimized",
    "kernels",
    "parse_authentication_results",
    "reasons",
    "rsa_key",
    "sha256_path",
    "strip_authentication_results",
}
PUBLIC = {
    "Answer",
    "DnsCache",
    "DnspythonResolver",
    "EngineError",
    "Envelope",
    "InvalidPolicy",
    "LiveResolver",
    "MailauthError",
    "Policy",
    "Question",
    "RecordedResolver",
    "RecordingResolver",
    "ReportError",
    "ResolverUnavailable",
    "StaticResolver",
    "StoreError",
    "UnreadableInput",
    "Verdict",
    "Verdicts",
    "Verifier",
    "__version__",
    "author_domain",
    "parse_authentication_results",
    "strip_authentication_results",
}


def test_the_engine_exports_exactly_its_door() -> None:
    names = {name for name in dir(_core) if not name.startswith("__")} | {"__version__"}
    assert names == DOOR


def test_the_package_exports_exactly_the_contract() -> None:
    assert set(mailauth_fast.__all__) == PUBLIC
    assert all(hasattr(mailauth_fast, name) for name in PUBLIC)


def test_every_public_name_has_a_docstring() -> None:
    for name in PUBLIC - {"__version__"}:
        assert getattr(mailauth_fast, name).__doc__, name


def test_reason_codes_are_kebab_case_and_cite_a_section() -> None:
    entries = _core.reasons()
    assert len(entries) == len({(protocol, code) for protocol, code, _, _ in entries})
    for _, code, section, sentence in entries:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert section == "api" or re.fullmatch(r"RFC \d+ §[A-Z0-9.]+", section), code
        assert sentence.endswith(".")


def test_a_verifier_survives_pickling() -> None:
    verifier = Verifier(StaticResolver({"example.com": {"TXT": ["v=spf1 -all"]}}), Policy(), 1)
    again = pickle.loads(pickle.dumps(verifier))  # noqa: S301 - our own octets
    found = again.check_host("192.0.2.1", "mx.example.net", "a@example.com")
    assert found.result == "fail"
