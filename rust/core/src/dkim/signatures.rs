//! The DKIM-Signature fields of a message: which are examined, what they need, what becomes of each (RFC 6376 §6.1).
//!
//! Knows the limit and the order of examination, and keeps what was computed for the next replay; must not know how a
//! field is read or a hash is made.

use std::sync::Arc;

use crate::crypto::HashAlgorithm;
use crate::dkim::body_hash::BodyHashes;
use crate::dkim::flags;
use crate::dkim::header_hash::Selection;
use crate::dkim::key_record::KeyRecords;
use crate::dkim::signature::{self, Facts, Signature, SignatureKind};
use crate::dkim::verify::{self, Circumstances, Trial};
use crate::dkim::{Check, DkimReason, DkimResult, DkimVerdict};
use crate::dns::{Answers, Entry, Lookup, Outcome, Pending, Question, Standing};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::Policy;
use crate::tag_list::TagList;

/// DKIM-Signature fields that a verdict lists: a row must stay small whatever a message holds.
pub(crate) const LISTED_LIMIT: usize = 100;

/// The DKIM-Signature fields of one message and what is already known of them.
pub struct Signatures {
    /// Positions of all DKIM-Signature fields, from the top.
    positions: Vec<usize>,
    /// What is listed; made at the first evaluation, because it depends on the author and the policy.
    listed: Option<Vec<Listed>>,
}

/// One field that the verdict lists.
struct Listed {
    facts: Facts,
    signature: Result<Signature, DkimReason>,
    /// Made when a signature is examined.
    selection: Option<Arc<Selection>>,
    known: Option<Known>,
}

/// What was computed with one answer.
struct Known {
    entry: Entry,
    trial: Trial,
    body: Body,
}

/// What is known of the body.
#[derive(Clone, Copy)]
pub(crate) struct Body {
    check: Check,
    octets_signed: Option<u64>,
    octets: Option<u64>,
}

impl Body {
    pub(super) const NOT_CHECKED: Self = Self {
        check: Check::NotChecked,
        octets_signed: None,
        octets: None,
    };
}

impl Signatures {
    /// Finds the fields; nothing is read or hashed yet.
    pub fn parse(message: &Message) -> Self {
        Self {
            positions: message.positions_named(b"dkim-signature").collect(),
            listed: None,
        }
    }

    /// DKIM-Signature fields beyond those listed in the verdict.
    pub fn unlisted(&self) -> usize {
        self.positions.len().saturating_sub(LISTED_LIMIT)
    }

    /// Requests and stages the hashes of signatures whose keys are known, so that they are made with those of others.
    pub(crate) fn prepare(
        &mut self,
        lookup: &dyn Lookup,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
        author: Option<&Domain>,
    ) {
        let positions = &self.positions;
        let listed = self
            .listed
            .get_or_insert_with(|| list(message, positions, policy, author));
        for listed in listed.iter_mut().filter(|listed| listed.known.is_none()) {
            listed.prepare(lookup, message, bodies);
        }
    }

    /// Stages the public-key operations whose hashes are made, so that they are made with those of others.
    pub(crate) fn prepare_proofs(&self, lookup: &dyn Lookup, bodies: &mut BodyHashes) {
        let listed = self.listed.iter().flatten();
        for listed in listed.filter(|listed| listed.known.is_none()) {
            let Ok(signature) = &listed.signature else {
                continue;
            };
            if let Some(entry) = lookup.look_up(&Question::txt(&signature.hash.key_name)) {
                stage_proof(signature, &entry, bodies);
            }
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
        author: Option<&Domain>,
    ) -> Result<Vec<DkimVerdict>, Pending> {
        let positions = &self.positions;
        let listed = self
            .listed
            .get_or_insert_with(|| list(message, positions, policy, author));
        let entries = ask_keys(listed, answers)?;
        request_bodies(listed, &entries, bodies);
        bodies.compute(message);
        let verdicts = listed.iter_mut().zip(entries).map(|(listed, entry)| {
            let time = verify::untimely(
                listed.facts.signed_at,
                listed.facts.expires_at,
                judged_at,
                policy.time_skew,
            );
            listed.examine(entry, message, bodies, policy, time)
        });
        Ok(verdicts.collect())
    }
}

impl Signatures {
    /// The signatures that were examined, with their place in the verdict and the fields they sign.
    pub(crate) fn examined(&self) -> impl Iterator<Item = (usize, &Signature, &Selection)> {
        let listed = self.listed.iter().flatten().enumerate();
        listed.filter_map(|(index, listed)| {
            let signature = listed.signature.as_ref().ok()?;
            Some((index, signature, listed.selection.as_deref()?))
        })
    }
}

/// Reads the fields that are listed and marks those that are not examined.
fn list(
    message: &Message,
    positions: &[usize],
    policy: &Policy,
    author: Option<&Domain>,
) -> Vec<Listed> {
    let limit = policy.max_signatures.min(LISTED_LIMIT);
    let examined = choose(message, positions, limit, author);
    // Every field that is examined is listed, then as many of the others as fit, all in header order.
    let mut others = LISTED_LIMIT.saturating_sub(examined.len());
    let mut listed = Vec::with_capacity(positions.len().min(LISTED_LIMIT));
    for position in positions {
        let is_examined = examined.binary_search(position).is_ok();
        if !is_examined && others == 0 {
            continue;
        }
        let (facts, mut signature) = signature::read(message, *position, SignatureKind::Dkim);
        if message.exceeds_limits() {
            signature = Err(DkimReason::LimitExceeded);
        } else if !is_examined {
            signature = Err(DkimReason::SignatureLimit);
        }
        others -= usize::from(!is_examined);
        listed.push(Listed {
            facts,
            signature,
            selection: None,
            known: None,
        });
    }
    listed
}

/// The positions of the fields that are examined, ascending: those aligned with the author first, then from the top,
/// so that a flood of signatures cannot hide the good one.
///
/// Aligned here means that one of the two domains is the other or lies below it: what alignment really is takes DNS
/// or a list to know, and for an order of work this is near enough.
fn choose(
    message: &Message,
    positions: &[usize],
    limit: usize,
    author: Option<&Domain>,
) -> Vec<usize> {
    if positions.len() <= limit {
        return positions.to_vec();
    }
    let is_aligned = |position: &usize| {
        let domain = message.fields().get(*position).and_then(|field| {
            TagList::parse(message.value(field))
                .value(b"d")
                .and_then(signature::read_domain)
        });
        domain.zip(author).is_some_and(|(domain, author)| {
            domain.is_equal_or_below(author) || author.is_equal_or_below(&domain)
        })
    };
    let (mut chosen, others): (Vec<usize>, Vec<usize>) = match author {
        Some(_) => positions.iter().partition(|position| is_aligned(position)),
        None => (Vec::new(), positions.to_vec()),
    };
    chosen.extend(others);
    chosen.truncate(limit);
    chosen.sort_unstable();
    chosen
}

/// The answers for all keys that are needed, in order; all are asked for before one that is missing counts.
fn ask_keys(listed: &[Listed], answers: &Answers<'_>) -> Result<Vec<Option<Entry>>, Pending> {
    let (mut entries, mut is_missing) = (Vec::with_capacity(listed.len()), false);
    for listed in listed {
        let signature = listed.signature.as_ref().ok();
        let asked = signature.map(|signature| answers.txt(&signature.hash.key_name));
        is_missing |= matches!(asked, Some(Err(Pending)));
        entries.push(asked.and_then(Result::ok));
    }
    if is_missing {
        Err(Pending)
    } else {
        Ok(entries)
    }
}

/// The key records of an answer, parsed once for everyone who uses it.
///
/// # Errors
/// Why the answer holds none.
pub(crate) fn key_records(entry: &Entry) -> Result<&KeyRecords, DkimReason> {
    match DkimReason::of_outcome(entry.outcome) {
        Some(reason) => Err(reason),
        None => Ok(entry.keys()),
    }
}

/// No key, no hash: only signatures with a usable key have their body hashed.
fn request_bodies(listed: &[Listed], entries: &[Option<Entry>], bodies: &mut BodyHashes) {
    for (listed, entry) in listed.iter().zip(entries) {
        let (Ok(signature), Some(entry)) = (&listed.signature, entry) else {
            continue;
        };
        request_body(signature, entry, bodies);
    }
}

/// Requests the body hash of a signature with a usable key; false when it has none.
pub(crate) fn request_body(signature: &Signature, entry: &Entry, bodies: &mut BodyHashes) -> bool {
    let algorithm = signature.hash.algorithm;
    let is_wanted = key_records(entry)
        .is_ok_and(|records| verify::has_usable_key(records, algorithm, signature.has_auid_below));
    if is_wanted {
        bodies.request(signature.body, algorithm.hash(), signature.body_length);
    }
    is_wanted
}

/// Requests and stages the hashes of a signature with a usable key, so that they are made with those of others.
pub(crate) fn prepare_hashes(
    facts: &Facts,
    signature: &Signature,
    entry: &Entry,
    message: &Message,
    bodies: &mut BodyHashes,
) {
    let hash = &signature.hash;
    let is_usable = request_body(signature, entry, bodies);
    // Only SHA-256 is made together.
    if is_usable && hash.algorithm.hash() == HashAlgorithm::Sha256 {
        let names = &facts.signed_headers;
        bodies
            .fields
            .stage(message, names, &hash.own, signature.header);
    }
}

/// Stages the public-key operation of a signature whose hash is made.
pub(crate) fn stage_proof(signature: &Signature, entry: &Entry, bodies: &mut BodyHashes) {
    let digest = bodies.fields.staged_digest(signature.hash.own.position);
    bodies
        .proofs
        .stage(&signature.hash, signature.has_auid_below, entry, digest);
}

impl Listed {
    fn prepare(&mut self, lookup: &dyn Lookup, message: &Message, bodies: &mut BodyHashes) {
        let Ok(signature) = &self.signature else {
            return;
        };
        if let Some(entry) = lookup.look_up(&Question::txt(&signature.hash.key_name)) {
            prepare_hashes(&self.facts, signature, &entry, message, bodies);
        }
    }

    fn examine(
        &mut self,
        entry: Option<Entry>,
        message: &Message,
        bodies: &mut BodyHashes,
        policy: &Policy,
        untimely: Option<DkimReason>,
    ) -> DkimVerdict {
        let (signature, entry) = match (&self.signature, entry) {
            (Ok(signature), Some(entry)) => (signature, entry),
            (Ok(_), None) => return self.refused(DkimReason::KeyUnavailable),
            (Err(reason), _) => return self.refused(*reason),
        };
        let selection = self.selection.get_or_insert_with(|| {
            let names = &self.facts.signed_headers;
            bodies
                .fields
                .select(message, names, signature.hash.own.position)
        });
        let is_known = |known: &Known| known.entry.is_same(&entry);
        if !self.known.as_ref().is_some_and(is_known) {
            let (trial, body) = check(
                signature, selection, &entry, message, bodies, policy, untimely,
            );
            self.known = Some(Known { entry, trial, body });
        }
        self.verdict()
    }

    fn refused(&self, reason: DkimReason) -> DkimVerdict {
        self.facts
            .to_verdict(&Trial::without_key(reason), Body::NOT_CHECKED)
    }

    fn verdict(&self) -> DkimVerdict {
        let (Ok(signature), Some(selection), Some(known)) =
            (&self.signature, &self.selection, &self.known)
        else {
            return self.refused(DkimReason::KeyUnavailable);
        };
        let Known { entry, trial, body } = known;
        let mut verdict = self.facts.to_verdict(trial, *body);
        // An archive's lost key is not a forgery: a DNS store that does not know the name says nothing about it.
        if entry.outcome == Outcome::Unknown {
            verdict.result = DkimResult::Unverifiable;
        }
        verdict.flags = flags::collect(&self.facts, signature, selection, trial, body.octets);
        // Old private keys leak, or are published on purpose: such a pass proves nothing.
        if verdict.result == DkimResult::Pass && entry.standing() == Standing::AfterWindow {
            verdict.reason = DkimReason::KeyOutsideWindow;
            verdict.result = verdict.reason.result();
        }
        let origin = entry.provenance_of(trial.place);
        if entry.is_stored() || origin.first_seen.is_some() || origin.last_seen.is_some() {
            verdict.key_source = Some(origin.source.to_owned());
            verdict.key_first_seen = origin.first_seen;
            verdict.key_last_seen = origin.last_seen;
        }
        verdict
    }
}

/// Everything that costs: hashes and public-key operations. The body hash has been requested and computed if any key
/// is usable.
pub(crate) fn check(
    signature: &Signature,
    selection: &Selection,
    entry: &Entry,
    message: &Message,
    bodies: &mut BodyHashes,
    policy: &Policy,
    untimely: Option<DkimReason>,
) -> (Trial, Body) {
    let records = match key_records(entry) {
        Ok(records) => records,
        Err(reason) => return (Trial::without_key(reason), Body::NOT_CHECKED),
    };
    let hash = &signature.hash;
    let algorithm = hash.algorithm.hash();
    let found = match bodies.hash(signature.body, algorithm, signature.body_length) {
        Some(Ok(found)) => found,
        Some(Err(octets)) => {
            let body = Body {
                octets: Some(octets),
                ..Body::NOT_CHECKED
            };
            return (Trial::without_key(DkimReason::BodyLengthBeyondBody), body);
        }
        None => {
            let trial = verify::refuse(records, hash, signature.has_auid_below);
            return (trial, Body::NOT_CHECKED);
        }
    };
    let circumstances = Circumstances::new(&signature.body_hash, &found, untimely);
    let positions = &selection.positions;
    let digest = bodies
        .fields
        .digest(message, positions, &hash.own, signature.header, algorithm);
    let has_auid_below = signature.has_auid_below;
    let trial = verify::try_keys(
        records,
        hash,
        has_auid_below,
        &digest,
        circumstances,
        policy,
        &bodies.proofs,
    );
    let body = Body {
        check: circumstances.body_hash,
        octets_signed: Some(found.octets_signed),
        octets: Some(found.octets),
    };
    (trial, body)
}

impl Facts {
    pub(super) fn to_verdict(&self, trial: &Trial, body: Body) -> DkimVerdict {
        DkimVerdict {
            result: trial.reason.result(),
            reason: trial.reason,
            domain: self.domain.as_ref().map(Domain::to_text),
            selector: self.selector.clone(),
            auid: self.auid.clone(),
            algorithm: self.algorithm.clone(),
            canonicalization: self.canonicalization.clone(),
            key_bits: trial.key_bits,
            signed_headers: self.signed_headers.clone(),
            body_hash: body.check,
            signature: trial.signature,
            body_octets_signed: body.octets_signed,
            body_octets: body.octets,
            testing: trial.is_testing,
            signed_at: self.signed_at,
            expires_at: self.expires_at,
            key_source: None,
            key_first_seen: None,
            key_last_seen: None,
            near_miss: None,
            flags: Vec::new(),
            signing_domain: self.domain.clone(),
            header_b: self.signature_text.clone(),
        }
    }
}
