"""From what others publish to rows of a DNS store: passive DNS, zones, caches, keys, tables.

Each reader gives rows or, for what is none, a sentence; nothing is asked and nothing is guessed
beyond what is counted. Passive DNS: draft-dulaunoy-dnsop-passive-dns-cof.
"""

from __future__ import annotations

import base64
import binascii
import csv
import gzip
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone
import msgspec

from mailauth_fast.errors import UnreadableInput
from mailauth_fast.store_rows import StoredRow, key_row, seconds, txt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ImportForm = Literal["cof", "csv", "jsonl", "keys", "mailauth", "zone"]
FORMS: tuple[ImportForm, ...] = ("cof", "csv", "jsonl", "keys", "mailauth", "zone")
GZIP_MAGIC = b"\x1f\x8b"
OCTET_LIMIT = 4 << 30
"""Octets of an import after decompression: a bomb ends here."""
CHAIN_LIMIT = 8
ROOT_SOA = ". . 1 0 0 0 0"
"""Stands in a cache that is complete: no server and no times of its own."""
ASKED_TYPES = ("A", "AAAA", "MX", "PTR", "TXT")
KEY_CHANNELS = {"live_dns": "archive:live_dns", "gcd_recovered": "archive:gcd_recovered"}
WORDS = {"NXDOMAIN": "NXDOMAIN", "NODATA": "NOERROR", "SERVFAIL": "SERVFAIL", "TIMEOUT": "TIMEOUT"}

Object = dict[str, object]
Found = StoredRow | str
"""A row, or what is wrong with the place where one should be."""


@dataclass
class Import:
    """A file to import: its octets, where rows say they come from, and what was noticed."""

    path: Path
    source: str | None = None
    origin: str | None = None
    at: int | None = None
    guesses: int = 0
    is_partial: bool = False
    form: ImportForm | None = None
    is_complete: bool = False
    text: str = field(default="", repr=False)

    def read(self) -> None:
        """Read and decompress the file and find out what it is.

        Raises:
            UnreadableInput: it cannot be read, is too large, no text or of no known form.
        """
        octets = _octets(self.path)
        try:
            self.text = octets.decode("utf-8-sig")
        except UnicodeDecodeError:
            sentence = f"{self.path}: no text (UTF-8); give a file in one of {', '.join(FORMS)}"
            raise UnreadableInput(sentence) from None
        self.form = self.form or sniffed(self.text)
        if self.form is None:
            sentence = f"{self.path}: nothing that can be imported; say what it is with --format"
            raise UnreadableInput(sentence)
        if self.is_complete and self.form != "mailauth":
            sentence = f"{self.path}: --complete is for mailauth's caches, and this is {self.form}"
            raise UnreadableInput(f"{sentence}; leave it out")

    def rows(self) -> Iterator[Found]:
        """Give what the file holds, in its order.

        Raises:
            UnreadableInput: the file as a whole is not of its form.
        """
        readers = {
            "cof": _cof,
            "csv": _csv,
            "jsonl": _jsonl,
            "keys": _keys,
            "mailauth": _mailauth,
            "zone": _zone,
        }
        return readers[self.form or "jsonl"](self)

    def named(self, kind: str) -> str:
        """Return the source of rows that name none."""
        return self.source or f"{kind}:{self.path.name}"

    def fail(self, problem: object) -> UnreadableInput:
        """Return what to raise when the whole file is at fault."""
        words = " ".join(str(problem).split())
        return UnreadableInput(f"{self.path}: no {self.form} file ({words}); see --format")


def _octets(path: Path) -> bytes:
    try:
        octets = path.read_bytes()
        if octets.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(octets)) as file:
                octets = file.read(OCTET_LIMIT + 1)
    except (OSError, EOFError) as problem:
        reason = (getattr(problem, "strerror", None) or str(problem)).lower()
        raise UnreadableInput(f"{path}: cannot be read ({reason}); check the name") from None
    if len(octets) > OCTET_LIMIT:
        raise UnreadableInput(f"{path}: larger than {OCTET_LIMIT >> 30} GiB; import it in parts")
    return octets


def sniffed(text: str) -> ImportForm | None:
    """Tell the form of a file by its beginning; None when it has none."""
    first = next((line for line in text.splitlines() if line.strip()), "").strip()
    if first.startswith(("{", "[")):
        return _sniffed_json(text, first)
    columns = {column.strip().lower() for column in first.split(",")}
    if {"domain", "selector", "value"} <= columns or {"name", "type", "value"} <= columns:
        return "csv"
    if first.startswith(("$", ";")) or " SOA " in f" {text[:4096].upper()} ":
        return "zone"
    return None


def _sniffed_json(text: str, first: str) -> ImportForm | None:
    try:
        value = msgspec.json.decode(first)
    except msgspec.DecodeError:
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return None
    if isinstance(value, list):
        value = value[0] if value else {}
        return "keys" if isinstance(value, dict) and "selector" in value else None
    if not isinstance(value, dict):
        return None
    forms: tuple[tuple[str, ImportForm], ...] = (
        ("rrname", "cof"),
        ("cond", "cof"),
        ("obj", "cof"),
        ("schema", "jsonl"),
        ("rcode", "jsonl"),
        ("selector", "keys"),
        ("record", "keys"),
        ("records", "keys"),
    )
    named = next((form for key, form in forms if key in value), None)
    if named is None and isinstance(value.get("name"), str) and "type" in value:
        return "jsonl"
    is_mapping = all(isinstance(types, dict | str) for types in value.values())
    return named or ("mailauth" if is_mapping else None)


def _row(  # noqa: PLR0913 - the columns of a row
    name: str,
    record_type: str,
    data: list[str],
    source: str,
    times: tuple[int | None, int | None],
    *,
    ttl: int | None = None,
    rcode: str = "NOERROR",
    is_alias: bool = False,
    is_single_record: bool = False,
) -> StoredRow:
    return StoredRow(
        name=name.lower().rstrip(".") or ".",
        record_type=record_type.upper(),
        data=sorted(data),
        rcode=rcode,
        first_seen=times[0],
        last_seen=times[1],
        source=source,
        ttl=ttl,
        ad=None,
        is_alias=is_alias,
        is_single_record=is_single_record,
    )


def _objects(job: Import) -> Iterator[Object | str]:
    """Give the JSON objects of lines, or of one list."""
    if job.text.lstrip().startswith("["):
        try:
            yield from msgspec.json.decode(job.text, type=list[Object])
        except msgspec.DecodeError as problem:
            raise job.fail(problem) from None
        return
    for number, line in enumerate(job.text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=Object)
        except msgspec.DecodeError as problem:
            yield f"line {number}: {problem}"


def _jsonl(job: Import) -> Iterator[Found]:
    """Rows of a store as `dns show --format jsonl` and `dns export` write them."""
    for number, value in enumerate(_objects(job), 1):
        if isinstance(value, str):
            yield value
            continue
        if "schema" in value and "name" not in value:
            continue
        try:
            value.setdefault("rcode", "NOERROR")
            for column in ("first_seen", "last_seen"):
                value[column] = seconds(value.get(column))
            known: Object = {"data": [], "source": "", "ttl": None, "ad": None}
            row = msgspec.convert(known | value, type=StoredRow)
        except (msgspec.ValidationError, ValueError) as problem:
            yield f"row {number}: {problem}"
            continue
        source = job.source or row.source or job.named("import")
        yield msgspec.structs.replace(row, source=source)


def _cof(job: Import) -> Iterator[Found]:
    """Passive DNS; version 2 of one server wraps its lines and says whether they are all."""
    is_wrapped = is_ended = False
    for number, value in enumerate(_objects(job), 1):
        if isinstance(value, str):
            yield value
            continue
        if "cond" in value or "obj" in value:
            is_wrapped = True
            is_ended |= value.get("cond") == "succeeded"
        inner = value.get("obj", value)
        if isinstance(inner, dict) and "rrname" in inner:
            yield from _cof_rows(job, inner, number)
        elif "cond" not in value:
            yield f"line {number}: no rrname"
    job.is_partial = is_wrapped and not is_ended


def _cof_rows(job: Import, value: Object, number: int) -> Iterator[Found]:
    name, rrtype, rdata = value.get("rrname"), value.get("rrtype"), value.get("rdata")
    try:
        kind = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rrtype))  # type: ignore[arg-type]
    except (dns.exception.DNSException, ValueError, TypeError):
        yield f"line {number}: no rrtype"
        return
    data = [rdata] if isinstance(rdata, str) else rdata
    if not isinstance(name, str) or not isinstance(data, list) or not data:
        yield f"line {number}: no rrname or rdata"
        return
    texts = [str(text) for text in data]
    if kind == "TXT":
        texts = [_presented(job, text) for text in texts]
    spans = (("time_", "pdns"), ("zone_time_", "zone"))
    is_dated = False
    for prefix, source in spans:
        try:
            times = (seconds(value.get(f"{prefix}first")), seconds(value.get(f"{prefix}last")))
        except ValueError:
            yield f"line {number}: {prefix}first or {prefix}last is no time"
            continue
        if times != (None, None):
            is_dated = True
            is_single = isinstance(rdata, str)
            yield _row(name, kind, texts, job.named(source), times, is_single_record=is_single)
    if not is_dated:
        yield f"line {number}: neither time_first nor zone_time_first"


def _presented(job: Import, text: str) -> str:
    """Quote a text record that is given bare: one string, which is a guess."""
    if text.startswith('"'):
        return text
    job.guesses += 1
    return '"' + text.replace('\\"', '"').replace('"', '\\"') + '"'


def _mailauth(job: Import) -> Iterator[Found]:
    """Read a mapping of names to types to values: mailauth's cache and our `zone:` files."""
    try:
        mapping = msgspec.json.decode(job.text, type=Object)
    except msgspec.DecodeError as problem:
        raise job.fail(problem) from None
    times = (job.at, job.at)
    source = job.named("zone" if job.is_complete else "import")
    if job.is_complete:
        # Only what is called a zone denies.
        source = source if source.startswith("zone:") else f"zone:{source}"
        # RFC 2308 §2.1: whoever answers for the root denies every name that is not there.
        yield _row(".", "SOA", [ROOT_SOA], source, times)
    for name, types in mapping.items():
        if isinstance(types, str):
            types = dict.fromkeys(ASKED_TYPES, types)  # noqa: PLW2901 - a word for every type
        if not isinstance(types, dict):
            yield f"{name}: no mapping of types to values"
            continue
        for kind, values in types.items():
            try:
                rcode, data = _mapped(str(kind), values)
            except (TypeError, KeyError, ValueError) as problem:
                yield f"{name} {kind}: {problem}"
                continue
            yield _row(name, str(kind), data, source, times, rcode=rcode)


def _mapped(kind: str, values: object) -> tuple[str, list[str]]:
    if isinstance(values, str) and values in WORDS:
        return WORDS[values], []
    if kind.upper() not in ASKED_TYPES:
        raise ValueError(f"a type that is not imported; use {', '.join(ASKED_TYPES)}")
    listed = values if isinstance(values, list) else [values]
    return "NOERROR", [_mapped_text(kind.upper(), value) for value in listed]


def _mapped_text(kind: str, value: object) -> str:
    match kind, value:
        case "TXT", str():
            return txt([value.encode()])
        case "TXT", list():
            return txt([str(string).encode() for string in value])
        case "MX", dict():
            return f"{int(str(value['priority']))} {str(value['exchange']).rstrip('.')}."
        case "MX", [preference, host]:
            return f"{int(str(preference))} {str(host).rstrip('.')}."
        case "PTR", str():
            return f"{value.rstrip('.')}."
        case (("A" | "AAAA"), str()):
            return value
    raise ValueError("a value of a form that is not known")


def _keys(job: Import) -> Iterator[Found]:
    """Published archives of DKIM keys: rows of their interface, or signed statements."""
    for number, value in enumerate(_listed(job), 1):
        if isinstance(value, str):
            yield value
            continue
        inner = value.get("record", value)
        if not isinstance(inner, dict):
            yield f"row {number}: no record"
            continue
        try:
            yield from _key_rows(job, inner)
        except (KeyError, ValueError) as problem:
            yield f"row {number}: {problem}"


def _listed(job: Import) -> Iterator[Object | str]:
    text = job.text.strip()
    if not text.startswith(("{", "[")):
        for number, line in enumerate(text.splitlines(), 1):
            try:
                yield _statement(line)
            except (ValueError, IndexError, binascii.Error, msgspec.DecodeError):
                yield f"line {number}: no signed statement"
        return
    if text.startswith("{"):
        try:
            whole = msgspec.json.decode(text, type=Object)
        except msgspec.DecodeError:
            yield from _objects(job)
            return
        records = whole.get("records")
        yield from records if isinstance(records, list) else [whole]
        return
    yield from _objects(job)


def _statement(line: str) -> Object:
    """Return what a signed statement (JWS, compact form) says; who signed it is not checked."""
    payload = line.split(".")[1]
    octets = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    return msgspec.json.decode(octets, type=Object)


def _key_rows(job: Import, value: Object) -> Iterator[StoredRow]:
    name = f"{value['selector']}._domainkey.{value['domain']}"
    text = str(value["value"])
    observations = value.get("observations")
    if isinstance(observations, list) and observations:
        for observed in observations:
            times = (seconds(observed.get("firstSeenAt")), seconds(observed.get("lastSeenAt")))
            source = KEY_CHANNELS.get(str(observed.get("source")), job.named("import"))
            yield key_row(name, text, times, job.source or source)
        return
    # Without observations the outer pair mixes channels: it bounds nothing.
    source = KEY_CHANNELS.get(str(value.get("source")), job.named("import"))
    times = (seconds(value.get("first_seen_at")), seconds(value.get("last_seen_at")))
    yield key_row(name, text, times, job.source or source)


def _csv(job: Import) -> Iterator[Found]:
    """Tables by column names: keys (domain, selector, value) or scans (name, type, value)."""
    table = csv.DictReader(io.StringIO(job.text, newline=""))
    table.fieldnames = [name.strip().lower() for name in table.fieldnames or ()]
    columns = set(table.fieldnames)
    is_of_keys = {"domain", "selector", "value"} <= columns
    if not is_of_keys and not {"name", "type", "value"} <= columns:
        raise job.fail("it lacks the columns domain, selector, value or name, type, value")
    try:
        for number, cells in enumerate(table, 2):
            try:
                yield _table_row(job, cells, is_of_keys=is_of_keys)
            except (KeyError, ValueError, AttributeError, TypeError) as problem:
                yield f"row {number}: {problem}"
    except csv.Error as problem:
        raise job.fail(problem) from None


def _table_row(job: Import, cells: dict[str, str], *, is_of_keys: bool) -> StoredRow:
    moment = seconds(cells.get("timestamp"))
    first = seconds(cells.get("first_seen") or cells.get("firstseenat"))
    last = seconds(cells.get("last_seen") or cells.get("lastseenat"))
    times = (moment if first is None else first, moment if last is None else last)
    source = cells.get("source") or ""
    source = job.source or KEY_CHANNELS.get(source, source) or job.named("import")
    value = cells["value"]
    if is_of_keys:
        if not cells["domain"] or not cells["selector"]:
            raise ValueError("no domain or selector")
        name = f"{cells['selector']}._domainkey.{cells['domain']}"
        return key_row(name, value, times, source)
    kind = cells["type"].upper()
    text = _presented(job, value) if kind == "TXT" else value
    return _row(cells["name"], kind, [text], source, times, is_single_record=True)


def _zone(job: Import) -> Iterator[Found]:
    """Read a zone file: every RRset of that moment; aliases followed inside the zone."""
    moment = job.at
    if moment is None:
        moment = int(job.path.stat().st_mtime)
    try:
        zone = dns.zone.from_text(
            job.text, origin=job.origin, relativize=False, check_origin=False, idna_codec=None
        )
    except (dns.exception.DNSException, ValueError) as problem:
        raise job.fail(f"{problem or type(problem).__name__}") from None
    source = job.named("zone")
    for name, node in zone.nodes.items():
        for rdataset in node:
            kind = dns.rdatatype.to_text(rdataset.rdtype)
            yield _zone_row(name, kind, rdataset, source, moment)
            if kind == "CNAME":
                yield from _alias_rows(zone, name, source, moment)


def _zone_row(  # noqa: PLR0913 - the parts of a row
    name: dns.name.Name,
    kind: str,
    rdataset: Iterable[object],
    source: str,
    moment: int,
    *,
    is_alias: bool = False,
) -> StoredRow:
    strings = [getattr(record, "strings", ()) for record in rdataset]
    data = [txt(parts) for parts in strings]
    if kind != "TXT":
        data = [str(record) for record in rdataset]
    ttl = getattr(rdataset, "ttl", None)
    text = name.to_text(omit_final_dot=True)
    return _row(text, kind, data, source, (moment, moment), ttl=ttl, is_alias=is_alias)


def _alias_rows(
    zone: dns.zone.Zone, name: dns.name.Name, source: str, moment: int
) -> Iterator[StoredRow]:
    target, alias = name, zone.get_rdataset(name, "CNAME")
    for _ in range(CHAIN_LIMIT):
        if alias is None:
            break
        target = alias[0].target
        alias = zone.get_rdataset(target, "CNAME")
    for kind in ASKED_TYPES:
        found = zone.get_rdataset(target, kind)
        if found is not None:
            yield _zone_row(name, kind, found, source, moment, is_alias=True)
