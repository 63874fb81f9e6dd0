//! The octets of a store's file: zstd frames read one by one with their places, and made one by one.
//!
//! Knows where a frame ends and whether another follows a broken one; must not know lines or rows. RFC 8878.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::FRAME_MAGIC;

/// Octets read at once.
const CHUNK_OCTETS: usize = 64 * 1024;
/// zstd's own default: higher levels save little on key records, which are random octets.
const LEVEL: i32 = 3;

/// A file that knows how many of its octets were taken.
pub(super) struct CountingFile {
    file: BufReader<File>,
    taken: u64,
}

impl CountingFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: BufReader::with_capacity(CHUNK_OCTETS, file),
            taken: 0,
        }
    }

    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// True when the file begins as a compressed one does, also when that beginning is cut short.
    pub(super) fn begins_with_frame(&mut self) -> io::Result<bool> {
        let begin = self.file.fill_buf()?;
        let length = begin.len().min(FRAME_MAGIC.len());
        Ok(length > 0 && begin.get(..length) == FRAME_MAGIC.get(..length))
    }

    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.file.fill_buf()?.is_empty())
    }
}

impl Read for CountingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.taken += u64::try_from(length).unwrap_or_default();
        Ok(length)
    }
}

impl BufRead for CountingFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
        self.taken += u64::try_from(amount).unwrap_or_default();
    }
}

/// Gives the decoded octets of the next frame, which is known to be whole only when this returns; false stops early.
///
/// # Errors
/// The file cannot be read, or (without a number of the system) the frame is torn or damaged.
pub(super) fn decode(
    file: &mut CountingFile,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?.single_frame();
    let mut chunk = vec![0; CHUNK_OCTETS];
    loop {
        let length = decoder.read(&mut chunk)?;
        if length == 0 || !take(chunk.get(..length).unwrap_or_default()) {
            return Ok(());
        }
    }
}

/// True when a frame seems to begin behind the one at `octet`: then that one is damaged, not the last and torn.
pub(super) fn has_later_frame(path: &Path, octet: u64) -> bool {
    let search = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(octet.saturating_add(1)))?;
        let mut window = Vec::with_capacity(CHUNK_OCTETS);
        loop {
            let before = window.len();
            let chunk = u64::try_from(CHUNK_OCTETS).unwrap_or(u64::MAX);
            Read::by_ref(&mut file)
                .take(chunk)
                .read_to_end(&mut window)?;
            if window
                .windows(FRAME_MAGIC.len())
                .any(|octets| octets == FRAME_MAGIC)
            {
                return Ok(true);
            }
            if window.len() == before {
                return Ok(false);
            }
            let overlap = window.len().saturating_sub(FRAME_MAGIC.len() - 1);
            window.drain(..overlap);
        }
    };
    search().unwrap_or(false)
}

/// One whole frame with a checksum.
pub(super) fn encode(octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(octets)?;
    encoder.finish()
}
