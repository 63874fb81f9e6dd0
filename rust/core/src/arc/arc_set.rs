//! ARC fields and the sets they form (RFC 8617 §4.1, §4.2): who belongs to which instance, and is the chain complete?
//!
//! Knows the fields' syntax and the chain's structure; must not know keys, hashes or the body.

use crate::arc::{ArcReason, Sealer};
use crate::dkim::DkimReason;
use crate::dkim::signature::{
    self, Facts, Signature, SignatureKind, SignedHash, Signer, read_signed_hash,
};
use crate::dkim::tag_value::read_number;
use crate::message::{Message, is_wsp};
use crate::tag_list::TagList;

/// Sets that a chain may have (RFC 8617 §4.2.1, §5.2).
pub(crate) const SET_LIMIT: u32 = 50;
/// Digits of an instance (RFC 8617 §3.9).
const INSTANCE_DIGIT_LIMIT: usize = 2;

/// `cv=` (RFC 8617 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChainStatus {
    None,
    Fail,
    Pass,
}

/// One complete set of a chain whose structure is valid.
pub(super) struct ArcSet {
    /// Position of the ARC-Authentication-Results field.
    pub(super) results: usize,
    /// Position of the ARC-Message-Signature field.
    pub(super) message_signature_position: usize,
    /// What the ARC-Message-Signature field says, and whether it may be verified.
    pub(super) message_signature: (Facts, Result<Signature, ArcReason>),
    /// The ARC-Seal field.
    pub(super) seal: SignedHash,
}

/// All ARC fields of a message, each read once.
pub(super) struct ArcFields<'a> {
    /// By instance, from 1.
    slots: Vec<Slot<'a>>,
    /// The highest instance seen, also beyond the limit.
    pub(super) highest: u32,
    is_empty: bool,
    problem: Option<ArcReason>,
}

/// The fields of one instance.
#[derive(Clone, Default)]
struct Slot<'a> {
    results: Option<usize>,
    message_signature: Option<(usize, TagList<'a>)>,
    seal: Option<(usize, TagList<'a>)>,
}

#[derive(Clone, Copy)]
enum FieldKind {
    Results,
    MessageSignature,
    Seal,
}

impl<'a> ArcFields<'a> {
    /// Collects the fields (RFC 8617 §5.2 step 1); the first thing that is wrong is remembered.
    pub(super) fn collect(message: &'a Message) -> Self {
        let mut fields = Self {
            slots: Vec::new(),
            highest: 0,
            is_empty: true,
            problem: None,
        };
        for (name, kind) in [
            (&b"arc-seal"[..], FieldKind::Seal),
            (b"arc-message-signature", FieldKind::MessageSignature),
            (b"arc-authentication-results", FieldKind::Results),
        ] {
            for position in message.positions_named(name) {
                let field = message.fields().get(position);
                let value = field.map(|field| message.value(field));
                fields.add(value.unwrap_or_default(), position, kind);
            }
        }
        fields
    }

    fn add(&mut self, value: &'a [u8], position: usize, kind: FieldKind) {
        self.is_empty = false;
        match kind {
            FieldKind::Results => {
                if let Some(slot) = self.slot(leading_instance(value)) {
                    let is_first = slot.results.replace(position).is_none();
                    self.note_unless(is_first);
                }
            }
            FieldKind::MessageSignature | FieldKind::Seal => {
                let tags = TagList::parse(value);
                // Deviation: RFC 8617 §4.1.2 and §4.1.3 put i= first; sealers do not always, and nothing depends on it.
                let instance = tags.value(b"i").and_then(lone_instance);
                let Some(slot) = self.slot(instance) else {
                    return;
                };
                let place = match kind {
                    FieldKind::Seal => &mut slot.seal,
                    FieldKind::Results | FieldKind::MessageSignature => &mut slot.message_signature,
                };
                let is_first = place.is_none();
                place.get_or_insert((position, tags));
                self.note_unless(is_first);
            }
        }
    }

    /// The slot of an instance; a number that is none is noted.
    fn slot(&mut self, instance: Option<u32>) -> Option<&mut Slot<'a>> {
        self.highest = self.highest.max(instance.unwrap_or(0));
        let number = match instance {
            Some(number @ 1..=SET_LIMIT) => usize::try_from(number).unwrap_or(usize::MAX),
            Some(0) | None => {
                self.note(ArcReason::InstanceInvalid);
                return None;
            }
            Some(_) => {
                self.note(ArcReason::SetLimit);
                return None;
            }
        };
        if self.slots.len() < number {
            self.slots.resize(number, Slot::default());
        }
        self.slots.get_mut(number - 1)
    }

    /// RFC 8617 §5.2 step 3 A: each instance has one field of each kind.
    fn note_unless(&mut self, is_first: bool) {
        if !is_first {
            self.note(ArcReason::SetDuplicate);
        }
    }

    fn note(&mut self, problem: ArcReason) {
        self.problem.get_or_insert(problem);
    }

    /// The seals that can be read, by instance, and the sets of a chain that has a valid structure, ascending
    /// (RFC 8617 §5.2 steps 1 to 3).
    ///
    /// The sets are [`ArcReason::NoSets`], or why the chain has failed.
    pub(super) fn into_sets(self) -> (Vec<Sealer>, Result<Vec<ArcSet>, ArcReason>) {
        let mut sealers = Vec::with_capacity(self.slots.len());
        let mut sets = self
            .problem_of_all()
            .map_or(Ok(()), Err)
            .map(|()| Vec::with_capacity(self.slots.len()));
        for (instance, slot) in (1..).zip(self.slots) {
            let signer = slot.seal.as_ref().map(|(_, tags)| Signer::read(tags));
            if let Some(signer) = &signer {
                sealers.push(Sealer {
                    instance,
                    domain: signer.domain.as_ref().map(crate::domain::Domain::to_text),
                    selector: signer.selector_text(),
                });
            }
            // Step 3: each set complete, no gap, each cv= as its place wants it.
            sets = sets.and_then(|mut sets: Vec<ArcSet>| {
                sets.push(read_set(slot, signer, instance == 1)?);
                Ok(sets)
            });
        }
        (sealers, sets)
    }

    /// What is wrong with the fields together.
    fn problem_of_all(&self) -> Option<ArcReason> {
        if self.is_empty {
            return Some(ArcReason::NoSets);
        }
        if self.highest > SET_LIMIT {
            return Some(ArcReason::SetLimit);
        }
        // Step 2: a chain that was sealed as failed has failed, whatever else is wrong with it.
        let newest = self.slots.last().and_then(|slot| slot.seal.as_ref());
        if newest.and_then(|(_, tags)| read_status(tags)) == Some(ChainStatus::Fail) {
            return Some(ArcReason::SealedAsFailed);
        }
        self.problem
    }
}

fn read_set(
    slot: Slot<'_>,
    signer: Option<Signer<'_>>,
    is_first: bool,
) -> Result<ArcSet, ArcReason> {
    let (Some(results), Some(message_signature), Some(seal), Some(signer)) =
        (slot.results, slot.message_signature, slot.seal, signer)
    else {
        return Err(ArcReason::SetIncomplete);
    };
    let (position, tags) = message_signature;
    Ok(ArcSet {
        results,
        message_signature_position: position,
        message_signature: read_message_signature(&tags, position),
        seal: read_seal(&seal.1, &signer, seal.0, is_first)?,
    })
}

/// ARC-Message-Signature: a DKIM-Signature field but for `v=` and `i=` (RFC 8617 §4.1.2).
///
/// Deviation: RFC 8617 §4.1.2 forbids all ARC fields in `h=`; only ARC-Seal makes it fail, because it alone is
/// written later than the signature. Others are signed by sealers in use.
fn read_message_signature(
    tags: &TagList<'_>,
    position: usize,
) -> (Facts, Result<Signature, ArcReason>) {
    let (facts, signature) = signature::read_tags(tags, position, SignatureKind::ArcMessage);
    let covers_seal = facts.signed_headers.names().any(|name| name == "arc-seal");
    let signature = match signature {
        Ok(_) if covers_seal => Err(ArcReason::MessageSignatureCoversSeal),
        other => other.map_err(ArcReason::of_dkim),
    };
    (facts, signature)
}

/// ARC-Seal: only i, a, b, cv, d, s and t mean something (RFC 8617 §4.1.3).
fn read_seal(
    tags: &TagList<'_>,
    signer: &Signer<'_>,
    position: usize,
    is_first: bool,
) -> Result<SignedHash, ArcReason> {
    if let Some(problem) = tags.problem() {
        return Err(ArcReason::of_seal(DkimReason::from(problem)));
    }
    // RFC 8617 §4.1.3: h= is not allowed and must make the chain fail.
    if tags.tag(b"h").is_some() {
        return Err(ArcReason::SealListsHeaders);
    }
    let hash = read_signed_hash(tags, signer, position, None).map_err(ArcReason::of_seal)?;
    match (read_status(tags), is_first) {
        (Some(ChainStatus::None), true) | (Some(ChainStatus::Pass), false) => Ok(hash),
        _ => Err(ArcReason::StatusInvalid),
    }
}

fn read_status(tags: &TagList<'_>) -> Option<ChainStatus> {
    let value = tags.value(b"cv")?;
    if value.eq_ignore_ascii_case(b"none") {
        Some(ChainStatus::None)
    } else if value.eq_ignore_ascii_case(b"pass") {
        Some(ChainStatus::Pass)
    } else if value.eq_ignore_ascii_case(b"fail") {
        Some(ChainStatus::Fail)
    } else {
        None
    }
}

/// `instance` at the start of an ARC-Authentication-Results field (RFC 8617 §3.9, §4.1.1); what follows its semicolon
/// never decides (RFC 8617 §3.4).
fn leading_instance(value: &[u8]) -> Option<u32> {
    let rest = skip_cfws(value).strip_prefix(b"i")?;
    let rest = skip_cfws(rest).strip_prefix(b"=")?;
    let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
    lone_instance(rest.get(..end)?)
}

/// `position` with comments and white space around it, and nothing else (RFC 8617 §3.9).
fn lone_instance(value: &[u8]) -> Option<u32> {
    let value = skip_cfws(value);
    let digits = value
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (number, rest) = value.split_at_checked(digits)?;
    if !skip_cfws(rest).is_empty() {
        return None;
    }
    read_number(number, INSTANCE_DIGIT_LIMIT).and_then(|number| u32::try_from(number).ok())
}

/// The octets after comments and white space (RFC 5322 §3.2.2); a comment that does not end is not skipped.
fn skip_cfws(octets: &[u8]) -> &[u8] {
    let (mut rest, mut depth, mut outside) = (octets, 0_u32, octets);
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, depth) {
            (b'(', _) => {
                depth = depth.saturating_add(1);
                tail
            }
            (_, 0) if !is_wsp(*first) && !matches!(first, b'\r' | b'\n') => return rest,
            (b')', 1..) => {
                depth -= 1;
                tail
            }
            (b'\\', 1..) => tail.get(1..).unwrap_or_default(),
            _ => tail,
        };
        if depth == 0 {
            outside = rest;
        }
    }
    outside
}
