//! SPF (RFC 7208): may this client use this domain in HELO or MAIL FROM?

use serde::Serialize;

use crate::dns::{Answers, Pending};
use crate::envelope::Envelope;
use crate::policy::Policy;
use crate::reason::{reasons, words};

/// The SPF record among a name's text records, or why there is none (RFC 7208 §4.5).
pub struct RecordSelection;

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
        NoEnvelope "no-envelope" "api" "No client address or no identity is known for this message.";
    }
}

/// SPF of the MAIL FROM identity.
#[derive(Clone, Debug, Serialize)]
pub struct SpfVerdict {
    /// The result word.
    pub result: SpfResult,
    /// Always `mail_from`, also for the null sender (RFC 7208 §2.4).
    pub identity: &'static str,
    /// The domain that was checked.
    pub domain: Option<String>,
    /// Why.
    pub reason: SpfReason,
    /// The directive that matched, as published.
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
    pub domain: Option<String>,
    /// Why.
    pub reason: SpfReason,
    /// Words for the verdict's `limits`.
    #[serde(skip)]
    pub limits: Vec<&'static str>,
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
    let _ = (answers, envelope, policy, now);
    Ok(SpfVerdict {
        result: SpfResult::NotEvaluated,
        identity: "mail_from",
        domain: None,
        reason: SpfReason::NoEnvelope,
        mechanism: None,
        explanation: None,
        dns_lookups: 0,
        void_lookups: 0,
        limits: Vec::new(),
    })
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
    let _ = (answers, envelope, policy, now);
    Ok(SpfHeloVerdict {
        result: SpfResult::NotEvaluated,
        domain: None,
        reason: SpfReason::NoEnvelope,
        limits: Vec::new(),
    })
}
