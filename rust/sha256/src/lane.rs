//! One stream on its way to a digest: what is not a whole block yet, the length, the padding (FIPS 180-4 §5.1.1).

use crate::compression::{Block, Compression, State};
use crate::schedule::{SLACK, Source};

/// Octets of a block.
const BLOCK: usize = 64;
/// Blocks that pieces are gathered into before they are compressed: fewer calls of the compression.
const GATHERED: usize = 16;
/// Octets of `GATHERED`.
const FULL: usize = GATHERED * BLOCK;
/// What a source may write into at once: `FULL` octets and what it needs to leave none of them free.
const ROOM: usize = FULL + SLACK;
/// A piece this long is compressed where it lies; to copy a shorter one is cheaper than to compress it by itself.
const LONG: usize = 2 * BLOCK;

/// A state, and the octets that go into it next.
#[derive(Clone)]
pub(crate) struct Lane {
    state: State,
    /// The room of a source, and two blocks more for the padding.
    buffer: [Block; ROOM / BLOCK + 2],
    /// Blocks of the buffer that are compressed.
    taken: usize,
    /// Octets in the buffer, from its start; those of `taken` are among them.
    filled: usize,
    /// Octets of the stream, gathered or compressed.
    length: u64,
    is_padded: bool,
}

impl Lane {
    pub(crate) fn new(compression: Compression) -> Self {
        Self {
            state: compression.initial(),
            buffer: [[0; BLOCK]; ROOM / BLOCK + 2],
            taken: 0,
            filled: 0,
            length: 0,
            is_padded: false,
        }
    }

    /// Begins another stream.
    pub(crate) fn restart(&mut self, compression: Compression) {
        self.state = compression.initial();
        (self.taken, self.filled, self.length) = (0, 0, 0);
        self.is_padded = false;
    }

    /// The digest, when nothing is left to compress.
    pub(crate) fn digest(&self, compression: Compression) -> [u8; 32] {
        compression.digest(self.state)
    }

    /// Makes whole blocks ready, the padding too once the source has ended; false when all is compressed.
    #[inline]
    pub(crate) fn prepare(&mut self, source: &mut impl Source) -> bool {
        if self.has_whole_block() || self.gather(source) {
            return true;
        }
        if self.is_padded {
            return false;
        }
        self.pad();
        true
    }

    /// Gathers until whole blocks are ready, in the buffer or in the piece; false when the source has ended.
    #[inline]
    pub(crate) fn gather(&mut self, source: &mut impl Source) -> bool {
        loop {
            let piece = source.piece();
            if piece.is_empty() {
                return false;
            }
            let partial = self.filled % BLOCK;
            let room = if piece.len() < LONG {
                FULL - self.filled
            } else if partial == 0 {
                return true;
            } else {
                BLOCK - partial
            };
            let count = piece.len().min(room);
            let piece = piece.get(..count).unwrap_or_default();
            let end = self.filled + count;
            if let Some(place) = self.buffer.as_flattened_mut().get_mut(self.filled..end) {
                place.copy_from_slice(piece);
            }
            self.filled = end;
            self.length += count as u64;
            source.consume(count);
            if self.filled == FULL {
                return true;
            }
        }
    }

    /// Gathers until the buffer is full or the source has ended, the padding included; false when all is compressed.
    pub(crate) fn fill(&mut self, source: &mut impl Source) -> bool {
        self.move_to_front();
        while self.filled < FULL && !self.is_padded {
            let room = self.buffer.as_flattened_mut().get_mut(self.filled..ROOM);
            let count = source.fill(room.unwrap_or_default());
            self.filled += count;
            self.length += count as u64;
            if count == 0 {
                self.pad();
            }
        }
        self.has_whole_block()
    }

    /// The blocks that are gathered and not taken yet.
    pub(crate) fn blocks(&self) -> &[Block] {
        let whole = self.filled / BLOCK;
        self.buffer.get(self.taken..whole).unwrap_or_default()
    }

    /// Puts aside gathered blocks that are compressed.
    pub(crate) fn take_gathered(&mut self, count: usize) {
        self.taken += count;
    }

    /// Goes on from a state that was compressed elsewhere.
    pub(crate) fn resume(&mut self, state: State) {
        self.state = state;
    }

    /// Moves what is not taken to the front of the buffer.
    #[inline]
    fn move_to_front(&mut self) {
        if self.taken > 0 {
            let rest = self.taken * BLOCK..self.filled;
            self.filled = rest.len();
            self.taken = 0;
            self.buffer.as_flattened_mut().copy_within(rest, 0);
        }
    }

    /// The state, and the whole blocks that are ready: those of the buffer first, else those of the piece.
    #[inline]
    pub(crate) fn ready<'a>(&'a mut self, piece: &'a [u8]) -> (&'a mut State, &'a [Block]) {
        let whole = self.filled / BLOCK;
        let blocks = match self.buffer.get(self.taken..whole) {
            Some(blocks) if !blocks.is_empty() => blocks,
            _ => piece.as_chunks().0,
        };
        (&mut self.state, blocks)
    }

    /// Puts aside blocks of `ready` that are compressed.
    #[inline]
    pub(crate) fn take(&mut self, count: usize, source: &mut impl Source) {
        if !self.has_whole_block() {
            self.length += (count * BLOCK) as u64;
            source.consume(count * BLOCK);
            return;
        }
        self.taken += count;
        if !self.has_whole_block() {
            self.move_to_front();
        }
    }

    /// Compresses all that is ready into this lane alone.
    #[inline]
    pub(crate) fn compress(&mut self, compression: Compression, source: &mut impl Source) {
        let (state, blocks) = self.ready(source.piece());
        compression.one(state, blocks);
        let count = blocks.len();
        self.take(count, source);
    }

    #[inline]
    fn has_whole_block(&self) -> bool {
        self.taken < self.filled / BLOCK
    }

    /// A one, zeros, the length in bits (FIPS 180-4 §5.1.1); the buffer has room for them.
    fn pad(&mut self) {
        let bits = (self.length * 8).to_be_bytes();
        let end = (self.filled + 1 + bits.len()).next_multiple_of(BLOCK);
        let octets = self.buffer.as_flattened_mut();
        if let Some((one, zeros)) = octets
            .get_mut(self.filled..end)
            .and_then(<[u8]>::split_first_mut)
        {
            *one = 0x80;
            zeros.fill(0);
            if let Some(last) = zeros.last_chunk_mut() {
                *last = bits;
            }
        }
        self.filled = end;
        self.is_padded = true;
    }
}
