//! What compressed streams and containers are called, what can be wrong with them, and how much of them is unpacked.
//!
//! A fault travels as the source of an `io::Error` through whatever reads the unpacked octets, and becomes a sentence
//! in `problem`. Knows no file and no member.

use std::fmt::{self, Display, Formatter};
use std::io;

/// Layers of compression and containers within a file: a tar in gzip that holds an mbox in gzip has three.
///
/// Nobody packs mail deeper on purpose, and each layer may multiply what the one above gives.
pub(crate) const NESTING_LIMIT: usize = 3;

/// What bounds the unpacking of one input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Octets that may be unpacked whatever the ratio: a small archive of repetitive mail is no bomb.
    pub(crate) free_octets: u64,
    /// Octets unpacked for each octet read; deflate reaches 1,032 at most, mail hardly 20.
    pub(crate) ratio: u64,
    /// Members of one container; the names of a ZIP archive's are held, 8 octets each, to find double ones.
    pub(crate) members: u64,
    /// Octets of a ZIP archive that cannot be read by seeking: it is held in memory.
    pub(crate) held_zip_octets: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            free_octets: 1 << 30,
            ratio: 1_000,
            members: 10_000_000,
            held_zip_octets: 64 << 20,
        }
    }
}

/// A form of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstandard,
    /// The .xz container.
    Xz,
    /// A tar archive.
    Tar,
    /// A ZIP archive.
    Zip,
}

impl Packing {
    /// Where the octets are counted that a fault tells.
    fn counted(self) -> &'static str {
        match self {
            Self::Gzip | Self::Zstandard | Self::Xz => "the unpacked stream",
            Self::Tar => "the archive",
            Self::Zip => "the archive or member",
        }
    }
}

impl Display for Packing {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstandard => "zstd",
            Self::Xz => "xz",
            Self::Tar => "tar",
            Self::Zip => "ZIP",
        })
    }
}

/// What is wrong with packed octets, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackingFault {
    /// The octets end before the packing does.
    #[error(
        "its {packing} data end too early, at octet {offset} of {}; what stands before is kept, take a complete copy and run again",
        packing.counted()
    )]
    Truncated {
        /// The form of packing.
        packing: Packing,
        /// Octets before: unpacked ones, or of the archive itself.
        offset: u64,
    },
    /// The octets break the packing's rules, or do not have the checksum they tell.
    #[error(
        "its {packing} data are damaged, found at octet {offset} of {}; what stands before is kept, take another copy and run again",
        packing.counted()
    )]
    Damaged {
        /// The form of packing.
        packing: Packing,
        /// Octets before: unpacked ones, or of the archive itself.
        offset: u64,
    },
    /// Other octets follow the last compressed member.
    #[error(
        "octets that are not {packing} follow its {packing} data, behind octet {offset} of the unpacked stream, and are passed over; check where they come from"
    )]
    TrailingOctets {
        /// The form of packing.
        packing: Packing,
        /// Octets before: unpacked ones, or of the archive itself.
        offset: u64,
    },
    /// Unpacking asks for more memory than is given to it.
    #[error(
        "its {packing} data need more than {mebibytes} MiB of memory to unpack; unpack it by hand and name the result"
    )]
    TooMuchMemory {
        /// The form of packing.
        packing: Packing,
        /// The memory that is given.
        mebibytes: u64,
    },
    /// More comes out than any mail gives.
    #[error(
        "unpacks to more than {ratio} times its size, as only a decompression bomb does; what stands before is kept, unpack it by hand if it is none"
    )]
    Bomb {
        /// The ratio that is allowed.
        ratio: u64,
    },
    /// A layer of packing below the last that is unpacked.
    #[error("is packed within {limit} other layers; unpack the outer ones and name the result")]
    TooDeep {
        /// The layers that are unpacked.
        limit: usize,
    },
    /// A container has more members than are read.
    #[error(
        "has more than {limit} members, the others are not read; unpack it and name the folder"
    )]
    TooManyMembers {
        /// The members that are read.
        limit: u64,
    },
    /// An encrypted member of a ZIP archive.
    #[error("is encrypted; unpack it with its password and name the result")]
    Encrypted,
    /// A member of a ZIP archive in a form that is not known here.
    #[error(
        "is packed by ZIP method {method}, which is not read; unpack it by hand and name the result"
    )]
    UnknownMethod {
        /// The method's number.
        method: u16,
    },
    /// A second member of the same name.
    #[error(
        "is there twice in its archive; the second is not read, unpack it by hand and name the result"
    )]
    DoubleName,
    /// A ZIP archive that is larger than is held in memory.
    #[error(
        "is a ZIP archive of more than {limit} octets in a stream or in another archive; write it to a file and name that"
    )]
    NotSeekable {
        /// Octets that are held.
        limit: u64,
    },
    /// A member of a ZIP archive that unpacks to more or fewer octets than its directory tells.
    #[error(
        "has another size than its archive tells; take another copy of the archive and run again"
    )]
    WrongSize,
    /// A member of a tar archive that is stored without its holes.
    #[error("is stored as a sparse file, which is not read; unpack it by hand and name the result")]
    Sparse,
    /// A tar archive without the two empty blocks at its end.
    #[error("has no mark at its end and may be cut; compare it with another copy")]
    NoEndMark,
    /// The file has fewer octets than when it was opened.
    #[error(
        "became shorter while it was read, its last message is cut; run again when nothing writes to it"
    )]
    Shrank,
}

impl PackingFault {
    /// The fault that an error of reading carries.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl From<PackingFault> for io::Error {
    fn from(fault: PackingFault) -> Self {
        Self::other(fault)
    }
}
