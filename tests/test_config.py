"""Settings: where they come from, which wins, and what a wrong one is told."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from mailauth_fast import Policy
from mailauth_fast.cli import app as commands
from mailauth_fast.cli import configuration, settings
from mailauth_fast.cli.app import app

from tests.test_manners import COMMAND, FINISHED, MBOX, PLAIN, USAGE, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NO_HOME = {"XDG_CONFIG_HOME": "/nonexistent"}


def run(
    folder: Path, *arguments: str, variables: Mapping[str, str] = NO_HOME
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=folder,
        env={**PLAIN, "PYTHONPATH": ":".join(sys.path), **variables},
    )


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make commands run here, in a folder of their own and without the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


def shown(folder: Path, *arguments: str, **variables: str) -> dict[str, tuple[object, str, object]]:
    done = run(
        folder,
        "config",
        "show",
        "--format",
        "json",
        *arguments,
        variables={**NO_HOME, **variables},
    )
    assert done.returncode == FINISHED, done.stderr
    return {
        row["key"]: (row["value"], row["source"], row["name"]) for row in json.loads(done.stdout)
    }


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_file_and_environment_all_are_defaults(tmp_path: Path) -> None:
    rows = shown(tmp_path)
    assert {source for _, source, _ in rows.values()} == {"default"}
    assert rows["dns"] == ("live", "default", None)
    assert [*rows] == [setting.key for setting in settings.SETTINGS]


def test_the_defaults_are_those_of_the_policy_and_of_the_options() -> None:
    policy = Policy()
    for setting in settings.SETTINGS:
        if setting.section == "policy" and setting.key != "min_rsa_bits":
            assert getattr(policy, setting.key) == setting.default
    named = {setting.key for setting in settings.SETTINGS if setting.section == "policy"}
    assert named == {field.name for field in fields(Policy)}
    for argument in app["verify"].assemble_argument_collection():
        key = argument.name.removeprefix("--").replace("-", "_")
        if key in settings.BY_KEY:
            default = argument.field_info.default or None
            assert default == (settings.BY_KEY[key].default or None), key


def test_flag_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    path = str(write(tmp_path / "mailauth-fast.toml", '[policy]\nrules = "rfc7489"\n'))
    assert shown(tmp_path)["rules"] == ("rfc7489", "file", path)
    environment = {"MAILAUTH_FAST_RULES": "rfc9989"}
    assert shown(tmp_path, **environment)["rules"] == (
        "rfc9989",
        "environment",
        "MAILAUTH_FAST_RULES",
    )
    assert shown(tmp_path, "--rules", "auto", **environment)["rules"] == ("auto", "flag", None)
    assert shown(tmp_path, MAILAUTH_FAST_RULES="")["rules"][1] == "file"


def test_the_nearest_file_is_used(tmp_path: Path) -> None:
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    paths = [
        tmp_path / "home/mailauth-fast/config.toml",
        tmp_path / "mailauth-fast.toml",
        inner / "mailauth-fast.toml",
    ]
    for number, path in enumerate(paths):
        write(path, f"[policy]\ntime_skew = {number}\n")
        assert shown(inner, **home)["time_skew"] == (number, "file", str(path))
    named = write(tmp_path / "named.toml", "[policy]\ntime_skew = 7\n")
    variable = {"MAILAUTH_FAST_CONFIG": str(named)}
    assert shown(inner, **home, **variable)["time_skew"] == (7, "file", str(named))
    assert shown(inner, "--config", str(paths[0]), **variable)["time_skew"][0] == 0
    assert shown(inner, "--no-config", **home, **variable)["time_skew"][1] == "default"


def test_every_form_of_value_is_read(tmp_path: Path) -> None:
    write(
        tmp_path / "mailauth-fast.toml",
        "[policy]\nhistoric = true\ntrusted_sealers = ['a.example', 'b.example']\n"
        "public_suffix_list = 'lists/psl.dat'\n"
        "trust = 'hops:1'\n[verify]\nnow = 2024-01-01T00:00:00Z\ndns = 'zone:dns.json'\n",
    )
    write(tmp_path / "lists/psl.dat", "com\n")
    rows = shown(tmp_path)
    assert rows["historic"][0] is True
    assert rows["trusted_sealers"][0] == ["a.example", "b.example"]
    assert rows["public_suffix_list"][0] == str(tmp_path / "lists/psl.dat")
    assert rows["now"][0] == "2024-01-01T00:00:00+00:00"
    assert rows["dns"][0] == f"zone:{tmp_path / 'dns.json'}"
    assert rows["trust"][0] == ["hops:1"]
    rows = shown(tmp_path, MAILAUTH_FAST_TRUST="hops:2, by:mx", MAILAUTH_FAST_HISTORIC="off")
    assert rows["trust"][0] == ["hops:2", "by:mx"]
    assert rows["historic"][0] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[policy]\nrulez = "auto"', ("[policy] rulez", "did you mean rules?")),
        ("[verify]\nrules = 1", ("[verify] rules is unknown",)),
        ("[polizy]", ("[polizy] is unknown", "did you mean policy?")),
        ("[zzzz]", ("[zzzz] is unknown", "use one of policy, verify")),
        ("policy = 3", ("policy is no table",)),
        ('[policy]\nmax_signatures = "ten"', ("max_signatures", '"ten"', "whole number")),
        ("[policy]\nmax_signatures = true", ("max_signatures is true", "whole number")),
        ("[policy]\nmax_signatures = 0", ("max_signatures is 0", "from 1 to 100")),
        ("[policy]\nmax_signatures = 101", ("max_signatures is 101", "from 1 to 100")),
        ("[policy]\nhistoric = 1", ("[policy] historic is 1", "true or false")),
        ('[policy]\nrules = "rfc1"', ("rules", "rfc1", "auto, rfc9989, rfc7489")),
        ("[policy]\ntrusted_sealers = [1]", ("trusted_sealers", "list of texts")),
        ("[policy.rules]\na = 1", ("[policy] rules",)),
        ("[verify]\njobs = 0", ("[verify] jobs is 0", "at least 1")),
        ('[verify]\nnow = "yesterday"', ("--now yesterday",)),
        ('[verify]\nformat = "xml"', ("[verify] format", "xml", "parquet")),
        ("[policy]\na = =", ("no TOML", "line 2")),
        ("a = " + "[" * 5_000, ("no TOML",)),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(
    alone: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...]
) -> None:
    path = write(alone / "mailauth-fast.toml", text)
    assert commands.run(["dkim", MBOX, "--dns", ZONE]) == USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"mailauth-fast: {path}: ")
    assert told.count("\n") == 1
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    ("variable", "word"),
    [
        ("JOBS=many", "whole number"),
        ("JOBS=0", "at least 1"),
        ("HISTORIC=maybe", "true or false"),
        ("RULES=rfc1", "auto, rfc9989, rfc7489"),
        ("TIME_SKEW=-1", "from 0 to 604800"),
        ("NOW=yesterday", "--now yesterday"),
        ("DNS=often", "--dns often"),
    ],
)
@pytest.mark.usefixtures("alone")
def test_a_wrong_variable_is_one_sentence_that_names_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    word: str,
) -> None:
    name, _, text = f"MAILAUTH_FAST_{variable}".partition("=")
    monkeypatch.setenv(name, text)
    assert commands.run(["dkim", MBOX]) == USAGE
    told = capsys.readouterr().err
    assert told.startswith(f"mailauth-fast: {name}: ")
    assert word in told
    assert told.count("\n") == 1


def test_a_named_file_must_be_there_and_be_a_configuration(tmp_path: Path) -> None:
    done = run(tmp_path, "reasons", "--config", "none.toml")
    assert done.returncode == USAGE
    assert "none.toml: no such configuration file" in done.stderr
    done = run(tmp_path, "config", "show", variables={"MAILAUTH_FAST_CONFIG": "gone.toml"})
    assert done.returncode == USAGE
    assert "gone.toml" in done.stderr
    assert "MAILAUTH_FAST_CONFIG" in done.stderr
    assert run(tmp_path, "reasons", "--config", "x", "--no-config").returncode == USAGE


@pytest.mark.parametrize(("extra", "code"), [(0, FINISHED), (1, USAGE)])
def test_a_file_beyond_its_limit_is_refused(tmp_path: Path, extra: int, code: int) -> None:
    text = "#" * (configuration.OCTETS_LIMIT - 1 + extra) + "\n"
    write(tmp_path / "mailauth-fast.toml", text)
    assert run(tmp_path, "config", "show").returncode == code


def test_a_broken_file_does_not_stop_what_needs_no_settings(tmp_path: Path) -> None:
    write(tmp_path / "mailauth-fast.toml", "[")
    for arguments in (("--help",), ("--version",), ("reasons",), ("verify", "--help")):
        assert run(tmp_path, *arguments).returncode == FINISHED
    assert run(tmp_path, "config", "show").returncode == USAGE
    assert run(tmp_path, "config", "show", "--no-config").returncode == FINISHED


def test_values_reach_the_commands(tmp_path: Path) -> None:
    write(
        tmp_path / "mailauth-fast.toml",
        f'[policy]\nmax_signatures = 1\n[verify]\ndns = "{ZONE}"\nformat = "jsonl"\n'
        'limit = 1\nquiet = true\nnow = "2026-01-01T00:00:00Z"\nfail_on = "dkim=pass"\n',
    )
    done = run(tmp_path, "verify", MBOX)
    row = json.loads(done.stdout)
    assert row["judged_at"] == 1_767_225_600
    assert done.stderr == ""
    found = run(tmp_path, "dmarc", row["author"]["domain"], "--format", "json")
    assert json.loads(found.stdout)["rules"] == "rfc9989"
    older = {**NO_HOME, "MAILAUTH_FAST_RULES": "rfc7489"}
    found = run(tmp_path, "dmarc", row["author"]["domain"], "--format", "json", variables=older)
    assert json.loads(found.stdout)["rules"] == "rfc7489"


def test_policy_fields_without_an_option_reach_a_check(tmp_path: Path) -> None:
    fields_of_a_signature = (
        b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; b=; bh=\r\n"
    )
    path = tmp_path / "two.eml"
    path.write_bytes(fields_of_a_signature * 2 + b"From: a@a.example\r\n\r\nx")
    limit = {**NO_HOME, "MAILAUTH_FAST_MAX_SIGNATURES": "1"}
    arguments = ("dkim", str(path), "--dns", ZONE, "--format", "json")
    reasons = [row["reason"] for row in json.loads(run(tmp_path, *arguments).stdout)]
    assert "signature-limit" not in reasons
    limited = json.loads(run(tmp_path, *arguments, variables=limit).stdout)
    assert [row["reason"] for row in limited].count("signature-limit") == 1


def test_an_output_that_was_typed_wins_over_a_format_that_was_not(tmp_path: Path) -> None:
    write(tmp_path / "mailauth-fast.toml", f'[verify]\nformat = "text"\ndns = "{ZONE}"\n')
    done = run(tmp_path, "verify", MBOX, "-q", "-o", "rows.jsonl")
    assert done.returncode == FINISHED, done.stderr
    assert (tmp_path / "rows.jsonl").stat().st_size > 0


def test_the_table_names_value_and_source(tmp_path: Path) -> None:
    path = write(tmp_path / "mailauth-fast.toml", "[verify]\njobs = 3\n")
    lines = run(tmp_path, "config", "show").stdout.splitlines()
    assert len(lines) == len(settings.SETTINGS)
    jobs = next(line for line in lines if line.startswith("verify.jobs"))
    assert jobs.split() == ["verify.jobs", "3", "file", str(path)]
