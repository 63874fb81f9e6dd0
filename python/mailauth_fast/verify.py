"""The orchestrator: a resolver, a policy, threads and a clock; messages in, verdicts out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, overload

from mailauth_fast import _core, explanation
from mailauth_fast.dns_cache import DnsCache
from mailauth_fast.envelope import Envelope
from mailauth_fast.errors import MailauthError, UnreadableInput
from mailauth_fast.policy import Policy
from mailauth_fast.resolvers import LiveResolver, Resolver, native
from mailauth_fast.verdict import (
    AuthenticationResults,
    Author,
    PolicyDiscovery,
    ReportAuthorization,
    Spf,
    Verdict,
    decode,
)

if TYPE_CHECKING:
    from mailauth_fast.arrow import ArrowData
    from mailauth_fast.explanation import Explanation

Octets = bytes | bytearray | memoryview
Now = int | datetime | str | None
Source = str | PathLike[str]
Configuration = tuple[Resolver | None, Policy | None, int | None, DnsCache | None]


class Verdicts(Sequence[Verdict]):
    """A table of verdicts, one row a message in input order.

    An Arrow table to whoever reads `__arrow_c_stream__` (DuckDB, Polars, PyArrow, arro3), a
    sequence of `Verdict` to Python; rows become objects only when asked for.
    """

    def __init__(self, rows: _core.Rows) -> None:
        """Wrap the engine's rows."""
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Verdict: ...

    @overload
    def __getitem__(self, index: slice) -> list[Verdict]: ...

    def __getitem__(self, index: int | slice) -> Verdict | list[Verdict]:
        """Return one row, or the rows of a slice as a list."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = index + len(self) if index < 0 else index
        if not 0 <= row < len(self):
            raise IndexError("row index out of range")
        return decode(self._rows.json(row), Verdict)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows as an Arrow stream."""
        return self._rows.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Give the Arrow schema."""
        return self._rows.__arrow_c_schema__()

    def to_jsonl(self) -> bytes:
        """Return one JSON object a line."""
        return self._rows.jsonl()


class Verifier:
    """Verifies messages; safe to share between threads, and picklable.

    Args:
        resolver: who answers DNS questions; default: a live resolver from the system's
            configuration.
        policy: limits and switches.
        workers: threads of the engine; `None` = all cores.
        cache: answers shared with every other verifier that has it; `None` = its own.

    Raises:
        InvalidPolicy: the public suffix list cannot be used.
        MailauthError: the cache holds the answers of another resolver.
        ResolverUnavailable: the system names no DNS server.
    """

    def __init__(
        self,
        resolver: Resolver | None = None,
        policy: Policy | None = None,
        workers: int | None = None,
        cache: DnsCache | None = None,
    ) -> None:
        """Build the engine."""
        if workers is not None and workers < 1:
            raise MailauthError(f"workers is {workers}; use at least 1, or None for all cores")
        self._configuration = (resolver, policy, workers, cache)
        if cache is None:
            asked = native(LiveResolver() if resolver is None else resolver)
        else:
            asked = cache.shared(resolver)
        own = None if cache is None else cache.native()
        self._engine = _core.Engine(asked, policy or Policy(), workers, own)

    def __reduce__(self) -> tuple[type[Verifier], Configuration]:
        """Pickle the configuration; answers are forgotten and threads are made anew."""
        return (Verifier, self._configuration)

    def verify(self, raw: Octets, envelope: Envelope | None = None, now: Now = None) -> Verdict:
        """Verify one message.

        Args:
            raw: the message as octets, CRLF or LF.
            envelope: what SMTP said; without it SPF is `not-evaluated`.
            now: Unix seconds, an aware `datetime`, `"received"`, or `None` for the clock.

        Raises:
            MailauthError: an argument is not of the documented form.
            ResolverUnavailable: the resolver failed as a whole.
        """
        return decode(self._engine.verify(raw, envelope or Envelope(), judged_by(now)), Verdict)

    def explain(
        self,
        raw: Octets,
        envelope: Envelope | None = None,
        now: Now = None,
        octets: Literal["none", "header", "body"] = "none",
    ) -> Explanation:
        """Verify one message and show what is behind the verdict.

        Every check with its reason, the DNS answers used, what other rules say of the same answers,
        and on request the canonical octets of each signature (`body` gives header and body).

        Args:
            raw: the message as octets, CRLF or LF.
            envelope: what SMTP said; without it SPF is `not-evaluated`.
            now: as for `verify`.
            octets: which canonical octets to keep.

        Raises:
            MailauthError: an argument is not of the documented form.
            ResolverUnavailable: the resolver failed as a whole.
        """
        others = explanation.other_policies(self._policy)
        policies = [policy for _, _, policy in others]
        found = self._engine.explain(raw, envelope or Envelope(), judged_by(now), policies, octets)
        return explanation.explanation(found, others)

    def explain_stored(
        self,
        path: Source,
        message_id: str,
        envelope: Envelope | None = None,
        now: Now = "received",
        octets: Literal["none", "header", "body"] = "none",
    ) -> Explanation | None:
        """Explain the message of this id in an archive; `None` when it holds none.

        Args:
            path: the file whose message it is.
            message_id: as in the verdict: `inbox.mbox:104857`.
            envelope: instead of the one that the archive tells.
            now: as for `verify`.
            octets: which canonical octets to keep.

        Raises:
            UnreadableInput: the file cannot be read as far as the message.
            ResolverUnavailable: the resolver failed as a whole.
        """
        others = explanation.other_policies(self._policy)
        policies = [policy for _, _, policy in others]
        found = self._engine.explain_stored(
            (path, message_id), envelope, judged_by(now), policies, octets
        )
        return None if found is None else explanation.explanation(found, others)

    @property
    def _policy(self) -> Policy:
        return self._configuration[1] or Policy()

    def verify_batch(
        self,
        messages: Iterable[Octets] | ArrowData,
        envelopes: Iterable[Envelope | None] | None = None,
        now: Now = None,
        *,
        retry_temperror: bool = False,
    ) -> Verdicts:
        """Verify many messages on all cores; one row in, one row out, same order.

        Args:
            messages: bytes-like objects, an Arrow binary column, or an Arrow table with the
                columns `id, raw, client_ip, helo, mail_from, rcpt_to, auth_id, protocol,
                received_at` (all but `raw` optional).
            envelopes: one envelope or None for each message; not together with a table.
            now: as for `verify`.
            retry_temperror: ask again for what failed when all else is done, once a question, and
                judge the messages again that depend on it.

        Raises:
            MailauthError: an argument is not of the documented form.
            ResolverUnavailable: the resolver failed as a whole.
        """
        moment = judged_by(now)
        return Verdicts(self._engine.verify_batch(messages, envelopes, moment, retry_temperror))

    def verify_archive(
        self,
        *inputs: Source,
        now: Now = "received",
        stream: BinaryIO | None = None,
        attached: bool = False,
        retry_temperror: bool = False,
    ) -> Iterator[Verdicts]:
        """Verify files, folders and archives in bounded memory.

        Args:
            inputs: paths; `-` is `stream`.
            now: as for `verify`.
            stream: what `-` reads.
            attached: mails attached to a mail are rows too, directly behind it (`ID/PART`).
            retry_temperror: as for `verify_batch`; up to 128 MiB of messages and 32,768 rows are
                held back for it, then what failed so far is asked again.

        Yields:
            Tables of some thousand rows, in input order.

        Raises:
            UnreadableInput: after everything readable was yielded, when something was not.
        """
        run = self.start_archive(
            [Path(path) for path in inputs],
            now=now,
            stream=stream,
            attached=attached,
            retry_temperror=retry_temperror,
        )
        try:
            for rows in run:
                yield Verdicts(rows)
            if run.problems:
                raise UnreadableInput("; ".join(run.problems))
        finally:
            run.close()

    def start_archive(  # noqa: PLR0913 - keywords
        self,
        inputs: Sequence[Path],
        *,
        now: Now = "received",
        stream: BinaryIO | None = None,
        limit: int | None = None,
        is_watched: bool = False,
        shard: tuple[int, int] = (0, 1),
        checkpoint: bytes | None = None,
        attached: bool = False,
        retry_temperror: bool = False,
    ) -> _core.ArchiveRun:
        """Start a run that can be watched, stopped and resumed; for the command line.

        Args:
            inputs: paths; `-` is `stream`.
            now: as for `verify`.
            stream: what `-` reads; None = the process's standard input.
            limit: messages of the whole run.
            is_watched: look at every file first, so that progress can tell a share.
            shard: number I (from 0) of N; every N-th unit from the I-th on is verified.
            checkpoint: where a run goes on, as `ArchiveRun.finished_unit` told it.
            attached: verify mails attached to a mail, too, right behind it.
            retry_temperror: as for `verify_archive`.
        """
        return self._engine.verify_archive(
            list(inputs),
            judged_by(now),
            stream,
            limit,
            is_watched,
            shard,
            checkpoint,
            attached,
            retry_temperror,
        )

    def check_host(self, ip: str, helo: str, mail_from: str, receiver: str | None = None) -> Spf:
        """Evaluate SPF by hand; an empty `mail_from` checks `postmaster@helo`.

        Source: RFC 7208 §4.
        """
        return decode(self._engine.check_host(str(ip), helo, mail_from, receiver), Spf)

    def organizational_domain(self, name: str) -> str | None:
        """Return the organizational domain of a name; `None` for what has none.

        Raises:
            ResolverUnavailable: the tree walk ended in a temporary error.
        Source: RFC 9989 §4.10.2.
        """
        return self._engine.organizational_domain(name)

    def discover_policy(self, domain: str) -> PolicyDiscovery:
        """Find the DMARC policy that holds for a domain.

        Source: RFC 9989 §4.10.1.
        """
        return decode(self._engine.discover_policy(domain), PolicyDiscovery)

    def accepts_reports(self, destination: str, policy_domain: str) -> ReportAuthorization:
        """Check whether `destination` (a host or `mailto:` URI) takes reports for `policy_domain`.

        Source: RFC 9990 §4.
        """
        return decode(self._engine.accepts_reports(destination, policy_domain), ReportAuthorization)


def judged_by(now: Now) -> int | str:
    """Return `now` as Unix seconds or the word `received`."""
    if now is None:
        return int(time.time())
    if isinstance(now, datetime):
        if now.tzinfo is None:
            raise MailauthError("now is a datetime without time zone; give an aware one")
        return int(now.timestamp())
    if isinstance(now, str):
        if now != "received":
            raise MailauthError(f"now is {now!r}; use Unix seconds, a datetime, None or 'received'")
        return now
    if isinstance(now, bool) or not isinstance(now, int | float):
        raise MailauthError(f"now is {now!r}; use Unix seconds, a datetime, None or 'received'")
    return int(now)


def author_domain(octets: Octets) -> Author:
    """Read the author domain of a message or a bare header.

    Source: RFC 9989 §5.3.1.
    """
    return decode(_core.author_domain(octets), Author)


def parse_authentication_results(value: str | bytes) -> AuthenticationResults:
    """Read one Authentication-Results value, tolerantly; `error` tells what stopped the reading.

    Source: RFC 8601 §2.2.
    """
    octets = value.encode("utf-8", "backslashreplace") if isinstance(value, str) else value
    return decode(_core.parse_authentication_results(octets), AuthenticationResults)


def strip_authentication_results(octets: Octets, authserv_ids: Iterable[str]) -> bytes:
    """Return the message without Authentication-Results fields that claim one of `authserv_ids`.

    For mail from outside, before the own field is written: whatever claims to come from the own
    hosts is forged. Every other octet stays as it is; a name of several labels covers the hosts
    below it.

    Raises:
        MailauthError: `octets` is no bytes-like object, or `authserv_ids` no texts.
    Source: RFC 8601 §5.
    """
    if isinstance(authserv_ids, str):
        raise MailauthError("authserv_ids is a single text; give a sequence of names")
    names = list(authserv_ids)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise MailauthError(f"authserv_ids holds {name!r}; give names of your own hosts")
    return _core.strip_authentication_results(octets, [_utf8(name) for name in names])


def _utf8(name: str) -> str:
    """Return a name without lone surrogates: it stands for what no field can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
