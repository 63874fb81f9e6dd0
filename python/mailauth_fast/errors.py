"""Every exception this package raises: the caller's fault or the environment's, never a mail's."""

from __future__ import annotations


class MailauthError(Exception):
    """The caller gave something that is not what the contract asks for; base of all others."""


class UnreadableInput(MailauthError):  # noqa: N818 - the contract's name
    """An input cannot be read, or an output not be written."""


class InvalidPolicy(MailauthError):  # noqa: N818 - the contract's name
    """A policy, or the public suffix list it names, cannot be used."""


class ResolverUnavailable(MailauthError):  # noqa: N818 - the contract's name
    """No resolver can be had, or it failed as a whole."""


class StoreError(MailauthError):
    """A DNS store or zone file cannot be used."""


class ReportError(MailauthError):
    """Octets hold no report, or exceed a report's limits."""


class EngineError(MailauthError):
    """A fault of ours: please report it with what caused it."""
