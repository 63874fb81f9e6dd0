//! The octets of an archive at any offset, out of a file by pread or out of memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::account::Account;
use crate::window::to_index;

/// An archive's octets; clones share them.
#[derive(Clone)]
pub(super) struct Octets {
    origin: Origin,
    size: u64,
}

#[derive(Clone)]
enum Origin {
    File(Arc<File>, Arc<Account>),
    Held(Bytes),
}

impl Octets {
    /// A file of this size; what is read of it is taken from the account.
    pub(super) fn of_file(file: File, size: u64, account: Arc<Account>) -> Self {
        let origin = Origin::File(Arc::new(file), account);
        Self { origin, size }
    }

    /// Octets in memory.
    pub(super) fn of_bytes(octets: Bytes) -> Self {
        let size = octets.len() as u64;
        let origin = Origin::Held(octets);
        Self { origin, size }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Reads octets at an offset below the size; no octets only where no more are.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.origin {
            Origin::Held(octets) => octets
                .get(to_index(offset)..)
                .unwrap_or_default()
                .read(buffer),
            Origin::File(file, account) => loop {
                match file.read_at(buffer, offset) {
                    Ok(0) if !buffer.is_empty() && offset < self.size => {
                        return Err(account.shrink().into());
                    }
                    Ok(octets) => {
                        account.take(octets as u64);
                        return Ok(octets);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            },
        }
    }
}

/// The octets between two offsets of an archive, in order.
pub(super) struct Section {
    octets: Octets,
    position: u64,
    end: u64,
    /// The archive ends before the section does, and that is a fault.
    is_cut: bool,
}

impl Section {
    /// So many octets from `start` on, as far as there are any.
    pub(super) fn new(octets: Octets, start: u64, length: u64) -> Self {
        let end = start.saturating_add(length).min(octets.size());
        Self {
            octets,
            position: start,
            end,
            is_cut: false,
        }
    }

    /// So many octets from `start` on, which must all be there.
    pub(super) fn of_member(octets: Octets, start: u64, length: u64) -> Self {
        let is_cut = start.saturating_add(length) > octets.size();
        Self {
            is_cut,
            ..Self::new(octets, start, length)
        }
    }

    /// Offset of the next octet.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = to_index(self.end.saturating_sub(self.position)).min(buffer.len());
        let space = buffer.get_mut(..most).unwrap_or_default();
        if space.is_empty() {
            let is_cut = self.is_cut && !buffer.is_empty();
            return if is_cut {
                Err(ErrorKind::UnexpectedEof.into())
            } else {
                Ok(0)
            };
        }
        let read = self.octets.read_at(space, self.position)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}
