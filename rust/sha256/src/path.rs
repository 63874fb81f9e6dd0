//! The four ways to a digest, their names, and which of them this CPU has.

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
    /// Sixteen sources at once in the vectors of AVX-512, in two lanes when few are left.
    SixteenLanes,
}

/// The word names no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPath;

impl Path {
    /// Every path, the slowest first.
    pub const ALL: [Self; 4] = [
        Self::Portable,
        Self::OneLane,
        Self::TwoLanes,
        Self::SixteenLanes,
    ];

    /// The fastest path of this CPU; asked of the CPU once.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Path> = OnceLock::new();
        *DETECTED.get_or_init(|| {
            let fastest_first = [Self::SixteenLanes, Self::TwoLanes];
            let found = fastest_first.into_iter().find(|path| path.is_available());
            found.unwrap_or(Self::Portable)
        })
    }

    /// This CPU has the path; one that it has not is taken by the portable one.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::OneLane | Self::TwoLanes => Compression::of(self) != Compression::Portable,
            Self::SixteenLanes => Self::TwoLanes.is_available() && has_vectors(),
        }
    }

    /// True when it hashes several sources faster than one after the other.
    pub const fn is_for_several(self) -> bool {
        matches!(self, Self::TwoLanes | Self::SixteenLanes)
    }

    /// The name, as `Display` and `FromStr` have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::OneLane => "one-lane",
            Self::TwoLanes => "two-lanes",
            Self::SixteenLanes => "sixteen-and-two-lanes",
        }
    }
}

/// This CPU has the vectors of sixteen lanes.
#[cfg(target_arch = "x86_64")]
fn has_vectors() -> bool {
    crate::vectors::VectorInstructions::detect().is_some()
}

/// Other CPUs have not.
#[cfg(not(target_arch = "x86_64"))]
fn has_vectors() -> bool {
    false
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
        formatter.write_str("the paths are portable, one-lane, two-lanes and sixteen-and-two-lanes")
    }
}

impl std::error::Error for UnknownPath {}
