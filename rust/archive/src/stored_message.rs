//! One message as its source stores it, with what was odd about the storing.
//!
//! Knows no header field; whoever verifies the message reads it.

use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;

/// A message found in a source.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Where the message stands, by the public contract's rules for ids.
    pub id: String,
    /// Octets as stored, also where they are not held.
    pub size: u64,
    /// The octets, a share of a larger window; or why there are none.
    pub octets: Result<Bytes, ErrorReason>,
    /// The body may carry `>From ` quoting.
    pub is_mbox: bool,
    /// What was odd about the storing, each once.
    pub notes: Vec<Note>,
}

/// Something odd about how a message is stored; it never withholds the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Note {
    /// A Content-Length field that leads neither to a border nor to the end.
    ContentLengthIgnored,
    /// A line like a border, but not after a blank line, was left in the body.
    FromLineInBody,
    /// The source ends in the middle of the message's last line.
    Truncated,
}

impl Note {
    /// Every note.
    pub const ALL: &'static [Self] = &[
        Self::ContentLengthIgnored,
        Self::FromLineInBody,
        Self::Truncated,
    ];

    /// The stable kebab-case code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ContentLengthIgnored => "content-length-ignored",
            Self::FromLineInBody => "from-line-in-body",
            Self::Truncated => "truncated",
        }
    }

    /// One sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::ContentLengthIgnored => {
                "The Content-Length field leads neither to an mbox border nor to the end of the file, so it was ignored."
            }
            Self::FromLineInBody => {
                "A line like an mbox border does not follow a blank line, so it was left in the body."
            }
            Self::Truncated => "The mbox file ends in the middle of the message's last line.",
        }
    }
}
