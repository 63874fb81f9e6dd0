"""What the test server says: replies out of a mapping, and replies as wrong as a fault demands.

Knows dnspython's codec; must not know sockets or time.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, str | Mapping[str, str | Sequence[object]]]
"""`StaticResolver`'s mapping: name -> type -> values, or a word for a name or a type."""

TTL = 300
NEGATIVE_TTL = 60
CHAIN_LIMIT = 32
WORDS = ("NXDOMAIN", "NODATA", "SERVFAIL", "TIMEOUT")
RCODES = {
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
    "formerr": dns.rcode.FORMERR,
    "notimp": dns.rcode.NOTIMP,
    "badvers": dns.rcode.BADVERS,
}
ELSEWHERE = ("port", "ours")
"""A poisoned reply from another port, or at the other ports the client has used; then the right."""
WRONG_THEN_RIGHT = (
    *("id", "question", "case", "type", "class", "opcode", "qr", "garbage"),
    *ELSEWHERE,
)
"""One such reply (`-N`: so many), then the right one."""
OVER_TCP = ("tc", "tc-slow", "tc-short", "tc-close", "tc-reset", "tc-glued", "tc-foreign")
"""TC=1 by UDP; over TCP right, dripped, cut, closed, reset, behind another reply, never right."""
FAULTS = {
    "drop": "silence; -N: for the first N questions by UDP",
    "delay": "-N: the right reply after N milliseconds",
    "twice": "the right reply two times",
    "lower": "the name comes back in lower case",
    "trailing": "two octets behind the message",
    "cookie": "the right reply with a cookie that was never asked for",
    "noquestion": "FORMERR, header only",
    "noedns": "FORMERR to questions with EDNS",
    "empty": "NOERROR without any record",
    "referral": "NOERROR, NS without SOA",
    "dangling": "CNAME to a name that does not exist",
    "aliasnodata": "CNAME to a name without the type",
    "loop": "two CNAMEs that lead to each other",
    "chain": "-N: so many CNAMEs, then TXT",
    "poison": "records of other names in every section",
    "ttl": "-N: this TTL",
    "big": "-N: a TXT record of N octets",
    **dict.fromkeys(OVER_TCP, "see OVER_TCP"),
    **dict.fromkeys(RCODES, "this RCODE; -N: to the first N questions"),
    **dict.fromkeys(WRONG_THEN_RIGHT, "see WRONG_THEN_RIGHT"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A word of `FAULTS` and its number; an empty word for none."""

    word: str = ""
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `word` or `word-N`; what is neither is no fault."""
        word, _, number = text.rpartition("-")
        if word in FAULTS and number.isdigit():
            return cls(word, int(number))
        return cls(text) if text in FAULTS else cls()


def asked_name(query: dns.message.Message) -> str:
    """Return the question's name in lower case without final dot."""
    return query.question[0].name.to_text(omit_final_dot=True).lower()


def wire(message: dns.message.Message) -> bytes:
    """Return the message as octets."""
    return message.to_wire(max_size=65535)


def truncated(query: dns.message.Message) -> bytes:
    """Return a reply with TC=1 and nothing in it."""
    response = _response(query)
    response.flags |= dns.flags.TC
    return wire(response)


def right_reply(query: dns.message.Message, fault: Fault, zone: Zone) -> dns.message.Message | None:
    """Return what the name and its fault let a server say; None for silence."""
    response = _response(query)
    if fault.word in RCODES:
        response.set_rcode(RCODES[fault.word])
    elif fault.word == "noedns" and query.edns >= 0:
        response.set_rcode(dns.rcode.FORMERR)
    elif not _fill_by_fault(response, fault):
        if fault.word and asked_name(query) not in zone:
            zone = {asked_name(query): {"TXT": [f"text of {asked_name(query)}"]}}
        if not _fill_from_zone(response, zone):
            return None
    if fault.word == "cookie" and query.edns >= 0:
        response.use_edns(options=[dns.edns.GenericOption(dns.edns.COOKIE, b"wrong cookie 123")])
    if fault.word == "ttl":
        for rrset in response.answer:
            rrset.ttl = fault.number or 0
    return response


def _response(query: dns.message.Message) -> dns.message.Message:
    return dns.message.make_response(query, recursion_available=True)


def _rrset(name: dns.name.Name | str, record_type: str, *values: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, TTL, "IN", record_type, *values)


def _fill_from_zone(response: dns.message.Message, zone: Zone) -> bool:
    """Answer as a recursive server would; False for silence."""
    owner = response.question[0].name
    record_type = dns.rdatatype.to_text(response.question[0].rdtype)
    for _ in range(CHAIN_LIMIT):
        types = zone.get(owner.to_text(omit_final_dot=True).lower(), "NXDOMAIN")
        if isinstance(types, str):
            return _fill_by_word(response, types)
        values = types.get(record_type, ())
        if isinstance(values, str) and values in WORDS:
            return _fill_by_word(response, values)
        if values:
            texts = [_presentation(record_type, value) for value in _listed(values)]
            response.answer.append(_rrset(owner, record_type, *texts))
            return True
        alias = _listed(types.get("CNAME", ()))
        if not alias:
            return _fill_by_word(response, "NODATA")
        response.answer.append(_rrset(owner, "CNAME", _presentation("CNAME", alias[0])))
        owner = dns.name.from_text(str(alias[0]))
    return _fill_by_word(response, "SERVFAIL")


def _listed(values: str | Sequence[object]) -> Sequence[object]:
    return [values] if isinstance(values, str | bytes) else values


def _fill_by_word(response: dns.message.Message, word: str) -> bool:
    if word == "SERVFAIL":
        response.set_rcode(dns.rcode.SERVFAIL)
    elif word != "TIMEOUT":
        if word == "NXDOMAIN":
            response.set_rcode(dns.rcode.NXDOMAIN)
        # The SOA of a root zone, which holds every name.
        numbers = f"1 1 1 1 {NEGATIVE_TTL}"
        response.authority.append(_rrset(".", "SOA", f"ns.invalid. hostmaster.invalid. {numbers}"))
    return word != "TIMEOUT"


def _presentation(record_type: str, value: object) -> str:
    """Return a value of the mapping as a zone file has it."""
    if record_type == "TXT":
        return text_data(value)
    if record_type == "MX" and isinstance(value, list | tuple):
        return f"{value[0]} {str(value[1]).removesuffix('.')}."
    if record_type in ("CNAME", "PTR"):
        return f"{str(value).removesuffix('.')}."
    return str(value)


def text_data(value: object) -> str:
    """Return a TXT value in presentation form: a string, octets, or a list of them."""
    parts = value if isinstance(value, list | tuple) else [value]
    octets = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    strings = [part[at : at + 255] for part in octets for at in range(0, len(part) or 1, 255)]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in text) + '"' for text in strings)


def _fill_by_fault(response: dns.message.Message, fault: Fault) -> bool:
    """Answer as a fault of content demands; False when the fault is of another kind."""
    name, target = response.question[0].name, "target.invalid."
    right = _rrset(name, "TXT", text_data(f"text of {asked_name(response)}"))
    poison = _rrset(name, "TXT", '"poison"')
    match fault.word:
        case "empty":
            pass
        case "referral":
            response.authority.append(_rrset("invalid.", "NS", "ns.invalid."))
        case "dangling" | "aliasnodata":
            response.answer.append(_rrset(name, "CNAME", target))
            _fill_by_word(response, "NXDOMAIN" if fault.word == "dangling" else "NODATA")
        case "loop":
            response.answer.append(_rrset(name, "CNAME", target))
            response.answer.append(_rrset(target, "CNAME", name.to_text()))
        case "chain":
            links = [name.to_text(), *(f"l{at + 1}.invalid." for at in range(fault.number or 0))]
            response.answer += [_rrset(owner, "CNAME", after) for owner, after in pairwise(links)]
            response.answer.append(_rrset(links[-1], "TXT", '"end"'))
        case "poison":
            response.answer += [_rrset("other.invalid.", "TXT", '"poison"'), right]
            response.authority.append(poison)
            response.additional.append(poison)
        case "big":
            response.answer.append(_rrset(name, "TXT", text_data("x" * (fault.number or 0))))
        case _:
            return False
    return True


def datagrams(fault: Fault, octets: bytes, query: dns.message.Message) -> list[bytes]:
    """Return the datagrams that bring the right reply, behind wrong ones if so demanded."""
    if fault.word in WRONG_THEN_RIGHT:
        count = 1 if fault.number is None else fault.number
        return [wrong(fault.word, octets, query)] * count + [octets]
    end = _end_of_name(query)
    lower = octets[:12] + octets[12:end].lower() + octets[end:]
    special = {
        "twice": [octets, octets],
        "trailing": [octets + b"\0\0"],
        "noquestion": [octets[:2] + b"\x81\x81" + bytes(8)],
        "lower": [lower],
    }
    return special.get(fault.word, [octets])


def _end_of_name(query: dns.message.Message) -> int:
    """Return the offset behind the question's name. Length octets are below 64 and no letters."""
    return 12 + len(query.question[0].name.to_wire() or b"")


def wrong(word: str, octets: bytes, query: dns.message.Message) -> bytes:
    """Return the right reply with exactly this wrong about it."""
    changed = bytearray(octets)
    end = _end_of_name(query)
    match word:
        case "id":
            changed[1] ^= 1
        case "question":
            changed[13] = ord("_")
        case "case":
            changed[12:end] = octets[12:end].swapcase()
        case "type":
            changed[end + 1] ^= 1
        case "class":
            changed[end + 3] = 3
        case "opcode":
            changed[2] |= dns.opcode.UPDATE << 3
        case "qr":
            changed[2] &= 0x7F
        case "garbage":
            changed[2:] = b"\xff" * (len(octets) - 2)
        case _:
            poison = _response(query)
            poison.answer.append(_rrset(query.question[0].name, "TXT", '"poison"'))
            changed[:] = wire(poison)
    return bytes(changed)


def framed(octets: bytes) -> bytes:
    """Return a message as it goes over TCP."""
    return struct.pack("!H", len(octets)) + octets


def pieces(fault: Fault, octets: bytes, query: dns.message.Message) -> list[bytes]:
    """Return what goes over TCP, write by write."""
    whole = framed(octets)
    special = {
        "tc-close": [],
        "tc-reset": [],
        "tc-slow": [whole[at : at + 5] for at in range(0, len(whole), 5)],
        "tc-short": [b"\xff\xff" + octets[:10]],
        "tc-glued": [framed(wrong("id", octets, query)) + whole],
        "tc-foreign": [framed(wrong("question", octets, query))],
    }
    return special.get(fault.word, [whole])
