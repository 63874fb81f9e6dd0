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

/// Octets asked for before they are read: what becomes of them is hashed after what becomes of those before them.
const AHEAD: usize = 4096 + BLOCK;

/// A block and the two octets behind it, which decide about its last ones.
pub(super) const WINDOW: usize = BLOCK + 2;

/// Bit i: what happens to octet i of a block.
#[derive(Clone, Copy)]
pub(super) struct Edit {
    pub(super) dropped: u64,
    /// Becomes a space.
    pub(super) tab: u64,
    /// Becomes CRLF.
    pub(super) bare_lf: u64,
}

/// A block on its way.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    /// With 0 behind the end of the text.
    pub(super) octets: &'a [u8; WINDOW],
    /// Octets of the block that are text.
    pub(super) valid: u64,
    /// The text from the block on.
    pub(super) text: &'a [u8],
}

impl<'a> Window<'a> {
    #[inline]
    pub(super) fn block(self) -> &'a [u8; BLOCK] {
        let [block @ .., _, _] = self.octets;
        block
    }
}

/// What one block leaves for the next.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// All ones or nothing: whether white space is changed (RFC 6376 §3.4.4), or line ends only (§3.4.3).
    pub(super) relaxed: u64,
    /// Not zero if the next block may begin with half of a line end.
    #[cfg(target_arch = "x86_64")]
    pub(super) odd: u64,
    /// One if a line feed at the start of the next block is bare.
    bare_lf: u64,
    line_ends: LineEnds,
}

/// A body's text on its way to the canonical form.
pub(super) struct BodyText<'a> {
    rest: &'a [u8],
    seen: Seen,
    path: Path,
}

impl<'a> BodyText<'a> {
    pub(super) fn new(text: &'a [u8], is_relaxed: bool, path: Path) -> Self {
        Self {
            rest: text,
            seen: Seen {
                relaxed: if is_relaxed { u64::MAX } else { 0 },
                #[cfg(target_arch = "x86_64")]
                odd: 1,
                bare_lf: 1,
                line_ends: LineEnds::default(),
            },
            path,
        }
    }

    pub(super) fn is_relaxed(&self) -> bool {
        self.seen.relaxed != 0
    }

    /// Takes another text, before anything was read.
    pub(super) fn restart(&mut self, text: &'a [u8]) {
        self.rest = text;
    }

    /// The line ends of the text as stored, as far as it was read.
    pub(super) fn line_ends(&self) -> LineEnds {
        self.seen.line_ends
    }

    pub(super) fn is_read(&self) -> bool {
        self.rest.is_empty()
    }

    /// Writes canonical octets behind those `filled`, until the text has ended or less than `ROOM` is left; returns how
    /// much is filled then.
    pub(super) fn fill(&mut self, room: &mut [u8], filled: usize) -> usize {
        let before = self.rest.len();
        let filled = self.path.fill(self, room, filled);
        // What lay ahead before is on its way already.
        let expected = AHEAD.saturating_sub(before - self.rest.len());
        let rest = self.rest.get(..AHEAD).unwrap_or(self.rest);
        prefetch(rest.get(expected..).unwrap_or_default());
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
        rewrite: impl Fn(Window<'_>, &mut Seen, &mut [u8; ROOM]) -> usize,
    ) -> usize {
        let (mut text, mut seen) = (self.rest, self.seen);
        while let Some(room) = room.get_mut(filled..).and_then(<[u8]>::first_chunk_mut) {
            let end;
            let (octets, valid, around) = match text.first_chunk() {
                Some(octets) => (octets, u64::MAX, text),
                None if text.is_empty() => break,
                None => {
                    end = padded(text);
                    (&end, first_bits(text.len()), &end[..])
                }
            };
            let window = Window {
                octets,
                valid,
                text: around,
            };
            filled += rewrite(window, &mut seen, room);
            text = text.get(BLOCK..).unwrap_or_default();
        }
        (self.rest, self.seen) = (text, seen);
        filled
    }
}

impl Seen {
    /// What happens to a block.
    #[inline]
    pub(super) fn edit(&mut self, classes: Classes, window: Window<'_>) -> Edit {
        let [.., next, second] = *window.octets;
        let is_lf_next = next == b'\n';
        let is_stop_next = matches!(next, b' ' | b'\t' | b'\n') || next == b'\r' && second == b'\n';
        let Classes { space, tab, cr, lf } = classes;
        let blank = space | tab;
        // Line feeds behind the octets of the block.
        let later_lf = lf >> 1 | u64::from(is_lf_next) << 63;
        let (bare_cr, later_bare) = (cr & !later_lf, later_lf & !cr);
        let bare_lf = later_bare << 1 | lf & self.bare_lf;
        self.bare_lf = later_bare >> 63;
        self.line_ends.has_bare_lf |= bare_lf != 0;
        self.line_ends.has_bare_cr |= bare_cr != 0;
        let line_end = lf | cr & later_lf;
        // Before more white space or a line end, white space goes.
        let dropped = blank & ((blank | line_end) >> 1 | u64::from(is_stop_next) << 63);
        Edit {
            dropped: dropped & self.relaxed | !window.valid,
            tab: tab & self.relaxed,
            bare_lf,
        }
    }
}

/// Ones at the lowest places.
fn first_bits(count: usize) -> u64 {
    let beyond = u32::try_from(count).ok();
    let beyond = beyond.and_then(|count| u64::MAX.checked_shl(count));
    !beyond.unwrap_or(0)
}

/// Writes one stretch after the other: for a CPU of which nothing is known, and for what is rare.
pub(super) fn write_stretches(window: Window<'_>, edit: Edit, room: &mut [u8; ROOM]) -> usize {
    let mut changes = edit.dropped | edit.tab | edit.bare_lf;
    let (mut done, mut filled) = (0, 0);
    loop {
        let at = to_usize(changes.trailing_zeros());
        filled += copy(window, done, at, room, filled);
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
fn copy(
    window: Window<'_>,
    start: usize,
    end: usize,
    room: &mut [u8; ROOM],
    filled: usize,
) -> usize {
    let length = end.saturating_sub(start);
    let text = window.text.get(start..).unwrap_or_default();
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
