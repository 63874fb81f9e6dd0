"""`schema verdict`: the JSON Schema of a row, made from the records that read it."""

from __future__ import annotations

import sys

import msgspec
from cyclopts import App

from mailauth_fast.cli.exits import Exit
from mailauth_fast.cli.output import SCHEMA_VERSION
from mailauth_fast.verdict import Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"
schema = App(name="schema", help="Print the JSON Schema of what is written.")


def verdict_schema() -> dict[str, object]:
    """Return the JSON Schema of one verdict; its `$id` names the schema's version."""
    (reference,), definitions = msgspec.json.schema_components([Verdict])
    return {
        "$schema": DIALECT,
        "$id": f"urn:mailauth-fast:schema:verdict:{SCHEMA_VERSION}",
        "title": "Verdict",
        "description": "One row of mailauth-fast: everything that is said of one message.",
        "schema_version": SCHEMA_VERSION,
        **reference,
        "$defs": definitions,
    }


@schema.command
def verdict() -> int:
    """Print the JSON Schema (draft 2020-12) of a verdict: a line of jsonl, an element of json."""
    octets = msgspec.json.format(msgspec.json.encode(verdict_schema()), indent=2)
    sys.stdout.write(octets.decode() + "\n")
    return Exit.FINISHED
