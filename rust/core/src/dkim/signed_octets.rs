//! The octets under a signature, for a person who wants to see them: the canonical forms that were hashed (RFC 6376 §3.7).
//!
//! Knows which fields were selected and how they are written; made on request only, never on the way to a verdict.

use crate::dkim::Signatures;
use crate::dkim::canonicalization::write_body;
use crate::dkim::header_hash::{CanonicalFields, write_own_field};
use crate::message::Message;

/// What one DKIM signature signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOctets {
    /// Place of the signature in the verdict, from 0.
    pub signature: usize,
    /// The canonical header fields, the signature's own field last and without its signature.
    pub header: Vec<u8>,
    /// The canonical body up to `l=`, on request.
    pub body: Option<Vec<u8>>,
}

/// The canonical octets of every signature that was examined.
///
/// Bounded as the hashes are: by the signatures examined, the limit on `h=` and the message.
pub(crate) fn signed_octets(
    signatures: &Signatures,
    message: &Message,
    fields: &mut CanonicalFields,
    has_body: bool,
) -> Vec<SignedOctets> {
    let mut all = Vec::new();
    for (index, signature, selection) in signatures.examined() {
        let mut header = Vec::new();
        for position in &selection.positions {
            fields.write_field(message, *position, signature.header, &mut header);
        }
        // RFC 6376 §3.7: the signature's own field comes last, without its b= and without a final CRLF.
        write_own_field(message, &signature.hash.own, signature.header, &mut header);
        let body = has_body.then(|| {
            let mut body = Vec::new();
            write_body(signature.body, message.body(), &mut body);
            // RFC 6376 §3.5: l= counts canonical octets.
            let length = signature.body_length.map(usize::try_from);
            body.truncate(length.and_then(Result::ok).unwrap_or(body.len()));
            body
        });
        all.push(SignedOctets {
            signature: index,
            header,
            body,
        });
    }
    all
}
