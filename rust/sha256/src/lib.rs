//! SHA-256 (FIPS 180-4) of many sources at once, by one of four paths with equal digests.
//! The SHA instructions of x86-64 wait for their own results; two messages in turn fill the waits. Vectors of AVX-512
//! take sixteen. Knows nothing of mail. `instructions.rs` and `vectors.rs` hold every unsafe line; the rest is safe Rust
//! without a dependency.

#![deny(unsafe_op_in_unsafe_fn)]

mod compression;
#[cfg(target_arch = "x86_64")]
mod instructions;
mod lane;
mod path;
mod portable;
mod schedule;
#[cfg(target_arch = "x86_64")]
mod sixteen_lanes;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vectors;

pub use path::{Path, UnknownPath};
pub use schedule::{SLACK, Source, digest_all, prefetch};
pub use stream::Sha256;
