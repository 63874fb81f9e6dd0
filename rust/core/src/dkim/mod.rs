//! DKIM (RFC 6376): which domains answer for these octets?

use serde::Serialize;

use crate::dns::{Answers, Pending};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::Policy;
use crate::reason::{reasons, words};

/// The DKIM keys among a name's text records, ready to verify with (RFC 6376 §3.6.2.2).
pub struct KeyRecords;

words! {
    /// RFC 8601 §2.7.1, and `unverifiable` for a key that a DNS store does not know.
    DkimResult {
        Pass "pass";
        Fail "fail";
        Policy "policy";
        TempError "temperror";
        PermError "permerror";
        Unverifiable "unverifiable";
    }
}

words! {
    /// One half of a signature's check.
    Check {
        Pass "pass";
        Fail "fail";
        NotChecked "not-checked";
    }
}

words! {
    /// Hygiene facts; they never change the result.
    DkimFlag {
        BodyUncovered "body-uncovered";
        SubjectUnsigned "subject-unsigned";
        ContentTypeUnsigned "content-type-unsigned";
        NotOversigned "not-oversigned";
        DuplicateSignedHeader "duplicate-signed-header";
        WeakKey "weak-key";
        SmallExponent "small-exponent";
        LongLived "long-lived";
        NoTimestamp "no-timestamp";
    }
}

reasons! {
    /// Why DKIM says what it says of one signature.
    DkimReason of "dkim" {
        Verified "verified" "RFC 6376 §6.1.3" "Body hash and signature verify with the published key.";
        KeyUnavailable "key-unavailable" "RFC 6376 §6.1.2" "No key is published under the selector, or a DNS store does not know it.";
    }
}

/// A change in transit that explains a failure; null until it is built.
#[derive(Clone, Debug, Serialize)]
pub struct NearMiss {
    /// `footer`, `subject-prefix`, `mime-wrap`, `reencoded`, `refolded` or `line-endings`.
    pub cause: &'static str,
    /// Octets that were added.
    pub octets_added: u64,
}

/// What is said of one DKIM-Signature field.
#[derive(Clone, Debug, Serialize)]
pub struct DkimVerdict {
    /// The result word.
    pub result: DkimResult,
    /// Why.
    pub reason: DkimReason,
    /// `d=`.
    pub domain: Option<String>,
    /// `s=`.
    pub selector: Option<String>,
    /// `i=`.
    pub auid: Option<String>,
    /// `a=`, lower case.
    pub algorithm: Option<String>,
    /// `c=` with both halves, lower case.
    pub canonicalization: Option<String>,
    /// Modulus bits, 256 for Ed25519.
    pub key_bits: Option<u32>,
    /// `h=` as listed, lower case.
    pub signed_headers: Vec<String>,
    /// The body hash alone.
    pub body_hash: Check,
    /// The signature over the header alone.
    pub signature: Check,
    /// Canonical body octets under the signature.
    pub body_octets_signed: Option<u64>,
    /// Canonical body octets of the message.
    pub body_octets: Option<u64>,
    /// The key says `t=y`.
    pub testing: bool,
    /// `t=`, Unix seconds.
    pub signed_at: Option<i64>,
    /// `x=`, Unix seconds.
    pub expires_at: Option<i64>,
    /// Where the key comes from (DNS stores).
    pub key_source: Option<String>,
    /// Unix seconds (DNS stores).
    pub key_first_seen: Option<i64>,
    /// Unix seconds (DNS stores).
    pub key_last_seen: Option<i64>,
    /// A change in transit that explains a failure.
    pub near_miss: Option<NearMiss>,
    /// Hygiene facts.
    pub flags: Vec<DkimFlag>,
    /// `d=` as a domain, for alignment.
    #[serde(skip)]
    pub signing_domain: Option<Domain>,
    /// `b=` without its white space, for `header.b` (RFC 6008 §4); `None` when there is none.
    #[serde(skip)]
    pub header_b: Option<String>,
}

/// The body hashes of one message, each distinct (canonicalization, hash) computed once for DKIM and ARC.
#[derive(Default)]
pub struct BodyHashes;

/// The DKIM-Signature fields of one message and what is already known of them.
pub struct Signatures;

impl Signatures {
    /// Reads the fields; no DNS, no hashing yet.
    pub fn parse(message: &Message) -> Self {
        let _ = message;
        Self
    }

    /// Evaluates as far as the answers go; what was computed is kept for the next call.
    ///
    /// # Errors
    /// [`Pending`] when a key is missing; all missing keys have been noted then.
    pub fn evaluate(
        &mut self,
        answers: &Answers<'_>,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
        judged_at: Option<i64>,
        author: Option<&Domain>,
    ) -> Result<Vec<DkimVerdict>, Pending> {
        let _ = (answers, message, bodies, policy, judged_at, author);
        Ok(Vec::new())
    }

    /// DKIM-Signature fields beyond those listed in the verdict.
    pub fn unlisted(&self) -> usize {
        0
    }
}
