//! ARC (RFC 8617): the signed notes of the hosts that a message passed.
//!
//! A host that may change a message on its way writes down what it saw (ARC-Authentication-Results), signs the message
//! as it sends it on (ARC-Message-Signature) and seals the notes of all hosts so far (ARC-Seal): together one ARC set.
//! A chain that verifies proves who handled the message and that their notes are unchanged, not that they are true:
//! a receiver must have a list of the sealers it believes. RFC 8617 is an experiment that is being made historic; mail
//! of the great mailbox providers carries it nevertheless.

mod arc_set;
mod chain_validation;
mod reasons;
mod work_limit;

use std::sync::Arc;

use serde::Serialize;

use arc_set::{ArcFields, ArcSet};
use chain_validation::{ChainValidator, SetKeys, Validation};
pub use reasons::ArcReason;

use crate::crypto::Digest;
use crate::dkim::BodyHashes;
use crate::dkim::header_hash::OwnField;
use crate::dkim::signature::{Facts, Signature, SignedHash};
use crate::dns::{Answers, Lookup, Pending, Question};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::Policy;
use crate::reason::{reasons, words};

words! {
    /// RFC 8617 §4.4, and the contract's `temperror` and `unverifiable`.
    ArcResult {
        None "none";
        Pass "pass";
        Fail "fail";
        TempError "temperror";
        Unverifiable "unverifiable";
    }
}

reasons! {
    /// Words of a verdict's `limits` that tell about the chain.
    ArcLimit of "limits" {
        OldestPass "oldest-pass-limit" "RFC 8617 §5.2" "The older ARC-Message-Signatures, which decide nothing, sign more octets or need more public-key work than is spent on them, so oldest_pass is not known.";
    }
}

/// One seal of the chain.
#[derive(Clone, Debug, Serialize)]
pub struct Sealer {
    /// `i=`.
    pub instance: u32,
    /// `d=` of the ARC-Seal.
    pub domain: Option<Arc<str>>,
    /// `s=` of the ARC-Seal.
    pub selector: Option<Arc<str>>,
}

/// What is said of the ARC chain.
#[derive(Clone, Debug, Serialize)]
pub struct ArcVerdict {
    /// The result word.
    pub result: ArcResult,
    /// Why.
    pub reason: ArcReason,
    /// The highest instance seen, also on failure.
    pub instances: u32,
    /// RFC 8617 §5.2 step 5; 0 = every ARC-Message-Signature verifies.
    pub oldest_pass: Option<u32>,
    /// The seals, by instance.
    pub sealers: Vec<Sealer>,
}

/// The ARC fields of one message and what is already known of them.
pub struct Chain {
    sets: Result<Vec<ArcSet>, ArcReason>,
    instances: u32,
    sealers: Vec<Sealer>,
    /// The hash under each seal, ascending, once made.
    seal_digests: Option<Vec<Digest>>,
    /// What came of these answers.
    known: Option<(Vec<SetKeys>, Validation)>,
}

impl Chain {
    /// Reads the fields; no DNS, no hashing yet.
    pub fn parse(message: &Message) -> Self {
        let fields = ArcFields::collect(message);
        let instances = fields.highest;
        let (sealers, sets) = fields.into_sets();
        Self {
            sets: if message.exceeds_limits() {
                Err(ArcReason::LimitExceeded)
            } else {
                sets
            },
            seal_digests: None,
            instances,
            sealers,
            known: None,
        }
    }

    /// Stages the public-key operations whose hashes are made, so that they are made with those of others.
    pub(crate) fn prepare_proofs(
        &mut self,
        lookup: &dyn Lookup,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
    ) {
        self.with_known_keys(lookup, message, bodies, policy, |chain| {
            chain.prepare_proofs();
        });
    }

    /// Requests and stages the hashes of a chain whose keys are known, so that they are made with those of others.
    pub(crate) fn prepare(
        &mut self,
        lookup: &dyn Lookup,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
    ) {
        self.with_known_keys(lookup, message, bodies, policy, |chain| {
            chain.prepare();
        });
    }

    /// Does something with a chain that is not validated yet when all of its keys are known.
    fn with_known_keys(
        &mut self,
        lookup: &dyn Lookup,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
        work: fn(&mut ChainValidator<'_>),
    ) {
        let (Ok(sets), None) = (&self.sets, &self.known) else {
            return;
        };
        let known = |name: &Domain| lookup.look_up(&Question::txt(name)).ok_or(Pending);
        if let Ok(keys) = chain_validation::set_keys(sets, known) {
            work(&mut ChainValidator {
                sets,
                keys: &keys,
                seal_digests: &mut self.seal_digests,
                message,
                bodies,
                policy,
                judged_at: None,
            });
        }
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
    ) -> Result<ArcVerdict, Pending> {
        let sets = match &self.sets {
            Ok(sets) => sets,
            Err(reason) => return Ok(self.verdict(Validation::of(*reason))),
        };
        let keys = chain_validation::set_keys(sets, |name| answers.txt(name))?;
        let is_known = |known: &[SetKeys]| {
            keys.iter()
                .zip(known)
                .all(|(key, known)| key.is_same(known))
        };
        if let Some((known, validation)) = &self.known
            && is_known(known)
        {
            return Ok(self.verdict(*validation));
        }
        let validation = ChainValidator {
            sets,
            keys: &keys,
            seal_digests: &mut self.seal_digests,
            message,
            bodies,
            policy,
            judged_at,
        }
        .validate();
        self.known = Some((keys, validation));
        Ok(self.verdict(validation))
    }

    /// The message signatures of a chain whose structure is valid, ascending; those that may not be verified left out.
    pub(crate) fn message_signatures(&self) -> impl Iterator<Item = (&Facts, &Signature)> {
        self.sets.iter().flatten().filter_map(|set| {
            let (facts, signature) = &set.message_signature;
            Some((facts, signature.as_ref().ok()?))
        })
    }

    /// For each seal, ascending: the fields it covers in their order (RFC 8617 §5.1.1), and its own field.
    pub(crate) fn seals(&self) -> impl Iterator<Item = (Vec<usize>, &OwnField)> {
        let mut covered = Vec::new();
        self.sets.iter().flatten().map(move |set| {
            covered.extend([set.results, set.message_signature_position]);
            let positions = covered.clone();
            covered.push(set.seal.own.position);
            (positions, &set.seal.own)
        })
    }

    /// The signatures of the same seals.
    pub(crate) fn seal_hashes(&self) -> impl Iterator<Item = &SignedHash> {
        self.sets.iter().flatten().map(|set| &set.seal)
    }

    /// What kept a fact of the last verdict from being known.
    pub(crate) fn limit(&self) -> Option<ArcLimit> {
        let (_, validation) = self.known.as_ref()?;
        validation
            .exceeds_older_limit
            .then_some(ArcLimit::OldestPass)
    }

    fn verdict(&self, validation: Validation) -> ArcVerdict {
        ArcVerdict {
            result: validation.result,
            reason: validation.reason,
            instances: self.instances,
            oldest_pass: validation.oldest_pass,
            sealers: self.sealers.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
