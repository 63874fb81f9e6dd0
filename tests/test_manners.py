"""Manners of the command line: streams, colour, progress, completion, start-up."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from mailauth_fast.cli import terminal
from mailauth_fast.cli.progress import INTERVAL_SECONDS, Lines, Pace, RunProgress, duration

SAMPLE = Path(__file__).parent / "sample"
MBOX = str(SAMPLE / "sample.mbox")
ZONE = f"zone:{SAMPLE / 'dns.json'}"
COMMAND = [sys.executable, "-m", "mailauth_fast"]
FINISHED, MATCHED, USAGE, FATAL, LOST_READER = 0, 1, 2, 4, 141
PLAIN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("MAILAUTH_FAST_", "ZSH"))
    and name not in {"NO_COLOR", "TERM", "FORCE_COLOR"}
}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**PLAIN, **variables},
    )


def on_terminal(*arguments: str, **variables: str) -> str:
    """Run with standard output and standard error on a terminal; return what it was sent."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*COMMAND, *arguments], stdout=theirs, stderr=theirs, env={**PLAIN, **variables}
    )
    os.close(theirs)
    octets = b""
    try:
        while part := os.read(ours, 65_536):
            octets += part
    except OSError:
        pass  # a terminal whose other end was closed
    os.close(ours)
    assert child.wait(60) == FINISHED, octets
    return octets.decode()


def without_reader(*command: str) -> subprocess.CompletedProcess[bytes]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60, env=PLAIN
        )
    finally:
        os.close(writer)


LONG_OUTPUTS = [
    ("reasons",),
    ("reasons", "--format", "json"),
    ("--help",),
    ("verify", "--help"),
    ("--version",),
    ("config", "show"),
    ("completion", "bash"),
    ("verify", MBOX, "--dns", ZONE),
]


@pytest.mark.parametrize("arguments", LONG_OUTPUTS)
def test_a_lost_reader_ends_a_command_silently(arguments: tuple[str, ...]) -> None:
    done = without_reader(*COMMAND, *arguments)
    assert done.returncode == LOST_READER
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [("reasons",), ("verify", MBOX, "--format", "jsonl")])
def test_a_lost_reader_is_silent_without_standard_error_too(arguments: tuple[str, ...]) -> None:
    closing = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    zone = ["--dns", ZONE] if arguments[0] == "verify" else []
    done = without_reader(*closing, *COMMAND, *arguments, *zone)
    assert done.returncode == LOST_READER
    assert done.stderr == b""


def test_a_lost_log_reader_does_not_change_the_ending() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "nonsense"], stdout=writer, stderr=writer, check=False, timeout=60
    )
    os.close(writer)
    assert done.returncode == USAGE


def test_closed_streams_are_not_taken_by_the_files_of_a_run(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    command = [*COMMAND, "verify", MBOX, "--dns", ZONE, "-o", str(out)]
    shell = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh"]
    assert subprocess.run([*shell, *command], check=False, timeout=60).returncode == FINISHED
    assert all(json.loads(line) for line in out.read_text().splitlines())


@pytest.mark.parametrize("arguments", [("--version",), ("config", "show"), ("reasons",)])
def test_a_full_disk_is_one_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert done.returncode == FATAL
    assert done.stderr.startswith(b"mailauth-fast: standard output: no space left")
    assert done.stderr.count(b"\n") == 1


SUMMARY = ("verify", MBOX, "--dns", ZONE, "--format", "text", "-q", "--no-config")


def test_color_follows_the_terminal_and_is_refused_by_the_environment() -> None:
    assert "\x1b[" in on_terminal(*SUMMARY, TERM="xterm")
    assert "\x1b" not in on_terminal(*SUMMARY, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in on_terminal(*SUMMARY, TERM="dumb")
    assert "\x1b[" in on_terminal(*SUMMARY, TERM="xterm", NO_COLOR="")


def test_the_flag_wins_over_the_environment() -> None:
    assert "\x1b" not in on_terminal(*SUMMARY, "--color", "never", TERM="xterm")
    assert "\x1b[" in run(*SUMMARY, "--color", "always", NO_COLOR="1", TERM="dumb").stdout
    assert "\x1b" not in run(*SUMMARY, TERM="xterm").stdout
    assert "\x1b" not in on_terminal("--help", "--color=never", TERM="xterm")
    assert "\x1b[" in run("--color", "always", "--help").stdout


def test_progress_is_live_on_a_terminal_and_absent_with_quiet() -> None:
    command = ("verify", MBOX, "--dns", ZONE, "--no-config")
    assert "messages, " in on_terminal(*command, TERM="xterm")
    assert "messages, " not in on_terminal(*command, "-q", TERM="xterm")
    assert "messages, " not in on_terminal(*command, TERM="dumb")
    assert run(*command).stderr == ""


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Run:
    octets_read: int = 0
    octets_total: int | None = 1000
    waiting: int = 0


def test_a_plain_line_comes_every_30_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock, work = Clock(), Run()
    pace = Pace(work, clock)
    lines = Lines(pace, clock)
    work.octets_read, work.waiting = 370, 12
    pace.update(1_234_000)
    clock.now += INTERVAL_SECONDS - 0.01
    lines.tick()
    assert capsys.readouterr().err == ""
    clock.now += 0.01
    lines.tick()
    lines.tick()
    assert capsys.readouterr().err == (
        "mailauth-fast: verified 1,234,000 messages, 41,133/s, 37 % of octets, 51 s left, "
        "12 waiting for DNS\n"
    )
    clock.now += INTERVAL_SECONDS
    lines.tick()
    assert "20,567/s" in capsys.readouterr().err


def test_a_line_leaves_out_what_is_not_known() -> None:
    clock = Clock()
    pace = Pace(Run(octets_total=None), clock)
    clock.now += 10
    pace.update(50)
    assert pace.line() == "verified 50 messages, 5/s"
    assert Pace(Run(), clock).line() == "verified 0 messages, 0/s, 0 % of octets"


def test_rows_of_an_earlier_run_do_not_count_for_the_rate() -> None:
    clock = Clock()
    pace = Pace(Run(octets_total=None), clock, 1_000)
    clock.now += 10
    pace.update(1_050)
    assert pace.line() == "verified 1,050 messages, 5/s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h"), (9e4, "25.0 h")],
)
def test_a_time_left_is_said_in_its_largest_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_progress_stops_its_thread_and_says_nothing_before_30_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for is_quiet in (True, False):
        with RunProgress(Run(), is_quiet=is_quiet, clock=Clock()) as progress:
            progress.update(1)
    assert capsys.readouterr().err == ""


HOSTILE = "\x00 \x1b[31m \x7f \x9b31m \u202e \u2066 \u200b \ufeff \U000e0041 \ud800"


def test_controls_and_bidi_characters_become_escapes() -> None:
    shown = terminal.printable(HOSTILE)
    assert shown.isascii()
    assert shown.isprintable()
    assert terminal.printable("Grüße, 世界") == "Grüße, 世界"


def test_json_for_a_terminal_has_the_same_value() -> None:
    value = {"subject": HOSTILE, "plain": "Grüße, 世界 🙂"}
    text = json.dumps(value, ensure_ascii=False)
    shown = terminal.printable_json(text)
    assert json.loads(shown) == value
    assert "Grüße, 世界 🙂" in shown
    assert not {"\x7f", "\x9b", "\u202e", "\U000e0041"} & {*shown}


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_check_prints_a_message_raw(tmp_path: Path, form: str) -> None:
    path = tmp_path / "one.eml"
    path.write_bytes("From: a@example.com\r\nDKIM-Signature: v=1; d=\x9b\u202ex\r\n\r\n".encode())
    done = run("dkim", str(path), "--dns", ZONE, "--format", form)
    assert done.returncode == FINISHED
    assert "\x9b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_a_name_with_controls_is_escaped_in_errors(tmp_path: Path) -> None:
    done = run("dkim", str(tmp_path / "a\x1b[2J\u202e.eml"), "--dns", ZONE)
    assert done.returncode == FATAL
    assert "\\x1b[2J\\u202e.eml" in done.stderr


def test_an_output_that_knows_no_unicode_gets_escapes(tmp_path: Path) -> None:
    path = tmp_path / "ü.eml"
    done = run("dkim", str(path), "--dns", ZONE, PYTHONIOENCODING="ascii")
    assert "\\xfc.eml: cannot be read" in done.stderr


def test_a_traceback_comes_with_verbose_alone() -> None:
    quiet = run("dkim", "none.eml", "--dns", ZONE)
    assert quiet.stderr.count("\n") == 1
    loud = run("dkim", "none.eml", "--dns", ZONE, "--verbose")
    assert loud.returncode == quiet.returncode == FATAL
    assert loud.stderr.startswith("Traceback")
    assert loud.stderr.endswith(quiet.stderr)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_options_of_every_command_stand_anywhere(place: int) -> None:
    arguments = ["reasons", "--format=json"]
    arguments.insert(place, "--color=never")
    assert json.loads(run(*arguments).stdout)


SHELLS = {
    "bash": "complete -F",
    "zsh": "#compdef mailauth-fast",
    "fish": "complete -c mailauth-fast",
    "powershell": "Register-ArgumentCompleter",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_commands_and_options(shell: str) -> None:
    script = run("completion", shell).stdout
    for word in (SHELLS[shell], "verify", "fail-on", "config", "rfc7489", "color"):
        assert word in script, word


def test_bash_completes_a_command_and_an_option(tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text(run("completion", "bash").stdout)
    asked = (
        f"source {script}; "
        'complete_words() { COMP_WORDS=(mailauth-fast "$@"); COMP_CWORD=$#; '
        "_mailauth_fast; echo ${COMPREPLY[@]}; }; complete_words ver; complete_words verify --fail"
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", asked],  # noqa: S607 - the shell under test
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stdout.split() == ["verify", "--fail-on"]


def test_completion_is_installed_for_the_shell_named(tmp_path: Path) -> None:
    for shell in SHELLS:
        done = run("--install-completion", "--shell", shell, HOME=str(tmp_path))
        assert done.returncode == FINISHED, done.stderr
        assert done.stdout == ""
        assert f"completion for {shell} is installed" in done.stderr
    installed = tmp_path / ".local/share/bash-completion/completions/mailauth-fast"
    assert "complete -F" in installed.read_text()


def test_an_unknown_shell_is_refused() -> None:
    assert run("completion", "tcsh").returncode == USAGE


HEAVY = ("dns.resolver", "mailauth_fast.verify", "mailauth_fast.cli.verify", "msgspec")


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [(["--version"], (*HEAVY, "cyclopts", "rich")), (["--help"], (*HEAVY, "rich.markdown"))],
)
def test_start_up_imports_nothing_it_does_not_need(
    arguments: list[str], absent: tuple[str, ...]
) -> None:
    script = (
        "import sys; from mailauth_fast.__main__ import main\n"
        "try: main()\n"
        f"finally: print([name for name in {absent!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == "[]\n"
    assert done.returncode == FINISHED


def test_help_lists_the_commands_in_the_order_of_a_first_day() -> None:
    text = run("--help").stdout
    places = [
        text.index(word) for word in ("Verify mail", "by hand", "This program", "Options of every")
    ]
    assert places == sorted(places)
    assert "--version" in text
    assert run().stdout == text


def test_help_says_only_defaults_that_say_something() -> None:
    text = run("verify", "--help").stdout
    assert "[default: live]" in text
    assert "[default: False]" not in text
    assert "[default: ]" not in text
    assert "[default: None]" not in text


def test_version_is_answered_behind_a_command_too() -> None:
    assert run("verify", "--version").stdout == run("--version").stdout


def test_every_command_is_described_in_one_sentence() -> None:
    from mailauth_fast.cli.app import app  # noqa: PLC0415 - the parser is slow to import

    for name in app:
        assert app[name].help.endswith("."), name
