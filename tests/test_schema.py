"""`schema verdict`: every row is what the JSON Schema says, and what it does not say is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from mailauth_fast import Envelope
from mailauth_fast.cli.schema import verdict_schema

from tests.door import Row, verifier
from tests.sample import generate
from tests.test_sample import EXPECTED, ZONE

Schema = dict[str, Any]
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "object": dict,
    "string": str,
}
UNDERSTOOD = {
    "$ref", "additionalProperties", "anyOf", "description", "enum", "items", "properties",
    "required", "title", "type",
}  # fmt: skip


def problems(value: Any, schema: Schema, root: Schema, at: str = "") -> list[str]:
    """Return where a value is not what a schema says; knows the words that ours use."""
    assert set(schema) <= UNDERSTOOD | {"$schema", "$id", "$defs", "schema_version"}, at
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    if "anyOf" in schema:
        found = [problems(value, choice, root, at) for choice in schema["anyOf"]]
        return [] if [] in found else found[0]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r} is none of the words"]
    wanted = TYPES[schema["type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if isinstance(value, list):
        each = enumerate(value)
        return [p for n, item in each for p in problems(item, schema["items"], root, f"{at}/{n}")]
    return members(value, schema, root, at) if isinstance(value, dict) else []


def members(value: Row, schema: Schema, root: Schema, at: str) -> list[str]:
    """Return the problems of an object."""
    known = schema["properties"]
    found = [f"{at}/{name}: missing" for name in schema["required"] if name not in value]
    if schema.get("additionalProperties") is False:
        found += [f"{at}/{name}: unknown" for name in value if name not in known]
    for name, item in value.items():
        if name in known:
            found += problems(item, known[name], root, f"{at}/{name}")
    return found


@pytest.fixture(scope="module")
def printed() -> list[Row]:
    """Return the JSON of every sample message, with and without envelope, and of a hostile one."""
    entries, _ = generate.sample()
    messages = [*map(generate.unquoted, entries), b"", b"\x00"]
    engine = verifier(ZONE)
    envelopes = [*(Envelope(**expected["envelope"]) for expected in EXPECTED), None, None]
    tables = [engine.verify_batch(messages, given, now="received") for given in (None, envelopes)]
    return [json.loads(line) for table in tables for line in table.to_jsonl().splitlines()]


def test_every_verdict_is_what_the_schema_says(printed: list[Row]) -> None:
    schema = verdict_schema()
    assert len(printed) == 2 * (len(EXPECTED) + 2)
    for row in printed:
        assert problems(row, schema, schema) == []


def test_the_schema_refuses_what_is_no_verdict(printed: list[Row]) -> None:
    schema = verdict_schema()
    row = printed[0]
    for wrong, complaint in (
        ({**row, "size": "1"}, "/size"),
        ({**row, "size": True}, "/size"),
        ({**row, "more": 1}, "/more: unknown"),
        ({name: row[name] for name in row if name != "dmarc"}, "/dmarc: missing"),
        ({**row, "dkim": None}, "/dkim"),
        ({**row, "limits": [1]}, "/limits/0"),
        ({**row, "spf": {**row["spf"], "result": "maybe"}}, "/spf/result"),
    ):
        (found,) = problems(wrong, schema, schema)
        assert found.startswith(complaint)


def test_the_command_prints_the_schema() -> None:
    command = [sys.executable, "-m", "mailauth_fast", "schema", "verdict"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    printed = json.loads(done.stdout)
    assert printed == verdict_schema()
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert printed["$id"].endswith(":verdict:1")
