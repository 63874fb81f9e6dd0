//! A message in Exim's spool: `ID-H` with envelope and header, `ID-D` with the body.
//!
//! The form is that of Exim's specification, chapter "Format of spool files"; no RFC defines it, and it may change with
//! any release, so what is not understood is refused, not guessed. Knows no file.

use mailauth_core::envelope::Envelope;
use memchr::memchr;

use crate::json_row::RECIPIENT_LIMIT;
use crate::spool::{outside_address, protocol_word, push_wire_lines, with_sources};

/// Digits of a field's length: Exim writes at least three, and no field needs ten.
const LENGTH_DIGIT_LIMIT: usize = 9;

/// Which half of a message a file is, by its first line, which is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// `-H`: envelope and header.
    Header,
    /// `-D`: the body.
    Body,
}

impl Half {
    /// The half that begins with these octets, and the queue id.
    pub(crate) fn of(head: &[u8]) -> Option<(Self, &str)> {
        let line = std::str::from_utf8(head.get(..memchr(b'\n', head)?)?).ok()?;
        let header = line.strip_suffix("-H").map(|id| (Self::Header, id));
        header.or_else(|| line.strip_suffix("-D").map(|id| (Self::Body, id)))
    }

    /// What the name of this half ends with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Header => "-H",
            Self::Body => "-D",
        }
    }

    /// The other half.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Header => Self::Body,
            Self::Body => Self::Header,
        }
    }
}

/// What a `-H` file holds.
#[derive(Default)]
pub(crate) struct HeaderFile {
    /// The header section as on the wire, without the blank line behind it.
    pub(crate) header: Vec<u8>,
    /// What SMTP said.
    pub(crate) envelope: Envelope,
    /// Recipients beyond the limit are left out.
    pub(crate) has_too_many_recipients: bool,
    /// The body is stored with CRLF.
    is_wire_format: bool,
}

/// The part of a file that is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(line)
    }

    fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (octets, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(octets)
    }
}

impl HeaderFile {
    /// Reads a `-H` file; `None` when it is not of the form that is known.
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        let mut rest = Rest(octets);
        let mut file = Self::default();
        rest.line()?;
        // The user whose process received the message.
        rest.line()?;
        let sender = rest.line()?.strip_prefix(b"<")?.strip_suffix(b">")?;
        file.envelope.mail_from = Some(text(sender));
        let time = rest.line()?.split(|octet| *octet == b' ').next()?;
        file.envelope.received_at = Some(text(time).parse().ok()?);
        let first_of_tree = file.read_options(&mut rest)?;
        skip_tree(first_of_tree, &mut rest)?;
        file.read_recipients(&mut rest)?;
        file.read_fields(&mut rest)?;
        file.envelope = with_sources(file.envelope);
        Some(file)
    }

    /// Reads the lines that begin with a hyphen; gives the line behind them.
    fn read_options<'a>(&mut self, rest: &mut Rest<'a>) -> Option<&'a [u8]> {
        loop {
            let line = rest.line()?;
            // Two hyphens mark a value that came from outside.
            let Some(option) = line.strip_prefix(b"--").or_else(|| line.strip_prefix(b"-")) else {
                return Some(line);
            };
            let end = memchr(b' ', option).unwrap_or(option.len());
            let (name, value) = option.split_at_checked(end)?;
            let value = value.get(1..).unwrap_or_default();
            match name {
                // Variables of an ACL, whose values are octets behind the line.
                b"acl" | b"aclc" | b"aclm" => {
                    let length = value.rsplit(|octet| *octet == b' ').next()?;
                    rest.octets(text(length).parse().ok()?)?;
                    rest.line()?;
                }
                b"host_address" => self.envelope.client_ip = outside_address(host(&text(value))),
                b"helo_name" => self.envelope.helo = Some(text(value)),
                b"received_protocol" => self.envelope.protocol = protocol_word(&text(value)),
                b"auth_id" => self.envelope.auth_id = Some(text(value)),
                b"spool_file_wireformat" => self.is_wire_format = true,
                _ => {}
            }
        }
    }

    fn read_recipients(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        let count: usize = text(rest.line()?).parse().ok()?;
        for index in 0..count {
            let line = rest.line()?;
            if index < RECIPIENT_LIMIT {
                self.envelope.rcpt_to.push(text(address(line)));
            } else {
                self.has_too_many_recipients = true;
            }
        }
        rest.line()?.is_empty().then_some(())
    }

    /// Reads the fields: a length in octets, a flag, a space, the field with its line end.
    fn read_fields(&mut self, rest: &mut Rest<'_>) -> Option<()> {
        while !rest.0.is_empty() {
            let digits = rest.0.iter().take_while(|octet| octet.is_ascii_digit());
            let digits = digits.take(LENGTH_DIGIT_LIMIT).count();
            let length: usize = text(rest.octets(digits)?).parse().ok()?;
            let [flag, b' '] = rest.octets(2)? else {
                return None;
            };
            let field = rest.octets(length)?;
            // A star marks a field that was deleted or replaced.
            if *flag != b'*' {
                push_wire_lines(&mut self.header, field);
            }
        }
        Some(())
    }

    /// The message, of a `-D` file's octets; `None` when that has not its name in front.
    pub(crate) fn with_body(mut self, body_file: &[u8]) -> Option<Vec<u8>> {
        let mut body = Rest(body_file);
        body.line()?;
        self.header.extend_from_slice(b"\r\n");
        if self.is_wire_format {
            self.header.extend_from_slice(body.0);
        } else {
            push_wire_lines(&mut self.header, body.0);
        }
        Some(self.header)
    }
}

/// Passes over the tree of the recipients that are done: `XX` when empty, else a line a node that tells by two letters
/// whether branches follow.
fn skip_tree(first: &[u8], rest: &mut Rest<'_>) -> Option<()> {
    if first == b"XX" {
        return Some(());
    }
    let mut line = first;
    let mut awaited = 1_usize;
    loop {
        let [left @ (b'Y' | b'N'), right @ (b'Y' | b'N'), b' ', ..] = line else {
            return None;
        };
        let branches = usize::from(*left == b'Y') + usize::from(*right == b'Y');
        awaited = (awaited - 1).checked_add(branches)?;
        if awaited == 0 {
            return Some(());
        }
        line = rest.line()?;
    }
}

/// The address without its port: `[ip]:port`, or `ip.port` of old.
fn host(value: &str) -> &str {
    let value = value.trim();
    match value.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => value.rsplit_once('.').map_or(value, |(host, _)| host),
    }
}

/// The address of a recipient's line; numbers that end with `#` and a digit may stand behind it.
fn address(line: &[u8]) -> &[u8] {
    let is_extended = matches!(line, [.., b'#', b'0'..=b'9']);
    if !is_extended {
        return line;
    }
    let mut is_quoted = false;
    let mut is_escaped = false;
    let end = line.iter().position(|octet| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match octet {
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b' ' => return !is_quoted,
            _ => {}
        }
        false
    });
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests;
