//! Hygiene of a signature: facts that never change a result, but tell what an attacker could add or a signer improve.
//!
//! Knows what is weak about a signature that may well pass; must not decide anything.

use crate::dkim::DkimFlag;
use crate::dkim::algorithm::KeyType;
use crate::dkim::header_hash::Selection;
use crate::dkim::signature::{Facts, Signature};
use crate::dkim::verify::Trial;

/// RSA keys below this many bits are flagged (RFC 8301 §3.2: signers should use at least 2048).
const STRONG_RSA_BITS: u32 = 2048;
/// Seconds from `t=` to `x=` beyond which a signature is flagged: 90 days, far beyond any delivery, leave a stolen or
/// harvested message replayable for as long (RFC 6376 §8.6).
const LONG_LIFE: i64 = 90 * 86_400;

/// Flags in the order of the contract; `octets` are the body's canonical octets, if counted.
pub(crate) fn collect(
    facts: &Facts,
    signature: &Signature,
    selection: &Selection,
    trial: &Trial,
    octets: Option<u64>,
) -> Vec<DkimFlag> {
    let is_rsa = signature.hash.algorithm.key_type() == KeyType::Rsa;
    let life = facts.expires_at.zip(facts.signed_at);
    let candidates = [
        // RFC 6376 §8.2.
        (
            DkimFlag::BodyUncovered,
            signature
                .body_length
                .zip(octets)
                .is_some_and(|(length, octets)| length < octets),
        ),
        // RFC 6376 §5.4.1: what a reader sees should be signed. A field that the message does not have is no matter.
        (DkimFlag::SubjectUnsigned, selection.leaves_subject),
        (DkimFlag::ContentTypeUnsigned, selection.leaves_content_type),
        // RFC 6376 §8.15: a From that can be added is the one that is shown.
        (DkimFlag::NotOversigned, !selection.is_from_oversigned),
        (DkimFlag::DuplicateSignedHeader, selection.leaves_duplicate),
        (
            DkimFlag::WeakKey,
            is_rsa && trial.key_bits.is_some_and(|bits| bits < STRONG_RSA_BITS),
        ),
        (DkimFlag::SmallExponent, trial.has_small_exponent),
        (
            DkimFlag::LongLived,
            life.is_some_and(|(expires_at, signed_at)| {
                expires_at.saturating_sub(signed_at) > LONG_LIFE
            }),
        ),
        (DkimFlag::NoTimestamp, facts.signed_at.is_none()),
    ];
    candidates
        .into_iter()
        .filter_map(|(flag, holds)| holds.then_some(flag))
        .collect()
}
