//! Which source goes into which lane: several at a time, and the next one as soon as one has ended.

use crate::compression::Compression;
use crate::lane::Lane;
use crate::path::Path;
#[cfg(target_arch = "x86_64")]
use crate::{sixteen_lanes, vectors::VectorInstructions};

/// Octets in pieces, as `std::io::BufRead` gives them, but it never fails.
pub trait Source {
    /// What is not consumed yet of the present piece; empty at the end. May be asked again and says the same.
    fn piece(&mut self) -> &[u8];
    /// Puts aside the first octets of the piece; never more than it has.
    fn consume(&mut self, octets: usize);
    /// Writes what comes next into the room, as much as fits, or all but the last `SLACK` octets of it; none at the end.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0;
        loop {
            let piece = self.piece();
            let count = piece.len().min(room.len() - filled);
            if count == 0 {
                return filled;
            }
            if let Some((room, piece)) =
                room.get_mut(filled..filled + count).zip(piece.get(..count))
            {
                room.copy_from_slice(piece);
            }
            filled += count;
            self.consume(count);
        }
    }
}

/// Octets that a source may leave free of a room that it fills.
pub const SLACK: usize = 192;

/// Asks the CPU for octets that a source will read soon, so that they arrive while others are hashed. Nothing but time
/// depends on it.
#[inline]
pub fn prefetch(octets: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    crate::instructions::prefetch(octets);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = octets;
}

impl Source for &[u8] {
    #[inline]
    fn piece(&mut self) -> &[u8] {
        self
    }

    #[inline]
    fn consume(&mut self, octets: usize) {
        *self = self.get(octets..).unwrap_or_default();
    }
}

/// The SHA-256 of every source, in the order of the sources; `digests` is cleared first.
///
/// On several lanes a long source at the end has nobody beside it: put the long ones first.
pub fn digest_all<S: Source>(path: Path, sources: &mut [S], digests: &mut Vec<[u8; 32]>) {
    digests.clear();
    digests.resize(sources.len(), [0; 32]);
    let compression = Compression::of(path);
    let count = sources.len();
    let mut queue = sources.iter_mut().zip(digests);
    #[cfg(target_arch = "x86_64")]
    if path == Path::SixteenLanes
        && count >= sixteen_lanes::FEWEST
        && let Some(instructions) = VectorInstructions::detect()
    {
        let left = sixteen_lanes::compress(instructions, compression, &mut queue);
        return two_lanes(compression, left.into_iter());
    }
    let seats = queue.map(|(source, digest)| Seat {
        lane: Lane::new(compression),
        source,
        digest,
    });
    if path.is_for_several() && count > 1 {
        two_lanes(compression, seats);
    } else {
        seats.for_each(|seat| seat.finish(compression));
    }
}

/// A lane and the source in it.
pub(crate) struct Seat<'a, S> {
    pub(crate) lane: Lane,
    pub(crate) source: &'a mut S,
    pub(crate) digest: &'a mut [u8; 32],
}

/// Two lanes until only one source is left, then one.
fn two_lanes<'a, S: Source + 'a>(
    compression: Compression,
    mut queue: impl Iterator<Item = Seat<'a, S>>,
) {
    let Some(mut first) = queue.next() else {
        return;
    };
    let Some(mut second) = queue.next() else {
        return first.finish(compression);
    };
    let last = loop {
        if !first.refill(compression, &mut queue) {
            break second;
        }
        if !second.refill(compression, &mut queue) {
            break first;
        }
        let (state, blocks) = first.lane.ready(first.source.piece());
        let (other_state, other_blocks) = second.lane.ready(second.source.piece());
        let count = compression.two([state, other_state], [blocks, other_blocks]);
        first.lane.take(count, first.source);
        second.lane.take(count, second.source);
    };
    last.finish(compression);
}

impl<S: Source> Seat<'_, S> {
    /// Compresses what is left of the source.
    fn finish(mut self, compression: Compression) {
        while self.lane.prepare(self.source) {
            self.lane.compress(compression, self.source);
        }
        *self.digest = self.lane.digest(compression);
    }

    /// Makes blocks ready, in the next seat when this source has ended; false when none is left.
    #[inline]
    fn refill(&mut self, compression: Compression, queue: &mut impl Iterator<Item = Self>) -> bool {
        while !self.lane.prepare(self.source) {
            *self.digest = self.lane.digest(compression);
            let Some(next) = queue.next() else {
                return false;
            };
            *self = next;
        }
        true
    }
}
