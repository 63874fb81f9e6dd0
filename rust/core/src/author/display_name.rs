//! A display name as people see it: quoting undone, encoded words decoded (RFC 5322 §3.2.5, RFC 2047 §2, §4, §6.2).
//!
//! For show only. Control and direction characters stay in: whoever prints the name escapes them.

use super::lexer::{Lexeme, Lexer, Token};
use crate::base64::digit as base64_digit;

/// Decodes a phrase that the grammar has accepted; what cannot be decoded stays as written. Linear in its octets.
pub(super) fn decode(phrase: &[u8]) -> String {
    let mut lexer = Lexer::new(phrase);
    let mut name = Name {
        text: String::with_capacity(phrase.len()),
        ..Name::default()
    };
    let mut unit: Option<Lexeme> = None;
    while let Ok(lexeme) = lexer.read() {
        // Atoms and dots without white space between them are one unit: `J.` or an encoded word that holds a dot.
        let is_plain = |token| matches!(token, Token::Atom | Token::Special(b'.'));
        if let Some(open) = unit
            .as_mut()
            .filter(|_| is_plain(lexeme.token) && !lexeme.has_space_before)
        {
            open.end = lexeme.end;
            continue;
        }
        if let Some(done) = unit.take() {
            name.add_plain(slice(phrase, done), done.has_space_before);
        }
        match lexeme.token {
            Token::End => break,
            token if is_plain(token) => unit = Some(lexeme),
            _ => name.add_quoted(slice(phrase, lexeme), lexeme.has_space_before),
        }
    }
    name.flush();
    name.text
}

fn slice(phrase: &[u8], lexeme: Lexeme) -> &[u8] {
    phrase.get(lexeme.start..lexeme.end).unwrap_or_default()
}

#[derive(Default)]
struct Name {
    text: String,
    /// Octets of adjacent encoded words of one charset: senders split them inside a character.
    pending: Vec<u8>,
    charset: Option<Charset>,
}

impl Name {
    fn add_plain(&mut self, unit: &[u8], has_space_before: bool) {
        let Some(words) = encoded_words(unit) else {
            self.add_text(unit, has_space_before);
            return;
        };
        for (index, word) in words.into_iter().enumerate() {
            // RFC 2047 §6.2: white space between two encoded words is not shown.
            let follows_encoded = self.charset.is_some();
            if self.charset != Some(word.charset) {
                self.flush();
            }
            if has_space_before && index == 0 && !follows_encoded {
                self.add_space();
            }
            self.charset = Some(word.charset);
            self.pending.extend(word.octets);
        }
    }

    /// RFC 2047 §5: inside a quoted string nothing is an encoded word.
    fn add_quoted(&mut self, quoted: &[u8], has_space_before: bool) {
        let inner = quoted.get(1..quoted.len().saturating_sub(1));
        let mut octets = Vec::with_capacity(quoted.len());
        let mut rest = inner.unwrap_or_default().iter();
        while let Some(octet) = rest.next() {
            match octet {
                // RFC 5322 §3.2.1, §3.2.2: the backslash of a pair and the line end of a fold are invisible.
                b'\\' => octets.extend(rest.next()),
                b'\r' | b'\n' => {}
                _ => octets.push(*octet),
            }
        }
        self.add_text(&octets, has_space_before);
    }

    fn add_text(&mut self, octets: &[u8], has_space_before: bool) {
        self.flush();
        if has_space_before {
            self.add_space();
        }
        self.text.push_str(&String::from_utf8_lossy(octets));
    }

    /// RFC 5322 §3.2.2: a run of white space and comments is one space.
    fn add_space(&mut self) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn flush(&mut self) {
        if let Some(charset) = self.charset.take() {
            charset.decode(&self.pending, &mut self.text);
            self.pending.clear();
        }
    }
}

/// The charsets that are decoded; words in others stay as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Ascii,
    Utf8,
    /// Also stands for ISO-8859-1, of which it is a superset but for control characters that no name holds.
    Windows1252,
}

impl Charset {
    fn from_name(name: &[u8]) -> Option<Self> {
        // RFC 2231 §5: a language may follow an asterisk.
        let name = name.split(|octet| *octet == b'*').next()?;
        let is = |candidate: &str| name.eq_ignore_ascii_case(candidate.as_bytes());
        if is("utf-8") || is("utf8") {
            Some(Self::Utf8)
        } else if is("us-ascii") || is("ascii") {
            Some(Self::Ascii)
        } else if is("iso-8859-1") || is("latin1") || is("windows-1252") || is("cp1252") {
            Some(Self::Windows1252)
        } else {
            None
        }
    }

    fn decode(self, octets: &[u8], text: &mut String) {
        match self {
            Self::Ascii | Self::Utf8 => text.push_str(&String::from_utf8_lossy(octets)),
            Self::Windows1252 => text.extend(octets.iter().map(|octet| windows_1252(*octet))),
        }
    }
}

fn windows_1252(octet: u8) -> char {
    const UPPER: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let index = usize::from(octet.wrapping_sub(0x80));
    match octet {
        0x80..=0x9f => UPPER
            .chars()
            .nth(index)
            .unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(octet),
    }
}

struct EncodedWord {
    charset: Charset,
    octets: Vec<u8>,
}

/// The encoded words (RFC 2047 §2) that a unit consists of; `None` when it is anything else.
fn encoded_words(unit: &[u8]) -> Option<Vec<EncodedWord>> {
    let (mut words, mut rest) = (Vec::new(), unit);
    while !rest.is_empty() {
        let mut parts = rest.strip_prefix(b"=?")?.splitn(4, |octet| *octet == b'?');
        let (charset, encoding) = (parts.next()?, parts.next()?);
        let (text, tail) = (parts.next()?, parts.next()?);
        rest = tail.strip_prefix(b"=")?;
        let octets = match encoding {
            b"B" | b"b" => base64(text)?,
            b"Q" | b"q" => q_encoding(text),
            _ => return None,
        };
        words.push(EncodedWord {
            charset: Charset::from_name(charset)?,
            octets,
        });
    }
    Some(words)
}

/// The Q encoding of RFC 2047 §4.2; `=` without two hexadecimal digits stands for itself.
fn q_encoding(text: &[u8]) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((octet, tail)) = rest.split_first() {
        rest = tail;
        let decoded = match (octet, tail) {
            (b'=', [high, low, after @ ..]) => hexadecimal(*high, *low).inspect(|_| rest = after),
            (b'_', _) => Some(b' '),
            _ => None,
        };
        octets.push(decoded.unwrap_or(*octet));
    }
    octets
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// The B encoding (RFC 2047 §4.1); padding may be missing, another octet spoils the word.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"=").unwrap_or(text);
    let digits = digits.strip_suffix(b"=").unwrap_or(digits);
    let mut octets = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for octet in group {
            bits = bits << 6 | u32::from(base64_digit(*octet)?);
        }
        bits <<= 6 * (4 - group.len());
        let [_, decoded @ ..] = bits.to_be_bytes();
        octets.extend(decoded.iter().take(group.len() * 3 / 4));
    }
    Some(octets)
}
