//! The members of a ZIP archive whose end is cut off, and with it the directory: by the headers before each of them.
//!
//! Goes on as far as the headers tell the members' sizes; one that was written to a pipe does not.

use std::io::{self, Read};

use super::directory::{Entry, LOCAL_OCTETS, data_start, number16, truncated};
use super::octets::{Octets, Section};

/// The flag of a member whose size stands behind it.
const SIZE_BEHIND_FLAG: u16 = 1 << 3;

/// The members that are not read yet.
pub(super) struct LocalHeaders {
    octets: Octets,
    position: u64,
}

impl LocalHeaders {
    /// The members of an archive that begins with the first of them.
    pub(super) fn new(octets: Octets) -> Self {
        Self {
            octets,
            position: 0,
        }
    }

    /// The next member; the last of them may be cut.
    ///
    /// # Errors
    /// There are no more: every such archive ends with the fault that it is cut.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let cut = || truncated(self.octets.size());
        let fixed = self.read(self.position, LOCAL_OCTETS as u64)?;
        let flags = number16(&fixed, 6);
        let is_header = fixed.len() == LOCAL_OCTETS && fixed.starts_with(b"PK\x03\x04");
        if !is_header || flags & SIZE_BEHIND_FLAG != 0 {
            return Err(cut());
        }
        let names = self.position.saturating_add(LOCAL_OCTETS as u64);
        let [name, extra] = [26, 28].map(|at| u64::from(number16(&fixed, at)));
        let entry = Entry::of_local(
            &fixed,
            self.read(names, name)?,
            &self.read(names.saturating_add(name), extra)?,
            self.position,
        );
        let start = data_start(&self.octets, &entry).map_err(|_| cut())?;
        self.position = start.saturating_add(entry.packed_octets);
        Ok(Some(entry))
    }

    fn read(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        Section::new(self.octets.clone(), start, length).read_to_end(&mut octets)?;
        Ok(octets)
    }
}
