//! What canonicalization changes in a header field (RFC 6376 §3.4.1, §3.4.2), found 64 octets at a time.
//!
//! Everything between two changes is taken as it stands. Of a run of white space the last octet stays, so that looking
//! two octets ahead decides about each one. Knows octets and their neighbours; must not know names of fields or hashes.
//! Bodies are longer and have their own way: `body_blocks.rs`.

use crate::message::to_usize;
use crate::octet_classes::{BLOCK, Classes, classify, padded};

/// A block and the two octets behind it.
const WINDOW: usize = BLOCK + 2;

/// Bit i: octet i of a block does not belong to the canonical form as it stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Finds {
    dropped: u64,
    replaced: u64,
}

/// The octets around a block; 0 where there is none.
#[derive(Clone, Copy)]
pub(super) struct Neighbours {
    previous: u8,
    next: u8,
    second: u8,
}

impl Neighbours {
    /// A line end begins right behind the block.
    fn has_line_end(self) -> bool {
        self.next == b'\n' || self.next == b'\r' && self.second == b'\n'
    }

    fn has_blank(self) -> bool {
        matches!(self.next, b' ' | b'\t')
    }
}

/// One canonical form of a text.
pub(super) trait Form {
    fn find(classes: Classes, around: Neighbours) -> Finds;

    /// What stands for an octet that is replaced.
    fn replacement(octet: u8) -> &'static [u8];
}

/// A bare LF becomes CRLF: all that `simple` changes (RFC 6376 §3.4.1).
pub(super) struct Lines;

impl Form for Lines {
    fn find(classes: Classes, around: Neighbours) -> Finds {
        Finds {
            dropped: 0,
            replaced: classes.bare_lf(around.previous),
        }
    }

    fn replacement(_octet: u8) -> &'static [u8] {
        b"\r\n"
    }
}

/// What `relaxed` changes in a field's value: a run of white space and folds becomes one space (RFC 6376 §3.4.2).
pub(super) struct RelaxedField;

impl Form for RelaxedField {
    fn find(classes: Classes, around: Neighbours) -> Finds {
        let blank = classes.space | classes.tab | classes.lf | classes.crlf(around.next);
        let is_followed = around.has_blank() || around.has_line_end();
        let dropped = blank & (blank >> 1 | u64::from(is_followed) << 63);
        Finds {
            dropped,
            replaced: blank & !dropped & !classes.space,
        }
    }

    fn replacement(_octet: u8) -> &'static [u8] {
        b" "
    }
}

/// A stretch that stays as it is, and what stands in the place of the octets behind it.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) clean: &'a [u8],
    pub(super) replacement: &'static [u8],
}

/// The changes from a text to its form; the last one changes nothing.
pub(super) struct Changes<'a, F> {
    content: &'a [u8],
    /// Start of the block that `finds` belongs to.
    block: usize,
    /// The last octet of the block.
    previous: u8,
    /// What was not given out yet.
    finds: Finds,
    /// Octets given out.
    done: usize,
    is_finished: bool,
    form: std::marker::PhantomData<F>,
}

impl<'a, F: Form> Changes<'a, F> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        let mut changes = Self {
            content,
            block: 0,
            previous: 0,
            finds: Finds::default(),
            done: 0,
            is_finished: false,
            form: std::marker::PhantomData,
        };
        changes.enter_block();
        changes
    }

    /// The first octet that does not stay, in this block or a later one.
    fn next_find(&mut self) -> Option<u32> {
        loop {
            let finds = self.finds.dropped | self.finds.replaced;
            if finds != 0 {
                return Some(finds.trailing_zeros());
            }
            self.block += BLOCK;
            if self.block >= self.content.len() {
                return None;
            }
            self.enter_block();
        }
    }

    /// Looks at the block at `self.block`; the blocks are entered one after the other.
    fn enter_block(&mut self) {
        let rest = self.content.get(self.block..).unwrap_or_default();
        let window = rest.first_chunk::<WINDOW>().copied();
        let window = window.unwrap_or_else(|| padded(rest));
        let [block @ .., next, second] = window;
        let around = Neighbours {
            previous: self.previous,
            next,
            second,
        };
        self.finds = F::find(classify(&block), around);
        [.., self.previous] = block;
    }

    fn change(&self, until: usize, replacement: &'static [u8]) -> Change<'a> {
        Change {
            clean: self.content.get(self.done..until).unwrap_or_default(),
            replacement,
        }
    }
}

impl<'a, F: Form> Iterator for Changes<'a, F> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        if self.is_finished {
            return None;
        }
        while let Some(shift) = self.next_find() {
            let position = self.block + to_usize(shift);
            let Finds { dropped, replaced } = self.finds;
            if replaced >> shift & 1 == 1 {
                self.finds.replaced = replaced & (replaced - 1);
                let octet = self.content.get(position).copied().unwrap_or_default();
                let change = self.change(position, F::replacement(octet));
                self.done = position + 1;
                return Some(change);
            }
            let run = (dropped >> shift).trailing_ones();
            let rest = u64::MAX.checked_shl(shift + run).unwrap_or(0);
            self.finds.dropped = dropped & rest;
            let change = self.change(position, b"");
            self.done = position + to_usize(run);
            if !change.clean.is_empty() {
                return Some(change);
            }
        }
        self.is_finished = true;
        Some(self.change(self.content.len(), b""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written<F: Form>(octets: &[u8]) -> Vec<u8> {
        let changes = Changes::<F>::new(octets);
        changes
            .flat_map(|change| [change.clean, change.replacement].concat())
            .collect()
    }

    /// One space for each run of white space and folds.
    fn naive(octets: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), octets);
        while let Some((first, tail)) = rest.split_first() {
            let mut length = 0;
            while fold(&rest[length..]) > 0 {
                length += fold(&rest[length..]);
            }
            out.push(if length == 0 { *first } else { b' ' });
            rest = if length == 0 { tail } else { &rest[length..] };
        }
        out
    }

    fn fold(octets: &[u8]) -> usize {
        match octets {
            [b'\r', b'\n', ..] => 2,
            [b' ' | b'\t' | b'\n', ..] => 1,
            _ => 0,
        }
    }

    fn with_crlf(octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for octet in octets {
            if *octet == b'\n' && out.last() != Some(&b'\r') {
                out.push(b'\r');
            }
            out.push(*octet);
        }
        out
    }

    proptest! {
        #[test]
        fn the_blocks_say_what_a_plain_reading_says(
            octets in prop::collection::vec(prop::sample::select(b"\r\n\r\n \t  aaaaaaaaaa".to_vec()), 0..300)
        ) {
            prop_assert_eq!(written::<Lines>(&octets), with_crlf(&octets));
            prop_assert_eq!(written::<RelaxedField>(&octets), naive(&octets));
        }
    }

    #[test]
    fn a_run_across_blocks_is_one_run() {
        let octets = [&[b'a'; 60][..], &[b' '; 100], b"\r\nb"].concat();
        assert_eq!(
            written::<RelaxedField>(&octets),
            [&[b'a'; 60][..], b" b"].concat()
        );
        assert_eq!(written::<RelaxedField>(b""), b"");
    }
}
