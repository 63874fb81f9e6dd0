//! Names of members: any octets, never a file's path. They tell an id, what is passed over, and a Maildir.
//!
//! The rules are those of `tree`, as far as a name alone can obey them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::file::Place;
use crate::listing::unique_name;

/// Digits of the time with which a Maildir's delivered names begin, from 1973 on.
const DELIVERY_TIME_DIGITS: usize = 9;

/// The parts of a member's name between its slashes.
pub(crate) struct MemberName<'a> {
    parts: Vec<&'a [u8]>,
}

impl<'a> MemberName<'a> {
    /// Splits a name; empty parts and `.` say nothing.
    pub(crate) fn new(name: &'a [u8]) -> Self {
        let parts = name
            .split(|octet| *octet == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .collect();
        Self { parts }
    }

    /// The name without what says nothing.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.parts.join(&b'/')
    }

    /// The name without a Maildir's flags.
    pub(crate) fn without_flags(&self) -> Vec<u8> {
        let [folders @ .., folder, name] = self.parts.as_slice() else {
            return self.whole();
        };
        if !is_message_folder(folder) {
            return self.whole();
        }
        let name = unique_name(OsStr::from_bytes(name)).as_bytes();
        let parts: Vec<&[u8]> = folders.iter().copied().chain([*folder, name]).collect();
        parts.join(&b'/')
    }

    /// Where the member stands; `None` for what is passed over unread.
    pub(crate) fn place(&self) -> Option<Place> {
        let (name, folders) = self.parts.split_last()?;
        if name.starts_with(b".") || !self.has_walked_folders(folders) {
            return None;
        }
        match folders.last() {
            Some(folder) if *folder == b"tmp" && is_delivered(name) => None,
            Some(folder) if is_message_folder(folder) && is_delivered(name) => Some(Place::Maildir),
            _ if name.iter().all(u8::is_ascii_digit) => Some(Place::Numbered),
            _ => Some(Place::Folder),
        }
    }

    /// Hidden folders are passed over, but Maildir++ hides its sub-folders.
    fn has_walked_folders(&self, folders: &[&[u8]]) -> bool {
        folders.iter().enumerate().all(|(index, folder)| {
            let is_hidden = folder.starts_with(b".") && *folder != b"..";
            let next = self.parts.get(index + 1);
            let is_maildir = next.is_some_and(|next| is_message_folder(next));
            *folder != b"__MACOSX" && (!is_hidden || is_maildir)
        })
    }
}

fn is_message_folder(folder: &[u8]) -> bool {
    matches!(folder, b"cur" | b"new")
}

/// A name as a delivery into a Maildir makes it: flags, or a time and a dot.
fn is_delivered(name: &[u8]) -> bool {
    let digits = name
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let has_time = digits >= DELIVERY_TIME_DIGITS && name.get(digits) == Some(&b'.');
    has_time || unique_name(OsStr::from_bytes(name)).len() < name.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_place_and_its_id() {
        let delivered = "1732437600.M1P2.host";
        let cases: [(&str, Option<Place>, &str); 14] = [
            ("./a//b.eml", Some(Place::Folder), "a/b.eml"),
            ("/etc/passwd", Some(Place::Folder), "etc/passwd"),
            ("../../x", Some(Place::Folder), "../../x"),
            ("inbox/12", Some(Place::Numbered), "inbox/12"),
            (
                "m/cur/1732437600.M1P2.host:2,S",
                Some(Place::Maildir),
                "m/cur/1732437600.M1P2.host",
            ),
            (
                "m/.Sent/new/1732437600.x",
                Some(Place::Maildir),
                "m/.Sent/new/1732437600.x",
            ),
            ("cur/2:2,", Some(Place::Maildir), "cur/2"),
            ("new/2019.mbox", Some(Place::Folder), "new/2019.mbox"),
            ("m/tmp/1732437600.x", None, ""),
            ("tmp/box", Some(Place::Folder), "tmp/box"),
            (".git/x.eml", None, ""),
            ("a/.DS_Store", None, ""),
            ("__MACOSX/a/._x.eml", None, ""),
            ("", None, ""),
        ];
        for (name, place, id) in cases {
            let name = MemberName::new(name.as_bytes());
            assert_eq!(name.place(), place, "{id}");
            if place.is_some() {
                assert_eq!(name.without_flags(), id.as_bytes());
            }
        }
        assert!(is_delivered(delivered.as_bytes()) && !is_delivered(b"12345678.x"));
    }
}
