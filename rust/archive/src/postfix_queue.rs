//! A queue file of Postfix: its records, the message they hold, and the envelope beside it.
//!
//! A record is a type octet, a length in groups of seven bits (the low group first) and its data; no RFC defines it.
//! Pointers, which milters leave behind, are followed as the queue manager follows them. Knows no file.

use std::net::IpAddr;

use mailauth_core::envelope::Envelope;

use crate::json_row::RECIPIENT_LIMIT;
use crate::spool::{outside_address, protocol_word, with_sources};
use crate::store_fault::StoreFault;

/// Pointers that are followed in one file; Postfix writes a few for each header field that a milter changed.
const JUMP_LIMIT: usize = 1_000;

/// Groups of seven bits in a length: more would not fit 32 bits, which no record needs.
const LENGTH_GROUP_LIMIT: usize = 5;

/// What a queue file holds.
#[derive(Default)]
pub(crate) struct QueueFile {
    /// The message with CRLF; not whole when the file's end is missing.
    pub(crate) message: Vec<u8>,
    /// What SMTP said.
    pub(crate) envelope: Envelope,
    /// The message has more octets than are held.
    pub(crate) is_too_large: bool,
    /// What is wrong with the file.
    pub(crate) fault: Option<StoreFault>,
}

/// The records in the order in which they count.
struct Records<'a> {
    octets: &'a [u8],
    position: usize,
    jumps: usize,
    /// Data octets given so far: as each record counts once, never more than the file has.
    given: usize,
}

/// A record's type and data.
type Record<'a> = (u8, &'a [u8]);

/// Why there is no further record.
enum Stop {
    /// The file ends within the records.
    Cut,
    /// The pointers lead in a circle.
    Circle,
}

impl<'a> Records<'a> {
    fn next_record(&mut self) -> Result<Record<'a>, Stop> {
        loop {
            let (kind, data) = self.read().ok_or(Stop::Cut)?;
            self.given = self.given.saturating_add(data.len()).saturating_add(2);
            if self.given > self.octets.len() {
                return Err(Stop::Circle);
            }
            if kind != b'p' {
                return Ok((kind, data));
            }
            // A pointer to 0 is a place kept for a later one.
            let target = number(data).and_then(|target| usize::try_from(target).ok());
            if let Some(target) = target.filter(|target| *target > 0) {
                self.jumps += 1;
                if self.jumps > JUMP_LIMIT {
                    return Err(Stop::Circle);
                }
                self.position = target;
            }
        }
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let rest = self.octets.get(self.position..)?;
        let (kind, rest) = rest.split_first()?;
        let mut length = 0_usize;
        let mut groups = 0;
        loop {
            let group = rest.get(groups)?;
            length |= usize::from(group & 0x7f) << (7 * groups);
            groups += 1;
            if group & 0x80 == 0 {
                break;
            }
            if groups == LENGTH_GROUP_LIMIT {
                return None;
            }
        }
        let data = rest.get(groups..)?.get(..length)?;
        self.position = self.position.checked_add(1 + groups)?.checked_add(length)?;
        Some((*kind, data))
    }
}

/// The attributes that tell of the client.
#[derive(Default)]
struct Attributes {
    client_address: Option<String>,
    log_client_address: Option<String>,
    helo_name: Option<String>,
    log_helo_name: Option<String>,
    sasl_username: Option<String>,
    sasl_sender: Option<String>,
    log_protocol_name: Option<String>,
}

impl Attributes {
    fn read(&mut self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let Some((name, value)) = text.split_once('=') else {
            return;
        };
        let attribute = match name {
            "client_address" => &mut self.client_address,
            "log_client_address" => &mut self.log_client_address,
            "helo_name" => &mut self.helo_name,
            "log_helo_name" => &mut self.log_helo_name,
            "sasl_username" => &mut self.sasl_username,
            "sasl_sender" => &mut self.sasl_sender,
            "log_protocol_name" => &mut self.log_protocol_name,
            _ => return,
        };
        *attribute = Some(value.to_owned());
    }

    /// The client that XFORWARD or XCLIENT carried past a content filter, else the one that was connected.
    fn client(&self) -> Option<IpAddr> {
        let outside = |text: &Option<String>| text.as_deref().and_then(outside_address);
        outside(&self.log_client_address).or_else(|| outside(&self.client_address))
    }

    fn into_envelope(self, envelope: Envelope) -> Envelope {
        let client_ip = self.client();
        let is_logged = client_ip.is_some()
            && client_ip == self.log_client_address.as_deref().and_then(outside_address);
        let helo = if is_logged || client_ip.is_none() {
            self.log_helo_name.or(self.helo_name)
        } else {
            self.helo_name.or(self.log_helo_name)
        };
        let is_given = |name: &String| !name.is_empty();
        with_sources(Envelope {
            client_ip,
            helo,
            auth_id: self
                .sasl_username
                .filter(is_given)
                .or(self.sasl_sender)
                .filter(is_given),
            protocol: self.log_protocol_name.as_deref().and_then(protocol_word),
            ..envelope
        })
    }
}

impl QueueFile {
    /// Reads the file's octets; of a message with more octets than `limit` nothing is kept.
    pub(crate) fn read(octets: &[u8], limit: u64) -> Self {
        let mut records = Records {
            octets,
            position: 0,
            jumps: 0,
            given: 0,
        };
        let mut file = Self::default();
        let mut attributes = Attributes::default();
        let mut is_content = false;
        loop {
            match records.next_record() {
                Ok((b'E', _)) => break,
                Ok((b'M', _)) => is_content = true,
                Ok((b'X', _)) => is_content = false,
                Ok((kind @ (b'N' | b'L'), data)) if is_content => file.push(kind, data, limit),
                Ok((b'A', data)) => attributes.read(data),
                Ok((kind, data)) => file.note(kind, data),
                Err(Stop::Cut) => {
                    file.fault = Some(StoreFault::QueueFileUnfinished);
                    break;
                }
                Err(Stop::Circle) => {
                    file.fault = Some(StoreFault::QueueFileLoop);
                    break;
                }
            }
        }
        file.envelope = attributes.into_envelope(std::mem::take(&mut file.envelope));
        file
    }

    /// Adds a line, or a part of a long line.
    fn push(&mut self, kind: u8, data: &[u8], limit: u64) {
        if self.is_too_large {
            return;
        }
        self.message.extend_from_slice(data);
        if kind == b'N' {
            self.message.extend_from_slice(b"\r\n");
        }
        if self.message.len() as u64 > limit {
            self.is_too_large = true;
            self.message = Vec::new();
        }
    }

    /// Notes a record of the envelope.
    fn note(&mut self, kind: u8, data: &[u8]) {
        let text = || String::from_utf8_lossy(data).into_owned();
        match kind {
            b'S' => self.envelope.mail_from = Some(text()),
            // A recipient, to whom the mail may be delivered already.
            b'R' | b'D' if self.envelope.rcpt_to.len() < RECIPIENT_LIMIT => {
                self.envelope.rcpt_to.push(text());
            }
            b'R' | b'D' => {
                self.fault = Some(StoreFault::TooManyRecipients {
                    limit: RECIPIENT_LIMIT,
                });
            }
            b'T' => self.envelope.received_at = number(data),
            _ => {}
        }
    }
}

/// The first number in the data, behind spaces.
fn number(data: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(data).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
