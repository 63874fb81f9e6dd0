//! The grammar of the From field: mailboxes, groups and the obsolete forms (RFC 5322 §3.4, §4.4, RFC 6854 §2.1).
//!
//! Strict: an unquoted `@` in a display name, text after an angle address, a word without address make the whole list
//! malformed. Must not decode anything before it looks for addresses (RFC 2047 §5: an encoded word never holds one).

use std::borrow::Cow;

use super::AUTHOR_DOMAINS_KEPT;
use super::display_name;
use super::lexer::{Lexeme, Lexer, Malformed, Token};
use crate::domain::Domain;

/// Octets of a domain as written beyond which it cannot fit into a name: four labels of 59 characters of 4 octets.
const DOMAIN_TEXT_LIMIT: usize = 1024;

const COMMA: Token = Token::Special(b',');
const AT: Token = Token::Special(b'@');

/// What is known of the From fields read so far.
#[derive(Debug, Default)]
pub(super) struct AddressList {
    /// Distinct domains in order of appearance.
    pub(super) domains: Vec<Domain>,
    /// A mailbox stands at an address literal.
    pub(super) has_literal: bool,
    /// A field breaks the grammar or names what is no domain.
    pub(super) is_malformed: bool,
    /// The first mailbox's display name, else that of its group.
    pub(super) display_name: Option<String>,
    has_mailbox: bool,
}

impl AddressList {
    /// Reads one field's value; stops at the first fault, or when enough domains are known.
    pub(super) fn read(&mut self, value: &[u8]) {
        let mut reader = Reader {
            list: self,
            lexer: Lexer::new(value),
            value,
            group: None,
        };
        if reader.read_list().is_err() {
            self.is_malformed = true;
        }
    }

    fn is_full(&self) -> bool {
        self.domains.len() >= AUTHOR_DOMAINS_KEPT
    }
}

/// A stretch of the value: a phrase.
#[derive(Clone, Copy)]
struct Phrase {
    start: usize,
    end: usize,
}

struct Reader<'a> {
    list: &'a mut AddressList,
    lexer: Lexer<'a>,
    value: &'a [u8],
    group: Option<Phrase>,
}

impl Reader<'_> {
    /// address-list; null members are allowed (RFC 5322 §4.4).
    fn read_list(&mut self) -> Result<(), Malformed> {
        let mut lexeme = self.lexer.read()?;
        while !self.list.is_full() {
            lexeme = match (lexeme.token, self.group) {
                (Token::End, None) => return Ok(()),
                (COMMA, _) => self.lexer.read()?,
                (Token::Special(b';'), Some(_)) => {
                    self.group = None;
                    let next = self.lexer.read()?;
                    ensure(matches!(next.token, COMMA | Token::End))?;
                    next
                }
                _ => self.read_member(lexeme)?,
            };
        }
        Ok(())
    }

    /// A mailbox, or a group as far as its colon; gives the lexeme after it.
    fn read_member(&mut self, first: Lexeme) -> Result<Lexeme, Malformed> {
        let words = self.read_words(first)?;
        match words.next.token {
            AT => {
                ensure(words.is_local_part())?;
                let domain = self.read_domain()?;
                self.note_mailbox(&domain, None)?;
                self.after_mailbox(domain.next)
            }
            Token::Special(b'<') => {
                ensure(words.is_phrase() || words.is_empty)?;
                let domain = self.read_angle_address()?;
                self.note_mailbox(&domain, (!words.is_empty).then_some(words.phrase))?;
                let next = self.lexer.read()?;
                self.after_mailbox(next)
            }
            // RFC 5322 §3.4: a group needs a name and holds no group.
            Token::Special(b':') => {
                ensure(words.is_phrase() && self.group.is_none())?;
                self.group = Some(words.phrase);
                self.lexer.read()
            }
            _ => Err(Malformed),
        }
    }

    fn after_mailbox(&self, next: Lexeme) -> Result<Lexeme, Malformed> {
        let ends_group = next.token == Token::Special(b';') && self.group.is_some();
        ensure(ends_group || matches!(next.token, COMMA | Token::End))?;
        Ok(next)
    }

    /// Words and dots up to the first other lexeme: a display name or a local-part, told apart by what follows.
    fn read_words(&mut self, first: Lexeme) -> Result<Words, Malformed> {
        let mut words = Words::new(first);
        loop {
            let is_dot = match words.next.token {
                Token::Atom | Token::Quoted => false,
                Token::Special(b'.') => true,
                _ => return Ok(words),
            };
            words.add(is_dot);
            words.next = self.lexer.read()?;
        }
    }

    /// What stands between `<` and `>`: the route is dropped (RFC 5322 §4.4).
    fn read_angle_address(&mut self) -> Result<WrittenDomain, Malformed> {
        let mut lexeme = self.lexer.read()?;
        if matches!(lexeme.token, AT | COMMA) {
            self.read_route(lexeme)?;
            lexeme = self.lexer.read()?;
        }
        let words = self.read_words(lexeme)?;
        ensure(words.is_local_part() && words.next.token == AT)?;
        let domain = self.read_domain()?;
        ensure(domain.next.token == Token::Special(b'>'))?;
        Ok(domain)
    }

    /// obs-route (RFC 5322 §4.4) as far as its colon.
    fn read_route(&mut self, first: Lexeme) -> Result<(), Malformed> {
        let (mut lexeme, mut has_domain, mut may_be_domain) = (first, false, true);
        loop {
            lexeme = match lexeme.token {
                COMMA => {
                    may_be_domain = true;
                    self.lexer.read()?
                }
                AT if may_be_domain => {
                    let domain = self.read_domain()?;
                    self.parse_domain(&domain)?;
                    (has_domain, may_be_domain) = (true, false);
                    domain.next
                }
                Token::Special(b':') => return ensure(has_domain),
                _ => return Err(Malformed),
            };
        }
    }

    /// dot-atom, obs-domain or literal (RFC 5322 §3.4.1, §4.4); one final dot is let through, [`Domain`] drops it.
    fn read_domain(&mut self) -> Result<WrittenDomain, Malformed> {
        let first = self.lexer.read()?;
        let mut domain = WrittenDomain {
            start: first.start,
            end: first.end,
            is_literal: first.token == Token::Literal,
            is_contiguous: true,
            next: first,
        };
        if domain.is_literal {
            domain.next = self.lexer.read()?;
            return Ok(domain);
        }
        let mut expects_atom = true;
        loop {
            match domain.next.token {
                Token::Atom if expects_atom => expects_atom = false,
                Token::Special(b'.') if !expects_atom => expects_atom = true,
                Token::Atom => return Err(Malformed),
                _ => break,
            }
            domain.end = domain.next.end;
            domain.next = self.lexer.read()?;
            let goes_on = matches!(domain.next.token, Token::Atom | Token::Special(b'.'));
            domain.is_contiguous &= !(goes_on && domain.next.has_space_before);
        }
        ensure(domain.end > domain.start && domain.next.start > first.start)?;
        Ok(domain)
    }

    fn note_mailbox(
        &mut self,
        written: &WrittenDomain,
        phrase: Option<Phrase>,
    ) -> Result<(), Malformed> {
        if !self.list.has_mailbox {
            self.list.has_mailbox = true;
            self.list.display_name = phrase
                .or(self.group)
                .map(|Phrase { start, end }| display_name::decode(self.slice(start, end)));
        }
        if written.is_literal {
            self.list.has_literal = true;
            return Ok(());
        }
        let raw = self.slice(written.start, written.end);
        let is_raw = |known: &Domain| known.as_str().as_bytes().eq_ignore_ascii_case(raw);
        if self.list.domains.iter().any(is_raw) {
            return Ok(());
        }
        let domain = self.parse_domain(written)?;
        if !self.list.domains.contains(&domain) {
            self.list.domains.push(domain);
        }
        Ok(())
    }

    /// RFC 9989 §5.3.1: U-labels become A-labels; what is no host name afterwards is no author domain.
    fn parse_domain(&self, written: &WrittenDomain) -> Result<Domain, Malformed> {
        if written.is_literal {
            return Err(Malformed);
        }
        let raw = self.slice(written.start, written.end);
        let text = if written.is_contiguous {
            Cow::Borrowed(raw)
        } else {
            Cow::Owned(without_white_space(raw)?)
        };
        ensure(text.len() <= DOMAIN_TEXT_LIMIT)?;
        let text = std::str::from_utf8(&text).map_err(|_| Malformed)?;
        Domain::parse_host(text).ok_or(Malformed)
    }

    fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.value.get(start..end).unwrap_or_default()
    }
}

/// Words and dots in a row, and the lexeme after them.
struct Words {
    phrase: Phrase,
    is_empty: bool,
    starts_with_word: bool,
    ends_with_word: bool,
    alternates: bool,
    next: Lexeme,
}

impl Words {
    fn new(first: Lexeme) -> Self {
        Self {
            phrase: Phrase {
                start: first.start,
                end: first.start,
            },
            is_empty: true,
            starts_with_word: false,
            ends_with_word: false,
            alternates: true,
            next: first,
        }
    }

    fn add(&mut self, is_dot: bool) {
        if self.is_empty {
            self.starts_with_word = !is_dot;
        } else {
            self.alternates &= self.ends_with_word == is_dot;
        }
        self.is_empty = false;
        self.ends_with_word = !is_dot;
        self.phrase.end = self.next.end;
    }

    /// local-part = word *("." word) (RFC 5322 §4.4).
    fn is_local_part(&self) -> bool {
        self.starts_with_word && self.ends_with_word && self.alternates
    }

    /// obs-phrase = word *(word / "." / CFWS) (RFC 5322 §4.1).
    fn is_phrase(&self) -> bool {
        self.starts_with_word
    }
}

/// A domain as written, and the lexeme after it.
struct WrittenDomain {
    start: usize,
    end: usize,
    is_literal: bool,
    is_contiguous: bool,
    next: Lexeme,
}

fn without_white_space(raw: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (mut lexer, mut text) = (Lexer::new(raw), Vec::new());
    loop {
        let lexeme = lexer.read()?;
        if lexeme.token == Token::End {
            return Ok(text);
        }
        text.extend_from_slice(raw.get(lexeme.start..lexeme.end).unwrap_or_default());
    }
}

fn ensure(is_allowed: bool) -> Result<(), Malformed> {
    is_allowed.then_some(()).ok_or(Malformed)
}
