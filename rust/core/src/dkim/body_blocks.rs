//! What each canonicalization of a body (RFC 6376 §3.4.3, §3.4.4) makes of 64 octets, and the walk over all of them.
//!
//! Of a run of white space the last octet stays, so that looking two octets ahead decides about each one. Knows octets
//! and their neighbours; must not know the end of a body, hashes, or how octets are found and moved: `body_paths.rs`.

use mailauth_sha256::prefetch;

use crate::dkim::body_paths::Path;
use crate::message::to_usize;
use crate::octet_classes::{BLOCK, Classes, LineEnds, padded};

/// Room for what becomes of one block: every octet may be a line feed that becomes two, and a path may write a whole
/// block behind that.
pub(super) const ROOM: usize = 3 * BLOCK;

/// Octets asked for while the piece before them is hashed: about what becomes of them is the next piece.
const AHEAD: usize = 4096 + BLOCK;

/// Bit i: what happens to octet i of a block.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    pub(super) dropped: u64,
    /// Becomes a space.
    pub(super) tab: u64,
    /// Becomes CRLF.
    pub(super) bare_lf: u64,
}

/// A block among those that follow one another.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) blocks: &'a [[u8; BLOCK]],
    pub(super) index: usize,
    pub(super) block: &'a [u8; BLOCK],
}

/// A body's text on its way to the canonical form.
pub(super) struct BodyText<'a> {
    rest: &'a [u8],
    /// All ones or nothing: whether white space is changed (RFC 6376 §3.4.4), or line ends only (§3.4.3).
    relaxed: u64,
    seen: Seen,
    path: Path,
}

/// What one block leaves for the next.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// One if the next block begins with a bare line feed.
    bare_lf: u64,
    line_ends: LineEnds,
}

impl<'a> BodyText<'a> {
    pub(super) fn new(text: &'a [u8], is_relaxed: bool, path: Path) -> Self {
        prefetch(text.get(..AHEAD).unwrap_or(text));
        Self {
            rest: text,
            relaxed: if is_relaxed { u64::MAX } else { 0 },
            seen: Seen {
                bare_lf: u64::from(text.first() == Some(&b'\n')),
                ..Seen::default()
            },
            path,
        }
    }

    /// The line ends of the text as stored, as far as it was read.
    pub(super) fn line_ends(&self) -> LineEnds {
        self.seen.line_ends
    }

    /// The mask of white space that counts.
    pub(super) fn relaxed(&self) -> u64 {
        self.relaxed
    }

    pub(super) fn is_read(&self) -> bool {
        self.rest.is_empty()
    }

    /// Writes canonical octets behind those `filled`, until the text has ended or less than `ROOM` is left; returns how
    /// much is filled then.
    pub(super) fn fill(&mut self, room: &mut [u8], filled: usize) -> usize {
        let filled = self.path.fill(self, room, filled);
        prefetch(self.rest.get(..AHEAD).unwrap_or(self.rest));
        filled
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
        let (blocks, tail) = self.rest.as_chunks::<BLOCK>();
        let end: [u8; BLOCK] = padded(tail);
        let (mut seen, mut index) = (self.seen, 0);
        let mut classes = classify(blocks.first().unwrap_or(&end));
        while let Some(place) = room.get_mut(filled..).and_then(<[u8]>::first_chunk_mut) {
            let Some(block) = blocks.get(index) else {
                let edit = seen.edit(classes, Classes::default()).cut(tail.len());
                let blocks = std::slice::from_ref(&end);
                filled += write(
                    Place {
                        blocks,
                        index: 0,
                        block: &end,
                    },
                    edit,
                    place,
                );
                (self.rest, self.seen) = (&[], seen);
                return filled;
            };
            let next = classify(blocks.get(index + 1).unwrap_or(&end));
            filled += write(
                Place {
                    blocks,
                    index,
                    block,
                },
                seen.edit(classes, next),
                place,
            );
            (index, classes) = (index + 1, next);
        }
        self.rest = self.rest.get(index * BLOCK..).unwrap_or_default();
        self.seen = seen;
        filled
    }
}

impl Seen {
    /// What happens to a block before the next one.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a call would lose the instructions of the path"
    )]
    fn edit(&mut self, classes: Classes, next: Classes) -> Edit {
        let Classes { space, tab, cr, lf } = classes;
        let blank = space | tab;
        // Of the octets behind those of the block.
        let later_lf = lf >> 1 | next.lf << 63;
        let odd = cr ^ later_lf;
        let (mut bare_lf, mut line_end) = (0, cr | lf);
        if odd | self.bare_lf != 0 {
            let bare_cr = odd & cr;
            let later = odd & later_lf;
            bare_lf = later << 1 | self.bare_lf;
            line_end &= !bare_cr;
            self.bare_lf = later >> 63;
            self.line_ends.has_bare_lf |= bare_lf != 0;
            self.line_ends.has_bare_cr |= bare_cr != 0;
        }
        let next_line_end = next.lf | next.cr & next.lf >> 1;
        let later = (blank | line_end) >> 1 | (next.space | next.tab | next_line_end) << 63;
        Edit {
            // Before more white space or a line end, white space goes.
            dropped: blank & later,
            tab,
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
    let blocks = place.blocks.get(place.index..).unwrap_or_default();
    let text = blocks.as_flattened().get(start..).unwrap_or_default();
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
