//! Appends rows to a store, in the one form that this code writes. Must not know where they come from.

use std::path::Path;

use super::appending::Appending;
use super::problem::StoreError;
use super::recording::FRAME_ROWS;
use super::row::Row;

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
        let Ok(line) = serde_json::to_vec(&row) else {
            return Ok(Err("the row cannot be written as JSON"));
        };
        self.lines.extend(line);
        self.lines.push(b'\n');
        self.waiting += 1;
        if self.waiting >= FRAME_ROWS {
            self.write_frame()?;
        }
        Ok(Ok(()))
    }

    fn write_frame(&mut self) -> Result<(), StoreError> {
        let lines = std::mem::take(&mut self.lines);
        self.waiting = 0;
        if lines.is_empty() {
            return Ok(());
        }
        self.store.append(&lines)
    }

    /// Writes what is waiting and makes it survive a loss of power.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        self.write_frame()?;
        self.store.sync()
    }
}
