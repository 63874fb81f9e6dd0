//! RFC 8617 §5.2 from step 4 on: the newest message signature, every seal, and how far back message signatures verify.
//!
//! Knows what decides a chain and in which order it is cheapest to find out; must not know the fields' syntax.

use crate::arc::arc_set::ArcSet;
use crate::arc::work_limit::{
    Budget, ExceedsOlderLimit, OLDER_OCTET_LIMIT, OLDER_WORK_LIMIT, SEAL_WORK_LIMIT, key_work,
};
use crate::arc::{ArcReason, ArcResult};
use crate::crypto::{Digest, HashAlgorithm, Hasher};
use crate::dkim::canonicalization::Canonicalization;
use crate::dkim::header_hash::write_own_field;
use crate::dkim::signature::{Facts, Signature};
use crate::dkim::signatures::{check, key_records, prepare_hashes, request_body, stage_proof};
use crate::dkim::verify::{self, Circumstances};
use crate::dkim::{BodyHashes, Check, DkimReason};
use crate::dns::{Entry, Outcome, Pending, Standing};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::Policy;

/// The answers for one set's keys.
#[derive(Clone)]
pub(super) struct SetKeys {
    seal: Entry,
    /// `None` when the message signature cannot be verified whatever its key.
    message_signature: Option<Entry>,
}

impl SetKeys {
    /// True when these are the very same answers.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_same = match (&self.message_signature, &other.message_signature) {
            (Some(one), Some(other)) => one.is_same(other),
            (None, None) => true,
            _ => false,
        };
        is_same && self.seal.is_same(&other.seal)
    }
}

/// The answers for every key of the chain; all are asked for before one that is missing counts.
pub(super) fn set_keys(
    sets: &[ArcSet],
    ask: impl Fn(&Domain) -> Result<Entry, Pending>,
) -> Result<Vec<SetKeys>, Pending> {
    let asked: Vec<_> = sets
        .iter()
        .map(|set| {
            let seal = ask(&set.seal.key_name);
            let message_signature = match &set.message_signature.1 {
                Ok(signature) => ask(&signature.hash.key_name).map(Some),
                Err(_) => Ok(None),
            };
            Ok(SetKeys {
                seal: seal?,
                message_signature: message_signature?,
            })
        })
        .collect();
    asked.into_iter().collect()
}

/// What came of a chain.
#[derive(Clone, Copy)]
pub(super) struct Validation {
    pub(super) result: ArcResult,
    pub(super) reason: ArcReason,
    pub(super) oldest_pass: Option<u32>,
    /// `oldest_pass` is not known because finding out costs too much.
    pub(super) exceeds_older_limit: bool,
}

impl Validation {
    pub(super) const fn of(reason: ArcReason) -> Self {
        Self {
            result: reason.result(),
            reason,
            oldest_pass: None,
            exceeds_older_limit: false,
        }
    }
}

/// What one signature of the chain comes to.
#[derive(Clone, Copy)]
enum Finding {
    Pass(ArcReason),
    /// It fails whatever DNS may say later.
    Fail(ArcReason),
    /// Its key could not be asked for, or a store does not know it.
    Open(ArcResult, ArcReason),
}

impl Finding {
    fn new(reason: ArcReason, entry: &Entry) -> Self {
        match reason.result() {
            ArcResult::Pass if entry.standing() == Standing::AfterWindow => {
                Self::Open(ArcResult::Unverifiable, ArcReason::KeyOutsideWindow)
            }
            ArcResult::Pass => Self::Pass(reason),
            ArcResult::TempError => Self::Open(ArcResult::TempError, reason),
            // A DNS store that does not know a name says nothing about it.
            _ if entry.outcome == Outcome::Unknown => Self::Open(ArcResult::Unverifiable, reason),
            _ => Self::Fail(reason),
        }
    }
}

/// Validates a chain whose structure is valid; `sets` are complete and ascending, `keys` belong to them.
pub(super) struct ChainValidator<'a> {
    pub(super) sets: &'a [ArcSet],
    pub(super) keys: &'a [SetKeys],
    /// The hash under each seal, ascending, once made.
    pub(super) seal_digests: &'a mut Option<Vec<Digest>>,
    pub(super) message: &'a Message,
    pub(super) bodies: &'a mut BodyHashes,
    pub(super) policy: &'a Policy,
    pub(super) judged_at: Option<i64>,
}

impl ChainValidator<'_> {
    pub(super) fn validate(&mut self) -> Validation {
        let mut decided = Decision::default();
        // No key, no hash: what is missing is found before anything is computed.
        decided.add_all(self.refused_without_hash());
        if decided.failure.is_none() {
            self.request_newest_body();
            // RFC 8617 §5.2 step 4.
            decided.add_all(self.newest_message_signature());
        }
        if decided.failure.is_none() {
            // RFC 8617 §5.2 step 6; before step 5, because only this decides.
            self.check_seals(&mut decided);
        }
        let mut validation = decided.validation();
        if validation.result == ArcResult::Pass {
            match self.oldest_pass() {
                Ok(oldest_pass) => validation.oldest_pass = oldest_pass,
                Err(ExceedsOlderLimit) => validation.exceeds_older_limit = true,
            }
        }
        validation
    }

    /// Requests and stages what a chain that passes needs, so that it is hashed with what other messages need.
    pub(super) fn prepare(&mut self) {
        if self.refused_without_hash().is_some() {
            return;
        }
        for (set, keys) in self.sets.iter().zip(self.keys) {
            let (facts, signature) = &set.message_signature;
            if let (Ok(signature), Some(entry)) = (signature, &keys.message_signature) {
                prepare_hashes(facts, signature, entry, self.message, self.bodies);
            }
        }
    }

    /// Stages the public-key operations of a chain that passes; the hashes of its message signatures are made.
    pub(super) fn prepare_proofs(&mut self) {
        if self.refused_without_hash().is_some() {
            return;
        }
        let digests = self.seal_digests();
        for ((set, keys), digest) in self.sets.iter().zip(self.keys).zip(digests) {
            if let (Ok(signature), Some(entry)) =
                (&set.message_signature.1, &keys.message_signature)
            {
                stage_proof(signature, entry, self.bodies);
            }
            self.bodies
                .proofs
                .stage(&set.seal, false, &keys.seal, Some(digest));
        }
    }

    /// The first key that decides and is of no use.
    fn refused_without_hash(&self) -> Option<Finding> {
        let newest = self.sets.last().zip(self.keys.last()).map(|(set, keys)| {
            match (&set.message_signature.1, &keys.message_signature) {
                (Ok(signature), Some(entry)) => {
                    let reason = refusal(entry, &signature.hash)?;
                    Some(Finding::new(ArcReason::of_dkim(reason), entry))
                }
                (Err(reason), _) => Some(Finding::Fail(*reason)),
                (Ok(_), None) => None,
            }
        });
        let seals = self.sets.iter().zip(self.keys).rev().map(|(set, keys)| {
            let reason = refusal(&keys.seal, &set.seal)?;
            Some(Finding::new(ArcReason::of_seal(reason), &keys.seal))
        });
        newest
            .into_iter()
            .chain(seals)
            .flatten()
            .find(|finding| matches!(finding, Finding::Fail(_)))
    }

    /// Requests what the newest message signature needs, and what the same pass can give to the older ones.
    fn request_newest_body(&mut self) {
        let signatures = || {
            let keys = self.keys.iter().map(|keys| keys.message_signature.as_ref());
            let signatures = self
                .sets
                .iter()
                .map(|set| set.message_signature.1.as_ref().ok());
            signatures
                .zip(keys)
                .rev()
                .filter_map(|(signature, entry)| signature.zip(entry))
        };
        let Some((newest, _)) = signatures().next() else {
            return;
        };
        let needs = |signature: &Signature| (signature.body, signature.hash.algorithm.hash());
        for (signature, entry) in signatures() {
            if needs(signature) == needs(newest) {
                request_body(signature, entry, self.bodies);
            }
        }
        self.bodies.compute(self.message);
    }

    fn newest_message_signature(&mut self) -> Option<Finding> {
        let (set, keys) = self.sets.last().zip(self.keys.last())?;
        self.check_message_signature(set, keys)
    }

    /// `None` when there is nothing to check.
    fn check_message_signature(&mut self, set: &ArcSet, keys: &SetKeys) -> Option<Finding> {
        let (facts, signature) = &set.message_signature;
        let signature = match signature {
            Ok(signature) => signature,
            Err(reason) => return Some(Finding::Fail(*reason)),
        };
        let entry = keys.message_signature.as_ref()?;
        let reason = self.verify_message_signature(facts, signature, entry);
        Some(Finding::new(ArcReason::of_dkim(reason), entry))
    }

    fn verify_message_signature(
        &mut self,
        facts: &Facts,
        signature: &Signature,
        entry: &Entry,
    ) -> DkimReason {
        let untimely = verify::untimely(
            facts.signed_at,
            facts.expires_at,
            self.judged_at,
            self.policy.time_skew,
        );
        let own = signature.hash.own.position;
        let selection = self
            .bodies
            .fields
            .select(self.message, &facts.signed_headers, own);
        let (trial, _) = check(
            signature,
            &selection,
            entry,
            self.message,
            self.bodies,
            self.policy,
            untimely,
        );
        trial.reason
    }

    /// Verifies the seals from the newest down, until one fails.
    fn check_seals(&mut self, decided: &mut Decision) {
        let digests = self.seal_digests();
        let seals = self.sets.iter().zip(self.keys).zip(digests);
        let mut work = Budget::of(SEAL_WORK_LIMIT);
        for ((set, keys), digest) in seals.rev() {
            let is_paid = work.pays(key_work(&keys.seal));
            let reason = match key_records(&keys.seal) {
                Err(reason) => reason,
                Ok(_) if !is_paid => DkimReason::LimitExceeded,
                Ok(records) => {
                    // A seal covers no body, and its t= is not judged: RFC 8617 §4.1.3 gives it no x=.
                    let circumstances = Circumstances {
                        body_hash: Check::Pass,
                        is_partial: false,
                        untimely: None,
                    };
                    verify::try_keys(
                        records,
                        &set.seal,
                        false,
                        &digest,
                        circumstances,
                        self.policy,
                        &self.bodies.proofs,
                    )
                    .reason
                }
            };
            decided.add(Finding::new(ArcReason::of_seal(reason), &keys.seal));
            if decided.failure.is_some() {
                return;
            }
        }
    }

    /// The hash under each seal, ascending, made once.
    fn seal_digests(&mut self) -> Vec<Digest> {
        if let Some(digests) = &*self.seal_digests {
            return digests.clone();
        }
        let digests = self.hash_seals();
        *self.seal_digests = Some(digests.clone());
        digests
    }

    /// Hashes what each seal covers (RFC 8617 §5.1.1): all sets up to its own, the last without its signature.
    ///
    /// One running hash an algorithm; each seal takes a copy of it, so that 50 sets cost no more than their octets.
    fn hash_seals(&mut self) -> Vec<Digest> {
        let mut running: Vec<(HashAlgorithm, Hasher)> = Vec::with_capacity(2);
        for set in self.sets {
            let algorithm = set.seal.algorithm.hash();
            if !running.iter().any(|(other, _)| *other == algorithm) {
                running.push((algorithm, Hasher::new(algorithm)));
            }
        }
        let mut digests = Vec::with_capacity(self.sets.len());
        for set in self.sets {
            for (algorithm, hasher) in &mut running {
                for position in [set.results, set.message_signature_position] {
                    self.write_field(position, hasher);
                }
                if *algorithm == set.seal.algorithm.hash() {
                    let mut own = hasher.clone();
                    let relaxed = Canonicalization::Relaxed;
                    write_own_field(self.message, &set.seal.own, relaxed, &mut own);
                    digests.push(own.finish());
                }
                self.write_field(set.seal.own.position, hasher);
            }
        }
        digests
    }

    fn write_field(&mut self, position: usize, hasher: &mut Hasher) {
        self.bodies
            .fields
            .write_field(self.message, position, Canonicalization::Relaxed, hasher);
    }

    /// RFC 8617 §5.2 step 5: 0 when all message signatures verify, else the instance above the newest that does not.
    ///
    /// `None` when a key that matters for this could not be asked for or is not known to a store.
    fn oldest_pass(&mut self) -> Result<Option<u32>, ExceedsOlderLimit> {
        for (set, keys) in self.sets.iter().zip(self.keys) {
            if let (Ok(signature), Some(entry)) =
                (&set.message_signature.1, &keys.message_signature)
            {
                request_body(signature, entry, self.bodies);
            }
        }
        self.bodies.compute(self.message);
        let mut octets = Budget::of(OLDER_OCTET_LIMIT);
        let mut work = Budget::of(OLDER_WORK_LIMIT);
        let pairs = self.sets.iter().zip(self.keys).rev();
        for (instance, (set, keys)) in older_instances(self.sets.len()).zip(pairs.skip(1)) {
            let keys_work = keys.message_signature.as_ref().map_or(0, key_work);
            if !octets.pays(self.octets_signed(set)) || !work.pays(keys_work) {
                return Err(ExceedsOlderLimit);
            }
            match self.check_message_signature(set, keys) {
                Some(Finding::Pass(_)) => {}
                Some(Finding::Fail(_)) => return Ok(Some(instance + 1)),
                Some(Finding::Open(..)) | None => return Ok(None),
            }
        }
        Ok(Some(0))
    }

    /// Octets of the fields under a message signature, as stored: known without any canonical form.
    fn octets_signed(&mut self, set: &ArcSet) -> usize {
        let (facts, _) = &set.message_signature;
        let (names, own) = (&facts.signed_headers, set.message_signature_position);
        let selection = self.bodies.fields.select(self.message, names, own);
        let fields = selection
            .positions
            .iter()
            .filter_map(|position| self.message.fields().get(*position));
        fields.map(|field| self.message.raw(field).len()).sum()
    }
}

/// The instances below the newest of so many, descending.
fn older_instances(count: usize) -> impl Iterator<Item = u32> {
    (1..u32::try_from(count).unwrap_or(0)).rev()
}

/// Why no hash is needed to refuse a signature; `None` when its key can be tried.
fn refusal(entry: &Entry, hash: &crate::dkim::signature::SignedHash) -> Option<DkimReason> {
    match key_records(entry) {
        Err(reason) => Some(reason),
        Ok(records) if verify::has_usable_key(records, hash.algorithm, false) => None,
        Ok(records) => Some(verify::refuse(records, hash, false).reason),
    }
}

/// What the findings that decide come to: a failure wins, then what could not be asked, then what is not known.
#[derive(Default)]
struct Decision {
    failure: Option<ArcReason>,
    fault: Option<ArcReason>,
    unknown: Option<ArcReason>,
    is_historic: bool,
}

impl Decision {
    fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            self.add(finding);
        }
    }

    fn add(&mut self, finding: Finding) {
        let place = match finding {
            Finding::Pass(reason) => {
                self.is_historic |= reason == ArcReason::HistoricAlgorithm;
                return;
            }
            Finding::Fail(_) => &mut self.failure,
            Finding::Open(ArcResult::Unverifiable, _) => &mut self.unknown,
            Finding::Open(..) => &mut self.fault,
        };
        let (Finding::Fail(reason) | Finding::Open(_, reason)) = finding else {
            return;
        };
        place.get_or_insert(reason);
    }

    fn validation(&self) -> Validation {
        if let Some(reason) = self.failure.or(self.fault) {
            return Validation::of(reason);
        }
        if let Some(reason) = self.unknown {
            return Validation {
                result: ArcResult::Unverifiable,
                ..Validation::of(reason)
            };
        }
        Validation::of(if self.is_historic {
            ArcReason::HistoricAlgorithm
        } else {
            ArcReason::Verified
        })
    }
}
