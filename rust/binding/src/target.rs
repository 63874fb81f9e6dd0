//! A file that is complete under its name or not there at all: written under a temporary name beside it, synced, renamed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::errors::Fault;

/// Where a file goes.
pub(crate) struct Target {
    path: PathBuf,
    temporary: PathBuf,
}

impl Target {
    /// The file of this name.
    pub(crate) fn new(path: PathBuf) -> Self {
        let temporary = beside(&path, ".partial");
        Self { path, temporary }
    }

    /// The name until [`Target::commit`].
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// A name for what is needed only meanwhile.
    pub(crate) fn scratch(&self) -> PathBuf {
        beside(&self.path, ".scratch")
    }

    /// Makes the file under its temporary name; what stands there from a run that was killed goes.
    pub(crate) fn create(&self) -> Result<File, String> {
        File::create(&self.temporary).map_err(|error| sentence(&error))
    }

    /// Syncs what was written and gives it its name; the name is synced too.
    pub(crate) fn commit(&self, file: &File) -> Result<(), String> {
        self.rename(file).map_err(|error| sentence(&error))
    }

    fn rename(&self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        let folder = self.path.parent().filter(|path| path.as_os_str() != "");
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Removes what was written.
    pub(crate) fn discard(&self) {
        // Nothing more can be done when even removing fails; the name shows that it is partial.
        let _ = fs::remove_file(&self.temporary);
    }

    /// The sentence for whoever chose the name.
    pub(crate) fn fault(&self, problem: &str) -> Fault {
        Fault::Unreadable(format!(
            "{}: cannot be written ({problem}); make room and give --resume, or choose another -o",
            self.path.display()
        ))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

/// An I/O error without the number that Rust appends.
pub(crate) fn sentence(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
