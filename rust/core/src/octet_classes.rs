//! Where white space and line ends stand among 64 octets: the hot loop under framing and canonicalization.
//!
//! Knows four octets and 16 octets compared at once (SSE2, which is part of every x86-64, or what else there is); must not
//! know what a line, a field or an anomaly is.

use wide::u8x16;

/// Octets looked at in one step.
pub(crate) const BLOCK: usize = 64;

/// Bit i of each mask: octet i of the block is this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    pub(crate) space: u64,
    pub(crate) tab: u64,
    pub(crate) cr: u64,
    pub(crate) lf: u64,
}

impl Classes {
    /// Line feeds without a carriage return before them; `previous` is the octet before the block, 0 for none.
    pub(crate) fn bare_lf(self, previous: u8) -> u64 {
        self.lf & !(self.cr << 1 | u64::from(previous == b'\r'))
    }

    /// Carriage returns with a line feed after them; `next` is the octet after the block.
    pub(crate) fn crlf(self, next: u8) -> u64 {
        self.cr & (self.lf >> 1 | u64::from(next == b'\n') << 63)
    }
}

/// Line ends that RFC 5322 §2.3 does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineEnds {
    pub(crate) has_bare_lf: bool,
    pub(crate) has_bare_cr: bool,
}

impl LineEnds {
    /// Looks through octets that begin and end between lines.
    pub(crate) fn of(octets: &[u8]) -> Self {
        if octets.is_empty() {
            return Self::default();
        }
        let (blocks, rest) = octets.as_chunks::<BLOCK>();
        let (mut found, mut previous) = (Self::default(), 0);
        let starts = blocks.iter().skip(1).map(|[first, ..]| *first);
        let nexts = starts.chain([rest.first().copied().unwrap_or(0)]);
        for (block, next) in blocks.iter().zip(nexts) {
            found.note(classify(block), previous, next);
            let [.., last] = block;
            previous = *last;
        }
        found.note(classify(&padded(rest)), previous, 0);
        found
    }

    /// Adds what one block holds, between its neighbours.
    pub(crate) fn note(&mut self, classes: Classes, previous: u8, next: u8) {
        self.has_bare_lf |= classes.bare_lf(previous) != 0;
        self.has_bare_cr |= classes.cr & !classes.crlf(next) != 0;
    }

    /// What either part holds.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            has_bare_lf: self.has_bare_lf | other.has_bare_lf,
            has_bare_cr: self.has_bare_cr | other.has_bare_cr,
        }
    }
}

/// The end of a text, filled up with 0.
pub(crate) fn padded<const LENGTH: usize>(rest: &[u8]) -> [u8; LENGTH] {
    let mut block = [0; LENGTH];
    let octets = rest.len().min(LENGTH);
    if let (Some(to), Some(from)) = (block.get_mut(..octets), rest.get(..octets)) {
        to.copy_from_slice(from);
    }
    block
}

/// The masks of one block.
pub(crate) fn classify(block: &[u8; BLOCK]) -> Classes {
    let mut classes = Classes::default();
    let (parts, _) = block.as_chunks::<16>();
    for (part, shift) in parts.iter().zip([0, 16, 32, 48]) {
        let part = u8x16::new(*part);
        let positions =
            |octet: u8| u64::from(part.simd_eq(u8x16::splat(octet)).to_bitmask()) << shift;
        classes.space |= positions(b' ');
        classes.tab |= positions(b'\t');
        classes.cr |= positions(b'\r');
        classes.lf |= positions(b'\n');
    }
    classes
}

/// One octet after the other: what the vector code is tested against.
#[cfg(test)]
fn classify_plainly(block: &[u8; BLOCK]) -> Classes {
    let mut classes = Classes::default();
    for (octet, shift) in block.iter().zip(0..) {
        let bit = 1_u64 << shift;
        match octet {
            b' ' => classes.space |= bit,
            b'\t' => classes.tab |= bit,
            b'\r' => classes.cr |= bit,
            b'\n' => classes.lf |= bit,
            _ => {}
        }
    }
    classes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_octet_is_found_where_it_stands(
            octets in prop::collection::vec(prop::sample::select(b"\r\n \ta\x8d\x8a\xa0\x89\0".to_vec()), BLOCK)
        ) {
            let block: &[u8; BLOCK] = octets.as_slice().try_into().unwrap();
            prop_assert_eq!(classify(block), classify_plainly(block));
        }
    }

    #[test]
    fn neighbours_across_the_border_of_a_block_count() {
        let mut block = [b'a'; BLOCK];
        (block[0], block[BLOCK - 1]) = (b'\n', b' ');
        let classes = classify(&block);
        assert_eq!((classes.bare_lf(b'\r'), classes.bare_lf(0)), (0, 1));
        block[BLOCK - 1] = b'\r';
        assert_eq!(classify(&block).crlf(b'\n') >> 63, 1);
        assert_eq!(classify(&block).crlf(b'x'), 0);
    }
}
