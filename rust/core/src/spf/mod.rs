//! SPF (RFC 7208): may this client use this domain in HELO or MAIL FROM? The domain publishes a record of directives;
//! each names addresses directly or by way of DNS, and the first that the client matches decides. `record.rs` reads
//! records, `macro_string.rs` the strings inside them, `check_host.rs` and `address_terms.rs` evaluate,
//! `identity.rs` tells whom to check. This file holds the words, the verdicts and the three doors.
//! Limits of RFC 7208 §4.6.4 hold for one check; MAIL FROM and HELO are two.

mod address_terms;
mod check_host;
mod explanation;
mod identity;
mod macro_string;
mod record;
mod target_name;

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

pub use address_terms::{MX_NAME_LIMIT, PTR_NAME_LIMIT};
pub use check_host::{DNS_LOOKUP_LIMIT, VOID_LOOKUP_LIMIT};
use identity::{IDENTITY_OCTET_LIMIT, NoSender, Sender};
pub use macro_string::{EXPLANATION_OCTET_LIMIT, Explanation, MacroString, MacroValues};
pub use record::{Directive, Mechanism, PrefixLengths, Qualifier, Record, RecordSelection};

use crate::dns::{Answers, Pending};
use crate::envelope::Envelope;
use crate::policy::Policy;
use crate::reason::{reasons, words};

words! {
    /// RFC 7208 §2.6, and `not-evaluated` without an envelope.
    SpfResult {
        None "none";
        Neutral "neutral";
        Pass "pass";
        Fail "fail";
        SoftFail "softfail";
        TempError "temperror";
        PermError "permerror";
        NotEvaluated "not-evaluated";
    }
}

reasons! {
    /// Why SPF says what it says.
    SpfReason of "spf" {
        Matched "matched" "RFC 7208 §4.6.2" "A directive of the record matches the client and its qualifier is the result.";
        NoMatch "no-match" "RFC 7208 §4.7" "No directive matches the client and the record does not redirect.";
        NoRecord "no-record" "RFC 7208 §4.5" "The domain exists but publishes no SPF record.";
        NoDomain "no-domain" "RFC 7208 §4.3" "The domain does not exist.";
        InvalidDomain "invalid-domain" "RFC 7208 §4.3" "The identity has no well-formed domain name of several labels.";
        InvalidSender "invalid-sender" "RFC 7208 §2.6.1" "MAIL FROM is no mail address.";
        MultipleRecords "multiple-records" "RFC 7208 §4.5" "The domain publishes more than one SPF record.";
        SyntaxError "syntax-error" "RFC 7208 §4.6" "The record has a syntax error.";
        IncludeNone "include-none" "RFC 7208 §5.2" "An included domain publishes no SPF record or is no domain name.";
        IncludePermerror "include-permerror" "RFC 7208 §5.2" "The record of an included domain has an error of its own.";
        RedirectNone "redirect-none" "RFC 7208 §6.1" "The domain redirected to publishes no SPF record or is no domain name.";
        LookupLimit "lookup-limit" "RFC 7208 §4.6.4" "The check needs more than 10 terms that cause DNS queries.";
        VoidLimit "void-limit" "RFC 7208 §4.6.4" "More than 2 terms ask for names that do not exist or have no such records.";
        MxLimit "mx-limit" "RFC 7208 §4.6.4" "An mx mechanism leads to more than 10 mail exchangers.";
        DnsTimeout "dns-timeout" "RFC 7208 §5" "A name server does not answer in time.";
        DnsServfail "dns-servfail" "RFC 7208 §5" "A name server reports a failure.";
        DnsRefused "dns-refused" "RFC 7208 §5" "A name server refuses to answer.";
        DnsError "dns-error" "RFC 7208 §5" "A name server's answer cannot be used.";
        DnsUnknown "dns-unknown" "api" "The DNS store has no answer for a name that the check needs.";
        DnsBudget "dns-budget" "api" "The message's budget of DNS questions is used up.";
        NoEnvelope "no-envelope" "api" "No client address or no identity is known for this message.";
        IpUntrusted "ip-untrusted" "api" "The client address comes from a trace field and is not a public one.";
        Submission "submission" "api" "The client is an authenticated user who submits mail.";
    }
}

impl SpfReason {
    /// The result that this reason means; `None` for [`SpfReason::Matched`], where the qualifier tells.
    pub const fn result(self) -> Option<SpfResult> {
        match self {
            Self::Matched => None,
            Self::NoMatch => Some(SpfResult::Neutral),
            Self::NoRecord | Self::NoDomain | Self::InvalidDomain | Self::InvalidSender => {
                Some(SpfResult::None)
            }
            Self::MultipleRecords
            | Self::SyntaxError
            | Self::IncludeNone
            | Self::IncludePermerror
            | Self::RedirectNone
            | Self::LookupLimit
            | Self::VoidLimit
            | Self::MxLimit
            | Self::DnsBudget => Some(SpfResult::PermError),
            Self::DnsTimeout
            | Self::DnsServfail
            | Self::DnsRefused
            | Self::DnsError
            | Self::DnsUnknown => Some(SpfResult::TempError),
            Self::NoEnvelope | Self::IpUntrusted | Self::Submission => {
                Some(SpfResult::NotEvaluated)
            }
        }
    }

    /// True when a limit of ours or of the RFC was hit; such a reason also stands in `limits`.
    const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::LookupLimit | Self::VoidLimit | Self::MxLimit | Self::DnsBudget
        )
    }
}

/// SPF of the MAIL FROM identity.
#[derive(Clone, Debug, Serialize)]
pub struct SpfVerdict {
    /// The result word.
    pub result: SpfResult,
    /// Always `mail_from`, also for the null sender (RFC 7208 §2.4).
    pub identity: &'static str,
    /// The domain that was checked; also where nothing was evaluated, if the identity names one.
    pub domain: Option<Arc<str>>,
    /// Why.
    pub reason: SpfReason,
    /// The directive that matched, as published; for a match inside an include the outermost directive.
    pub mechanism: Option<String>,
    /// The text of `exp=`.
    pub explanation: Option<String>,
    /// Terms that cost a DNS lookup (RFC 7208 §4.6.4).
    pub dns_lookups: u32,
    /// Void lookups (RFC 7208 §4.6.4).
    pub void_lookups: u32,
    /// Words for the verdict's `limits`.
    #[serde(skip)]
    pub limits: Vec<&'static str>,
}

/// SPF of the HELO identity.
#[derive(Clone, Debug, Serialize)]
pub struct SpfHeloVerdict {
    /// The result word.
    pub result: SpfResult,
    /// The domain that was checked.
    pub domain: Option<Arc<str>>,
    /// Why.
    pub reason: SpfReason,
    /// Words for the verdict's `limits`.
    #[serde(skip)]
    pub limits: Vec<&'static str>,
}

/// What surrounds an identity.
#[derive(Clone, Copy)]
struct Session<'a> {
    client_ip: IpAddr,
    helo: Option<&'a str>,
    receiver: &'a str,
    now: Option<i64>,
}

/// Checks the MAIL FROM identity (RFC 7208 §2.4); `now` in Unix seconds serves `%{t}`.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn check_mail_from(
    answers: &Answers<'_>,
    envelope: &Envelope,
    policy: &Policy,
    now: Option<i64>,
) -> Result<SpfVerdict, Pending> {
    let sender = match envelope.mail_from.as_deref() {
        Some(mail_from) => Sender::from_mail_from(mail_from, envelope.helo.as_deref()),
        None => Err(NoSender::unknown()),
    };
    match Session::of(envelope, policy, now) {
        Ok(session) => session.check(answers, sender, true),
        Err(reason) => Ok(SpfVerdict::without_check(reason, domain_of(&sender))),
    }
}

/// Checks the HELO identity (RFC 7208 §2.3).
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn check_helo(
    answers: &Answers<'_>,
    envelope: &Envelope,
    policy: &Policy,
    now: Option<i64>,
) -> Result<SpfHeloVerdict, Pending> {
    let sender = match envelope.helo.as_deref() {
        Some(helo) => Sender::from_helo(helo),
        None => Err(NoSender::unknown()),
    };
    let verdict = match Session::of(envelope, policy, now) {
        Ok(session) => session.check(answers, sender, false)?,
        Err(reason) => SpfVerdict::without_check(reason, domain_of(&sender)),
    };
    Ok(SpfHeloVerdict {
        result: verdict.result,
        domain: verdict.domain,
        reason: verdict.reason,
        limits: verdict.limits,
    })
}

/// Checks one client by hand (RFC 7208 §4); an empty `mail_from` is checked as postmaster@`helo`.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn check_host(
    answers: &Answers<'_>,
    client_ip: IpAddr,
    helo: &str,
    mail_from: &str,
    receiver: &str,
    now: Option<i64>,
) -> Result<SpfVerdict, Pending> {
    let session = Session {
        // RFC 7208 §5: an IPv4-mapped client is an IPv4 client.
        client_ip: client_ip.to_canonical(),
        helo: Some(helo),
        receiver,
        now,
    };
    session.check(answers, Sender::from_mail_from(mail_from, Some(helo)), true)
}

impl<'a> Session<'a> {
    /// The surroundings that an envelope and a policy give, or why nothing is checked.
    fn of(envelope: &'a Envelope, policy: &'a Policy, now: Option<i64>) -> Result<Self, SpfReason> {
        if let Some(reason) = identity::exemption(envelope) {
            return Err(reason);
        }
        Ok(Self {
            // RFC 7208 §5: an IPv4-mapped client is an IPv4 client.
            client_ip: envelope
                .client_ip
                .ok_or(SpfReason::NoEnvelope)?
                .to_canonical(),
            helo: envelope.helo.as_deref(),
            receiver: &policy.receiver,
            now,
        })
    }

    fn check(
        self,
        answers: &Answers<'_>,
        sender: Result<Sender, NoSender>,
        wants_explanation: bool,
    ) -> Result<SpfVerdict, Pending> {
        let sender = match sender {
            Ok(sender) => sender,
            Err(none) => return Ok(SpfVerdict::without_check(none.reason, none.domain_text())),
        };
        let arguments = check_host::Arguments {
            client_ip: self.client_ip,
            sender: &sender,
            helo: self.helo.filter(|helo| helo.len() <= IDENTITY_OCTET_LIMIT),
            receiver: self.receiver,
            now: self.now,
            wants_explanation,
        };
        let evaluation = check_host::check_host(answers, arguments)?;
        Ok(SpfVerdict {
            result: evaluation.result,
            mechanism: evaluation.mechanism,
            explanation: evaluation.explanation,
            dns_lookups: u32::try_from(evaluation.lookup_count).unwrap_or(u32::MAX),
            void_lookups: u32::try_from(evaluation.void_count).unwrap_or(u32::MAX),
            limits: evaluation.limits,
            ..SpfVerdict::without_check(evaluation.reason, Some(sender.domain.to_text()))
        })
    }
}

impl SpfVerdict {
    /// A verdict that needed no DNS.
    fn without_check(reason: SpfReason, domain: Option<Arc<str>>) -> Self {
        Self {
            result: reason.result().unwrap_or(SpfResult::NotEvaluated),
            identity: "mail_from",
            domain,
            reason,
            mechanism: None,
            explanation: None,
            dns_lookups: 0,
            void_lookups: 0,
            limits: Vec::new(),
        }
    }
}

fn domain_of(sender: &Result<Sender, NoSender>) -> Option<Arc<str>> {
    match sender {
        Ok(sender) => Some(sender.domain.to_text()),
        Err(none) => none.domain_text(),
    }
}

#[cfg(test)]
mod tests;
