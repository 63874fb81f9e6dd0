"""The same messages in every store format: how each store is written, and nothing of any protocol.

Stores without an envelope, and those that carry one.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import lzma
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FROM_LINE = b"From sender@example.net Mon May  4 06:00:00 2026\r\n"
SEVEN_BITS, MORE = 0x7F, 0x80
RECEIVED_AT = 1_777_874_400


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a queue knows of a message."""

    client_ip: str
    helo: str
    mail_from: str
    rcpt_to: str


Messages = list[tuple[bytes, Envelope]]


def mbox(messages: Messages) -> bytes:
    """Return an mbox file with the messages' own line ends."""
    return b"".join(FROM_LINE + octets + b"\r\n" for octets, _ in messages)


def tar(messages: Messages, mode: Literal["w", "w:gz"]) -> bytes:
    """Return a tar archive of one file a message."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode=mode) as archive:
        for number, (message, _) in enumerate(messages):
            member = tarfile.TarInfo(f"mail/{number:06}.eml")
            member.size = len(message)
            archive.addfile(member, io.BytesIO(message))
    return octets.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a ZIP archive of these members."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return octets.getvalue()


def write_files(folder: Path, names: Callable[[int], str], messages: Messages) -> None:
    """Write a file a message."""
    for number, (octets, _) in enumerate(messages):
        path = folder / names(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)


def write_public_inbox(folder: Path, messages: Messages) -> None:
    """Write a public-inbox (version 2): a commit a message."""
    epoch = folder / "git/0.git"
    subprocess.run(["git", "init", "-q", "--bare", str(epoch)], check=True)  # noqa: S607
    stream = io.BytesIO()
    for number, (octets, _) in enumerate(messages):
        stream.write(f"commit refs/heads/master\nmark :{number + 1}\n".encode())
        stream.write(f"committer A <a@example.net> {RECEIVED_AT} +0000\ndata 1\nm\n".encode())
        stream.write(f"M 100644 inline m\ndata {len(octets)}\n".encode() + octets + b"\n")
    command = ["git", "-C", str(epoch), "fast-import", "--quiet"]
    subprocess.run(command, input=stream.getvalue(), check=True)


def json_lines(messages: Messages, *, has_envelope: bool) -> bytes:
    """Return a JSON object a line."""
    lines = []
    for octets, envelope in messages:
        row: dict[str, object] = {"raw": base64.b64encode(octets).decode()}
        if has_envelope:
            row |= facts(envelope)
        lines.append(json.dumps(row).encode() + b"\n")
    return b"".join(lines)


def facts(envelope: Envelope) -> dict[str, object]:
    """Return an envelope as a table's row has it."""
    return {
        "client_ip": envelope.client_ip,
        "helo": envelope.helo,
        "mail_from": envelope.mail_from,
        "rcpt_to": [envelope.rcpt_to],
        "protocol": "ESMTP",
        "received_at": RECEIVED_AT,
    }


def write_parquet(path: Path, messages: Messages, *, has_envelope: bool) -> None:
    """Write a table as DuckDB does."""
    connection = duckdb.connect()
    columns = "client_ip varchar, helo varchar, mail_from varchar, rcpt_to varchar[]"
    columns += ", protocol varchar, received_at bigint"
    connection.execute(f"create table mail (raw blob, {columns})")
    for octets, envelope in messages:
        cells = [octets, *facts(envelope).values()]
        connection.execute("insert into mail values (?, ?, ?, ?, ?, ?, ?)", cells)
    chosen = "*" if has_envelope else "raw"
    connection.execute(f"copy (select {chosen} from mail) to '{path}' (format parquet)")  # noqa: S608


def record(kind: bytes, data: bytes) -> bytes:
    """Return a record of a Postfix queue file: its length in groups of seven bits, low first."""
    length, groups = len(data), b""
    while length > SEVEN_BITS:
        groups += bytes([length & SEVEN_BITS | MORE])
        length >>= 7
    return kind + groups + bytes([length]) + data


def write_postfix(path: Path, octets: bytes, envelope: Envelope) -> None:
    """Write a queue file as Postfix does."""
    head = [
        (b"C", f"{len(octets):>15} {100:>15} {1:>15} {0:>15}"),
        (b"T", f"{RECEIVED_AT} 1"),
        (b"S", envelope.mail_from),
        (b"A", f"log_client_address={envelope.client_ip}"),
        (b"A", f"log_helo_name={envelope.helo}"),
        (b"A", "log_protocol_name=ESMTP"),
        (b"R", envelope.rcpt_to),
        (b"M", ""),
    ]
    records = [record(kind, text.encode()) for kind, text in head]
    records += [record(b"N", line) for line in octets.split(b"\r\n")[:-1]]
    path.write_bytes(b"".join([*records, record(b"X", b""), record(b"E", b"")]))


def write_exim(folder: Path, number: int, octets: bytes, envelope: Envelope) -> None:
    """Write a pair of spool files as Exim does."""
    name = f"1xVhGj-{number:06}-0B"
    header, _, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = (
        f"{name}-H\nexim 1 1\n<{envelope.mail_from}>\n{RECEIVED_AT} 0\n"
        f"-helo_name {envelope.helo}\n-host_address [{envelope.client_ip}]:25\n"
        f"-received_protocol esmtp\nXX\n1\n{envelope.rcpt_to}\n\n"
    )
    field = f"{len(header) + 1:03}  ".encode() + header + b"\n"
    (folder / f"{name}-H").write_bytes(head.encode() + field)
    (folder / f"{name}-D").write_bytes(f"{name}-D\n".encode() + body)


def write_bare(folder: Path, messages: Messages) -> dict[str, Path]:
    """Write every store that has no envelope; return their paths by their names."""
    box = mbox(messages)
    tars = {"tar": tar(messages, "w"), "tar.gz": tar(messages, "w:gz")}
    members = {f"mail/{number:06}.eml": octets for number, (octets, _) in enumerate(messages)}
    takeout = {"Takeout/Mail/All mail Including Spam and Trash.mbox": box}
    files = {
        "mbox": box,
        "mbox.gz": gzip.compress(box, 1),
        "mbox.xz": lzma.compress(box, preset=0),
        "zip": zipped(members),
        "Takeout zip": zipped(takeout),
        "zip of tar.gz": zipped({"mail.tar.gz": tars["tar.gz"]}),
        "jsonl": json_lines(messages, has_envelope=False),
        "jsonl.gz": gzip.compress(json_lines(messages, has_envelope=False), 1),
        **tars,
    }
    paths = {}
    for number, (name, octets) in enumerate(files.items()):
        # The content tells the format: no name may help.
        paths[name] = folder / f"file-{number}"
        paths[name].write_bytes(octets)
    paths["mbox.zst"] = folder / "file.zst"
    command = ["zstd", "-q", "-1", str(paths["mbox"]), "-o", str(paths["mbox.zst"])]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        del paths["mbox.zst"]
    paths["parquet"] = folder / "file-parquet"
    write_parquet(paths["parquet"], messages, has_envelope=False)
    for name, names in {
        "Maildir": lambda number: f"cur/1777874400.M{number:06}.host:2,S",
        "MH": lambda number: str(number + 1),
        "eml tree": lambda number: f"{number // 100:03}/{number:06}.eml",
    }.items():
        paths[name] = folder / name
        write_files(paths[name], names, messages)
    for inner in ("new", "tmp"):
        (paths["Maildir"] / inner).mkdir()
    paths["public-inbox"] = folder / "inbox"
    write_public_inbox(paths["public-inbox"], messages)
    return paths


def write_with_envelope(folder: Path, messages: Messages) -> dict[str, Path]:
    """Write every store that carries envelopes; return their paths by their names."""
    names = ("jsonl", "parquet", "Postfix queue", "Exim spool")
    paths = {name: folder / f"envelope {name}" for name in names}
    paths["jsonl"].write_bytes(json_lines(messages, has_envelope=True))
    write_parquet(paths["parquet"], messages, has_envelope=True)
    paths["Postfix queue"].mkdir()
    paths["Exim spool"].mkdir()
    for number, (octets, envelope) in enumerate(messages):
        write_postfix(paths["Postfix queue"] / f"{number:06X}", octets, envelope)
        write_exim(paths["Exim spool"], number, octets, envelope)
    return paths
