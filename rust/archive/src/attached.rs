//! Mails attached to a mail (RFC 2046 §5.2.1), found on request and given as messages of their own.
//!
//! Their ids end with the part numbers of IMAP: `ID/2` is the second part of `ID`, `ID/2.1` the first part of the mail
//! attached there. Octets are shared with the outer message where nothing is decoded. Work is linear: each level is one
//! pass, levels are bounded, nothing recurses.

use std::collections::VecDeque;

use bytes::Bytes;
use mailauth_core::message::Repair;

use crate::entity::{Content, Entity, TransferEncoding};
use crate::multipart;
use crate::stored_message::StoredMessage;
use crate::transfer_encoding::{decode_base64, decode_quoted_printable};

/// Multiparts and mails inside each other: each is one pass over the octets. Bounces of forwarded bounces need six.
pub(crate) const NESTING_LIMIT: usize = 10;
/// Parts of one outer message: digests have some tens.
pub(crate) const PART_LIMIT: usize = 1_000;
/// Mails attached to one outer message: each becomes a row with its own questions to DNS.
pub(crate) const ATTACHED_LIMIT: usize = 100;

/// A message or part whose header is not read yet.
struct Open {
    octets: Bytes,
    /// Its part number; empty for the outer message.
    number: String,
    /// A message, not a part: its body is numbered below it.
    is_message: bool,
    default: Content,
    depth: usize,
}

struct Walk<'a> {
    outer: &'a StoredMessage,
    open: Vec<Open>,
    found: VecDeque<StoredMessage>,
    parts_left: usize,
    /// Octets that may still be decoded: together no more than the outer message has, or mails in mails would multiply it.
    octets_left: usize,
    has_more: bool,
}

/// The mails attached to a message, in the order of their octets; a limit that is hit is noted with the message.
pub(crate) fn attached_mails(outer: &mut StoredMessage) -> VecDeque<StoredMessage> {
    let Ok(octets) = &outer.octets else {
        return VecDeque::new();
    };
    let first = Open {
        octets: octets.clone(),
        number: String::new(),
        is_message: true,
        default: Content::Other,
        depth: 0,
    };
    let mut walk = Walk {
        octets_left: octets.len(),
        outer,
        open: vec![first],
        found: VecDeque::new(),
        parts_left: PART_LIMIT,
        has_more: false,
    };
    while let Some(open) = walk.open.pop() {
        walk.examine(open);
    }
    let (found, has_more) = (walk.found, walk.has_more);
    if has_more {
        outer.notes.push(Repair::AttachedLimit);
    }
    found
}

impl Walk<'_> {
    fn examine(&mut self, open: Open) {
        let entity = Entity::of(&open.octets, open.default.clone());
        let is_container = entity.content != Content::Other;
        if is_container && open.depth >= NESTING_LIMIT {
            self.has_more = true;
            return;
        }
        let body = open.octets.slice(entity.body.min(open.octets.len())..);
        match entity.content {
            Content::Multipart {
                boundary,
                is_digest,
            } => {
                // RFC 2045 §6.4: a multipart is never encoded, whatever its header says.
                self.open_parts(&open, &body, &boundary, is_digest);
            }
            Content::Mail => {
                let number = if open.is_message {
                    below(&open.number, 1)
                } else {
                    open.number
                };
                self.open_mail(number, &body, entity.encoding, open.depth);
            }
            Content::Other => {}
        }
    }

    fn open_parts(&mut self, open: &Open, body: &Bytes, boundary: &[u8], is_digest: bool) {
        let (parts, has_more) = multipart::parts(body, boundary, self.parts_left);
        self.has_more |= has_more;
        self.parts_left -= parts.len();
        let default = if is_digest {
            // RFC 2046 §5.1.5: in a digest a part without a type is a mail.
            Content::Mail
        } else {
            Content::Other
        };
        let numbered = parts.into_iter().zip(1_usize..);
        let parts = numbered.map(|(range, number)| Open {
            octets: body.slice(range),
            number: below(&open.number, number),
            is_message: false,
            default: default.clone(),
            depth: open.depth + 1,
        });
        // The stack gives its last first, and the first part comes first.
        let begin = self.open.len();
        self.open.extend(parts);
        if let Some(parts) = self.open.get_mut(begin..) {
            parts.reverse();
        }
    }

    fn open_mail(
        &mut self,
        number: String,
        body: &Bytes,
        encoding: TransferEncoding,
        depth: usize,
    ) {
        if self.found.len() >= ATTACHED_LIMIT {
            self.has_more = true;
            return;
        }
        let Some(octets) = self.decoded(body, encoding) else {
            self.has_more = true;
            return;
        };
        if octets.is_empty() {
            return;
        }
        self.found.push_back(StoredMessage {
            id: format!("{}/{number}", self.outer.id),
            size: octets.len() as u64,
            octets: Ok(octets.clone()),
            is_mbox: self.outer.is_mbox,
            offset: None,
            envelope: None,
            notes: Vec::new(),
        });
        self.open.push(Open {
            octets,
            number,
            is_message: true,
            default: Content::Other,
            depth: depth + 1,
        });
    }

    /// Deviation: RFC 2046 §5.2.1 allows no encoding of a mail, but programs write them encoded.
    fn decoded(&mut self, body: &Bytes, encoding: TransferEncoding) -> Option<Bytes> {
        let decode = match encoding {
            TransferEncoding::Identity => return Some(body.clone()),
            TransferEncoding::Base64 => decode_base64,
            TransferEncoding::QuotedPrintable => decode_quoted_printable,
        };
        self.octets_left = self.octets_left.checked_sub(body.len())?;
        Some(decode(body).into())
    }
}

fn below(number: &str, part: usize) -> String {
    if number.is_empty() {
        part.to_string()
    } else {
        format!("{number}.{part}")
    }
}

#[cfg(test)]
mod tests;
