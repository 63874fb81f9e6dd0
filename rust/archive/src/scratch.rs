//! For tests: a folder that is gone when its test ends, and what its inputs give.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::packing::Budget;
use crate::{Options, SourceProblem, Sources, StoredMessage};

pub(crate) const MAIL: &str = "From: a@example.net\n\nx\n";

pub(crate) const MBOX: &str =
    "From a Mon Nov 24 08:38:00 2025\nA: 1\n\none\n\nFrom b Mon Nov 24 08:38:00 2025\nB: 2\n";

pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mailauth-archive-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, octets).unwrap();
        path
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Messages and problems, apart, in their order.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) messages: Vec<StoredMessage>,
    pub(crate) problems: Vec<SourceProblem>,
}

impl Read {
    pub(crate) fn of(inputs: &[PathBuf], options: Options) -> Self {
        Self::within(inputs, options, Budget::default())
    }

    pub(crate) fn within(inputs: &[PathBuf], options: Options, budget: Budget) -> Self {
        let mut read = Self::default();
        let mut sources = Sources::open(inputs, options).unwrap();
        sources.reading.budget = budget;
        for item in sources {
            match item {
                Ok(message) => read.messages.push(message),
                Err(problem) => read.problems.push(problem),
            }
        }
        read
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.messages
            .iter()
            .map(|message| message.id.as_str())
            .collect()
    }

    /// The messages' octets as text; a message without octets by its error code.
    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.messages.iter().map(|message| match &message.octets {
            Ok(octets) => String::from_utf8_lossy(octets).into_owned(),
            Err(error) => error.code().to_owned(),
        });
        texts.collect()
    }

    pub(crate) fn sentences(&self) -> Vec<String> {
        self.problems.iter().map(ToString::to_string).collect()
    }
}

/// What these inputs give.
pub(crate) fn read(inputs: &[&Path]) -> Read {
    let inputs: Vec<PathBuf> = inputs.iter().map(|path| path.to_path_buf()).collect();
    Read::of(&inputs, Options::default())
}

/// Small windows, so that borders of windows fall everywhere.
pub(crate) fn windows_of(window_octets: usize) -> Options {
    Options {
        window_octets,
        ..Options::default()
    }
}

/// Says that a test has nothing to run on.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test must not look like a passed one"
)]
pub(crate) fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// The folder of sample spools beside the project, where it is.
pub(crate) fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples");
    if !folder.is_dir() {
        skipped("the samples are not there");
        return None;
    }
    Some(folder)
}

/// Standard input with these octets.
pub(crate) fn standard_input(octets: impl AsRef<[u8]>) -> Options {
    let octets = octets.as_ref().to_vec();
    Options {
        standard_input: Some(Box::new(std::io::Cursor::new(octets))),
        ..Options::default()
    }
}
