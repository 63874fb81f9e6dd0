//! DKIM (RFC 6376, 8301, 8463, 8616): which domains answer for these octets?
//!
//! A signer publishes a key in DNS and puts into the message a signature over some of its header fields and a hash of
//! its body. Whoever finds the key and gets the same two hashes knows that the signing domain saw these octets, and
//! nothing about who wrote them. Every signature is judged alone; none of them speaks for the message.
//! A field becomes a [`signature`], an answer [`key_record`]s, and [`verify`] says what both are worth together.

mod algorithm;
mod body_blocks;
mod body_hash;
mod body_paths;
pub(crate) mod canonicalization;
mod changes;
mod evidence;
mod flags;
pub(crate) mod hash_work;
pub(crate) mod header_hash;
mod key_facts;
mod key_record;
mod name_list;
pub(crate) mod proofs;
mod reasons;
mod recovery;
pub(crate) mod signature;
pub(crate) mod signatures;
mod signed_octets;
pub(crate) mod tag_value;
pub(crate) mod verify;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

pub use body_hash::BodyHashes;
pub use evidence::{Evidence, HELD_LIMIT, Sample};
pub use key_facts::KeyFacts;
pub use key_record::KeyRecords;
pub use name_list::NameList;
pub use reasons::DkimReason;
pub use recovery::{SignedDigest, signed_digests};
pub use signatures::Signatures;
pub use signed_octets::SignedOctets;
pub(crate) use signed_octets::signed_octets;

use crate::domain::Domain;
use crate::reason::words;

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

impl Check {
    pub(crate) const fn of(holds: bool) -> Self {
        if holds { Self::Pass } else { Self::Fail }
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
    pub domain: Option<Arc<str>>,
    /// `s=`.
    pub selector: Option<Arc<str>>,
    /// `i=`.
    pub auid: Option<Arc<str>>,
    /// `a=`, lower case.
    pub algorithm: Option<Cow<'static, str>>,
    /// `c=` with both halves, lower case.
    pub canonicalization: Option<Cow<'static, str>>,
    /// Modulus bits, 256 for Ed25519.
    pub key_bits: Option<u32>,
    /// `h=` as listed, lower case.
    pub signed_headers: NameList,
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
    /// `b=` without its white space; in a row only the beginning that tells it apart (RFC 6008 §4).
    pub header_b: Option<Arc<str>>,
    /// `d=` as a domain, for alignment.
    #[serde(skip)]
    pub signing_domain: Option<Domain>,
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
