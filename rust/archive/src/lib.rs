//! Finds messages in mbox files, Maildir, trees of mail files, archives and streams.
//!
//! The map: [`Sources`] walks the inputs in their order; `file` opens one file, `kind` recognises it by its content;
//! `member` is the door to octets without a file of their own, which `compressed`, `tar` and `zip` unpack;
//! `tree` and `listing` walk folders; `mbox` splits by the borders that `border` and `content_length` know; `window` and `stream` hold the
//! octets. Files only: no Python, no sockets, no rules of any protocol, nothing is ever written.
#![forbid(unsafe_code)]

mod account;
mod border;
mod compressed;
mod content_length;
mod file;
mod id;
mod kind;
mod listing;
mod maildir;
mod mbox;
mod member;
mod member_name;
mod packing;
mod problem;
mod single;
mod sniffed;
mod sources;
mod stored_message;
mod stream;
mod tar;
mod tree;
mod watched;
mod window;
mod zip;

#[cfg(test)]
mod scratch;

pub use kind::{ForeignStore, UnreadKind};
pub use packing::{Packing, PackingFault};
pub use problem::SourceProblem;
pub use sources::{Options, Sources, WINDOW_OCTETS};
pub use stored_message::StoredMessage;
pub use stream::Progress;
