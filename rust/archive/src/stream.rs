//! Octets in order, out of a file (by pread, so that the handle may be shared) or any reader.
//!
//! Whatever unpacks a compressed source is one more reader here. A file is read to the size it had when it was
//! opened; one that shrinks meanwhile ends early and says so.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How far the reading is; clones show the same run and may be asked from any thread.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    octets: AtomicU64,
    skipped: AtomicU64,
}

impl Progress {
    /// Octets of the inputs that are read or passed over.
    pub fn octets_read(&self) -> u64 {
        self.counters.octets.load(Ordering::Relaxed)
    }

    /// Files in folders that were passed over because they hold no mail.
    pub fn files_skipped(&self) -> u64 {
        self.counters.skipped.load(Ordering::Relaxed)
    }

    pub(crate) fn add_octets(&self, octets: u64) {
        self.counters.octets.fetch_add(octets, Ordering::Relaxed);
    }

    pub(crate) fn add_skipped_file(&self) {
        self.counters.skipped.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a stream came to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// All octets are read.
    End,
    /// The file has fewer octets than when it was opened.
    Shrank,
    /// The system could not read on.
    Failed(io::Error),
}

/// Octets in order.
pub(crate) struct Stream {
    origin: Origin,
    progress: Progress,
}

enum Origin {
    File(OpenFile),
    Reader {
        reader: Box<dyn Read + Send>,
        /// Octets not read yet, where that is known for certain.
        left: Option<u64>,
    },
}

struct OpenFile {
    file: File,
    position: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl Stream {
    /// Streams a file from its first octet to the size that `metadata` tells.
    pub(crate) fn of_file(file: File, metadata: &Metadata, progress: Progress) -> Self {
        let origin = Origin::File(OpenFile {
            file,
            position: 0,
            size: metadata.len(),
            modified: metadata.modified().ok(),
        });
        Self { origin, progress }
    }

    /// Streams whatever the reader gives.
    pub(crate) fn of_reader(reader: Box<dyn Read + Send>, progress: Progress) -> Self {
        let origin = Origin::Reader { reader, left: None };
        Self { origin, progress }
    }

    /// Streams what the reader gives; a size must be what it gives for certain.
    pub(crate) fn of_sized_reader(
        reader: Box<dyn Read + Send>,
        size: u64,
        progress: Progress,
    ) -> Self {
        let left = Some(size);
        let origin = Origin::Reader { reader, left };
        Self { origin, progress }
    }

    /// Goes on at this offset of a file; what lies before counts as read. False for any other stream.
    pub(crate) fn seek(&mut self, offset: u64) -> bool {
        let Origin::File(open) = &mut self.origin else {
            return false;
        };
        let offset = offset.min(open.size);
        self.progress
            .add_octets(offset.saturating_sub(open.position));
        open.position = offset;
        true
    }

    /// Octets of the whole stream, if that is known ahead.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.origin {
            Origin::File(open) => Some(open.size),
            Origin::Reader { .. } => None,
        }
    }

    /// Octets not read yet, if that is known ahead.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.origin {
            Origin::File(open) => Some(open.size.saturating_sub(open.position)),
            Origin::Reader { left, .. } => *left,
        }
    }

    /// Fills the buffer unless the stream ends before; tells how many octets came and whether it ended.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Option<Ending>) {
        let (filled, ending) = match &mut self.origin {
            Origin::File(open) => open.fill(buffer),
            Origin::Reader { reader, left } => {
                let (filled, ending) = fill_from(buffer, |space, _| reader.read(space));
                *left = left.map(|left| left.saturating_sub(filled as u64));
                let is_at_end = ending.is_none() && *left == Some(0);
                (filled, is_at_end.then_some(Ending::End).or(ending))
            }
        };
        self.progress.add_octets(filled as u64);
        (filled, ending)
    }

    /// True when a file's size or time of change is no longer what it was when it was opened.
    pub(crate) fn has_changed(&self) -> bool {
        let Origin::File(open) = &self.origin else {
            return false;
        };
        open.file
            .metadata()
            .is_ok_and(|now| now.len() != open.size || now.modified().ok() != open.modified)
    }
}

impl OpenFile {
    fn fill(&mut self, buffer: &mut [u8]) -> (usize, Option<Ending>) {
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let space = buffer.get_mut(..wanted).unwrap_or_default();
        let start = self.position;
        let (filled, ending) = fill_from(space, |space, filled| {
            self.file
                .read_at(space, start.saturating_add(filled as u64))
        });
        self.position = start.saturating_add(filled as u64);
        let ending = match ending {
            Some(Ending::End) => Some(Ending::Shrank),
            None if self.position == self.size => Some(Ending::End),
            other => other,
        };
        (filled, ending)
    }
}

/// Reads until the buffer is full; `read` is told how many octets came before.
fn fill_from(
    buffer: &mut [u8],
    mut read: impl FnMut(&mut [u8], usize) -> io::Result<usize>,
) -> (usize, Option<Ending>) {
    let mut filled = 0;
    while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
        match read(space, filled) {
            Ok(0) => return (filled, Some(Ending::End)),
            Ok(octets) => filled = filled.saturating_add(octets),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(Ending::Failed(error))),
        }
    }
    (filled, None)
}
