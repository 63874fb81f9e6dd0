//! What each canonicalization of a body (RFC 6376 §3.4.3, §3.4.4) makes of 64 octets, and the walk over all of them.
//!
//! Of a run of white space the last octet stays, so that looking two octets ahead decides about each one. Knows octets
//! and their neighbours; must not know the end of a body, hashes, or how octets are found and moved: `body_paths.rs`.

use crate::dkim::body_paths::Path;
use crate::message::to_usize;
use crate::octet_classes::{BLOCK, Classes, LineEnds, padded};

/// Room for what becomes of one block: every octet may be a line feed that becomes two, and a path may write a whole
/// block behind that.
pub(super) const ROOM: usize = 3 * BLOCK;

/// Bit i: what happens to octet i of a block.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    pub(super) dropped: u64,
    /// Becomes a space.
    pub(super) tab: u64,
    /// Becomes CRLF.
    pub(super) bare_lf: u64,
}

/// A block, and the text from it on.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) block: &'a [u8; BLOCK],
    pub(super) text: &'a [u8],
}

/// A body's text on its way to the canonical form.
pub(super) struct BodyText<'a> {
    rest: &'a [u8],
    /// All ones or nothing: whether white space is changed (RFC 6376 §3.4.4), or line ends only (§3.4.3).
    relaxed: u64,
    is_after_cr: bool,
    line_ends: LineEnds,
    path: Path,
}

impl<'a> BodyText<'a> {
    pub(super) fn new(text: &'a [u8], is_relaxed: bool, path: Path) -> Self {
        Self {
            rest: text,
            relaxed: if is_relaxed { u64::MAX } else { 0 },
            is_after_cr: false,
            line_ends: LineEnds::default(),
            path,
        }
    }

    /// The line ends of the text as stored, as far as it was read.
    pub(super) fn line_ends(&self) -> LineEnds {
        self.line_ends
    }

    pub(super) fn is_read(&self) -> bool {
        self.rest.is_empty()
    }

    /// Writes canonical octets behind those `filled`, until the text has ended or less than `ROOM` is left; returns how
    /// much is filled then.
    pub(super) fn fill(&mut self, room: &mut [u8], filled: usize) -> usize {
        self.path.fill(self, room, filled)
    }

    /// The walk, inlined into each path so that it is compiled for that path's instructions.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call would lose the instructions of the path"
    )]
    pub(super) fn walk(
        &mut self,
        room: &mut [u8],
        mut filled: usize,
        classify: impl Fn(&[u8; BLOCK]) -> Classes,
        write: impl Fn(Place<'_>, Edit, &mut [u8; ROOM]) -> usize,
    ) -> usize {
        let (mut blocks, tail) = self.rest.as_chunks::<BLOCK>();
        let end: [u8; BLOCK] = padded(tail);
        let mut classes = classify(blocks.first().unwrap_or(&end));
        while let Some(place) = room.get_mut(filled..).and_then(<[u8]>::first_chunk_mut) {
            let Some((block, later)) = blocks.split_first() else {
                if !self.rest.is_empty() {
                    let edit = self.edit(classes, Classes::default());
                    let edit = edit.cut(tail.len());
                    filled += write(
                        Place {
                            block: &end,
                            text: &end,
                        },
                        edit,
                        place,
                    );
                    self.rest = &[];
                }
                break;
            };
            let next = classify(later.first().unwrap_or(&end));
            let edit = self.edit(classes, next);
            filled += write(
                Place {
                    block,
                    text: self.rest,
                },
                edit,
                place,
            );
            (blocks, classes) = (later, next);
            self.rest = self.rest.get(BLOCK..).unwrap_or_default();
        }
        filled
    }

    /// What happens to a block between the one before and the next.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call would lose the instructions of the path"
    )]
    fn edit(&mut self, classes: Classes, next: Classes) -> Edit {
        let Classes { space, tab, cr, lf } = classes;
        let next_crlf = next.cr & next.lf >> 1;
        let next_blank = next.space | next.tab;
        let crlf = cr & (lf >> 1 | next.lf << 63);
        let bare_lf = lf & !(cr << 1 | u64::from(self.is_after_cr));
        self.is_after_cr = cr >> 63 == 1;
        self.line_ends.has_bare_lf |= bare_lf != 0;
        self.line_ends.has_bare_cr |= cr & !crlf != 0;
        let blank = (space | tab) & self.relaxed;
        // Before more white space or a line end, white space goes.
        let follower = space | tab | lf | crlf;
        let next_follower = next_blank | next.lf | next_crlf;
        Edit {
            dropped: blank & (follower >> 1 | next_follower << 63),
            tab: tab & self.relaxed,
            bare_lf,
        }
    }
}

impl Edit {
    /// Only the first octets of the block are text.
    fn cut(self, octets: usize) -> Self {
        let beyond = u32::try_from(octets)
            .ok()
            .and_then(|octets| u64::MAX.checked_shl(octets));
        Self {
            dropped: self.dropped | beyond.unwrap_or(0),
            ..self
        }
    }
}

/// Writes one stretch after the other: for a CPU of which nothing is known, and for what is rare.
pub(super) fn write_stretches(place: Place<'_>, edit: Edit, room: &mut [u8; ROOM]) -> usize {
    let mut changes = edit.dropped | edit.tab | edit.bare_lf;
    let (mut done, mut filled) = (0, 0);
    loop {
        let at = to_usize(changes.trailing_zeros());
        filled += copy(place, done, at, room, filled);
        let Some(rest) = changes.checked_sub(1).map(|below| changes & below) else {
            return filled;
        };
        let bit = changes & !rest;
        let replacement: &[u8] = if edit.bare_lf & bit != 0 {
            b"\r\n"
        } else if edit.dropped & bit != 0 {
            b""
        } else {
            b" "
        };
        if let Some(room) = room
            .get_mut(filled..)
            .and_then(|room| room.get_mut(..replacement.len()))
        {
            room.copy_from_slice(replacement);
        }
        filled += replacement.len();
        (done, changes) = (at + 1, rest);
    }
}

/// Copies octets of a block by whole blocks where the text has them: no call, and what is too much is overwritten.
fn copy(place: Place<'_>, start: usize, end: usize, room: &mut [u8; ROOM], filled: usize) -> usize {
    let length = end.saturating_sub(start);
    let text = place.text.get(start..).unwrap_or_default();
    let room = room.get_mut(filled..).unwrap_or_default();
    match (room.first_chunk_mut::<BLOCK>(), text.first_chunk::<BLOCK>()) {
        (Some(room), Some(octets)) => *room = *octets,
        _ => {
            if let (Some(room), Some(octets)) = (room.get_mut(..length), text.get(..length)) {
                room.copy_from_slice(octets);
            }
        }
    }
    length
}
