//! A store's file open for appending: one process at a time, whole frames only.
//!
//! Checks what is there before it writes, cuts off a torn last frame, and takes back what a full disk let in by half.
//! Must not know rows.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::problem::{Break, StoreError};
use super::reader::StoreReader;
use super::{HEADER_LINE, frames};

/// A store to which frames can be appended; unlocked when dropped.
pub(super) struct Appending {
    path: PathBuf,
    file: File,
    /// Octets of whole frames.
    end: u64,
    lacks_line_end: bool,
}

impl Appending {
    /// Opens or makes a store; the sentences say what was wrong with it.
    ///
    /// # Errors
    /// It cannot be written, is no store, or is damaged in its middle.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<String>), StoreError> {
        let fail = |error: &io::Error| StoreError::unwritable(path, error);
        let is_other = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        if is_other {
            return Err(StoreError::NoFile(path.to_owned()));
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(|error| fail(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(fail(&error)),
        }
        let is_new = file.metadata().map_err(|error| fail(&error))?.len() == 0;
        let mut store = Self {
            path: path.to_owned(),
            file,
            end: 0,
            lacks_line_end: false,
        };
        if is_new {
            // A frame of its own, so that no later crash can tear the header.
            store.append(HEADER_LINE)?;
            store.sync_folder();
            return Ok((store, Vec::new()));
        }
        let problems = store.check()?;
        Ok((store, problems))
    }

    fn check(&mut self) -> Result<Vec<String>, StoreError> {
        let copy = self.file.try_clone().map_err(|error| self.fail(&error))?;
        let mut reader = StoreReader::over(&self.path, copy)?;
        while reader.next_rows()?.is_some() {}
        if reader.is_plain() {
            return Err(StoreError::Plain(self.path.clone()));
        }
        let mut problems = reader.problems();
        match reader.findings().broken {
            Some(Break::DamagedFrame(octet)) => {
                return Err(StoreError::Damaged(self.path.clone(), octet));
            }
            Some(Break::TornFrame(octet)) => {
                problems.remove(0);
                problems.insert(
                    0,
                    format!(
                        "{}: its last frame, from octet {octet} on, was torn and is cut off; what stands before it is kept",
                        self.path.display()
                    ),
                );
            }
            Some(Break::TornLine(_)) | None => {}
        }
        self.end = reader.whole_octets();
        self.lacks_line_end = reader.lacks_line_end();
        self.file
            .set_len(self.end)
            .map_err(|error| self.fail(&error))?;
        Ok(problems)
    }

    /// Appends one frame, or nothing.
    ///
    /// # Errors
    /// The system refuses; what was whole before still is.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        let written = if self.lacks_line_end {
            self.write_frame(&[b"\n", lines].concat())
        } else {
            self.write_frame(lines)
        };
        written.map_err(|error| {
            // Best effort: a frame that stays by half is cut off by whoever appends next.
            drop(self.file.set_len(self.end));
            self.fail(&error)
        })
    }

    fn write_frame(&mut self, octets: &[u8]) -> io::Result<()> {
        let frame = frames::encode(octets)?;
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&frame)?;
        self.end += u64::try_from(frame.len()).unwrap_or_default();
        self.lacks_line_end = false;
        Ok(())
    }

    /// Makes what was appended survive a loss of power.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| self.fail(&error))
    }

    fn sync_folder(&self) {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        // Best effort: not every file system can sync a folder, and only the name of an empty store is at stake.
        if let Ok(folder) = File::open(folder.unwrap_or_else(|| Path::new("."))) {
            drop(folder.sync_all());
        }
    }

    fn fail(&self, error: &io::Error) -> StoreError {
        StoreError::unwritable(&self.path, error)
    }
}
