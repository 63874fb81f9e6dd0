//! The lexical tokens of a structured header field (RFC 5322 §3.2, §4.1, §4.2; UTF-8 as in RFC 6532 §3.2).
//!
//! Knows white space, comments, atoms, quoted strings and literals; must not know what they mean in a row. One pass,
//! no recursion: comments nest by a counter.

use crate::message::is_wsp;

/// The octets are no tokens of RFC 5322.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a lexeme is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// RFC 5322 §3.2.3, without the white space around it.
    Atom,
    /// RFC 5322 §3.2.4, with its quotes.
    Quoted,
    /// RFC 5322 §3.4.1, with its brackets.
    Literal,
    /// One of `< > , : ; @ .`.
    Special(u8),
    /// Nothing is left.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
    /// White space or a comment stands before it.
    pub(super) has_space_before: bool,
}

/// Reads lexemes from a field's value.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    octets: &'a [u8],
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            position: 0,
        }
    }

    /// The next lexeme; after the last one [`Token::End`] for ever.
    pub(super) fn read(&mut self) -> Result<Lexeme, Malformed> {
        let begin = self.position;
        self.skip_white_space()?;
        let start = self.position;
        let token = match self.peek() {
            None => Token::End,
            Some(b'"') => {
                self.skip_enclosed(b'"')?;
                Token::Quoted
            }
            Some(b'[') => {
                self.skip_enclosed(b']')?;
                Token::Literal
            }
            Some(special @ (b'<' | b'>' | b',' | b':' | b';' | b'@' | b'.')) => {
                self.position += 1;
                Token::Special(special)
            }
            Some(_) => {
                self.skip_atom();
                Token::Atom
            }
        };
        // RFC 5322 §3.2.3: what is neither atext nor a special of this grammar (`\`, `)`, `]`, a control) begins nothing.
        if self.position == start && token != Token::End {
            return Err(Malformed);
        }
        Ok(Lexeme {
            token,
            start,
            end: self.position,
            has_space_before: start > begin,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.octets.get(self.position).copied()
    }

    fn skip_atom(&mut self) {
        let rest = self.octets.get(self.position..).unwrap_or_default();
        let length = rest.iter().position(|octet| !is_atext(*octet));
        self.position += length.unwrap_or(rest.len());
    }

    /// CFWS of RFC 5322 §3.2.2.
    fn skip_white_space(&mut self) -> Result<(), Malformed> {
        loop {
            match self.peek() {
                Some(b'(') => self.skip_comment()?,
                Some(octet) if is_wsp(octet) => self.position += 1,
                Some(b'\r' | b'\n') => self.skip_line_end()?,
                _ => return Ok(()),
            }
        }
    }

    /// The fold of RFC 5322 §2.2.3; a bare LF ends a line as everywhere in a message.
    ///
    /// Deviation: RFC 5322 §4.1 lets old mail hold bare CR, LF and NUL. Readers disagree about them, so a field that
    /// holds one names no author.
    fn skip_line_end(&mut self) -> Result<(), Malformed> {
        let rest = self.octets.get(self.position..).unwrap_or_default();
        let length = match rest {
            [b'\r', b'\n', next, ..] if is_wsp(*next) => 3,
            [b'\n', next, ..] if is_wsp(*next) => 2,
            _ => return Err(Malformed),
        };
        self.position += length;
        Ok(())
    }

    /// A comment with all comments inside it (RFC 5322 §3.2.2).
    fn skip_comment(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'(') => depth += 1,
                Some(b')') => depth -= 1,
                _ => {
                    self.skip_content()?;
                    continue;
                }
            }
            self.position += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// A quoted string or a literal: everything up to the closing octet.
    fn skip_enclosed(&mut self, closing: u8) -> Result<(), Malformed> {
        self.position += 1;
        while let Some(octet) = self.peek() {
            if octet == closing {
                self.position += 1;
                return Ok(());
            }
            // RFC 5322 §3.4.1: dtext holds no `[`.
            if closing == b']' && octet == b'[' {
                return Err(Malformed);
            }
            self.skip_content()?;
        }
        Err(Malformed)
    }

    /// One octet, quoted pair (RFC 5322 §3.2.1) or fold inside a comment, quoted string or literal.
    fn skip_content(&mut self) -> Result<(), Malformed> {
        let rest = self.octets.get(self.position..).unwrap_or_default();
        match rest {
            [] | [0, ..] | [b'\\'] | [b'\\', 0 | b'\r' | b'\n', ..] => Err(Malformed),
            [b'\\', ..] => {
                self.position += 2;
                Ok(())
            }
            [b'\r' | b'\n', ..] => self.skip_line_end(),
            _ => {
                self.position += 1;
                Ok(())
            }
        }
    }
}

/// RFC 5322 §3.2.3 atext, and every octet of a non-ASCII character (RFC 6532 §3.2).
fn is_atext(octet: u8) -> bool {
    ATEXT
        .get(usize::from(octet))
        .is_some_and(|is_atext| *is_atext)
}

static ATEXT: [bool; 256] = atext();

#[expect(
    clippy::indexing_slicing,
    reason = "an octet is below 256; constants are checked when compiled"
)]
const fn atext() -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    while octet < u8::MAX {
        table[octet as usize] = octet >= 0x80 || octet.is_ascii_alphanumeric();
        octet += 1;
    }
    table[octet as usize] = true;
    let marks = b"!#$%&'*+-/=?^_`{|}~";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    table
}
