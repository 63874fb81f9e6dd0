//! A MIME entity (RFC 2045 §2.4): the header of a message or of a body part, as far as finding mail in it needs.
//!
//! Knows the type, the boundary and the transfer encoding; must not know what is done with them. Never fails: what is
//! not understood is text.

use memchr::memchr;

use crate::border::field_name_length;

/// Octets of one entity's header that are looked at: real ones have some kilobytes, list mail some tens.
pub(crate) const HEADER_OCTET_LIMIT: usize = 1 << 20;
/// Octets of one field that are read: what they hold is kept apart word by word.
pub(crate) const FIELD_OCTET_LIMIT: usize = 64 << 10;
/// Octets of a boundary: RFC 2046 §5.1.1 allows 70; a longer one costs nothing but must end.
pub(crate) const BOUNDARY_OCTET_LIMIT: usize = 255;

/// What an entity's body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Body parts between lines with this boundary.
    Multipart {
        boundary: Vec<u8>,
        /// The parts are mail unless they say otherwise.
        is_digest: bool,
    },
    /// A whole mail.
    Mail,
    /// Anything else.
    Other,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferEncoding {
    /// As it is: 7bit, 8bit, binary, none or an unknown one.
    Identity,
    Base64,
    QuotedPrintable,
}

/// An entity's header as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) content: Content,
    pub(crate) encoding: TransferEncoding,
    /// Where the body begins.
    pub(crate) body: usize,
}

impl Entity {
    /// Reads the header; `default` is what the body is when no Content-Type says so.
    pub(crate) fn of(octets: &[u8], default: Content) -> Self {
        let mut entity = Self {
            content: default,
            encoding: TransferEncoding::Identity,
            body: 0,
        };
        let (mut has_type, mut has_encoding) = (false, false);
        let mut position = envelope_line_length(octets);
        loop {
            let rest = octets.get(position..).unwrap_or_default();
            let blank = blank_line_length(rest);
            if blank > 0 || rest.is_empty() || position > HEADER_OCTET_LIMIT {
                entity.body = position + blank;
                return entity;
            }
            let name_length = field_name_length(rest);
            let (name, after) = rest.split_at_checked(name_length).unwrap_or_default();
            let after_colon = after.trim_ascii_start().strip_prefix(b":");
            let (Some(_), false) = (after_colon, name.is_empty()) else {
                // The contract: a line that is neither a field nor a continuation begins the body.
                entity.body = position;
                return entity;
            };
            let length = field_length(rest);
            let read = length.min(FIELD_OCTET_LIMIT).max(name_length);
            let field = rest.get(name_length..read).unwrap_or_default();
            // Of several fields the first counts, as in other readers.
            if !has_type && name.eq_ignore_ascii_case(b"content-type") {
                has_type = true;
                entity.content = content_of(&tokens(field));
            } else if !has_encoding && name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                has_encoding = true;
                entity.encoding = encoding_of(&tokens(field));
            }
            position += length;
        }
    }
}

/// A line that mbox software put before a stored mail.
fn envelope_line_length(octets: &[u8]) -> usize {
    let is_envelope = octets.starts_with(b"From ") || octets.starts_with(b">From ");
    if is_envelope { line_length(octets) } else { 0 }
}

fn line_length(octets: &[u8]) -> usize {
    memchr(b'\n', octets).map_or(octets.len(), |end| end + 1)
}

fn blank_line_length(octets: &[u8]) -> usize {
    match octets {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

/// A field with its continuation lines (RFC 5322 §2.2.3).
fn field_length(octets: &[u8]) -> usize {
    let mut length = line_length(octets);
    while let Some(b' ' | b'\t') = octets.get(length) {
        length += line_length(octets.get(length..).unwrap_or_default());
    }
    length
}

/// What a structured field consists of, without comments and white space.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(Vec<u8>),
    Special(u8),
}

/// RFC 2045 §5.1: tokens, quoted strings and tspecials; `field` begins before its colon.
fn tokens(field: &[u8]) -> Vec<Token> {
    let start = memchr(b':', field).map_or(field.len(), |colon| colon + 1);
    let mut rest = field.get(start..).unwrap_or_default();
    let mut tokens = Vec::new();
    while let Some((&octet, after)) = rest.split_first() {
        rest = match octet {
            b' ' | b'\t' | b'\r' | b'\n' => after,
            b'(' => after_comment(after),
            b'"' => {
                let (text, after) = quoted(after);
                tokens.push(Token::Word(text));
                after
            }
            b';' | b'=' | b'/' => {
                tokens.push(Token::Special(octet));
                after
            }
            _ => {
                // Deviation: other tspecials count as part of a word, because unquoted boundaries carry them.
                let is_end = |octet: &u8| b" \t\r\n(\";".contains(octet);
                let is_word_end = |octet: &u8| is_end(octet) || b"=/".contains(octet);
                let is_value = matches!(tokens.last(), Some(Token::Special(b'=')));
                let end = if is_value {
                    rest.iter().position(is_end)
                } else {
                    rest.iter().position(is_word_end)
                };
                let (word, after) = rest
                    .split_at_checked(end.unwrap_or(rest.len()))
                    .unwrap_or_default();
                tokens.push(Token::Word(word.to_vec()));
                after
            }
        };
    }
    tokens
}

/// What follows a comment; comments nest (RFC 5322 §3.2.2).
fn after_comment(octets: &[u8]) -> &[u8] {
    let (mut depth, mut position) = (1_usize, 0);
    while let Some(octet) = octets.get(position) {
        position += 1;
        match octet {
            b'\\' => position += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    octets.get(position..).unwrap_or_default()
}

/// A quoted string's text and what follows it; line ends of folds are no part of it (RFC 5322 §3.2.4).
fn quoted(octets: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut text = Vec::new();
    let mut position = 0;
    while let Some(&octet) = octets.get(position) {
        position += 1;
        match octet {
            b'"' => break,
            b'\\' => {
                text.extend(octets.get(position));
                position += 1;
            }
            b'\r' | b'\n' => {}
            _ => text.push(octet),
        }
    }
    (text, octets.get(position..).unwrap_or_default())
}

fn content_of(tokens: &[Token]) -> Content {
    let [
        Token::Word(main),
        Token::Special(b'/'),
        Token::Word(sub),
        parameters @ ..,
    ] = tokens
    else {
        return Content::Other;
    };
    if main.eq_ignore_ascii_case(b"message") {
        // RFC 2046 §5.2.1, RFC 6532 §3.7.
        let is_mail = sub.eq_ignore_ascii_case(b"rfc822") || sub.eq_ignore_ascii_case(b"global");
        return if is_mail {
            Content::Mail
        } else {
            Content::Other
        };
    }
    if !main.eq_ignore_ascii_case(b"multipart") {
        return Content::Other;
    }
    match boundary_of(parameters) {
        Some(boundary) => Content::Multipart {
            boundary,
            is_digest: sub.eq_ignore_ascii_case(b"digest"),
        },
        None => Content::Other,
    }
}

fn boundary_of(parameters: &[Token]) -> Option<Vec<u8>> {
    let boundary = parameters.windows(3).find_map(|three| match three {
        [Token::Word(name), Token::Special(b'='), Token::Word(value)]
            if name.eq_ignore_ascii_case(b"boundary") =>
        {
            Some(value)
        }
        _ => None,
    })?;
    // RFC 2046 §5.1.1: a boundary does not end with white space, which transport may have added.
    let boundary = boundary.trim_ascii_end();
    let is_usable = (1..=BOUNDARY_OCTET_LIMIT).contains(&boundary.len());
    is_usable.then(|| boundary.to_vec())
}

/// RFC 2045 §6.1.
fn encoding_of(tokens: &[Token]) -> TransferEncoding {
    match tokens {
        [Token::Word(word), ..] if word.eq_ignore_ascii_case(b"base64") => TransferEncoding::Base64,
        [Token::Word(word), ..] if word.eq_ignore_ascii_case(b"quoted-printable") => {
            TransferEncoding::QuotedPrintable
        }
        _ => TransferEncoding::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(value: &str) -> Content {
        let header = format!("Content-Type: {value}\r\n\r\n");
        Entity::of(header.as_bytes(), Content::Other).content
    }

    fn boundary(value: &str) -> Option<String> {
        match content(value) {
            Content::Multipart { boundary, .. } => Some(String::from_utf8(boundary).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn rfc2045_5_1_a_boundary_is_read_in_each_way_of_writing_it() {
        for value in [
            "multipart/mixed; boundary=a=b/c",
            "Multipart/Mixed;\r\n\tcharset=x; BOUNDARY=\"a=b/c\"",
            "multipart / mixed (co(mm)ent;) ; boundary = \"a\\=b/c  \"; x=y",
        ] {
            assert_eq!(boundary(value).as_deref(), Some("a=b/c"), "{value}");
        }
        for value in [
            "multipart/mixed",
            "multipart/mixed; boundary=\"\"",
            "text/plain; boundary=a",
        ] {
            assert_eq!(boundary(value), None, "{value}");
        }
    }

    #[test]
    fn boundary_limit_at_n_minus_1_n_and_n_plus_1() {
        for (length, is_read) in [(254, true), (255, true), (256, false)] {
            let value = format!("multipart/mixed; boundary={}", "b".repeat(length));
            assert_eq!(boundary(&value).is_some(), is_read, "{length}");
        }
    }

    #[test]
    fn header_limit_at_n_minus_1_n_and_n_plus_1() {
        for (before, is_read) in [(-1, true), (0, true), (1, false)] {
            let length = HEADER_OCTET_LIMIT.checked_add_signed(before).unwrap();
            let filler = format!("A:{}\n", "x".repeat(length - 3));
            let header = format!("{filler}Content-Type: message/rfc822\n\n");
            let entity = Entity::of(header.as_bytes(), Content::Other);
            assert_eq!(entity.content == Content::Mail, is_read, "{before}");
        }
    }

    #[test]
    fn field_limit_at_n_minus_1_n_and_n_plus_1() {
        let name = "Content-Type:";
        for (before, is_read) in [(1, true), (0, true), (-1, false)] {
            let value = "multipart/mixed;boundary=b";
            let spaces = FIELD_OCTET_LIMIT - name.len() - value.len();
            let spaces = spaces.checked_add_signed(-before).unwrap();
            let header = format!("{name}{}{value}\n\n", " ".repeat(spaces));
            let entity = Entity::of(header.as_bytes(), Content::Other);
            assert_eq!(entity.content != Content::Other, is_read, "{before}");
        }
    }

    #[test]
    fn rfc2046_5_2_1_mail_is_told_from_other_messages() {
        for value in ["message/rfc822", "MESSAGE/Global; x=y"] {
            assert_eq!(content(value), Content::Mail);
        }
        for value in [
            "message/partial",
            "message/delivery-status",
            "message",
            "\"",
            "(",
        ] {
            assert_eq!(content(value), Content::Other);
        }
    }

    #[test]
    fn the_body_begins_behind_the_blank_line_or_at_the_line_that_is_no_field() {
        for (text, body) in [
            ("", ""),
            ("\r\nx", "x"),
            ("A: 1\n\nx", "x"),
            ("From a@example.com\nA: 1\n\tfold\n\nx", "x"),
            ("A: 1\nno field\nx", "no field\nx"),
            ("A: 1", ""),
        ] {
            let entity = Entity::of(text.as_bytes(), Content::Other);
            assert_eq!(text.get(entity.body..), Some(body), "{text:?}");
        }
    }
}
