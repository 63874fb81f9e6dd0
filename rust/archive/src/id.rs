//! Ids of messages: a named file's base name, the path relative to a named folder; the path as typed where two inputs
//! would give the same.
//!
//! Text is UTF-8 as it is; other octets of a name are escaped. Offsets and members are added behind by the readers.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::listing::unique_name;

/// Folders that are compared for equal ids; with more of them every id is the path as typed.
pub(crate) const COMPARED_FOLDER_LIMIT: usize = 16;

/// A name as text: valid UTF-8 as it is, in others each wrong octet as `\xNN`.
pub(crate) fn text_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for octet in chunk.invalid() {
            text.push_str("\\x");
            text.extend(hex(*octet));
        }
    }
    text
}

fn hex(octet: u8) -> [char; 2] {
    [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?'))
}

/// The other named inputs, whose ids must stay apart from those of one input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rivals {
    folders: Vec<PathBuf>,
    file_names: HashSet<OsString>,
}

impl Rivals {
    /// The inputs beside the one at `index`; `is_folder` tells which of them are folders.
    pub(crate) fn of(index: usize, inputs: &[(PathBuf, bool)]) -> Self {
        let mut rivals = Self::default();
        for (path, is_folder) in inputs {
            let is_own = inputs.get(index).is_some_and(|(own, _)| own == path);
            if is_own || path == Path::new("-") {
                continue;
            }
            if *is_folder {
                rivals.folders.push(path.clone());
            } else if let Some(name) = path.file_name() {
                rivals.file_names.insert(name.to_owned());
            }
        }
        rivals
    }

    /// The id of a named file.
    pub(crate) fn id_of_file(&self, path: &Path) -> String {
        let name = path.file_name().unwrap_or(path.as_os_str());
        let is_taken = self.file_names.contains(name)
            || self.folders.len() > COMPARED_FOLDER_LIMIT
            || self
                .folders
                .iter()
                .any(|folder| folder.join(name).symlink_metadata().is_ok());
        text_of(if is_taken { path.as_os_str() } else { name })
    }

    /// Which names of one folder's subfolder would give ids that other inputs give too.
    ///
    /// Asked once a subfolder, so it costs a listing for each other folder, not a look for each file.
    pub(crate) fn taken_names(&self, relative: &Path, has_flags: bool) -> TakenNames {
        if self.folders.len() > COMPARED_FOLDER_LIMIT {
            return TakenNames::Every;
        }
        let mut taken = HashSet::new();
        if relative.as_os_str().is_empty() {
            taken.extend(self.file_names.iter().cloned());
        }
        for folder in &self.folders {
            let entries = fs::read_dir(folder.join(relative))
                .into_iter()
                .flatten()
                .flatten();
            taken.extend(entries.map(|entry| {
                let name = entry.file_name();
                if has_flags {
                    unique_name(&name).to_owned()
                } else {
                    name
                }
            }));
        }
        TakenNames::These(taken)
    }
}

/// Names whose ids are the path as typed.
#[derive(Debug)]
pub(crate) enum TakenNames {
    /// Every name.
    Every,
    /// These.
    These(HashSet<OsString>),
}

impl TakenNames {
    /// Tells whether this name is one of them.
    pub(crate) fn contains(&self, name: &OsStr) -> bool {
        match self {
            Self::Every => true,
            Self::These(names) => names.contains(name),
        }
    }
}
