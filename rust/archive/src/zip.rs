//! A ZIP archive by its central directory, members by seeking; nothing is ever written.
//!
//! The directory is read entry by entry and decides; a member is believed only as far as its size and checksum
//! hold. An archive in a stream is held in memory if it is small. Names are never paths.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use flate2::bufread::DeflateDecoder;

use crate::account::Account;
use crate::compressed::Unpacked;
use crate::file::{Found, Reading, Source};
use crate::id::text_of;
use crate::member::{Member, recognise};
use crate::member_name::MemberName;
use crate::packing::{Packing, PackingFault};
use crate::problem::SourceProblem;

mod checked;
mod directory;
mod octets;
mod salvage;

use checked::Checked;
use directory::{Directory, Entry};
use octets::{Octets, Section};
use salvage::LocalHeaders;

/// The members of a ZIP archive.
pub(crate) struct Zip {
    member: Member,
    octets: Octets,
    state: State,
    /// The last member that was opened could not be read to its end, and told so.
    has_failed: Arc<AtomicBool>,
    /// Ids that were given, to find double ones.
    ids: HashSet<u64>,
    members: u64,
    /// Something was found, or a reason told why not.
    has_found: bool,
}

enum State {
    Unread,
    Reading(Directory),
    /// The directory is cut off.
    Salvaging(LocalHeaders),
    Done,
}

/// Tells a ZIP archive by a member's header, the end of an empty archive, or the mark of one that was split.
pub(crate) fn is_zip(head: &[u8]) -> bool {
    matches!(
        head,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..]
    )
}

impl Zip {
    /// The archive in this file.
    pub(crate) fn of_file(
        mut member: Member,
        file: File,
        metadata: &Metadata,
    ) -> Result<Self, SourceProblem> {
        member.unpack()?;
        let octets = Octets::of_file(file, metadata.len(), Arc::clone(&member.account));
        Ok(Self::new(member, octets))
    }

    /// The archive that `reader` gives, if it is small enough to be held.
    pub(crate) fn of_stream(
        mut member: Member,
        reader: Box<dyn Read + Send>,
        reading: &Reading,
    ) -> Result<Self, SourceProblem> {
        member.unpack()?;
        let limit = reading.budget.held_zip_octets;
        let mut octets = Vec::new();
        let read = reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut octets);
        if octets.len() as u64 > limit {
            return Err(member.problem(PackingFault::NotSeekable { limit }));
        }
        if let Err(error) = read {
            let is_whole_input = member.place.is_named();
            return Err(SourceProblem::of_reading(
                member.path,
                is_whole_input,
                error,
            ));
        }
        Ok(Self::new(member, Octets::of_bytes(Bytes::from(octets))))
    }

    fn new(member: Member, octets: Octets) -> Self {
        Self {
            member,
            octets,
            state: State::Unread,
            has_failed: Arc::default(),
            ids: HashSet::new(),
            members: 0,
            has_found: false,
        }
    }

    fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        if let State::Unread = self.state {
            self.state = State::Done;
            self.state = match Directory::find(&self.octets)? {
                Some(directory) => State::Reading(directory),
                None => State::Salvaging(LocalHeaders::new(self.octets.clone())),
            };
        }
        match &mut self.state {
            State::Reading(directory) => directory.next_entry(),
            State::Salvaging(headers) => match headers.next_entry() {
                // The member that is cut has told it.
                Err(_) if self.has_failed.load(Ordering::Relaxed) => Ok(None),
                entry => entry,
            },
            State::Unread | State::Done => Ok(None),
        }
    }

    fn read_entry(&mut self, entry: &Entry, reading: &Reading) -> Result<Found, SourceProblem> {
        self.members += 1;
        let limit = reading.budget.members;
        if self.members > limit {
            self.state = State::Done;
            return Err(self.failed(PackingFault::TooManyMembers { limit }.into()));
        }
        if entry.is_folder_or_link() {
            return Ok(Found::Nothing);
        }
        let name = MemberName::new(&entry.name);
        let Some(place) = name.place() else {
            return Ok(reading.pass_over());
        };
        let mut member = self.member.inner(&name, place, None);
        let reader = match self.open(entry) {
            Ok(reader) => reader,
            Err(error) => return Err(SourceProblem::of_reading(member.path, false, error)),
        };
        let id = self.free_id(&member.id, &name);
        let is_double = id.is_none();
        member.id = id.unwrap_or_default();
        match recognise(member.clone(), reader, reading)? {
            Found::Nothing => Ok(Found::Nothing),
            _ if is_double => Err(member.problem(PackingFault::DoubleName)),
            found => {
                self.ids.insert(hash_of(&member.id));
                Ok(found)
            }
        }
    }

    /// The id without a Maildir's flags, with them where two messages differ in nothing else.
    fn free_id(&self, id: &str, name: &MemberName<'_>) -> Option<String> {
        let with_flags = || {
            let name = name.whole();
            format!("{}/{}", self.member.id, text_of(OsStr::from_bytes(&name)))
        };
        let is_free = |id: &String| !self.ids.contains(&hash_of(id));
        Some(id.to_owned())
            .filter(is_free)
            .or_else(|| Some(with_flags()).filter(is_free))
    }

    /// Opens a member's octets, unpacked and compared with what the directory says of them.
    fn open(&self, entry: &Entry) -> io::Result<Box<dyn Read + Send>> {
        if entry.is_encrypted() {
            return Err(PackingFault::Encrypted.into());
        }
        let start = directory::data_start(&self.octets, entry)?;
        let section = Section::of_member(self.octets.clone(), start, entry.packed_octets);
        let account = &self.member.account;
        let unpacked: Box<dyn Read + Send> = match entry.method {
            0 => Box::new(section),
            8 => Box::new(DeflateDecoder::new(BufReader::new(section))),
            93 => unpacked(Packing::Zstandard, section, account)?,
            95 => unpacked(Packing::Xz, section, account)?,
            method => return Err(PackingFault::UnknownMethod { method }.into()),
        };
        self.has_failed.store(false, Ordering::Relaxed);
        let has_failed = Arc::clone(&self.has_failed);
        let account = Arc::clone(account);
        Ok(Box::new(Checked::new(unpacked, entry, account, has_failed)))
    }

    /// After the last entry: what the members did not tell themselves.
    fn end(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        self.state = State::Done;
        if std::mem::replace(&mut self.has_found, true) {
            return None;
        }
        self.member.without_mail(reading).map(Err)
    }

    fn failed(&mut self, error: io::Error) -> SourceProblem {
        self.state = State::Done;
        let is_whole_input = self.member.place.is_named() && !self.has_found;
        SourceProblem::of_reading(self.member.path.clone(), is_whole_input, error)
    }
}

fn unpacked(
    packing: Packing,
    section: Section,
    account: &Arc<Account>,
) -> io::Result<Box<dyn Read + Send>> {
    let unpacked = Unpacked::new(packing, Box::new(section), Arc::clone(account))?;
    Ok(Box::new(unpacked))
}

impl Source for Zip {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        loop {
            if self.member.account.is_overdrawn() {
                // The member that was unpacked has told it.
                return self.end(reading);
            }
            let found = match self.next_entry() {
                Ok(Some(entry)) => self.read_entry(&entry, reading),
                Ok(None) => return self.end(reading),
                Err(error) => Err(self.failed(error)),
            };
            if let Ok(Found::Nothing) = found {
                continue;
            }
            self.has_found = true;
            return Some(found);
        }
    }
}

fn hash_of(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
