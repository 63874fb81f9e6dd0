//! Finds messages in mbox files, Maildir, trees of mail files, archives, tables, spools and streams.
//!
//! The map: [`Sources`] walks the inputs in their order; `file` opens one file, `kind` recognises it by its content;
//! `member` is the door to octets without a file of their own, which `compressed`, `tar` and `zip` unpack; `tree` and
//! `listing` walk folders; `mbox` splits by the borders that `border` and `content_length` know; `json_lines` and
//! `parquet_table` read tables, `postfix_queue` and `exim_spool` spools, `public_inbox` git; `attached` looks for mail
//! in mail; `window` and `stream` hold the octets; `units` cuts a run. Files only: no Python, no sockets, no rules of
//! any protocol, nothing is ever written.
#![forbid(unsafe_code)]

mod account;
mod attached;
mod border;
mod compressed;
mod content_length;
mod entity;
mod exim_spool;
mod file;
mod guard;
mod id;
mod json_lines;
mod json_row;
mod kind;
mod listing;
mod maildir;
mod mbox;
mod member;
mod member_name;
mod multipart;
mod packing;
mod parquet_table;
mod postfix_queue;
mod problem;
mod public_inbox;
mod single;
mod sniffed;
mod sources;
mod spool;
mod store_fault;
mod stored_message;
mod stream;
mod table_columns;
mod tar;
mod transfer_encoding;
mod tree;
mod units;
mod watched;
mod window;
mod zip;

#[cfg(test)]
mod scratch;

pub use kind::{ForeignStore, UnreadKind};
pub use packing::{Packing, PackingFault};
pub use problem::SourceProblem;
pub use sources::{Options, Position, Sources, WINDOW_OCTETS};
pub use store_fault::{RowFault, StoreFault};
pub use stored_message::StoredMessage;
pub use stream::Progress;
pub use table_columns::{cell_seconds, cell_text};
pub use units::{Checkpoint, Cutter, UNIT_MESSAGES, UNIT_OCTETS, Unit};
