//! What can be wrong with a table, a spool or a repository of messages, as the end of a sentence: what it is, what to do.
//!
//! The path before it is the problem's. Faults of single rows are counted, so that a file of a million bad lines says
//! one sentence.

use std::path::Path;

use crate::problem::SourceProblem;

/// A fault of a store that holds many messages or a message in parts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// One JSON array around all messages.
    #[error("is one JSON array, not JSONL; write one object a line, as `jq -c '.[]'` does")]
    JsonArray,
    /// One JSON object printed over several lines.
    #[error(
        "is JSON printed over several lines, not JSONL; write one object a line, as `jq -c` does"
    )]
    JsonOverLines,
    /// Some lines or rows have the same fault.
    #[error("{unit} {first}{}{}; {}", and_more(*.count), fault.said(), fault.way_out())]
    Rows {
        /// `line` (counted from 1) or `row` (from 0).
        unit: &'static str,
        /// What is wrong with them.
        fault: RowFault,
        /// The first of them.
        first: u64,
        /// How many there are.
        count: u64,
    },
    /// A table without messages.
    #[error("is a table without the column raw; name the column with the messages' octets raw")]
    NoRawColumn,
    /// Messages as text.
    #[error(
        "has text in its column raw, where the octets are already damaged; store them in a binary column"
    )]
    TextColumn,
    /// A column of a type that its name does not have.
    #[error("has a column {column} of a type that is not read; give {wanted}")]
    ColumnType {
        /// The column.
        column: &'static str,
        /// The types that are read.
        wanted: &'static str,
    },
    /// Columns packed by something that is not built in.
    #[error("is compressed in a way that is not read; write it with zstd or Snappy")]
    Codec,
    /// A Parquet file that cannot be read to its end.
    #[error("is a Parquet table that is damaged or not complete; look for another copy")]
    BrokenTable,
    /// Recipients beyond the limit.
    #[error("has more than {limit} recipients; the others are left out")]
    TooManyRecipients {
        /// How many are kept.
        limit: usize,
    },
    /// A queue file without its end.
    #[error(
        "has no end, it is still being written or cut; run again when the mail is in the queue"
    )]
    QueueFileUnfinished,
    /// A queue file whose records lead in a circle.
    #[error("is a Postfix queue file whose pointers lead in a circle; look at it with `postcat`")]
    QueueFileLoop,
    /// One file of a pair.
    #[error("is one half of a message of Exim, {missing} is not beside it; copy both files")]
    SpoolHalf {
        /// The name of the other half.
        missing: String,
    },
    /// A spool file of another form.
    #[error("is an Exim spool file of a form that is not read; write the message with `exim -Mvc`")]
    SpoolForm,
    /// Something that is read from a file only.
    #[error("is {noun}, which is not read from a stream; write it to a file and name that")]
    NeedsFile {
        /// What it is.
        noun: &'static str,
    },
    /// No git program.
    #[error("is a public-inbox, which git reads; install git, or name an mbox that holds its mail")]
    NoGit,
    /// git cannot read the repository.
    #[error("is a repository that git cannot read; try `git fsck` there")]
    GitFailed,
    /// A repository without a single message.
    #[error(
        "is a git repository without the messages of a public-inbox (version 2); name the folder with git/0.git"
    )]
    NotAnInbox,
}

/// A fault of one line or row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFault {
    /// A line that is no JSON object.
    NotAnObject,
    /// No message.
    NoRaw,
    /// The message is no base64.
    NotBase64,
    /// An address that is none.
    ClientIp,
    /// A part of the envelope that is no text.
    NotText(&'static str),
    /// Recipients that are no texts, or too many.
    Recipients,
    /// A time that is none.
    ReceivedAt,
}

impl RowFault {
    fn said(self) -> String {
        let column = match self {
            Self::NotAnObject => return "is no JSON object".to_owned(),
            Self::NoRaw => return "has no message".to_owned(),
            Self::NotBase64 => return "has a raw that is no base64".to_owned(),
            Self::ClientIp => "client_ip that is no IP address",
            Self::NotText(column) => return format!("has a {column} that is no text and left out"),
            Self::Recipients => "rcpt_to that is no list of texts, or too long,",
            Self::ReceivedAt => "received_at that is no time",
        };
        format!("has a {column} and left out")
    }

    fn way_out(self) -> &'static str {
        match self {
            Self::NotAnObject => "write one object a line",
            Self::NoRaw => "give its octets as raw (base64 in JSONL)",
            Self::NotBase64 => "encode the message's octets without spaces or line ends",
            Self::ClientIp => "give an IPv4 or IPv6 address or null",
            Self::NotText(_) => "give a text or null",
            Self::Recipients => "give a list of addresses",
            Self::ReceivedAt => "give Unix seconds, or a date and time with offset",
        }
    }
}

fn and_more(count: u64) -> String {
    if count > 1 {
        format!(" (the first of {count}) ")
    } else {
        " ".to_owned()
    }
}

impl StoreFault {
    /// The fault of this file; `is_whole_input` as for every problem.
    pub(crate) fn of(self, path: &Path, is_whole_input: bool) -> SourceProblem {
        SourceProblem::Store {
            path: path.to_owned(),
            fault: self,
            is_whole_input,
        }
    }
}

/// The faults of a table's rows, each kind with its first place and its count.
pub(crate) struct RowFaults {
    unit: &'static str,
    seen: Vec<(RowFault, u64, u64)>,
}

impl RowFaults {
    /// Counts faults of lines or rows.
    pub(crate) fn new(unit: &'static str) -> Self {
        Self {
            unit,
            seen: Vec::new(),
        }
    }

    /// Notes a fault at this place; there are few kinds, so the list stays short.
    pub(crate) fn note(&mut self, fault: RowFault, place: u64) {
        match self.seen.iter_mut().find(|(known, ..)| *known == fault) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None => self.seen.push((fault, place, 1)),
        }
    }

    /// One problem for each kind, in the order of their first places.
    pub(crate) fn take(&mut self, path: &Path) -> impl Iterator<Item = SourceProblem> {
        let unit = self.unit;
        std::mem::take(&mut self.seen)
            .into_iter()
            .map(move |(fault, first, count)| {
                let fault = StoreFault::Rows {
                    unit,
                    fault,
                    first,
                    count,
                };
                fault.of(path, false)
            })
    }
}
