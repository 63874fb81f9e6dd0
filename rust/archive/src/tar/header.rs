//! A tar header block and the extensions that stand before it: what a member is, its name, its size.
//!
//! Octets in, facts out; nothing is read here. Only the fields that reading needs.

use tar::{EntryType, Header};

use super::BLOCK_OCTETS;

/// Where the checksum stands in a header.
const CHECKSUM: std::ops::Range<usize> = 148..156;
/// Where the magic of POSIX and GNU stands.
const MAGIC: std::ops::Range<usize> = 257..262;
/// The flag behind the last entry of a block of an old GNU sparse map.
const NEXT_MAP_FLAG: usize = 504;

/// What one block is.
pub(super) enum Block {
    Empty,
    Header(Entry),
    Damaged,
}

/// What a header says.
pub(super) struct Entry {
    pub(super) kind: EntryKind,
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    /// Data of that size follow in the archive.
    pub(super) has_data: bool,
    /// Blocks of a sparse map follow before the data.
    pub(super) has_sparse_maps: bool,
    /// It has the magic, too, not only the checksum.
    pub(super) is_certain: bool,
}

/// What a header stands for.
#[derive(Clone, Copy)]
pub(super) enum EntryKind {
    File,
    Extension(Extension),
    /// A file that has holes, in the old form of GNU.
    Sparse,
    /// A folder, link, device or pipe.
    Other,
}

/// A header whose data say more of the next member.
#[derive(Clone, Copy)]
pub(super) enum Extension {
    LongName,
    Pax,
    /// A long link name, or pax records for all members: nothing of them is needed.
    Unneeded,
}

impl Block {
    pub(super) fn of(block: &[u8; BLOCK_OCTETS]) -> Self {
        if block.iter().all(|octet| *octet == 0) {
            return Self::Empty;
        }
        if !has_checksum(block) {
            return Self::Damaged;
        }
        let header = Header::from_byte_slice(block);
        header
            .entry_size()
            .map_or(Self::Damaged, |size| Self::Header(entry_of(header, size)))
    }
}

fn entry_of(header: &Header, size: u64) -> Entry {
    let kind = header.entry_type();
    let is_extended = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
    Entry {
        kind: match kind {
            EntryType::Regular | EntryType::Continuous => EntryKind::File,
            EntryType::GNULongName => EntryKind::Extension(Extension::LongName),
            EntryType::XHeader => EntryKind::Extension(Extension::Pax),
            EntryType::GNULongLink | EntryType::XGlobalHeader => {
                EntryKind::Extension(Extension::Unneeded)
            }
            EntryType::GNUSparse => EntryKind::Sparse,
            _ => EntryKind::Other,
        },
        name: header.path_bytes().into_owned(),
        size,
        has_data: !matches!(
            kind,
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Char
                | EntryType::Block
                | EntryType::Directory
                | EntryType::Fifo
        ),
        has_sparse_maps: kind == EntryType::GNUSparse && is_extended,
        is_certain: header.as_bytes().get(MAGIC) == Some(b"ustar"),
    }
}

/// Tells whether another block of the sparse map follows this one.
pub(super) fn has_next_map(block: &[u8; BLOCK_OCTETS]) -> bool {
    block.get(NEXT_MAP_FLAG) == Some(&1)
}

/// Tells a tar archive by its first header: the magic, or in older ones the checksum.
pub(crate) fn is_tar(head: &[u8]) -> bool {
    let block = head.first_chunk::<BLOCK_OCTETS>();
    let is_old = block.is_some_and(|block| matches!(Block::of(block), Block::Header(_)));
    is_old || head.get(MAGIC) == Some(b"ustar")
}

/// The sum of the octets, the checksum's own as spaces; some writers summed signed octets.
fn has_checksum(block: &[u8; BLOCK_OCTETS]) -> bool {
    let Ok(told) = Header::from_byte_slice(block).cksum() else {
        return false;
    };
    let mut unsigned = 0_i64;
    let mut signed = 0_i64;
    for (index, octet) in block.iter().enumerate() {
        let octet = if CHECKSUM.contains(&index) {
            b' '
        } else {
            *octet
        };
        unsigned += i64::from(octet);
        signed += i64::from(octet.cast_signed());
    }
    i64::from(told) == unsigned || i64::from(told) == signed
}

/// What extensions say of the next member.
#[derive(Default)]
pub(super) struct Extensions {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) is_sparse: bool,
}

impl Extensions {
    /// Takes the data of an extension; false when they break their rules.
    pub(super) fn add(&mut self, kind: Extension, data: &[u8]) -> bool {
        match kind {
            Extension::Unneeded => true,
            Extension::LongName => {
                let name = data.split(|octet| *octet == 0).next().unwrap_or_default();
                self.name = Some(name.to_vec());
                true
            }
            Extension::Pax => self.add_records(data),
        }
    }

    /// Takes pax records: each its own length, a space, the keyword, `=`, the value, a line end.
    fn add_records(&mut self, data: &[u8]) -> bool {
        let mut rest = data;
        while !rest.is_empty() {
            let Some((record, next)) = split_record(rest) else {
                return false;
            };
            let mut halves = record.splitn(2, |octet| *octet == b'=');
            let keyword = halves.next().unwrap_or_default();
            let value = halves.next().unwrap_or_default();
            match keyword {
                b"path" => self.name = Some(value.to_vec()),
                b"size" => match number_of(value) {
                    Some(size) => self.size = Some(size),
                    None => return false,
                },
                b"GNU.sparse.name" => {
                    self.name = Some(value.to_vec());
                    self.is_sparse = true;
                }
                _ if keyword.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                _ => {}
            }
            rest = next;
        }
        true
    }
}

fn split_record(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = octets.iter().take(20).position(|octet| *octet == b' ')?;
    let length = usize::try_from(number_of(octets.get(..space)?)?).ok()?;
    let (record, rest) = octets.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    Some((record, rest))
}

fn number_of(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .filter(|_| is_number)
}
