//! A window on a stream: one buffer that holds many messages, shared by them without a copy.
//!
//! While no message of a buffer is handed out it may grow in place; afterwards the unfinished message moves to the
//! next buffer. Buffers come from a bounded pool and return when the last message of theirs is dropped, so memory
//! follows what the consumer holds, not the archive's size. Positions are offsets in the stream. Knows no format.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::stream::{Ending, Stream};

/// Buffers that wait in the pool for their next use; beyond it they are freed.
const SPARE_BUFFER_LIMIT: usize = 16;

/// Where windows get their buffers from.
pub(crate) struct Pool {
    buffer_octets: usize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// A pool of buffers of this size.
    pub(crate) fn new(buffer_octets: usize) -> Self {
        Self {
            buffer_octets: buffer_octets.max(1),
            spare: Mutex::new(Vec::new()),
        }
    }

    fn take(&self, octets: usize) -> Vec<u8> {
        let spare = if octets == self.buffer_octets {
            self.spare().pop()
        } else {
            None
        };
        spare.unwrap_or_else(|| vec![0; octets])
    }

    fn put_back(&self, buffer: Vec<u8>) {
        let mut spare = self.spare();
        if buffer.len() == self.buffer_octets && spare.len() < SPARE_BUFFER_LIMIT {
            spare.push(buffer);
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer that messages share; it goes back to the pool with the last of them.
struct SharedBuffer {
    buffer: Vec<u8>,
    filled: usize,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for SharedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for SharedBuffer {
    fn drop(&mut self) {
        self.pool.put_back(std::mem::take(&mut self.buffer));
    }
}

enum Hold {
    /// Nothing of it is handed out: it may grow.
    Filling(Vec<u8>),
    /// Messages share it: it must not change.
    Shared(Bytes),
}

/// The octets of a stream that are in memory.
pub(crate) struct Window {
    stream: Stream,
    pool: Arc<Pool>,
    hold: Hold,
    origin: u64,
    filled: usize,
    ending: Option<Ending>,
}

impl Window {
    /// An empty window before the stream's first octet.
    pub(crate) fn new(stream: Stream, pool: Arc<Pool>) -> Self {
        Self {
            stream,
            pool,
            hold: Hold::Shared(Bytes::new()),
            origin: 0,
            filled: 0,
            ending: None,
        }
    }

    /// Forgets what is in memory and goes on at this offset of the file; a stream without a size stays where it is.
    pub(crate) fn seek(&mut self, offset: u64) {
        if self.stream.seek(offset) {
            self.hold = Hold::Shared(Bytes::new());
            self.origin = offset;
            self.filled = 0;
            self.ending = None;
        }
    }

    /// Offset of the first octet in memory.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Offset behind the last octet in memory.
    pub(crate) fn end(&self) -> u64 {
        self.origin.saturating_add(self.filled as u64)
    }

    /// True when nothing follows the octets in memory.
    pub(crate) fn has_ended(&self) -> bool {
        self.ending.is_some()
    }

    /// How the stream ended; asked once.
    pub(crate) fn take_ending(&mut self) -> Ending {
        self.ending.replace(Ending::End).unwrap_or(Ending::End)
    }

    /// The stream behind the window.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The octets in memory from this offset on.
    pub(crate) fn octets_from(&self, offset: u64) -> &[u8] {
        let start = to_index(offset.saturating_sub(self.origin));
        self.octets().get(start..).unwrap_or_default()
    }

    fn octets(&self) -> &[u8] {
        match &self.hold {
            Hold::Filling(buffer) => buffer.get(..self.filled).unwrap_or_default(),
            Hold::Shared(octets) => octets,
        }
    }

    /// A share of the octets between two offsets; both must be in memory, what is not is left out.
    pub(crate) fn share(&mut self, start: u64, end: u64) -> Bytes {
        if let Hold::Filling(buffer) = &mut self.hold {
            let shared = SharedBuffer {
                buffer: std::mem::take(buffer),
                filled: self.filled,
                pool: Arc::clone(&self.pool),
            };
            self.hold = Hold::Shared(Bytes::from_owner(shared));
        }
        let Hold::Shared(octets) = &self.hold else {
            return Bytes::new();
        };
        let end = to_index(end.saturating_sub(self.origin)).min(octets.len());
        let start = to_index(start.saturating_sub(self.origin)).min(end);
        octets.slice(start..end)
    }

    /// Reads on, at least to `until` if the stream goes so far; octets before `keep` may be forgotten.
    ///
    /// Holds at most `most` octets behind `keep`, or what `until` asks for. A buffer at least doubles what it keeps,
    /// so the copying is linear in the stream.
    pub(crate) fn read_on(&mut self, keep: u64, until: u64, most: u64) {
        if self.has_ended() {
            return;
        }
        let keep = keep.clamp(self.origin, self.end());
        let dropped = to_index(keep - self.origin);
        let kept = self.filled.saturating_sub(dropped);
        let room = self.room(kept, to_index(until.saturating_sub(keep)), to_index(most));
        let mut buffer = match std::mem::replace(&mut self.hold, Hold::Shared(Bytes::new())) {
            Hold::Filling(mut buffer) if dropped < kept => {
                buffer.resize(buffer.len().max(dropped.saturating_add(room)), 0);
                buffer
            }
            Hold::Filling(old) => {
                let next = self.moved(old.get(dropped..self.filled), room, keep);
                self.pool.put_back(old);
                next
            }
            Hold::Shared(old) => self.moved(old.get(dropped..), room, keep),
        };
        let space = buffer.get_mut(self.filled..).unwrap_or_default();
        let (read, ending) = self.stream.fill(space);
        self.filled = self.filled.saturating_add(read);
        self.ending = ending;
        self.hold = Hold::Filling(buffer);
    }

    /// A new buffer that begins with the kept octets.
    fn moved(&mut self, kept: Option<&[u8]>, room: usize, keep: u64) -> Vec<u8> {
        let kept = kept.unwrap_or_default();
        let mut buffer = self.pool.take(room.max(kept.len()));
        if let Some(front) = buffer.get_mut(..kept.len()) {
            front.copy_from_slice(kept);
        }
        self.origin = keep;
        self.filled = kept.len();
        buffer
    }

    fn room(&self, kept: usize, wanted: usize, most: usize) -> usize {
        let room = kept
            .saturating_mul(2)
            .max(self.pool.buffer_octets)
            .max(wanted)
            .min(most.max(wanted));
        match self.stream.remaining() {
            Some(remaining) => room.min(kept.saturating_add(to_index(remaining))),
            None => room,
        }
    }
}

/// An offset as an index; what no address space holds becomes the largest index, which no slice has.
pub(crate) fn to_index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::scratch::standard_input;
    use crate::stream::Progress;
    use crate::{Options, Sources};

    fn window_of(octets: &[u8], buffer_octets: usize) -> Window {
        let reader = Box::new(std::io::Cursor::new(octets.to_vec()));
        let stream = Stream::of_reader(reader, Progress::default());
        Window::new(stream, Arc::new(Pool::new(buffer_octets)))
    }

    #[test]
    fn a_buffer_grows_in_place_until_it_is_shared() {
        let mut window = window_of(b"0123456789", 4);
        window.read_on(0, 1, 100);
        assert_eq!(window.octets_from(0), b"0123");
        window.read_on(0, 5, 100);
        assert_eq!(
            (window.origin(), window.octets_from(2)),
            (0, &b"234567"[..])
        );
        let shared = window.share(1, 3);
        window.read_on(6, 9, 100);
        assert_eq!((window.origin(), window.octets_from(6)), (6, &b"6789"[..]));
        assert_eq!(shared, "12");
        window.read_on(6, 11, 100);
        assert!(window.has_ended() && window.end() == 10);
        assert_eq!(window.share(9, 99), "9");
    }

    #[test]
    fn spare_buffer_limit_at_n_minus_1_n_and_n_plus_1() {
        for count in [
            SPARE_BUFFER_LIMIT - 1,
            SPARE_BUFFER_LIMIT,
            SPARE_BUFFER_LIMIT + 1,
        ] {
            let pool = Pool::new(8);
            let buffers: Vec<_> = (0..count).map(|_| pool.take(8)).collect();
            for buffer in buffers {
                pool.put_back(buffer);
            }
            assert_eq!(pool.spare().len(), count.min(SPARE_BUFFER_LIMIT));
        }
        let pool = Pool::new(8);
        pool.put_back(vec![0; 9]);
        assert!(pool.spare().is_empty(), "a buffer of another size is freed");
    }

    #[test]
    fn buffers_return_when_the_consumer_drops_its_messages() {
        let text = "From a Mon Nov 24 08:38:00 2025\nA: 1\n\none\n\n".repeat(50_000);
        let sources = |window_octets| {
            let options = Options {
                window_octets,
                ..standard_input(&text)
            };
            Sources::open(&["-".into()], options).unwrap()
        };
        let mut places = HashSet::new();
        for message in sources(100_000) {
            places.insert(message.unwrap().octets.unwrap().as_ptr() as usize / 100_000);
        }
        // Some twenty windows are read, out of two buffers, each over two such places at most.
        assert!(places.len() <= 6, "{}", places.len());
        let held: Vec<_> = sources(100_000)
            .map(|message| message.unwrap().octets.unwrap())
            .collect();
        assert_eq!(held.len(), 50_000);
        assert!(held.iter().all(|octets| octets == "A: 1\n\none\n"));
    }
}
