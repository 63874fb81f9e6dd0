//! The DNS store: one file of answers with their times and sources, from which a run is replayed.
//!
//! A header line, then one RRset a line, in zstd frames; whoever appends adds a frame, so that a crash costs the last
//! frame at most. [`StoreReader`] reads such a file, [`RecordedResolver`] answers from it, [`RecordingResolver`] fills
//! it through a [`Recorder`]. Which of several rows was true at a given time is decided by core's `History`.

mod appending;
mod compacting;
mod frames;
mod lines;
mod presentation;
mod problem;
mod reader;
mod recorded;
mod recording;
mod row;
mod sorting;
mod writing;
mod zones;

pub use compacting::{Compacted, compact};
pub use presentation::texts;
pub use problem::StoreError;
pub use reader::{StoreReader, StoredRow};
pub use recorded::RecordedResolver;
pub use recording::{Clock, Recorder, RecordingResolver};
pub use row::Row;
pub use writing::RowWriter;

/// The version of the row's shape that this code writes, and the newest that it reads.
pub const SCHEMA: u64 = 1;

/// What every store begins with.
const HEADER_LINE: &[u8] = b"{\"schema\": 1}\n";

/// First octets of a zstd frame (RFC 8878 §3.1.1).
const FRAME_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

#[cfg(test)]
mod tests;
