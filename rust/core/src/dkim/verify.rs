//! From a signature, its key records and the hashes to a result (RFC 6376 §6.1.2 step 4 to §6.1.3).
//!
//! Knows which key decides and in which order policy, time and mathematics speak; must not know how a field is read,
//! where an answer comes from or what else the message holds.

use crate::crypto::Digest;
use crate::dkim::algorithm::Algorithm;
use crate::dkim::body_hash::BodyHash;
use crate::dkim::key_record::{KeyRecord, KeyRecords, PublicKey};
use crate::dkim::proofs::Proofs;
use crate::dkim::signature::SignedHash;
use crate::dkim::{Check, DkimReason, DkimResult};
use crate::policy::{BodyLength, HISTORIC_MIN_RSA_BITS, MIN_RSA_BITS, Policy, RSA_BITS_CEILING};

/// What one key says of one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) reason: DkimReason,
    pub(crate) signature: Check,
    pub(crate) key_bits: Option<u32>,
    pub(crate) has_small_exponent: bool,
    pub(crate) is_testing: bool,
    /// Where the key's text stands in the answer.
    pub(crate) place: Option<usize>,
}

/// What holds for a signature whatever its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// The body hash alone; [`Check::Pass`] for a seal, which covers no body.
    pub(crate) body_hash: Check,
    /// `l=` leaves a part of the body uncovered.
    pub(crate) is_partial: bool,
    /// Expired, or signed in the future.
    pub(crate) untimely: Option<DkimReason>,
}

impl Circumstances {
    /// Compares the body hash with `bh=`.
    pub(crate) fn new(expected: &[u8], found: &BodyHash, untimely: Option<DkimReason>) -> Self {
        Self {
            body_hash: Check::of(found.digest.as_slice() == expected),
            is_partial: found.octets_signed < found.octets,
            untimely,
        }
    }
}

/// True when some record holds a key that can be computed with: only then are hashes worth their cost.
pub(crate) fn has_usable_key(
    records: &KeyRecords,
    algorithm: Algorithm,
    has_auid_below: bool,
) -> bool {
    records.records().iter().any(|record| {
        record
            .key_for(algorithm, has_auid_below)
            .is_ok_and(is_computable)
    })
}

/// Sizes beyond these cost too much or prove nothing, and are not even computed.
pub(crate) fn is_computable(key: &PublicKey) -> bool {
    match key {
        PublicKey::Rsa(key) => (HISTORIC_MIN_RSA_BITS..=RSA_BITS_CEILING).contains(&key.bits()),
        PublicKey::Ed25519(_) => true,
    }
}

/// Refuses without any hash: for records of which none has a usable key.
pub(crate) fn refuse(records: &KeyRecords, hash: &SignedHash, has_auid_below: bool) -> Trial {
    let trials = records.records().iter().map(|record| {
        let reason = match record.key_for(hash.algorithm, has_auid_below) {
            Err(reason) => reason,
            Ok(_) => DkimReason::KeySize,
        };
        Trial::refused(record, reason)
    });
    select(trials).unwrap_or(Trial::without_key(DkimReason::KeyMalformed))
}

/// Tries the keys until one verifies (RFC 6376 §6.1.2 step 4).
pub(crate) fn try_keys(
    records: &KeyRecords,
    hash: &SignedHash,
    has_auid_below: bool,
    digest: &Digest,
    circumstances: Circumstances,
    policy: &Policy,
    proofs: &Proofs,
) -> Trial {
    let mut trials = Vec::with_capacity(records.records().len());
    for record in records.records() {
        let trial = match record.key_for(hash.algorithm, has_auid_below) {
            Err(reason) => Trial::refused(record, reason),
            Ok(key) => try_key(record, key, hash, digest, circumstances, policy, proofs),
        };
        if trial.signature == Check::Pass {
            return trial;
        }
        trials.push(trial);
    }
    // The key that signed may be one of those that were not tried.
    if records.exceeds_limit() {
        return Trial::without_key(DkimReason::LimitExceeded);
    }
    select(trials.into_iter()).unwrap_or(Trial::without_key(DkimReason::KeyMalformed))
}

fn try_key(
    record: &KeyRecord,
    key: &PublicKey,
    hash: &SignedHash,
    digest: &Digest,
    circumstances: Circumstances,
    policy: &Policy,
    proofs: &Proofs,
) -> Trial {
    let signature = if is_computable(key) {
        let known = proofs.known(hash.own.position, key, digest);
        Check::of(known.unwrap_or_else(|| match key {
            PublicKey::Rsa(key) => key.verify(hash.algorithm.hash(), digest, &hash.octets),
            // RFC 8463 §3: PureEdDSA over the SHA-256 digest.
            PublicKey::Ed25519(key) => key.verify(digest.as_slice(), &hash.octets),
        }))
    } else {
        Check::NotChecked
    };
    Trial {
        reason: judge(key, hash.algorithm, signature, circumstances, policy),
        signature,
        key_bits: Some(key.bits()),
        has_small_exponent: matches!(key, PublicKey::Rsa(key) if key.has_small_exponent()),
        is_testing: record.is_testing,
        place: Some(record.place),
    }
}

/// What is not acceptable is said first: its raw outcome stands beside it. Then what does not verify.
fn judge(
    key: &PublicKey,
    algorithm: Algorithm,
    signature: Check,
    circumstances: Circumstances,
    policy: &Policy,
) -> DkimReason {
    // RFC 8301 §3.1: rsa-sha1 must not be verified.
    // Deviation: `historic` lets it pass, for archives of mail older than that rule.
    if algorithm == Algorithm::RsaSha1 && !policy.historic {
        return DkimReason::RsaSha1;
    }
    let is_small = matches!(key, PublicKey::Rsa(key) if key.bits() < MIN_RSA_BITS);
    if !is_size_accepted(key, policy) {
        return DkimReason::KeySize;
    }
    if let Some(reason) = circumstances.untimely {
        return reason;
    }
    if circumstances.body_hash != Check::Pass {
        return DkimReason::BodyHashMismatch;
    }
    if signature != Check::Pass {
        return DkimReason::SignatureMismatch;
    }
    // RFC 6376 §6.1.3, §8.2: a body beyond l= may make the signature invalid.
    if circumstances.is_partial && policy.body_length == BodyLength::Whole {
        return DkimReason::BodyUncovered;
    }
    if algorithm == Algorithm::RsaSha1 || is_small {
        return DkimReason::HistoricAlgorithm;
    }
    DkimReason::Verified
}

/// RFC 8301 §3.2: 1024 to 4096 bits must verify, less must not, more may.
///
/// Deviation: `historic` lets smaller keys pass, as RFC 6376 §3.3.3 did.
fn is_size_accepted(key: &PublicKey, policy: &Policy) -> bool {
    let PublicKey::Rsa(key) = key else {
        return true;
    };
    let bits = key.bits();
    (policy.min_rsa_bits..=policy.max_rsa_bits).contains(&bits)
        && (bits >= MIN_RSA_BITS || policy.historic)
}

/// When none verifies, the first of `fail`, `policy`, `permerror` that any key gives; records come in a fixed order.
fn select(trials: impl Iterator<Item = Trial>) -> Option<Trial> {
    trials.min_by_key(|trial| match trial.reason.result() {
        DkimResult::Pass => 0,
        DkimResult::Fail => 1,
        DkimResult::Policy => 2,
        DkimResult::PermError | DkimResult::TempError | DkimResult::Unverifiable => 3,
    })
}

impl Trial {
    /// There is nothing to try.
    pub(crate) const fn without_key(reason: DkimReason) -> Self {
        Self {
            reason,
            signature: Check::NotChecked,
            key_bits: None,
            has_small_exponent: false,
            is_testing: false,
            place: None,
        }
    }

    fn refused(record: &KeyRecord, reason: DkimReason) -> Self {
        Self {
            key_bits: record.key_bits(),
            is_testing: record.is_testing,
            place: Some(record.place),
            ..Self::without_key(reason)
        }
    }
}

/// `x=` in the past or `t=` in the future of `judged_at`; not judged without a time (RFC 6376 §3.5, §6.1.1).
pub(crate) fn untimely(
    signed_at: Option<i64>,
    expires_at: Option<i64>,
    judged_at: Option<i64>,
    time_skew: i64,
) -> Option<DkimReason> {
    let judged_at = judged_at?;
    if expires_at.is_some_and(|time| time.saturating_add(time_skew) < judged_at) {
        return Some(DkimReason::Expired);
    }
    if signed_at.is_some_and(|time| time > judged_at.saturating_add(time_skew)) {
        return Some(DkimReason::SignedInFuture);
    }
    None
}
