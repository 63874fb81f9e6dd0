//! One message as its source stores it, with what was odd about the storing.
//!
//! Knows no header field; whoever verifies the message reads it.

use bytes::Bytes;
use mailauth_core::envelope::Envelope;
use mailauth_core::message::Repair;
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
    /// Octet of an mbox at which the message begins: a reader of the same file may begin there.
    pub offset: Option<u64>,
    /// What was odd about the storing, each once; it never withholds the verdict.
    pub notes: Vec<Repair>,
    /// What SMTP said, where the source tells it.
    pub envelope: Option<Envelope>,
}
