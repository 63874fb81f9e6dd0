//! What can be wrong with an input: the path, what is wrong, and what to do, in one sentence.
//!
//! The system's own error is kept as the source; its number never shows in the sentence.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::kind::{ForeignStore, UnreadKind};
use crate::packing::PackingFault;
use crate::store_fault::StoreFault;

/// A fault of an input or of one file of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceProblem {
    /// No input is named at all.
    #[error(
        "no input is named; name a mail, an mbox, a Maildir or a folder of mails, or - for standard input."
    )]
    NothingNamed,
    /// A named input does not exist.
    #[error("{}: there is no such file or folder; check the name.", shown(path))]
    Missing {
        /// The input as typed.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An input is named more than once.
    #[error("{}: named more than once; it is read once.", shown(path))]
    NamedTwice {
        /// The input as typed.
        path: PathBuf,
    },
    /// A file, folder or stream cannot be opened or read.
    #[error(
        "{}: cannot be read ({}); {}.",
        shown(path),
        cause(source),
        advice(source)
    )]
    Unreadable {
        /// The file, folder or stream.
        path: PathBuf,
        /// True when it is the named input itself.
        is_whole_input: bool,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of a folder was listed but is gone.
    #[error(
        "{}: vanished after its folder was listed; run again when nothing moves the mail.",
        shown(path)
    )]
    Vanished {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file became shorter while it was read.
    #[error(
        "{}: became shorter while it was read, its last message is cut; run again when nothing writes to it.",
        shown(path)
    )]
    Shrank {
        /// The file.
        path: PathBuf,
    },
    /// A file was written to while it was read.
    #[error(
        "{}: was changed while it was read; run again when nothing writes to it.",
        shown(path)
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A named file or stream has no octets.
    #[error("{}: is empty; check where it comes from.", shown(path))]
    Empty {
        /// The input.
        path: PathBuf,
    },
    /// A named file is neither mbox nor mail.
    #[error(
        "{}: is neither a mail nor an mbox; name a mail, an mbox, a Maildir or a folder of mails.",
        shown(path)
    )]
    NotMail {
        /// The input.
        path: PathBuf,
    },
    /// A named input is a socket or a device.
    #[error(
        "{}: is neither a file, a folder nor a pipe; name one of these.",
        shown(path)
    )]
    NotAFile {
        /// The input.
        path: PathBuf,
    },
    /// A kind of source that may hold mail and is not read yet.
    #[error("{}: is {}, which is not read yet; {}.", shown(path), kind.noun(), kind.way_out())]
    NotReadYet {
        /// The file or stream.
        path: PathBuf,
        /// What it is.
        kind: UnreadKind,
        /// True when it is the named input itself.
        is_whole_input: bool,
    },
    /// Compressed or contained octets that cannot be unpacked, or not to their end.
    #[error("{}: {fault}.", shown(path))]
    Packed {
        /// The file or stream, or the member with the path of its container before it.
        path: PathBuf,
        /// What is wrong.
        fault: PackingFault,
        /// True when it is the named input itself.
        is_whole_input: bool,
    },
    /// A store without the original octets.
    #[error("{}: is {}; {}.", shown(path), store.noun(), store.way_out())]
    Foreign {
        /// The file or stream.
        path: PathBuf,
        /// What it is.
        store: ForeignStore,
        /// True when it is the named input itself.
        is_whole_input: bool,
    },
    /// A table, a spool or a repository of messages has a fault.
    #[error("{}: {fault}.", shown(path))]
    Store {
        /// The file, folder or stream.
        path: PathBuf,
        /// What is wrong with it.
        fault: StoreFault,
        /// True when it is the named input itself, and gives nothing.
        is_whole_input: bool,
    },
    /// A named folder without a single mail.
    #[error(
        "{}: holds no mail; name a folder of mails, a Maildir or an mbox.",
        shown(path)
    )]
    NoMail {
        /// The folder.
        path: PathBuf,
    },
    /// A folder lies deeper than is followed.
    #[error(
        "{}: lies deeper than {} folders; name it by itself.",
        shown(path),
        limit
    )]
    TooDeep {
        /// The folder.
        path: PathBuf,
        /// How deep folders are followed.
        limit: usize,
    },
    /// Octets before the first border of an mbox file.
    #[error(
        "{}: octets {start} to {end} (not included) belong to no message, no mbox border stands before them; look at them by hand.",
        shown(path)
    )]
    Gap {
        /// The mbox file or stream.
        path: PathBuf,
        /// The first octet of the gap.
        start: u64,
        /// The first octet behind it.
        end: u64,
    },
}

impl SourceProblem {
    /// The problem of octets that could not be read on.
    pub(crate) fn of_reading(path: PathBuf, is_whole_input: bool, source: io::Error) -> Self {
        match PackingFault::of(&source) {
            Some(fault) => Self::Packed {
                path,
                fault,
                is_whole_input,
            },
            None => Self::Unreadable {
                path,
                is_whole_input,
                source,
            },
        }
    }

    /// The file, folder or stream at fault; `-` for standard input.
    pub fn path(&self) -> &Path {
        match self {
            Self::NothingNamed => Path::new(""),
            Self::Missing { path, .. }
            | Self::NamedTwice { path }
            | Self::Unreadable { path, .. }
            | Self::Vanished { path, .. }
            | Self::Shrank { path }
            | Self::Changed { path }
            | Self::Empty { path }
            | Self::NotMail { path }
            | Self::NotAFile { path }
            | Self::NotReadYet { path, .. }
            | Self::Packed { path, .. }
            | Self::Foreign { path, .. }
            | Self::Store { path, .. }
            | Self::NoMail { path }
            | Self::TooDeep { path, .. }
            | Self::Gap { path, .. } => path,
        }
    }

    /// True when a named input gives nothing because of it; false when only a part of an input is lost.
    pub fn is_whole_input(&self) -> bool {
        match self {
            Self::NothingNamed
            | Self::Missing { .. }
            | Self::Empty { .. }
            | Self::NotMail { .. }
            | Self::NotAFile { .. }
            | Self::NoMail { .. } => true,
            Self::Unreadable { is_whole_input, .. }
            | Self::NotReadYet { is_whole_input, .. }
            | Self::Store { is_whole_input, .. }
            | Self::Packed { is_whole_input, .. }
            | Self::Foreign { is_whole_input, .. } => *is_whole_input,
            Self::NamedTwice { .. }
            | Self::Vanished { .. }
            | Self::Shrank { .. }
            | Self::Changed { .. }
            | Self::TooDeep { .. }
            | Self::Gap { .. } => false,
        }
    }
}

impl UnreadKind {
    fn noun(self) -> &'static str {
        match self {
            Self::Bzip2 => "bzip2",
            Self::Parquet => "a Parquet table",
            Self::Arrow => "an Arrow file",
            Self::Json => "JSON",
            Self::PostfixQueue => "a Postfix queue file",
            Self::EximSpool => "an Exim spool file",
        }
    }

    fn way_out(self) -> &'static str {
        match self {
            Self::Bzip2 => "pipe what `bzip2 -dc` gives into `-`",
            Self::Parquet | Self::Arrow | Self::Json => "write its messages as files or as mbox",
            Self::PostfixQueue => "write the message with `postcat -bh`",
            Self::EximSpool => "write the message with `exim -Mvc`",
        }
    }

    /// True when a file of this kind is read, a stream is not.
    pub(crate) fn is_read_from_files(self) -> bool {
        matches!(self, Self::Parquet | Self::PostfixQueue | Self::EximSpool)
    }

    /// The fault of a stream of this kind.
    pub(crate) fn needs_file(self) -> StoreFault {
        StoreFault::NeedsFile { noun: self.noun() }
    }

    /// True when a folder's file of this kind is named, not passed over: mail may be lost with it.
    pub(crate) fn may_hide_mail(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow | Self::Json)
    }
}

impl ForeignStore {
    fn noun(self) -> &'static str {
        match self {
            Self::Outlook => "an Outlook store (PST, OST), which keeps no original octets",
            Self::CompoundFile => {
                "an Outlook message (.msg) or another compound file, which keeps no original octets"
            }
        }
    }

    fn way_out(self) -> &'static str {
        match self {
            Self::Outlook => {
                "`readpst -e` gives rebuilt mails, whose signatures cannot hold, so look for another copy"
            }
            Self::CompoundFile => {
                "a conversion gives a rebuilt mail, whose signatures cannot hold, so look for another copy"
            }
        }
    }
}

/// A path for people: what is no printable text is escaped, so that no name can play with a terminal.
pub(crate) fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    let mut shown = String::new();
    for character in crate::id::text_of(path.as_os_str()).chars() {
        if character.is_control() || is_bidi_control(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Characters that turn the order of what follows (Unicode Standard Annex 9).
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The system's words without its number.
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut characters = words.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "check its permissions",
        ErrorKind::NotADirectory | ErrorKind::NotFound => "check the name",
        _ => "check the disk or the link and run again",
    }
}
