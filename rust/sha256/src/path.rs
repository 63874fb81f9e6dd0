//! The three ways to a digest, their names, and which of them this CPU has.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::compression::Compression;

/// A way to compute digests; all give the same, at different speeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// Plain Rust on any CPU.
    Portable,
    /// The SHA instructions of x86-64, one source after the other.
    OneLane,
    /// The SHA instructions of x86-64, two sources in turn.
    TwoLanes,
}

/// The word names no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPath;

impl Path {
    /// Every path, the slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::OneLane, Self::TwoLanes];

    /// The fastest path of this CPU; asked of the CPU once.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Path> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            if Self::TwoLanes.is_available() {
                Self::TwoLanes
            } else {
                Self::Portable
            }
        })
    }

    /// This CPU has the path; one that it has not is taken by the portable one.
    pub fn is_available(self) -> bool {
        self == Self::Portable || Compression::of(self) != Compression::Portable
    }

    /// The name, as `Display` and `FromStr` have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::OneLane => "one-lane",
            Self::TwoLanes => "two-lanes",
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Path {
    type Err = UnknownPath;

    fn from_str(word: &str) -> Result<Self, UnknownPath> {
        Self::ALL
            .into_iter()
            .find(|path| path.as_str() == word)
            .ok_or(UnknownPath)
    }
}

impl fmt::Display for UnknownPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the paths are portable, one-lane and two-lanes")
    }
}

impl std::error::Error for UnknownPath {}
