//! Appends rows to a store, in the one form that this code writes. Must not know where they come from.

use std::io;
use std::path::Path;

use super::appending::Appending;
use super::problem::StoreError;
use super::row::Row;

/// Rows of a frame: some hundred KiB, so that compression works and a crash costs little.
pub(super) const FRAME_ROWS: usize = 4_096;
/// Octets of a frame before compression, for rows that are large.
const FRAME_OCTETS: usize = 8 << 20;

/// A store that rows are being added to; it stays locked until this is dropped.
pub struct RowWriter {
    store: Appending,
    problems: Vec<String>,
    lines: Vec<u8>,
    waiting: usize,
}

impl RowWriter {
    /// Opens or makes a store.
    ///
    /// # Errors
    /// It cannot be written, is no store, or is damaged in its middle.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (store, problems) = Appending::open(path)?;
        Ok(Self {
            store,
            problems,
            lines: Vec::new(),
            waiting: 0,
        })
    }

    /// Makes a store in place of what is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::unwritable(path, &error))
            }
            _ => Self::open(path),
        }
    }

    /// What was wrong with the store when it was opened, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Adds a row; the inner error tells why it is none.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn add(&mut self, row: Row) -> Result<Result<(), &'static str>, StoreError> {
        let row = match row.into_canonical() {
            Ok(row) => row,
            Err(problem) => return Ok(Err(problem)),
        };
        self.add_canonical(&row).map(Ok)
    }

    /// Adds a row that is as this code writes it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) fn add_canonical(&mut self, row: &Row) -> Result<(), StoreError> {
        // Texts and numbers are JSON always.
        let line = serde_json::to_vec(row).unwrap_or_default();
        self.add_line(&line)
    }

    /// Adds a row as the file holds it, without the end of its line.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) fn add_line(&mut self, line: &[u8]) -> Result<(), StoreError> {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.waiting += 1;
        if self.waiting >= FRAME_ROWS || self.lines.len() >= FRAME_OCTETS {
            self.write_frame()?;
        }
        Ok(())
    }

    /// Writes what is waiting.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) fn write_frame(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::take(&mut self.lines);
        self.waiting = 0;
        if lines.is_empty() {
            return Ok(());
        }
        self.store.append(&lines)
    }

    /// True when nothing waits to be written.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// Writes what is waiting and makes it survive a loss of power.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.write_frame()?;
        self.store.sync()
    }
}
