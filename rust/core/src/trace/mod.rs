//! The trace (RFC 5321 §4.4): what the hosts on a message's way wrote above it, and what of that can be believed.
//!
//! Every host puts its Received field on top and changes none below, so a field proves something only when the receiver
//! says that its writer is one of its own ([`Trust`]) and everything above it was written by such hosts too. The lowest
//! such field, the border's, tells what SMTP said when the message came in. `stamp.rs` cuts a Received field into its
//! clauses, `client.rs` reads who came, `received.rs` the whole field, `received_spf.rs` its companion (RFC 7208 §9.1);
//! `trust.rs` says whom to believe, `recover.rs` fills the envelope. Nothing is guessed: what is unclear stays missing.

mod client;
mod received;
mod received_spf;
mod recover;
mod stamp;
mod trust;

#[cfg(test)]
mod tests;

pub use received::Received;
pub use received_spf::ReceivedSpf;
pub use recover::{Recovery, recover};
pub use trust::{TRUST_ENTRY_LIMIT, Trust, TrustFault, Writer};

use crate::reason::reasons;

/// Received fields that are looked at: RFC 5321 §6.3 wants loops to end at 100 of them.
pub const TRACE_FIELD_LIMIT: usize = 100;
/// Octets of a trace field that is read: sixteen lines of the longest kind (RFC 5322 §2.1.1); a longer one says nothing.
pub const TRACE_OCTET_LIMIT: usize = 16 * 998;
/// Octets of a name or an address out of a trace field: four times the longest path (RFC 5321 §4.5.3.1.3); a longer one
/// is none.
pub const TRACE_VALUE_LIMIT: usize = 1024;
/// Addresses that `limits` lists as not routable.
pub const UNROUTABLE_HOP_LIMIT: usize = 10;

reasons! {
    /// Words of a verdict's `limits` that tell about its envelope and trace.
    TraceWord of "limits" {
        CleartextAuth "cleartext-auth" "RFC 3848 §1" "The client authenticated without TLS, so its password crossed the network in clear.";
        UnroutableHop "unroutable-hop" "RFC 5321 §4.4" "A believed Received field names a client (after the colon) that has a private, loopback, link-local or shared address.";
    }
}
