//! ARC fields and the sets they form (RFC 8617 §4.1, §4.2): who belongs to which instance, and is the chain complete?
//!
//! Knows the fields' syntax and the chain's structure; must not know keys, hashes or the body.

use crate::arc::{ArcReason, Sealer};
use crate::dkim::DkimReason;
use crate::dkim::signature::{
    self, Facts, Signature, SignatureKind, SignedHash, read_domain, read_selector, read_signed_hash,
};
use crate::dkim::tag_value::{read_number, to_text};
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

/// All ARC fields of a message.
pub(super) struct ArcFields {
    /// By instance, from 1.
    slots: Vec<Slot>,
    /// The highest instance seen, also beyond the limit.
    pub(super) highest: u32,
    is_empty: bool,
    problem: Option<ArcReason>,
}

/// Positions of the fields of one instance.
#[derive(Clone, Copy, Default)]
struct Slot {
    results: Option<usize>,
    message_signature: Option<usize>,
    seal: Option<usize>,
}

#[derive(Clone, Copy)]
enum FieldKind {
    Results,
    MessageSignature,
    Seal,
}

impl ArcFields {
    /// Collects the fields (RFC 8617 §5.2 step 1); the first thing that is wrong is remembered.
    pub(super) fn collect(message: &Message) -> Self {
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
                fields.add(message, position, kind);
            }
        }
        fields
    }

    fn add(&mut self, message: &Message, position: usize, kind: FieldKind) {
        self.is_empty = false;
        let value = message
            .fields()
            .get(position)
            .map(|field| message.value(field));
        let value = value.unwrap_or_default();
        let instance = match kind {
            FieldKind::Results => leading_instance(value),
            // Deviation: RFC 8617 §4.1.2 and §4.1.3 put i= first; sealers do not always, and nothing depends on it.
            FieldKind::MessageSignature | FieldKind::Seal => {
                TagList::parse(value).value(b"i").and_then(lone_instance)
            }
        };
        self.highest = self.highest.max(instance.unwrap_or(0));
        let number = match instance {
            Some(number @ 1..=SET_LIMIT) => usize::try_from(number).unwrap_or(usize::MAX),
            Some(0) | None => return self.note(ArcReason::InstanceInvalid),
            Some(_) => return self.note(ArcReason::SetLimit),
        };
        if self.slots.len() < number {
            self.slots.resize(number, Slot::default());
        }
        let Some(slot) = self.slots.get_mut(number - 1) else {
            return;
        };
        let place = match kind {
            FieldKind::Results => &mut slot.results,
            FieldKind::MessageSignature => &mut slot.message_signature,
            FieldKind::Seal => &mut slot.seal,
        };
        match place {
            Some(_) => self.note(ArcReason::SetDuplicate),
            None => *place = Some(position),
        }
    }

    fn note(&mut self, problem: ArcReason) {
        self.problem.get_or_insert(problem);
    }

    /// The seals that can be read, by instance.
    pub(super) fn sealers(&self, message: &Message) -> Vec<Sealer> {
        let seals = (1_u32..).zip(&self.slots).filter_map(|(instance, slot)| {
            let tags = tags_at(message, slot.seal?);
            let domain = tags.value(b"d").and_then(read_domain);
            let selector = tags.value(b"s").and_then(read_selector);
            Some(Sealer {
                instance,
                domain: domain.map(|domain| domain.to_string()),
                selector: selector.map(to_text),
            })
        });
        seals.collect()
    }

    /// The sets of a chain that has a valid structure, ascending (RFC 8617 §5.2 steps 1 to 3).
    ///
    /// # Errors
    /// [`ArcReason::NoSets`], or why the chain has failed.
    pub(super) fn into_sets(self, message: &Message) -> Result<Vec<ArcSet>, ArcReason> {
        if self.is_empty {
            return Err(ArcReason::NoSets);
        }
        if self.highest > SET_LIMIT {
            return Err(ArcReason::SetLimit);
        }
        // Step 2: a chain that was sealed as failed has failed, whatever else is wrong with it.
        let newest = self.slots.last().and_then(|slot| slot.seal);
        let status = newest.and_then(|position| read_status(&tags_at(message, position)));
        if status == Some(ChainStatus::Fail) {
            return Err(ArcReason::SealedAsFailed);
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        // Step 3: each set complete, no gap, each cv= as its place wants it.
        self.slots
            .iter()
            .enumerate()
            .map(|(index, slot)| read_set(message, *slot, index == 0))
            .collect()
    }
}

fn read_set(message: &Message, slot: Slot, is_first: bool) -> Result<ArcSet, ArcReason> {
    let (Some(results), Some(message_signature_position), Some(seal)) =
        (slot.results, slot.message_signature, slot.seal)
    else {
        return Err(ArcReason::SetIncomplete);
    };
    Ok(ArcSet {
        results,
        message_signature_position,
        message_signature: read_message_signature(message, message_signature_position),
        seal: read_seal(message, seal, is_first)?,
    })
}

fn tags_at(message: &Message, position: usize) -> TagList<'_> {
    let value = message
        .fields()
        .get(position)
        .map(|field| message.value(field));
    TagList::parse(value.unwrap_or_default())
}

/// ARC-Message-Signature: a DKIM-Signature field but for `v=` and `i=` (RFC 8617 §4.1.2).
///
/// Deviation: RFC 8617 §4.1.2 forbids all ARC fields in `h=`; only ARC-Seal makes it fail, because it alone is
/// written later than the signature. Others are signed by sealers in use.
fn read_message_signature(
    message: &Message,
    position: usize,
) -> (Facts, Result<Signature, ArcReason>) {
    let (facts, signature) = signature::read(message, position, SignatureKind::ArcMessage);
    let covers_seal = facts.signed_headers.names().any(|name| name == "arc-seal");
    let signature = match signature {
        Ok(_) if covers_seal => Err(ArcReason::MessageSignatureCoversSeal),
        other => other.map_err(ArcReason::of_dkim),
    };
    (facts, signature)
}

/// ARC-Seal: only i, a, b, cv, d, s and t mean something (RFC 8617 §4.1.3).
fn read_seal(message: &Message, position: usize, is_first: bool) -> Result<SignedHash, ArcReason> {
    let tags = tags_at(message, position);
    if let Some(problem) = tags.problem() {
        return Err(ArcReason::of_seal(DkimReason::from(problem)));
    }
    // RFC 8617 §4.1.3: h= is not allowed and must make the chain fail.
    if tags.tag(b"h").is_some() {
        return Err(ArcReason::SealListsHeaders);
    }
    let facts = Facts::read(&tags, SignatureKind::ArcMessage);
    let hash = read_signed_hash(&tags, &facts, position).map_err(ArcReason::of_seal)?;
    match (read_status(&tags), is_first) {
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
