//! The central directory of a ZIP archive (APPNOTE 4.3), also in its form of 64 bits, read entry by entry.
//!
//! Offsets count from where the archive begins, which may stand behind other octets. Split archives are damaged ones.

use std::io::{self, BufReader, Read};

use super::octets::{Octets, Section};
use crate::packing::{Packing, PackingFault};

/// Octets of the record at the end, without its comment.
const END_OCTETS: usize = 22;
/// Octets of the record that leads to the end of 64 bits.
const LOCATOR_OCTETS: u64 = 20;
/// Octets of the end of 64 bits, without its extensible data.
const END64_OCTETS: usize = 56;
/// Octets of an entry, without its name, extra fields and comment.
const ENTRY_OCTETS: usize = 46;
/// Octets of a member's own header, without its name and extra fields.
pub(super) const LOCAL_OCTETS: usize = 30;
/// The comment at the end may have so many octets.
const COMMENT_LIMIT: usize = u16::MAX as usize;
/// The extra field with numbers of 64 bits.
const ZIP64_EXTRA: u16 = 1;
/// A number of 32 bits that stands in the extra field.
const IN_EXTRA: u64 = u32::MAX as u64;
/// The file type of a symbolic link, as Unix writers note it.
const SYMBOLIC_LINK: u16 = 0o120_000;
/// Flags of encryption: of the member, strong, of the directory.
const ENCRYPTED_FLAGS: u16 = 1 | 1 << 6 | 1 << 13;

/// The entries that are not read yet.
pub(super) struct Directory {
    reader: BufReader<Section>,
    /// Octets before the archive.
    shift: u64,
    size: u64,
    position: u64,
    end: u64,
}

/// What the directory says of a member.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) method: u16,
    pub(super) checksum: u32,
    pub(super) packed_octets: u64,
    pub(super) octets: u64,
    flags: u16,
    is_link: bool,
    header: u64,
}

impl Entry {
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED_FLAGS != 0
    }

    pub(super) fn is_folder_or_link(&self) -> bool {
        self.is_link || self.name.ends_with(b"/")
    }
}

impl Directory {
    /// Finds the directory by the record at the end of the archive; `None` where that is cut off.
    pub(super) fn find(octets: &Octets) -> io::Result<Option<Self>> {
        let size = octets.size();
        let tail_start = size.saturating_sub((END_OCTETS + COMMENT_LIMIT) as u64);
        let mut tail = Vec::new();
        Section::new(octets.clone(), tail_start, u64::MAX).read_to_end(&mut tail)?;
        let Some(at) = end_record(&tail) else {
            return Ok(None);
        };
        let record = tail.get(at..).unwrap_or_default();
        let mut end = tail_start.saturating_add(at as u64);
        let (mut length, mut start) = (number32(record, 12), number32(record, 16));
        if let Some((position, record)) = end64(octets, end)? {
            (length, start) = (number64(&record, 40), number64(&record, 48));
            end = position;
        }
        let begin = end.checked_sub(length).ok_or_else(|| damaged(end))?;
        let shift = begin.checked_sub(start).ok_or_else(|| damaged(end))?;
        let section = Section::new(octets.clone(), begin, length);
        Ok(Some(Self {
            reader: BufReader::new(section),
            shift,
            size,
            position: begin,
            end,
        }))
    }

    /// The next entry.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        if self.position >= self.end {
            return Ok(None);
        }
        let mut fixed = [0; ENTRY_OCTETS];
        self.fill(&mut fixed)?;
        if !fixed.starts_with(b"PK\x01\x02") {
            return Err(damaged(self.position));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(number16(&fixed, at)));
        let (mut name, mut extra, mut comment) = (vec![0; name], vec![0; extra], vec![0; comment]);
        self.fill(&mut name)?;
        self.fill(&mut extra)?;
        self.fill(&mut comment)?;
        let mut entry = Entry::of(&fixed, name, &extra);
        entry.header = entry.header.saturating_add(self.shift);
        Ok(Some(entry))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.position = self.position.saturating_add(buffer.len() as u64);
        self.reader.read_exact(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                truncated(self.size)
            } else {
                error
            }
        })
    }
}

impl Entry {
    fn of(fixed: &[u8], name: Vec<u8>, extra: &[u8]) -> Self {
        let mut wide = zip64_numbers(extra);
        let mut widened = |at| match number32(fixed, at) {
            IN_EXTRA => wide.next().unwrap_or(IN_EXTRA),
            number => number,
        };
        // They stand in the extra field in this order, only those that are needed.
        let octets = widened(24);
        let packed_octets = widened(20);
        let header = widened(42);
        let is_unix = fixed.get(5) == Some(&3);
        let file_type = number16(fixed, 40) & 0o170_000;
        Self {
            name,
            method: number16(fixed, 10),
            checksum: u32::try_from(number32(fixed, 16)).unwrap_or_default(),
            packed_octets,
            octets,
            flags: number16(fixed, 8),
            is_link: is_unix && file_type == SYMBOLIC_LINK,
            header,
        }
    }
}

impl Entry {
    /// A member by its own header, which tells less of it.
    pub(super) fn of_local(fixed: &[u8], name: Vec<u8>, extra: &[u8], header: u64) -> Self {
        let mut wide = zip64_numbers(extra);
        let mut widened = |at| match number32(fixed, at) {
            IN_EXTRA => wide.next().unwrap_or(IN_EXTRA),
            number => number,
        };
        let octets = widened(22);
        let packed_octets = widened(18);
        Self {
            name,
            method: number16(fixed, 8),
            checksum: u32::try_from(number32(fixed, 14)).unwrap_or_default(),
            packed_octets,
            octets,
            flags: number16(fixed, 6),
            is_link: false,
            header,
        }
    }
}

/// Where a member's octets begin: behind its own header, whose name and extra fields are its own, too.
pub(super) fn data_start(octets: &Octets, entry: &Entry) -> io::Result<u64> {
    let mut section = Section::new(octets.clone(), entry.header, LOCAL_OCTETS as u64);
    let mut header = Vec::new();
    section.read_to_end(&mut header)?;
    if header.len() < LOCAL_OCTETS || !header.starts_with(b"PK\x03\x04") {
        return Err(damaged(entry.header));
    }
    let names = u64::from(number16(&header, 26)) + u64::from(number16(&header, 28));
    let start = section.position().saturating_add(names);
    if start > octets.size() {
        return Err(damaged(entry.header));
    }
    Ok(start)
}

/// The last record of the end whose comment fits.
fn end_record(tail: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(tail, b"PK\x05\x06").find(|at| {
        let record = tail.get(*at..).unwrap_or_default();
        let length = END_OCTETS + usize::from(number16(record, 20));
        record.len() >= length
    })
}

/// The end of 64 bits, by the record that stands before the other end.
fn end64(octets: &Octets, end: u64) -> io::Result<Option<(u64, Vec<u8>)>> {
    let read = |at: u64, length: usize| {
        let mut record = Vec::new();
        let mut section = Section::new(octets.clone(), at, length as u64);
        section.read_to_end(&mut record).map(|_| record)
    };
    let Some(locator_at) = end.checked_sub(LOCATOR_OCTETS) else {
        return Ok(None);
    };
    let locator = read(locator_at, 16)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // The offset is wrong where other octets stand before the archive: then it ends at the locator.
    let places = [
        number64(&locator, 8),
        locator_at.saturating_sub(END64_OCTETS as u64),
    ];
    for at in places {
        let record = read(at, END64_OCTETS)?;
        if record.len() == END64_OCTETS && record.starts_with(b"PK\x06\x06") {
            return Ok(Some((at, record)));
        }
    }
    Err(damaged(locator_at))
}

/// The numbers of 64 bits in an entry's extra fields.
fn zip64_numbers(extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut rest = extra;
    let mut field: &[u8] = &[];
    while rest.len() >= 4 {
        let length = usize::from(number16(rest, 2));
        let data = rest.get(4..).unwrap_or_default();
        let (data, next) = data.split_at_checked(length).unwrap_or((data, &[]));
        if number16(rest, 0) == ZIP64_EXTRA {
            field = data;
        }
        rest = next;
    }
    field.chunks_exact(8).map(|number| number64(number, 0))
}

fn number_at<const OCTETS: usize>(record: &[u8], at: usize) -> [u8; OCTETS] {
    let octets = record.get(at..).and_then(|rest| rest.first_chunk());
    octets.copied().unwrap_or([0; OCTETS])
}

pub(super) fn number16(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(number_at(record, at))
}

fn number32(record: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(number_at(record, at)).into()
}

fn number64(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(number_at(record, at))
}

pub(super) fn truncated(offset: u64) -> io::Error {
    let packing = Packing::Zip;
    PackingFault::Truncated { packing, offset }.into()
}

fn damaged(offset: u64) -> io::Error {
    let packing = Packing::Zip;
    PackingFault::Damaged { packing, offset }.into()
}
