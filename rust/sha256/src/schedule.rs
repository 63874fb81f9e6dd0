//! Which source goes into which lane: two at a time, and the next one as soon as one has ended.

use crate::compression::Compression;
use crate::lane::Lane;
use crate::path::Path;

/// Octets in pieces, as `std::io::BufRead` gives them, but it never fails.
pub trait Source {
    /// What is not consumed yet of the present piece; empty at the end. May be asked again and says the same.
    fn piece(&mut self) -> &[u8];
    /// Puts aside the first octets of the piece; never more than it has.
    fn consume(&mut self, octets: usize);
}

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
/// On two lanes a long source at the end has nobody beside it: put the long ones first.
pub fn digest_all<S: Source>(path: Path, sources: &mut [S], digests: &mut Vec<[u8; 32]>) {
    digests.clear();
    digests.resize(sources.len(), [0; 32]);
    let compression = Compression::of(path);
    match (path, sources) {
        (Path::TwoLanes, sources @ [_, _, ..]) => two_lanes(compression, sources, digests),
        (_, sources) => {
            let mut lane = Lane::new(compression);
            for (source, digest) in sources.iter_mut().zip(digests) {
                lane.restart(compression);
                *digest = finish(&mut lane, compression, source);
            }
        }
    }
}

/// Compresses what is left of a source.
fn finish(lane: &mut Lane, compression: Compression, source: &mut impl Source) -> [u8; 32] {
    while lane.prepare(source) {
        lane.compress(compression, source);
    }
    lane.digest(compression)
}

/// A lane and the source in it.
struct Seat<'a, S> {
    lane: Lane,
    source: &'a mut S,
    digest: &'a mut [u8; 32],
}

/// Two lanes until only one source is left, then one.
fn two_lanes<S: Source>(compression: Compression, sources: &mut [S], digests: &mut [[u8; 32]]) {
    let mut queue = sources.iter_mut().zip(digests);
    let mut seat = || {
        queue.next().map(|(source, digest)| Seat {
            lane: Lane::new(compression),
            source,
            digest,
        })
    };
    let (Some(mut first), Some(mut second)) = (seat(), seat()) else {
        return;
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
    let Seat {
        mut lane,
        source,
        digest,
    } = last;
    *digest = finish(&mut lane, compression, source);
}

impl<'a, S: Source> Seat<'a, S> {
    /// Makes blocks ready, of the next source when this one has ended; false when none is left.
    #[inline]
    fn refill(
        &mut self,
        compression: Compression,
        queue: &mut impl Iterator<Item = (&'a mut S, &'a mut [u8; 32])>,
    ) -> bool {
        while !self.lane.prepare(self.source) {
            *self.digest = self.lane.digest(compression);
            let Some((source, digest)) = queue.next() else {
                return false;
            };
            (self.source, self.digest) = (source, digest);
            self.lane.restart(compression);
        }
        true
    }
}
