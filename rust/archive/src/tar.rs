//! A tar archive as a stream of members (POSIX.1 ustar and pax, GNU long names); nothing is ever written.
//!
//! The archive's reader is shared between this source and the member that is being read: the stack of sources reads
//! one of them at a time, and what a member leaves unread is passed over here.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crate::file::{Found, Reading, Source};
use crate::member::{Member, recognise};
use crate::member_name::MemberName;
use crate::packing::{Packing, PackingFault};
use crate::problem::SourceProblem;

mod header;

pub(crate) use header::is_tar;
use header::{Block, Entry, EntryKind, Extensions};

/// Octets of a block; headers and data fill whole ones.
pub(crate) const BLOCK_OCTETS: usize = 512;
/// Octets of a long name or of pax records before one member; a path in a file system has 4,096 at most.
pub(crate) const EXTENSION_OCTET_LIMIT: u64 = 1 << 20;

/// The members of a tar archive.
pub(crate) struct Tar {
    member: Member,
    blocks: Arc<Mutex<Blocks>>,
    extensions: Extensions,
    /// Names of members that are no single mail, whose ids have no octet of the archive in them.
    names: HashSet<u64>,
    members: u64,
    state: State,
    /// Something was found, or a reason told why not.
    has_found: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next block is a header.
    Members,
    /// An empty block came: the end, unless another archive follows.
    Ended,
    /// A damaged header came: the next header of certain form goes on.
    Lost,
    Done,
}

/// The archive's octets and how far they are read.
struct Blocks {
    reader: Box<dyn Read + Send>,
    position: u64,
    /// Octets of the member that are not read yet.
    data_left: u64,
    /// Octets between the member's end and the next header.
    padding: u64,
    has_failed: bool,
}

impl Tar {
    /// The archive that `reader` gives.
    pub(crate) fn new(member: Member, reader: Box<dyn Read + Send>) -> Self {
        let blocks = Blocks {
            reader,
            position: 0,
            data_left: 0,
            padding: 0,
            has_failed: false,
        };
        Self {
            member,
            blocks: Arc::new(Mutex::new(blocks)),
            extensions: Extensions::default(),
            names: HashSet::new(),
            members: 0,
            state: State::Members,
            has_found: false,
        }
    }

    /// Reads one header and what belongs to it.
    fn next_entry(&mut self, reading: &Reading) -> Result<Found, SourceProblem> {
        let Some(block) = lock(&self.blocks)
            .next_block()
            .map_err(|e| self.failed(e))?
        else {
            let was = std::mem::replace(&mut self.state, State::Done);
            let is_marked = was != State::Members;
            return if is_marked {
                Ok(Found::Nothing)
            } else {
                Err(self.failed(PackingFault::NoEndMark.into()))
            };
        };
        match (self.state, Block::of(&block)) {
            (_, Block::Empty) => self.state = State::Ended,
            (State::Lost, Block::Header(entry)) if !entry.is_certain => {}
            (_, Block::Header(entry)) => {
                self.state = State::Members;
                return self.read_entry(entry, reading);
            }
            (State::Members, Block::Damaged) => {
                self.state = State::Lost;
                self.extensions = Extensions::default();
                return Err(self.damaged());
            }
            (_, Block::Damaged) => {}
        }
        Ok(Found::Nothing)
    }

    fn damaged(&self) -> SourceProblem {
        let packing = Packing::Tar;
        let offset = lock(&self.blocks).position;
        self.failed(PackingFault::Damaged { packing, offset }.into())
    }

    fn failed(&self, error: io::Error) -> SourceProblem {
        let is_whole_input = self.member.place.is_named() && !self.has_found;
        SourceProblem::of_reading(self.member.path.clone(), is_whole_input, error)
    }

    fn read_entry(&mut self, entry: Entry, reading: &Reading) -> Result<Found, SourceProblem> {
        match entry.kind {
            EntryKind::Extension(kind) => {
                lock(&self.blocks).begin_data(entry.size);
                if entry.size > EXTENSION_OCTET_LIMIT {
                    return Err(self.damaged());
                }
                let mut data = Vec::new();
                let read = lock(&self.blocks).read_all(&mut data);
                read.map_err(|error| self.failed(error))?;
                let is_read = self.extensions.add(kind, &data);
                is_read
                    .then_some(Found::Nothing)
                    .ok_or_else(|| self.damaged())
            }
            EntryKind::File | EntryKind::Sparse | EntryKind::Other => {
                let extensions = std::mem::take(&mut self.extensions);
                let size = extensions.size.unwrap_or(entry.size);
                let mut blocks = lock(&self.blocks);
                let skipped = blocks.skip_sparse_maps(entry.has_sparse_maps);
                blocks.begin_data(if entry.has_data { size } else { 0 });
                drop(blocks);
                skipped.map_err(|error| self.failed(error))?;
                let name = extensions.name.unwrap_or(entry.name);
                match entry.kind {
                    EntryKind::Other => Ok(Found::Nothing),
                    EntryKind::File if !extensions.is_sparse => self.read_member(&name, reading),
                    _ => self.refuse_sparse(&name, reading),
                }
            }
        }
    }

    /// Its mail would have gaps; what is passed over by its name is no loss.
    fn refuse_sparse(&self, name: &[u8], reading: &Reading) -> Result<Found, SourceProblem> {
        let name = MemberName::new(name);
        let Some(place) = name.place() else {
            return Ok(reading.pass_over());
        };
        let member = self.member.inner(&name, place, None);
        Err(member.problem(PackingFault::Sparse))
    }

    fn read_member(&mut self, name: &[u8], reading: &Reading) -> Result<Found, SourceProblem> {
        self.members += 1;
        let limit = reading.budget.members;
        if self.members > limit {
            self.state = State::Done;
            return Err(self.failed(PackingFault::TooManyMembers { limit }.into()));
        }
        // Old archives write a folder as a file whose name ends so.
        if name.ends_with(b"/") {
            return Ok(Found::Nothing);
        }
        let name = MemberName::new(name);
        let Some(place) = name.place() else {
            return Ok(reading.pass_over());
        };
        let position = lock(&self.blocks).position;
        let member = self.member.inner(&name, place, Some(position));
        let reader = Box::new(MemberOctets(Arc::clone(&self.blocks)));
        let found = recognise(member.clone(), reader, reading)?;
        if found.is_many() && !self.names.insert(hash_of(&member.id)) {
            return Err(member.problem(PackingFault::DoubleName));
        }
        Ok(found)
    }

    /// After the last block: what the members did not tell themselves.
    fn end(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        self.state = State::Done;
        if std::mem::replace(&mut self.has_found, true) {
            return None;
        }
        self.member.without_mail(reading).map(Err)
    }
}

impl Source for Tar {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        loop {
            // Whoever read the archive's octets when they failed has told it.
            let has_failed = lock(&self.blocks).has_failed;
            if self.state == State::Done || has_failed || self.member.account.is_overdrawn() {
                return self.end(reading);
            }
            match self.next_entry(reading) {
                Ok(Found::Nothing) => {}
                found => {
                    self.has_found = true;
                    return Some(found);
                }
            }
        }
    }
}

impl Blocks {
    fn next_block(&mut self) -> io::Result<Option<[u8; BLOCK_OCTETS]>> {
        self.skip(self.data_left)?;
        self.skip(self.padding)?;
        (self.data_left, self.padding) = (0, 0);
        let mut block = [0; BLOCK_OCTETS];
        let mut filled = 0;
        while let Some(space) = block.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.read(space)? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(self.cut()),
                octets => filled += octets,
            }
        }
        Ok(Some(block))
    }

    /// Reads of the archive, retries what was interrupted and remembers what failed.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(octets) => {
                    self.position = self.position.saturating_add(octets as u64);
                    return Ok(octets);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.has_failed = true;
                    return Err(error);
                }
            }
        }
    }

    fn cut(&mut self) -> io::Error {
        self.has_failed = true;
        let (packing, offset) = (Packing::Tar, self.position);
        PackingFault::Truncated { packing, offset }.into()
    }

    fn begin_data(&mut self, octets: u64) {
        let block = BLOCK_OCTETS as u64;
        self.data_left = octets;
        self.padding = (block - octets % block) % block;
    }

    fn read_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.data_left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let space = buffer.get_mut(..most).unwrap_or_default();
        if space.is_empty() {
            return Ok(0);
        }
        match self.read(space)? {
            0 => Err(self.cut()),
            octets => {
                self.data_left = self.data_left.saturating_sub(octets as u64);
                Ok(octets)
            }
        }
    }

    fn read_all(&mut self, data: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; BLOCK_OCTETS];
        while self.data_left > 0 {
            let octets = self.read_data(&mut buffer)?;
            data.extend_from_slice(buffer.get(..octets).unwrap_or_default());
        }
        Ok(())
    }

    fn skip(&mut self, octets: u64) -> io::Result<()> {
        let mut buffer = [0; 8 * BLOCK_OCTETS];
        let mut left = octets;
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            match self.read(buffer.get_mut(..most).unwrap_or_default())? {
                0 => return Err(self.cut()),
                octets => left = left.saturating_sub(octets as u64),
            }
        }
        Ok(())
    }

    /// Passes over the blocks of an old GNU sparse map, each of which tells whether one more follows.
    fn skip_sparse_maps(&mut self, mut follows: bool) -> io::Result<()> {
        while follows {
            let Some(block) = self.next_block()? else {
                return Err(self.cut());
            };
            follows = header::has_next_map(&block);
        }
        Ok(())
    }
}

/// The octets of the member that is being read.
struct MemberOctets(Arc<Mutex<Blocks>>);

impl Read for MemberOctets {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.0).read_data(buffer)
    }
}

fn lock(blocks: &Mutex<Blocks>) -> std::sync::MutexGuard<'_, Blocks> {
    blocks.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hash_of(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
