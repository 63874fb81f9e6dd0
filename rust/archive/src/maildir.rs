//! `cur` and `new` of a Maildir, read while mail programs go on renaming.
//!
//! Delivery moves a file from `new` to `cur`, reading changes the flags in its name. A file is known by its unique name:
//! it is listed once, and found again after a move.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::listing::{Listing, unique_name};

/// Times that `cur` is listed anew to find moved files; a folder in constant motion is reported, not chased.
pub(crate) const SEARCH_LIMIT: usize = 16;

/// The two listings of a Maildir that hold messages.
pub(crate) struct MaildirListings {
    /// Two of the three folders are there: then whatever lies in `cur` and `new` is mail.
    pub(crate) is_certain: bool,
    /// Files in `cur`.
    pub(crate) cur: io::Result<Listing>,
    /// Files in `new` that are not in `cur` as well.
    pub(crate) new: io::Result<Listing>,
}

impl MaildirListings {
    /// The listings of a folder that has `cur` or `new` among its entries.
    ///
    /// Lists `new` before `cur`: a file that moves between the two is then seen twice, never missed.
    pub(crate) fn of(folder: &Path, entries: &Listing) -> Option<Self> {
        let [cur, new, tmp] = ["cur", "new", "tmp"].map(|name| entries.has_folder(name));
        if !(cur || new) {
            return None;
        }
        let is_certain = [cur, new, tmp].iter().filter(|is_there| **is_there).count() >= 2;
        let mut new = Listing::of_maildir(&folder.join("new"));
        let cur = Listing::of_maildir(&folder.join("cur"));
        if let (Ok(new), Ok(cur)) = (&mut new, &cur) {
            let moved: HashSet<&OsStr> = cur.iter().map(|(name, _)| unique_name(name)).collect();
            new.retain(|name| !moved.contains(unique_name(name)));
        }
        Some(Self {
            is_certain,
            cur,
            new,
        })
    }
}

/// Finds files that were renamed after they were listed.
pub(crate) struct MovedFiles {
    cur: PathBuf,
    names: HashMap<OsString, OsString>,
    searches_left: usize,
}

impl MovedFiles {
    /// Looks into the `cur` of this Maildir.
    pub(crate) fn of(maildir: &Path) -> Self {
        Self {
            cur: maildir.join("cur"),
            names: HashMap::new(),
            searches_left: SEARCH_LIMIT,
        }
    }

    /// Where the file of this listed name is now.
    pub(crate) fn find(&mut self, listed: &OsStr) -> Option<PathBuf> {
        let unique = unique_name(listed);
        if !self.known(unique).is_some_and(|path| path.exists()) {
            self.search();
        }
        self.known(unique)
    }

    fn known(&self, unique: &OsStr) -> Option<PathBuf> {
        self.names.get(unique).map(|name| self.cur.join(name))
    }

    fn search(&mut self) {
        let Some(left) = self.searches_left.checked_sub(1) else {
            return;
        };
        self.searches_left = left;
        self.names = fs::read_dir(&self.cur)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name())
            .map(|name| (unique_name(&name).to_owned(), name))
            .collect();
    }
}
