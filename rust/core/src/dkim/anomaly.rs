//! Finds the octets where a canonicalization changes something, 64 octets at a time.
//!
//! The hot loop of the room: everything between two finds goes to the hash as it stands. Knows octets and their
//! neighbours; must not know what a line or a field is.

use crate::octet_classes::{BLOCK, Classes, classify};

/// Where a canonicalization may have to change an octet; false finds cost time and nothing else.
pub(super) trait Anomaly {
    /// Bit i of the result: an anomaly at octet i of a block between its neighbours; 0 stands for no neighbour.
    fn find(classes: Classes, previous: u8, next: u8) -> u64;
}

/// A bare LF: all that `simple` changes before the end (RFC 6376 §3.4.1, §3.4.3).
pub(super) struct BareLineFeed;

impl Anomaly for BareLineFeed {
    fn find(classes: Classes, previous: u8, _next: u8) -> u64 {
        classes.bare_lf(previous)
    }
}

/// What `relaxed` changes in a body: white space that is not one space between words, a bare LF (RFC 6376 §3.4.4).
pub(super) struct RelaxedBody;

impl Anomaly for RelaxedBody {
    fn find(classes: Classes, previous: u8, next: u8) -> u64 {
        let blanks = classes.tab | classes.space & classes.followed_by_blank(next);
        blanks | classes.bare_lf(previous)
    }
}

/// What `relaxed` changes in a field's value: as in a body, and every fold (RFC 6376 §3.4.2).
pub(super) struct RelaxedField;

impl Anomaly for RelaxedField {
    fn find(classes: Classes, _previous: u8, next: u8) -> u64 {
        let blanks = classes.tab | classes.space & classes.followed_by_blank(next);
        blanks | classes.lf | classes.crlf(next)
    }
}

/// Positions of anomalies in ascending order.
pub(super) struct Scanner<'a, A> {
    octets: &'a [u8],
    /// Start of the block that `finds` belongs to.
    block: usize,
    /// Bit i: an anomaly at `block + i` that was not given out yet.
    finds: u64,
    kind: std::marker::PhantomData<A>,
}

impl<'a, A: Anomaly> Scanner<'a, A> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            block: 0,
            finds: find_in_block::<A>(octets, 0),
            kind: std::marker::PhantomData,
        }
    }

    /// The next anomaly at or after `from`; `from` never decreases from call to call.
    pub(super) fn next_from(&mut self, from: usize) -> Option<usize> {
        if from >= self.block.saturating_add(BLOCK) {
            self.block = from / BLOCK * BLOCK;
            self.finds = find_in_block::<A>(self.octets, self.block);
        }
        let passed = from.saturating_sub(self.block);
        self.finds &= u64::MAX
            .checked_shl(u32::try_from(passed).ok()?)
            .unwrap_or(0);
        while self.finds == 0 {
            self.block += BLOCK;
            if self.block >= self.octets.len() {
                return None;
            }
            self.finds = find_in_block::<A>(self.octets, self.block);
        }
        let offset = usize::try_from(self.finds.trailing_zeros()).ok()?;
        self.finds &= self.finds - 1;
        Some(self.block + offset)
    }
}

/// The anomalies of the block at `start`; octets beyond the end are 0.
fn find_in_block<A: Anomaly>(octets: &[u8], start: usize) -> u64 {
    let at = |position: Option<usize>| position.and_then(|place| octets.get(place)).copied();
    let (previous, next) = (at(start.checked_sub(1)), at(start.checked_add(BLOCK)));
    let rest = octets.get(start..).unwrap_or_default();
    let classes = match rest.first_chunk::<BLOCK>() {
        Some(block) => classify(block),
        None => classify(&padded(rest)),
    };
    A::find(classes, previous.unwrap_or(0), next.unwrap_or(0))
}

/// The last block of a text.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLANKS: [u8; 4] = [b' ', b'\t', b'\r', b'\n'];

    fn is_bare_lf(previous: u8, octet: u8, _next: u8) -> bool {
        octet == b'\n' && previous != b'\r'
    }

    fn is_relaxed_body(previous: u8, octet: u8, next: u8) -> bool {
        octet == b'\t'
            || octet == b' ' && BLANKS.contains(&next)
            || is_bare_lf(previous, octet, next)
    }

    fn is_relaxed_field(_previous: u8, octet: u8, next: u8) -> bool {
        octet == b'\t'
            || octet == b' ' && BLANKS.contains(&next)
            || octet == b'\n'
            || octet == b'\r' && next == b'\n'
    }

    fn naive(is_anomaly: fn(u8, u8, u8) -> bool, octets: &[u8]) -> Vec<usize> {
        let at =
            |position: Option<usize>| position.and_then(|p| octets.get(p)).copied().unwrap_or(0);
        (0..octets.len())
            .filter(|p| is_anomaly(at(p.checked_sub(1)), octets[*p], at(Some(p + 1))))
            .collect()
    }

    fn scanned<A: Anomaly>(octets: &[u8], step: usize) -> Vec<usize> {
        let mut scanner = Scanner::<A>::new(octets);
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(position) = scanner.next_from(from) {
            found.push(position);
            from = position + step;
        }
        found
    }

    proptest! {
        #[test]
        fn the_scanner_finds_what_a_plain_loop_finds(
            octets in prop::collection::vec(prop::sample::select(b"\r\n \taaaaaaaaaaaaaaaa".to_vec()), 0..300)
        ) {
            prop_assert_eq!(scanned::<BareLineFeed>(&octets, 1), naive(is_bare_lf, &octets));
            prop_assert_eq!(scanned::<RelaxedBody>(&octets, 1), naive(is_relaxed_body, &octets));
            prop_assert_eq!(scanned::<RelaxedField>(&octets, 1), naive(is_relaxed_field, &octets));
        }
    }

    #[test]
    fn skipping_ahead_skips_finds() {
        let octets = [b'\t'; 200];
        assert_eq!(scanned::<RelaxedBody>(&octets, 70), [0, 70, 140]);
        assert_eq!(scanned::<RelaxedBody>(&octets, 1).len(), 200);
        assert_eq!(scanned::<RelaxedBody>(b"", 1), [0; 0]);
    }
}
