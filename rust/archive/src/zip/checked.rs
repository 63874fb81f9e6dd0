//! A member's unpacked octets, compared with the size and the checksum that the directory tells.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::Crc;

use super::directory::Entry;
use crate::account::Account;
use crate::packing::{Packing, PackingFault};

/// A reader that fails where the octets are not what the directory says.
pub(super) struct Checked {
    reader: Box<dyn Read + Send>,
    size: u64,
    checksum: u32,
    crc: Crc,
    offset: u64,
    account: Arc<Account>,
    has_failed: Arc<AtomicBool>,
}

impl Checked {
    /// The unpacked octets of this entry; `has_failed` is set with the first fault.
    pub(super) fn new(
        reader: Box<dyn Read + Send>,
        entry: &Entry,
        account: Arc<Account>,
        has_failed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            reader,
            size: entry.octets,
            checksum: entry.checksum,
            crc: Crc::new(),
            offset: 0,
            account,
            has_failed,
        }
    }

    fn fault_of(&self, error: io::Error) -> io::Error {
        let (packing, offset) = (Packing::Zip, self.offset);
        match error.kind() {
            _ if PackingFault::of(&error).is_some() || error.raw_os_error().is_some() => error,
            ErrorKind::UnexpectedEof => PackingFault::Truncated { packing, offset }.into(),
            ErrorKind::Interrupted => error,
            _ => PackingFault::Damaged { packing, offset }.into(),
        }
    }

    fn read_checked(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer);
        let octets = read.map_err(|error| self.fault_of(error))?;
        self.offset = self.offset.saturating_add(octets as u64);
        self.account.give(octets as u64)?;
        self.crc.update(buffer.get(..octets).unwrap_or_default());
        if self.offset > self.size || octets == 0 && self.offset < self.size {
            return Err(PackingFault::WrongSize.into());
        }
        if octets == 0 && self.crc.sum() != self.checksum {
            let (packing, offset) = (Packing::Zip, self.offset);
            return Err(PackingFault::Damaged { packing, offset }.into());
        }
        Ok(octets)
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.read_checked(buffer);
        if let Err(error) = &read
            && error.kind() != ErrorKind::Interrupted
        {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        read
    }
}
