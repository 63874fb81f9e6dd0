//! What the receiver does when no local rule says otherwise: the published policy, staged as its rule book tells.
//!
//! Knows the finished results alone. Policy and disposition stay two facts: where the action is milder than the
//! published policy, an RFC 9990 §3.1.1.9 override says so. Local rules (lists, forwarders, reputation) are Python's.

use std::sync::Arc;

use serde::Serialize;

use crate::arc::{ArcResult, ArcVerdict};
use crate::authentication_results::{self, MethodResult};
use crate::crypto::Sha256;
use crate::dmarc::{DmarcResult, DmarcVerdict, RequestedPolicy};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::{Policy, Rules};
use crate::reason::{reasons, words};

words! {
    /// What happens to the message.
    Action {
        None "none";
        Quarantine "quarantine";
        Reject "reject";
        Accept "accept";
        Defer "defer";
    }
}

words! {
    /// Why an action differs from the published policy: the types of RFC 9990 §3.1.1.9 and, for `pct`, RFC 7489 App. C.
    Override {
        LocalPolicy "local_policy";
        MailingList "mailing_list";
        Other "other";
        PolicyTestMode "policy_test_mode";
        TrustedForwarder "trusted_forwarder";
        SampledOut "sampled_out";
    }
}

reasons! {
    /// Why the action is what it is.
    DispositionReason of "disposition" {
        NoFailure "no-failure" "RFC 9989 §5.4" "DMARC passed or does not apply, so no policy is applied.";
        NotDetermined "not-determined" "RFC 9989 §5.3.6" "DMARC could neither pass nor fail, so no policy is applied.";
        PublishedPolicy "published-policy" "RFC 9989 §5.3.6" "DMARC failed, and the published policy is applied.";
        PolicyTestMode "policy-test-mode" "RFC 9989 §4.7" "The domain tests its policy (t=y): one level below it is applied.";
        RejectNeedsEvidence "reject-needs-evidence" "RFC 9989 §7.4" "A reject that rests on the published policy alone is a quarantine.";
        SampledOut "sampled-out" "RFC 7489 §6.6.4" "The message is outside the share (pct) that the policy is to be applied to.";
        TrustedArcChain "trusted-arc-chain" "RFC 8617 §7.2.1" "Every sealer of an intact ARC chain is trusted, so the failure is left to them.";
    }
}

/// The verdict's `disposition` object.
#[derive(Clone, Debug, Serialize)]
pub struct Disposition {
    /// What happens.
    pub action: Action,
    /// RFC 9990 §3.1.1.9 override type (`local_policy`, `policy_test_mode`, ...) when the action differs from the policy.
    #[serde(rename = "override")]
    pub override_type: Option<&'static str>,
    /// Why.
    pub reason: DispositionReason,
    /// The reply line for a reject or defer.
    pub smtp_reply: Option<&'static str>,
}

impl Action {
    /// The reply to DATA, for the actions that refuse a message (RFC 9989 §7.2: the word DMARC, 5yz or 4yz).
    pub const fn smtp_reply(self) -> Option<&'static str> {
        match self {
            Self::Reject => Some("550 5.7.1 Email rejected per DMARC policy"),
            Self::Defer => Some("451 4.7.1 DMARC policy cannot be applied now, try again later"),
            Self::None | Self::Quarantine | Self::Accept => None,
        }
    }

    const fn of_policy(policy: RequestedPolicy) -> Self {
        match policy {
            RequestedPolicy::None => Self::None,
            RequestedPolicy::Quarantine => Self::Quarantine,
            RequestedPolicy::Reject => Self::Reject,
        }
    }
}

impl Disposition {
    fn new(action: Action, reason: DispositionReason, cause: Option<Override>) -> Self {
        Self {
            action,
            override_type: cause.map(Override::as_str),
            reason,
            smtp_reply: action.smtp_reply(),
        }
    }

    fn without_action(reason: DispositionReason) -> Self {
        Self::new(Action::None, reason, None)
    }
}

/// Decides by the published policy alone.
pub fn decide(
    dmarc: &DmarcVerdict,
    arc: &ArcVerdict,
    message: &Message,
    policy: &Policy,
) -> Disposition {
    // RFC 9989 §11.5: several authors are no failure of one domain, but the strictest policy is followed.
    let has_several = dmarc.result == DmarcResult::PermError && dmarc.reason.has_several_authors();
    let effective = match (dmarc.result, dmarc.effective_policy) {
        (DmarcResult::Pass | DmarcResult::None, _) => {
            return Disposition::without_action(DispositionReason::NoFailure);
        }
        (DmarcResult::Fail, Some(effective)) => effective,
        (DmarcResult::PermError, Some(effective)) if has_several => effective,
        _ => return Disposition::without_action(DispositionReason::NotDetermined),
    };
    let is_weaker = dmarc.assessment_policy != Some(effective);
    let published = dmarc.assessment_policy.unwrap_or(effective);
    if published == RequestedPolicy::None {
        // RFC 9989 §5.4: `p=none` never changes what is done.
        return Disposition::without_action(DispositionReason::PublishedPolicy);
    }
    // A chain vouches for what a list changed, never for a message with several authors.
    if !has_several && is_trusted(arc, policy) && !was_failing_before(message) {
        let cause = Some(Override::LocalPolicy);
        return Disposition::new(Action::None, DispositionReason::TrustedArcChain, cause);
    }
    if is_weaker {
        let action = Action::of_policy(effective);
        let cause = Some(Override::PolicyTestMode);
        return Disposition::new(action, DispositionReason::PolicyTestMode, cause);
    }
    stage(effective, dmarc, message, policy)
}

/// The steps between a policy and its enforcement: `pct` (RFC 7489 §6.6.4), evidence for a reject (RFC 9989 §7.4, §8).
fn stage(
    effective: RequestedPolicy,
    dmarc: &DmarcVerdict,
    message: &Message,
    policy: &Policy,
) -> Disposition {
    if dmarc.rules == Rules::Rfc7489 {
        let percent = dmarc.pct.unwrap_or(100);
        if percent < 100 && share(message) >= u64::from(percent) {
            let action = Action::of_policy(effective.one_level_below());
            let cause = Some(Override::SampledOut);
            return Disposition::new(action, DispositionReason::SampledOut, cause);
        }
    } else if effective == RequestedPolicy::Reject && !policy.reject_on_policy_alone {
        let cause = Some(Override::LocalPolicy);
        let reason = DispositionReason::RejectNeedsEvidence;
        return Disposition::new(Action::Quarantine, reason, cause);
    }
    let action = Action::of_policy(effective);
    Disposition::new(action, DispositionReason::PublishedPolicy, None)
}

/// RFC 8617 §7.2: a chain is worth no more than its sealers. One that is not trusted may have invented everything
/// below its seal, so each of them has to be on the list.
fn is_trusted(arc: &ArcVerdict, policy: &Policy) -> bool {
    let is_listed = |sealer: &Option<Arc<str>>| {
        let domain = sealer.as_deref().and_then(Domain::parse_host);
        let trusted = policy
            .trusted_sealers
            .iter()
            .filter_map(|name| Domain::parse_host(name));
        domain.is_some_and(|domain| trusted.into_iter().any(|name| name == domain))
    };
    arc.result == ArcResult::Pass
        && !arc.sealers.is_empty()
        && arc.sealers.iter().all(|sealer| is_listed(&sealer.domain))
}

/// True when the first hop of the chain already saw DMARC fail, or its field breaks off before it can be seen: then
/// there is nothing to vouch for (RFC 8617 §7.2.1 lets a receiver accept the chain's assessments, and this is one).
fn was_failing_before(message: &Message) -> bool {
    let mut fields = message.fields_named(b"ARC-Authentication-Results");
    fields.any(|field| {
        let (instance, told) = authentication_results::parse_arc(message.value(field));
        let is_failure =
            |result: &MethodResult| result.method == "dmarc" && result.result == "fail";
        instance == Some(1) && (told.error.is_some() || told.results.iter().any(is_failure))
    })
}

/// A number from 0 to 99 that depends on the header section alone, so that a message keeps its side of `pct`: the first
/// eight octets of SHA-256 over the header section with CRLF line ends, modulo 100.
///
/// Deviation: RFC 7489 §6.6.4 suggests chance; a verdict must be the same each time.
fn share(message: &Message) -> u64 {
    let mut hash = Sha256::new();
    let (header, mut done) = (message.header(), 0);
    for end in memchr::memchr_iter(b'\n', header) {
        let line = header.get(done..end).unwrap_or_default();
        hash.update(line);
        if line.last() != Some(&b'\r') {
            hash.update(b"\r");
        }
        hash.update(b"\n");
        done = end + 1;
    }
    hash.update(header.get(done..).unwrap_or_default());
    let digest = hash.finish();
    let first = digest.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first) % 100
}

#[cfg(test)]
mod tests;
