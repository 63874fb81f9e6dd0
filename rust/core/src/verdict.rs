//! The verdict: one row a message, in the shape and with the words of the public contract.
//!
//! Knows only names and types; the protocols fill it. Serialised by serde, it *is* the contract's JSON.

use serde::Serialize;

use crate::message::Repair;
use crate::reason::{reasons, words};
use crate::{arc, author, disposition, dkim, dmarc, spf};

/// Everything that is said of one message.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Where the message stands in its source.
    pub id: String,
    /// Octets as stored.
    pub size: u64,
    /// The Message-ID field without its angle brackets.
    pub message_id: Option<String>,
    /// The Date field in Unix seconds.
    pub date: Option<i64>,
    /// SHA-256 of the octets as stored, lower-case hex, on request.
    pub sha256: Option<String>,
    /// Unix seconds of receipt, if known.
    pub received_at: Option<i64>,
    /// Unix seconds that `x=`, `t=` and the rule book were judged by.
    pub judged_at: Option<i64>,
    /// Why there is no verdict.
    pub error: Option<ErrorReason>,
    /// The author domain.
    pub author: Option<author::Author>,
    /// The SMTP envelope and where each of its parts comes from.
    pub envelope: EnvelopeRow,
    /// SPF of the MAIL FROM identity.
    pub spf: Option<spf::SpfVerdict>,
    /// SPF of the HELO identity.
    pub spf_helo: Option<spf::SpfHeloVerdict>,
    /// One entry a DKIM-Signature field, from the top.
    pub dkim: Vec<dkim::DkimVerdict>,
    /// The ARC chain.
    pub arc: Option<arc::ArcVerdict>,
    /// DMARC.
    pub dmarc: Option<dmarc::DmarcVerdict>,
    /// What the receiver does.
    pub disposition: Option<disposition::Disposition>,
    /// How the message came; `unknown` until it is built.
    pub flow: &'static str,
    /// The Authentication-Results field, on request.
    pub authentication_results: Option<String>,
    /// Limits that were hit and other qualifications, each once, sorted.
    pub limits: Vec<String>,
    /// What was odd about the octets.
    pub repairs: Vec<Repair>,
    /// Distinct DNS questions that the checks needed.
    pub dns_questions: u64,
}

/// A verdict in its place among others: rows are handed on from worker to queue to whoever takes them, so that only
/// their addresses move.
pub type Row = Box<Verdict>;

/// The envelope as the verdict shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EnvelopeRow {
    /// The client's address.
    pub client_ip: Option<String>,
    /// The name of HELO or EHLO.
    pub helo: Option<String>,
    /// The reverse-path; empty is the null sender.
    pub mail_from: Option<String>,
    /// The forward-paths.
    pub rcpt_to: Vec<String>,
    /// The authenticated user.
    pub auth_id: Option<String>,
    /// RFC 3848 word.
    pub protocol: Option<String>,
    /// Where each part comes from.
    pub sources: EnvelopeSources,
}

/// Where each part of the envelope comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are those of the envelope's parts")]
pub struct EnvelopeSources {
    pub client_ip: Source,
    pub helo: Source,
    pub mail_from: Source,
    pub rcpt_to: Source,
    pub received_at: Source,
}

words! {
    /// Where a part of the envelope comes from.
    Source {
        Explicit "explicit";
        Spool "spool";
        Received "received";
        ReceivedSpf "received-spf";
        ReturnPath "return-path";
        Recorded "recorded";
        Missing "missing";
    }
}

#[allow(
    clippy::derivable_impls,
    reason = "the macro that makes the enum cannot mark a default"
)]
impl Default for Source {
    fn default() -> Self {
        Self::Missing
    }
}

reasons! {
    /// Why a message has a row but no verdict.
    ErrorReason of "error" {
        MessageTooLarge "message-too-large" "api" "The message has more octets than are held in memory (256 MiB).";
        Unreadable "unreadable" "api" "The message's octets could not be read from its source.";
        Truncated "truncated" "api" "The source ends in the middle of the message.";
    }
}

impl Verdict {
    /// True when a word is a temperror that asking again could mend: what a DNS store does not know stays unknown.
    pub fn has_temperror(&self) -> bool {
        let is_passing = |word: &str, code: &str| word == "temperror" && code != "dns-unknown";
        let spf = self.spf.as_ref();
        let helo = self.spf_helo.as_ref();
        let arc = self.arc.as_ref();
        let dmarc = self.dmarc.as_ref();
        spf.is_some_and(|spf| is_passing(spf.result.as_str(), spf.reason.code()))
            || helo.is_some_and(|helo| is_passing(helo.result.as_str(), helo.reason.code()))
            || arc.is_some_and(|arc| is_passing(arc.result.as_str(), arc.reason.code()))
            || dmarc.is_some_and(|dmarc| is_passing(dmarc.result.as_str(), dmarc.reason.code()))
            || self
                .dkim
                .iter()
                .any(|signature| signature.result == dkim::DkimResult::TempError)
    }

    /// A row for a message that could not be verified.
    pub fn failed(id: String, size: u64, error: ErrorReason) -> Self {
        Self {
            id,
            size,
            message_id: None,
            date: None,
            sha256: None,
            received_at: None,
            judged_at: None,
            error: Some(error),
            author: None,
            envelope: EnvelopeRow::default(),
            spf: None,
            spf_helo: None,
            dkim: Vec::new(),
            arc: None,
            dmarc: None,
            disposition: None,
            flow: "unknown",
            authentication_results: None,
            limits: Vec::new(),
            repairs: Vec::new(),
            dns_questions: 0,
        }
    }
}
