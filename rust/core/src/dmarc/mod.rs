//! DMARC (RFC 9989, and RFC 7489 for older mail): does an authenticated domain match the author's, and what does the
//! author's domain ask for when none does?

mod public_suffix;

use serde::Serialize;

use crate::author::Author;
use crate::dkim::DkimVerdict;
use crate::dns::{Answers, Pending};
use crate::domain::Domain;
use crate::policy::{Policy, Rules};
use crate::reason::{reasons, words};
use crate::spf::SpfVerdict;

pub use public_suffix::PublicSuffixList;

/// Author domains of one message that are evaluated (RFC 9989 §11.5): each costs up to eight questions.
pub const AUTHOR_DOMAIN_LIMIT: usize = 4;

/// The DMARC policy records among a name's text records (RFC 9989 §4.10 step 2).
pub struct PolicyRecords;

words! {
    /// RFC 9989 §9.2, and `unverifiable`.
    DmarcResult {
        None "none";
        Pass "pass";
        Fail "fail";
        TempError "temperror";
        PermError "permerror";
        Unverifiable "unverifiable";
    }
}

words! {
    /// What a domain owner asks for (RFC 9989 §4.7).
    RequestedPolicy {
        None "none";
        Quarantine "quarantine";
        Reject "reject";
    }
}

words! {
    /// RFC 9989 §3.2.10.
    AlignmentMode {
        Relaxed "relaxed";
        Strict "strict";
    }
}

words! {
    /// How a policy or an organizational domain was found.
    DiscoveryMethod {
        TreeWalk "treewalk";
        PublicSuffixList "psl";
    }
}

reasons! {
    /// Why DMARC says what it says.
    DmarcReason of "dmarc" {
        NoRecord "no-record" "RFC 9989 §4.10.1" "Neither the author domain nor a domain above it publishes a policy that counts.";
    }
}

/// What is said about DMARC.
#[derive(Clone, Debug, Serialize)]
pub struct DmarcVerdict {
    /// The result word.
    pub result: DmarcResult,
    /// Why.
    pub reason: DmarcReason,
    /// Where the record is published.
    pub policy_domain: Option<Domain>,
    /// The record as published.
    pub record: Option<String>,
    /// `p`.
    pub policy: Option<RequestedPolicy>,
    /// `sp`.
    pub subdomain_policy: Option<RequestedPolicy>,
    /// `np`.
    pub nonexistent_policy: Option<RequestedPolicy>,
    /// `adkim`.
    pub dkim_alignment: Option<AlignmentMode>,
    /// `aspf`.
    pub spf_alignment: Option<AlignmentMode>,
    /// `t=y`.
    pub testing: Option<bool>,
    /// `psd`: `y`, `n` or `u`.
    pub psd: Option<&'static str>,
    /// `pct` under RFC 7489.
    pub pct: Option<u32>,
    /// `fo` as written.
    pub fo: Option<String>,
    /// Valid URIs of `rua`, in order.
    pub rua: Vec<String>,
    /// Valid URIs of `ruf`, in order.
    pub ruf: Vec<String>,
    /// What holds for this author domain.
    pub effective_policy: Option<RequestedPolicy>,
    /// A passing MAIL FROM domain is aligned.
    pub spf_aligned: Option<bool>,
    /// A passing signing domain is aligned.
    pub dkim_aligned: Option<bool>,
    /// How the policy was found.
    pub discovery: DiscoveryMethod,
    /// The rule book in force, never `auto`.
    pub rules: Rules,
    /// The author domain's organizational domain.
    #[serde(skip)]
    pub organizational_domain: Option<Domain>,
    /// Words for the verdict's `limits`.
    #[serde(skip)]
    pub limits: Vec<&'static str>,
}

/// Asks ahead for what [`evaluate`] will need whatever SPF and DKIM say: the policy discovery of the author domain.
pub fn expect(answers: &Answers<'_>, author: &Author, policy: &Policy, judged_at: Option<i64>) {
    let _ = (answers, author, policy, judged_at);
}

/// Evaluates DMARC for a message (RFC 9989 §5.3, RFC 7489 §6.6).
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn evaluate(
    answers: &Answers<'_>,
    author: &Author,
    spf: &SpfVerdict,
    dkim: &[DkimVerdict],
    policy: &Policy,
    judged_at: Option<i64>,
) -> Result<DmarcVerdict, Pending> {
    let _ = (answers, author, spf, dkim);
    Ok(DmarcVerdict {
        result: DmarcResult::None,
        reason: DmarcReason::NoRecord,
        policy_domain: None,
        record: None,
        policy: None,
        subdomain_policy: None,
        nonexistent_policy: None,
        dkim_alignment: None,
        spf_alignment: None,
        testing: None,
        psd: None,
        pct: None,
        fo: None,
        rua: Vec::new(),
        ruf: Vec::new(),
        effective_policy: None,
        spf_aligned: None,
        dkim_aligned: None,
        discovery: DiscoveryMethod::TreeWalk,
        rules: policy.rules_at(judged_at),
        organizational_domain: None,
        limits: Vec::new(),
    })
}
