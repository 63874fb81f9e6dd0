//! Finds messages in mbox files, Maildir, trees of mail files and streams.
//!
//! The map: [`Sources`] walks the inputs in their order; `file` opens one file, `kind` recognises it by its content;
//! `tree` and `listing` walk folders; `mbox` splits by the borders that `border` and `content_length` know; `window` and `stream` hold the
//! octets; `attached` looks for mail in mail. Files only: no Python, no sockets, no rules of any protocol, nothing is ever written.
#![forbid(unsafe_code)]

mod attached;
mod border;
mod content_length;
mod entity;
mod file;
mod id;
mod kind;
mod listing;
mod maildir;
mod mbox;
mod multipart;
mod problem;
mod single;
mod sources;
mod stored_message;
mod stream;
mod transfer_encoding;
mod tree;
mod window;

#[cfg(test)]
mod scratch;

pub use kind::{ForeignStore, UnreadKind};
pub use problem::SourceProblem;
pub use sources::{Options, Sources, WINDOW_OCTETS};
pub use stored_message::StoredMessage;
pub use stream::Progress;
