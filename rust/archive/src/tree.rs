//! A folder of mail: Maildir, Maildir++, MH, any tree of files, walked in the order of the paths.
//!
//! Hidden names, `tmp` of a Maildir, links to folders and what is no file are passed over. Each frame is one folder; no
//! recursion, and never more in memory than the listings on the way down.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::file::{Found, Place, Reading, Source, read_file, unreadable};
use crate::id::{Rivals, TakenNames, text_of};
use crate::listing::{EntryKind, Listing, unique_name};
use crate::maildir::{MaildirListings, MovedFiles};
use crate::problem::SourceProblem;
use crate::public_inbox::PublicInbox;

/// Folders within folders that are followed; mail is sorted by people, not so deep.
pub(crate) const FOLDER_DEPTH_LIMIT: usize = 64;

/// The mail below a named folder.
pub(crate) struct Tree {
    root: PathBuf,
    rivals: Rivals,
    frames: Vec<Frame>,
    state: State,
}

enum State {
    /// The named folder is not listed yet.
    Unread,
    /// Nothing found so far, nor any problem.
    FoundNothing,
    /// Something found, or a reason told why not.
    Found,
}

/// One folder on the way down.
struct Frame {
    relative: PathBuf,
    listing: Listing,
    next: usize,
    taken: TakenNames,
    role: Role,
}

enum Role {
    Folder,
    /// The folder above `cur` and `new`, whose listings are made with it.
    Maildir(MaildirListings),
    /// `cur` or `new`; files in them are mail by their place if the Maildir is certain.
    Messages {
        moved: MovedFiles,
        place: Place,
    },
}

impl Tree {
    /// The tree below a folder, as typed.
    pub(crate) fn new(root: PathBuf, rivals: Rivals) -> Self {
        Self {
            root,
            rivals,
            frames: Vec::new(),
            state: State::Unread,
        }
    }

    /// Goes down into a folder.
    fn enter(&mut self, relative: PathBuf) -> Result<(), SourceProblem> {
        let path = self.path_of(&relative);
        if self.frames.len() >= FOLDER_DEPTH_LIMIT {
            return Err(SourceProblem::TooDeep {
                path,
                limit: FOLDER_DEPTH_LIMIT,
            });
        }
        if let Some((listing, role)) = self.take_maildir_listing(&relative) {
            let listing = listing.map_err(|source| unreadable(&path, Place::Folder, source))?;
            self.push(relative, listing, role);
            return Ok(());
        }
        let place = if self.frames.is_empty() {
            Place::Named
        } else {
            Place::Folder
        };
        let listing = Listing::of(&path).map_err(|source| unreadable(&path, place, source))?;
        let role = MaildirListings::of(&path, &listing).map_or(Role::Folder, Role::Maildir);
        if matches!(&role, Role::Maildir(listings) if listings.is_certain) {
            // An empty Maildir is no fault.
            self.state = State::Found;
        }
        self.push(relative, listing, role);
        Ok(())
    }

    fn path_of(&self, relative: &Path) -> PathBuf {
        if relative.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(relative)
        }
    }

    fn take_maildir_listing(&mut self, relative: &Path) -> Option<(io::Result<Listing>, Role)> {
        let frame = self.frames.last_mut()?;
        let Role::Maildir(listings) = &mut frame.role else {
            return None;
        };
        let moved = MovedFiles::of(&self.root.join(&frame.relative));
        let listing = match relative.file_name()?.as_bytes() {
            b"cur" => std::mem::replace(&mut listings.cur, Ok(Listing::default())),
            b"new" => std::mem::replace(&mut listings.new, Ok(Listing::default())),
            _ => return None,
        };
        let place = if listings.is_certain {
            Place::Maildir
        } else {
            Place::Folder
        };
        Some((listing, Role::Messages { moved, place }))
    }

    fn push(&mut self, relative: PathBuf, listing: Listing, role: Role) {
        let has_flags = matches!(role, Role::Messages { .. });
        let taken = self.rivals.taken_names(&relative, has_flags);
        self.frames.push(Frame {
            relative,
            listing,
            next: 0,
            taken,
            role,
        });
    }

    /// The public-inbox in a folder inside.
    fn inbox(&self, relative: &Path) -> Option<PublicInbox> {
        let id_base = format!("{}/", text_of(relative.as_os_str()));
        PublicInbox::of(&self.root.join(relative), id_base, false)
    }

    /// Whether a folder inside is walked.
    fn is_walked(&self, relative: &Path) -> bool {
        let name = relative.file_name().unwrap_or_default();
        let is_in_maildir = self
            .frames
            .last()
            .is_some_and(|frame| matches!(frame.role, Role::Maildir(_)));
        if is_hidden(name) {
            // Maildir++ hides its sub-folders.
            let path = self.root.join(relative);
            return path.join("cur").is_dir() || path.join("new").is_dir();
        }
        !(is_in_maildir && name == "tmp")
    }

    fn read(&mut self, name: &OsStr, reading: &Reading) -> Result<Found, SourceProblem> {
        let root = &self.root;
        let Some(frame) = self.frames.last_mut() else {
            return Ok(Found::Nothing);
        };
        let path = root.join(&frame.relative).join(name);
        let id = frame.id_of(root, name);
        let place = match &frame.role {
            Role::Messages { place, .. } => *place,
            _ if name.as_bytes().iter().all(u8::is_ascii_digit) => Place::Numbered,
            _ => Place::Folder,
        };
        let found = match read_file(&path, id.clone(), place, reading) {
            Err(error) if error.kind() == ErrorKind::NotFound => frame
                .find_moved(name)
                .map_or(Err(error), |moved| read_file(&moved, id, place, reading)),
            found => found,
        };
        found.unwrap_or_else(|source| Err(unreadable(&path, place, source)))
    }

    fn next_entry(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        let frame = self.frames.last_mut()?;
        let Some((name, kind)) = frame.take_next() else {
            self.frames.pop();
            return Some(Ok(Found::Nothing));
        };
        let relative = frame.relative.join(&name);
        match kind {
            EntryKind::Folder if self.is_walked(&relative) => {
                if let Some(inbox) = self.inbox(&relative) {
                    return Some(Ok(Found::Inner(Box::new(inbox))));
                }
                Some(self.enter(relative).map(|()| Found::Nothing))
            }
            EntryKind::File if !is_hidden(&name) => Some(self.read(&name, reading)),
            _ => Some(Ok(Found::Nothing)),
        }
    }
}

impl Source for Tree {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        if let State::Unread = self.state {
            self.state = State::FoundNothing;
            if let Err(problem) = self.enter(PathBuf::new()) {
                self.state = State::Found;
                return Some(Err(problem));
            }
        }
        loop {
            match self.next_entry(reading) {
                Some(Ok(Found::Nothing)) => {}
                Some(found) => {
                    self.state = State::Found;
                    return Some(found);
                }
                None => break,
            }
        }
        let State::FoundNothing = std::mem::replace(&mut self.state, State::Found) else {
            return None;
        };
        Some(Err(SourceProblem::NoMail {
            path: self.root.clone(),
        }))
    }
}

impl Frame {
    fn take_next(&mut self) -> Option<(OsString, EntryKind)> {
        let (name, kind) = self.listing.entry(self.next)?;
        self.next += 1;
        Some((name.to_owned(), kind))
    }

    /// The path relative to the root, of a Maildir without flags; as typed where another input has it, too.
    fn id_of(&self, root: &Path, name: &OsStr) -> String {
        let name = match self.role {
            Role::Messages { .. } if !self.is_double(name) => unique_name(name),
            _ => name,
        };
        let relative = self.relative.join(name);
        if self.taken.contains(name) {
            text_of(root.join(relative).as_os_str())
        } else {
            text_of(relative.as_os_str())
        }
    }

    /// A second file of the same unique name; such files are neighbours in the order.
    fn is_double(&self, name: &OsStr) -> bool {
        let before = self
            .next
            .checked_sub(2)
            .and_then(|index| self.listing.entry(index));
        before.is_some_and(|(before, _)| unique_name(before) == unique_name(name))
    }

    fn find_moved(&mut self, name: &OsStr) -> Option<PathBuf> {
        match &mut self.role {
            Role::Messages { moved, .. } => moved.find(name),
            _ => None,
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests;
