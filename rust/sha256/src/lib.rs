//! SHA-256 (FIPS 180-4) of many sources at once, by one of three paths with equal digests.
//! The SHA instructions of x86-64 wait for their own results; two messages in turn fill the waits.
//! Knows nothing of mail. `instructions.rs` holds every unsafe line; the rest is safe Rust without a dependency.

#![deny(unsafe_op_in_unsafe_fn)]

mod compression;
#[cfg(target_arch = "x86_64")]
mod instructions;
mod lane;
mod path;
mod portable;
mod schedule;
mod stream;
#[cfg(test)]
mod tests;

pub use path::{Path, UnknownPath};
pub use schedule::{Source, digest_all, prefetch};
pub use stream::Sha256;
