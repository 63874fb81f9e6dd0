//! One Received-SPF field (RFC 7208 §9.1): the client, HELO and MAIL FROM that a checking host wrote down.
//!
//! Reads the keys and never the result word, which only its writer's own check could make true. Must not know whether
//! the field can be believed. Linear; a key that stands twice makes the whole field unclear.

use std::net::IpAddr;

use super::TRACE_OCTET_LIMIT;
use super::client::parse_address;
use super::received::{path, text};
use crate::domain::Domain;

/// What one Received-SPF field says of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedSpf {
    /// The `client-ip` key.
    pub client_ip: Option<IpAddr>,
    /// The `helo` key.
    pub helo: Option<String>,
    /// The `envelope-from` key; empty is the null sender.
    pub envelope_from: Option<String>,
    /// The `receiver` key, where it is a host name.
    pub receiver: Option<Domain>,
}

impl ReceivedSpf {
    /// Reads a field's value; `None` when its pairs are not clear.
    pub fn read(value: &[u8]) -> Option<Self> {
        let mut pairs = Pairs(Some(value).filter(|value| value.len() <= TRACE_OCTET_LIMIT)?);
        let (mut client_ip, mut helo, mut sender, mut receiver) = (None, None, None, None);
        while let Some((key, value)) = pairs.next()? {
            let slot = match key.to_ascii_lowercase().as_slice() {
                b"client-ip" => &mut client_ip,
                b"helo" => &mut helo,
                b"envelope-from" => &mut sender,
                b"receiver" => &mut receiver,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let as_text = |value: Option<Vec<u8>>| value.as_deref().and_then(text);
        Some(Self {
            client_ip: as_text(client_ip).and_then(|text| parse_address(&text)),
            helo: as_text(helo).filter(|helo| !helo.is_empty()),
            envelope_from: sender.and_then(|sender| mailbox(&sender)),
            receiver: as_text(receiver).and_then(|name| Domain::parse_host(&name)),
        })
    }
}

/// The empty value is the null sender: the key stands there only when MAIL FROM is known (RFC 7208 §9.1).
fn mailbox(value: &[u8]) -> Option<String> {
    if value.is_empty() {
        return Some(String::new());
    }
    path(value)
}

/// What is left to read.
struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    /// RFC 7208 §9.1: the next key and value. The outer `None` is a comment or a quoted string without an end.
    ///
    /// Deviation: pairs are separated by white space too, a value may hold whatever is no white space or semicolon, and
    /// words without `=` (the result) are passed over.
    #[expect(
        clippy::option_option,
        reason = "the outer one leaves the field, the inner one the loop"
    )]
    fn next(&mut self) -> Option<Option<(&'a [u8], Vec<u8>)>> {
        loop {
            self.skip_blanks()?;
            if self.0.is_empty() {
                return Some(None);
            }
            let key = self
                .run(|octet| !matches!(octet, b'=' | b';' | b'(') && !octet.is_ascii_whitespace());
            self.skip_blanks()?;
            if let Some(rest) = self.0.strip_prefix(b"=") {
                self.0 = rest;
                self.skip_blanks()?;
                return Some(Some((key, self.value()?)));
            }
        }
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        let Some(quoted) = self.0.strip_prefix(b"\"") else {
            let value = self.run(|octet| octet != b';' && !octet.is_ascii_whitespace());
            return Some(value.to_vec());
        };
        let mut content = Vec::new();
        let mut octets = quoted.iter().enumerate();
        while let Some((position, octet)) = octets.next() {
            match octet {
                b'"' => {
                    self.0 = quoted.get(position + 1..)?;
                    return Some(content);
                }
                b'\\' => content.extend(octets.next().map(|(_, octet)| *octet)),
                b'\r' | b'\n' => {}
                octet => content.push(*octet),
            }
        }
        None
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().take_while(|octet| belongs(**octet)).count();
        let (run, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        run
    }

    /// Passes white space, semicolons and comments; `None` when a comment has no end.
    fn skip_blanks(&mut self) -> Option<()> {
        loop {
            self.run(|octet| octet == b';' || octet.is_ascii_whitespace());
            if self.0.first() != Some(&b'(') {
                return Some(());
            }
            self.0 = self.0.get(super::stamp::comment_length(self.0)?..)?;
        }
    }
}
