//! A folder's entries in the order of their paths, held compactly: a million names are some ten megabytes.
//!
//! Links to files count as the files, links to folders are never followed, so no loop can be walked.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Folder,
    /// A link to a folder, a pipe, a socket, a device.
    Other,
}

#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    length: u16,
    kind: EntryKind,
}

/// The entries of a folder.
#[derive(Default)]
pub(crate) struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

impl Listing {
    /// Lists a folder, sorted as the octets of its files' paths sort.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        Self::read(folder, OsStr::as_bytes)
    }

    /// Lists `cur` or `new` of a Maildir, sorted by the names without flags.
    pub(crate) fn of_maildir(folder: &Path) -> io::Result<Self> {
        Self::read(folder, |name| unique_name(name).as_bytes())
    }

    fn read(folder: &Path, key: impl Fn(&OsStr) -> &[u8]) -> io::Result<Self> {
        let mut listing = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = kind_of(&entry);
            let name = entry.file_name().into_vec();
            let Ok(length) = u16::try_from(name.len()) else {
                continue;
            };
            let start = listing.names.len();
            listing.names.extend_from_slice(&name);
            listing.entries.push(Entry {
                start,
                length,
                kind,
            });
        }
        let names = std::mem::take(&mut listing.names);
        listing.entries.sort_unstable_by(|left, right| {
            let (left_name, right_name) = (name_in(&names, *left), name_in(&names, *right));
            let with_slash = |name, entry: &Entry| {
                let slash: &[u8] = if entry.kind == EntryKind::Folder {
                    b"/"
                } else {
                    b""
                };
                key(name).iter().chain(slash)
            };
            with_slash(left_name, left)
                .cmp(with_slash(right_name, right))
                .then_with(|| left_name.cmp(right_name))
        });
        listing.names = names;
        Ok(listing)
    }

    /// The entry at this place in the order.
    pub(crate) fn entry(&self, index: usize) -> Option<(&OsStr, EntryKind)> {
        let entry = self.entries.get(index)?;
        Some((name_in(&self.names, *entry), entry.kind))
    }

    /// All entries in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, EntryKind)> {
        self.entries
            .iter()
            .map(|entry| (name_in(&self.names, *entry), entry.kind))
    }

    /// Tells whether a folder of this name is among the entries.
    pub(crate) fn has_folder(&self, name: &str) -> bool {
        self.iter()
            .any(|(entry, kind)| kind == EntryKind::Folder && entry == name)
    }

    /// Leaves out the entries whose names the rule does not keep.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&OsStr) -> bool) {
        let names = &self.names;
        self.entries.retain(|entry| keeps(name_in(names, *entry)));
    }
}

fn name_in(names: &[u8], entry: Entry) -> &OsStr {
    let end = entry.start.saturating_add(usize::from(entry.length));
    OsStr::from_bytes(names.get(entry.start..end).unwrap_or_default())
}

fn kind_of(entry: &DirEntry) -> EntryKind {
    let Ok(kind) = entry.file_type() else {
        return EntryKind::File;
    };
    if kind.is_dir() {
        EntryKind::Folder
    } else if kind.is_file() {
        EntryKind::File
    } else if kind.is_symlink() {
        // A link to nothing stays a file: opening it says what is wrong.
        match fs::metadata(entry.path()) {
            Ok(target) if !target.is_file() => EntryKind::Other,
            _ => EntryKind::File,
        }
    } else {
        EntryKind::Other
    }
}

/// A Maildir name without its flags: what stands before the last `:2,` or `:1,`.
pub(crate) fn unique_name(name: &OsStr) -> &OsStr {
    let octets = name.as_bytes();
    let flags = octets
        .windows(3)
        .rposition(|window| matches!(window, [b':', b'1' | b'2', b',']));
    OsStr::from_bytes(
        flags
            .and_then(|start| octets.get(..start))
            .unwrap_or(octets),
    )
}
