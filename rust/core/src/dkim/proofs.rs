//! Public-key operations of several messages at once: eight RSA signatures take little more than one, and those of
//! Ed25519 share a division.
//!
//! Knows a signature, one key for it and what came of them (RFC 6376 §6.1.3, step 4); must not know which signature
//! decides. What is not verified here is verified where it is needed, with the same outcome: this is an order of work
//! and nothing else.

use std::collections::HashMap;

use crate::crypto::{self, Digest, Ed25519Work, RsaWork, Work};
use crate::dkim::key_record::PublicKey;
use crate::dkim::signature::SignedHash;
use crate::dkim::signatures::key_records;
use crate::dkim::verify::is_computable;
use crate::dns::Entry;

/// What is known of the signatures of one message, or waits to be found out.
#[derive(Default)]
pub(crate) struct Proofs(Vec<Proof>);

/// One signature under one key.
pub(crate) struct Proof {
    /// Position of the signature field.
    own: usize,
    digest: Digest,
    signature: Vec<u8>,
    /// The answer that holds the key, and which of its records that is.
    entry: Entry,
    record: usize,
    is_valid: Option<bool>,
}

impl Proof {
    fn key(&self) -> Option<&PublicKey> {
        let records = key_records(&self.entry).ok()?;
        records.records().get(self.record)?.key()
    }

    fn work(&self) -> Option<Work<'_>> {
        let (digest, signature) = (&self.digest, self.signature.as_slice());
        Some(match self.key()? {
            // RFC 8463 §3: PureEdDSA over the SHA-256 digest.
            PublicKey::Ed25519(key) => Work::Ed25519(Ed25519Work {
                key,
                message: digest.as_slice(),
                signature,
            }),
            PublicKey::Rsa(key) => Work::Rsa(RsaWork {
                key,
                digest,
                signature,
            }),
        })
    }
}

impl Proofs {
    /// Makes a signature ready to be verified with others, if its hash has been made; [`Proofs::known`] knows it then.
    ///
    /// Only the first key that can be computed with: a second one is rare.
    pub(crate) fn stage(
        &mut self,
        hash: &SignedHash,
        has_auid_below: bool,
        entry: &Entry,
        digest: Option<Digest>,
    ) {
        let own = hash.own.position;
        let (Some(digest), Ok(records)) = (digest, key_records(entry)) else {
            return;
        };
        // A key that gains nothing waits for its turn: it may be one of those that cost much, and budgets count them.
        let gains = |key: &PublicKey| match key {
            PublicKey::Ed25519(key) => key.gains_together(),
            PublicKey::Rsa(key) => key.gains_together(),
        };
        let is_usable = |key: &PublicKey| is_computable(key) && gains(key);
        let record = records.records().iter().position(|record| {
            let key = record.key_for(hash.algorithm, has_auid_below);
            key.is_ok_and(is_usable)
        });
        if let Some(record) = record
            && !self.0.iter().any(|proof| proof.own == own)
        {
            self.0.push(Proof {
                own,
                digest,
                signature: hash.octets.clone(),
                entry: entry.clone(),
                record,
                is_valid: None,
            });
        }
    }

    /// Whether the signature at `own` is valid under a key, if that was found out.
    pub(crate) fn known(&self, own: usize, key: &PublicKey, digest: &Digest) -> Option<bool> {
        let proof = self.0.iter().find(|proof| proof.own == own)?;
        // The proof keeps its answer alive, so that one address is one key.
        let is_same = proof.key().is_some_and(|known| std::ptr::eq(known, key));
        (is_same && proof.digest == *digest).then_some(proof.is_valid)?
    }

    /// What is staged and not known yet.
    pub(crate) fn open(&mut self) -> impl Iterator<Item = &mut Proof> {
        self.0.iter_mut().filter(|proof| proof.is_valid.is_none())
    }
}

/// True where verifying together pays.
pub(crate) fn is_worthwhile() -> bool {
    crypto::is_worthwhile()
}

/// Verifies everything, equal work once.
pub(crate) fn compute(mut proofs: Vec<&mut Proof>) {
    proofs.retain(|proof| proof.key().is_some());
    let outcomes = verify(&proofs);
    for (proof, is_valid) in proofs.into_iter().zip(outcomes) {
        proof.is_valid = Some(is_valid);
    }
}

fn verify(proofs: &[&mut Proof]) -> Vec<bool> {
    let mut work: Vec<Work<'_>> = Vec::with_capacity(proofs.len());
    let mut first: HashMap<Digest, usize> = HashMap::with_capacity(proofs.len());
    // Which work decides each proof: identical key, header hash and signature are verified once.
    let mut places = Vec::with_capacity(proofs.len());
    for proof in proofs {
        let Some(own) = proof.work() else {
            continue;
        };
        let place = *first.entry(proof.digest).or_insert(work.len());
        if work.get(place).is_some_and(|other| other.is_same(&own)) {
            places.push(place);
        } else {
            places.push(work.len());
            work.push(own);
        }
    }
    let outcomes = crypto::verify_together(&work);
    let outcome = |place: &usize| outcomes.get(*place).copied().unwrap_or_default();
    places.iter().map(outcome).collect()
}
