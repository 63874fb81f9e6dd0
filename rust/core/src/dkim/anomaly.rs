//! Finds the octets where a canonicalization changes something, 64 octets at a time.
//!
//! The hot loop of the room: everything between two finds goes to the hash as it stands. Knows octets and their
//! neighbours; must not know what a line or a field is. The predicates use only bitwise logic, so that the compiler
//! turns the loop into vector compares; a hand-written kernel would replace [`find_in_window`] and nothing else.
#![expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators are branches, and branches are no vectors"
)]

/// Octets looked at in one step.
const BLOCK: usize = 64;
/// A block with one neighbour on either side.
const WINDOW: usize = BLOCK + 2;

/// Where a canonicalization may have to change an octet; false finds cost time and nothing else.
pub(super) trait Anomaly {
    /// Looks at an octet between its neighbours; 0 stands for no neighbour.
    fn is_anomaly(previous: u8, octet: u8, next: u8) -> bool;
}

/// A bare LF: all that `simple` changes before the end (RFC 6376 §3.4.1, §3.4.3).
pub(super) struct BareLineFeed;

impl Anomaly for BareLineFeed {
    fn is_anomaly(previous: u8, octet: u8, _next: u8) -> bool {
        (octet == b'\n') & (previous != b'\r')
    }
}

/// What `relaxed` changes in a body: white space that is not one space between words, a bare LF (RFC 6376 §3.4.4).
pub(super) struct RelaxedBody;

impl Anomaly for RelaxedBody {
    fn is_anomaly(previous: u8, octet: u8, next: u8) -> bool {
        let is_followed = (next == b' ') | (next == b'\t') | (next == b'\r') | (next == b'\n');
        (octet == b'\t')
            | ((octet == b' ') & is_followed)
            | ((octet == b'\n') & (previous != b'\r'))
    }
}

/// What `relaxed` changes in a field's value: as in a body, and every fold (RFC 6376 §3.4.2).
pub(super) struct RelaxedField;

impl Anomaly for RelaxedField {
    fn is_anomaly(_previous: u8, octet: u8, next: u8) -> bool {
        let is_followed = (next == b' ') | (next == b'\t') | (next == b'\r') | (next == b'\n');
        (octet == b'\t')
            | ((octet == b' ') & is_followed)
            | (octet == b'\n')
            | ((octet == b'\r') & (next == b'\n'))
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
            finds: find_at_edge::<A>(octets, 0),
            kind: std::marker::PhantomData,
        }
    }

    /// The next anomaly at or after `from`; `from` never decreases from call to call.
    pub(super) fn next_from(&mut self, from: usize) -> Option<usize> {
        if from >= self.block.saturating_add(BLOCK) {
            self.enter(from / BLOCK * BLOCK);
        }
        let passed = from.saturating_sub(self.block);
        self.finds &= u64::MAX
            .checked_shl(u32::try_from(passed).ok()?)
            .unwrap_or(0);
        while self.finds == 0 {
            let next = self.block + BLOCK;
            if next >= self.octets.len() {
                return None;
            }
            self.enter(next);
        }
        let offset = usize::try_from(self.finds.trailing_zeros()).ok()?;
        self.finds &= self.finds - 1;
        Some(self.block + offset)
    }

    fn enter(&mut self, block: usize) {
        self.block = block;
        let window = block
            .checked_sub(1)
            .and_then(|start| self.octets.get(start..start + WINDOW))
            .and_then(|window| window.try_into().ok());
        self.finds = match window {
            Some(window) => find_in_window::<A>(window),
            None => find_at_edge::<A>(self.octets, block),
        };
    }
}

/// The first or the last block: neighbours that do not exist are 0.
#[cold]
fn find_at_edge<A: Anomaly>(octets: &[u8], block: usize) -> u64 {
    let mut window = [0; WINDOW];
    let start = block.saturating_sub(1);
    let skipped = usize::from(block == 0);
    for (to, from) in window
        .iter_mut()
        .skip(skipped)
        .zip(octets.iter().skip(start))
    {
        *to = *from;
    }
    find_in_window::<A>(&window)
}

/// Bit i of the result: an anomaly at octet i of the block inside the window.
fn find_in_window<A: Anomaly>(window: &[u8; WINDOW]) -> u64 {
    let mut flags = [0_u8; BLOCK];
    let octets = window.iter().skip(1);
    let neighbours = window.iter().zip(window.iter().skip(2));
    for (flag, (octet, (previous, next))) in flags.iter_mut().zip(octets.zip(neighbours)) {
        *flag = u8::from(A::is_anomaly(*previous, *octet, *next));
    }
    if flags.iter().fold(0, |any, flag| any | flag) == 0 {
        return 0;
    }
    let (words, _) = flags.as_chunks::<8>();
    words.iter().rev().fold(0, |mask, word| {
        // Gathers the lowest bit of each of the eight octets in the top octet of the product.
        let bits = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask << 8 | bits
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive<A: Anomaly>(octets: &[u8]) -> Vec<usize> {
        let at =
            |position: Option<usize>| position.and_then(|p| octets.get(p)).copied().unwrap_or(0);
        (0..octets.len())
            .filter(|p| A::is_anomaly(at(p.checked_sub(1)), octets[*p], at(Some(p + 1))))
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
            prop_assert_eq!(scanned::<BareLineFeed>(&octets, 1), naive::<BareLineFeed>(&octets));
            prop_assert_eq!(scanned::<RelaxedBody>(&octets, 1), naive::<RelaxedBody>(&octets));
            prop_assert_eq!(scanned::<RelaxedField>(&octets, 1), naive::<RelaxedField>(&octets));
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
