//! Cuts the value of a Received field into its clauses: from, by, via, with, id, for (RFC 5321 §4.4).
//!
//! Knows words and comments (RFC 5322 §3.2.2), which are counted and not recursed into; must not know what a writer
//! means by them. A field in which a clause stands twice or a comment never ends is none: a client could have written a
//! part of it by way of its HELO or its sender's local-part.

use std::ops::Deref;

use crate::header_facts::after_last_semicolon;

/// Pieces that need no memory of their own: nearly every clause has a word and a comment or two.
const USUAL_PIECES: usize = 2;

/// A clause: the words after its keyword, and the comments among them.
#[derive(Debug, Default)]
pub(super) struct Clause<'a> {
    pub(super) words: Pieces<'a>,
    pub(super) comments: Pieces<'a>,
}

/// Pieces of a field's value, in their order.
#[derive(Debug, Default)]
pub(super) struct Pieces<'a> {
    usual: [&'a [u8]; USUAL_PIECES],
    count: usize,
    /// All of them when they are more than usual.
    many: Vec<&'a [u8]>,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, piece: &'a [u8]) {
        if let Some(place) = self.usual.get_mut(self.count) {
            *place = piece;
        } else {
            if self.many.is_empty() {
                self.many.extend(self.usual);
            }
            self.many.push(piece);
        }
        self.count += 1;
    }
}

impl<'a> Deref for Pieces<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &[&'a [u8]] {
        self.usual.get(..self.count).unwrap_or(&self.many)
    }
}

/// The clauses of one field.
#[derive(Debug, Default)]
pub(super) struct Stamp<'a> {
    /// What stands before the first keyword.
    pub(super) start: Clause<'a>,
    pub(super) from: Option<Clause<'a>>,
    pub(super) by: Option<Clause<'a>>,
    pub(super) via: Option<Clause<'a>>,
    pub(super) with: Option<Clause<'a>>,
    pub(super) id: Option<Clause<'a>>,
    pub(super) recipient: Option<Clause<'a>>,
}

impl<'a> Stamp<'a> {
    /// The clauses before the date; `None` when they are not clear.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let length = match after_last_semicolon(value) {
            Some(date) => value.len().checked_sub(date.len() + 1)?,
            None => value.len(),
        };
        let mut tokens = Tokens(value.get(..length)?);
        let mut stamp = Self::default();
        let mut current = None;
        while let Some(token) = tokens.next()? {
            match token {
                Token::Word(word) => match Keyword::of(word).filter(|_| stamp.may_open(current)) {
                    Some(keyword) => {
                        stamp.open(keyword)?;
                        current = Some(keyword);
                    }
                    None => stamp.clause(current).words.push(word),
                },
                Token::Comment(comment) => stamp.clause(current).comments.push(comment),
            }
        }
        Some(stamp)
    }

    /// Comments that stand behind the `by` keyword, in whatever clause.
    pub(super) fn later_comments(&self) -> impl Iterator<Item = &'a [u8]> {
        [&self.by, &self.via, &self.with, &self.id, &self.recipient]
            .into_iter()
            .flatten()
            .flat_map(|clause| clause.comments.iter().copied())
    }

    /// A keyword is followed by a word, whatever that word is: a client may call itself `by`.
    fn may_open(&mut self, current: Option<Keyword>) -> bool {
        current.is_none() || !self.clause(current).words.is_empty()
    }

    /// RFC 5321 §4.4: each clause stands once, and `from` comes first.
    fn open(&mut self, keyword: Keyword) -> Option<()> {
        let is_first = self.by.is_none() && self.with.is_none() && self.recipient.is_none();
        let slot = self.slot(keyword);
        let is_repeated = slot.is_some();
        *slot = Some(Clause::default());
        let is_in_place = !matches!(keyword, Keyword::From) || is_first;
        (is_in_place && !is_repeated).then_some(())
    }

    fn slot(&mut self, keyword: Keyword) -> &mut Option<Clause<'a>> {
        match keyword {
            Keyword::From => &mut self.from,
            Keyword::By => &mut self.by,
            Keyword::Via => &mut self.via,
            Keyword::With => &mut self.with,
            Keyword::Id => &mut self.id,
            Keyword::For => &mut self.recipient,
        }
    }

    fn clause(&mut self, keyword: Option<Keyword>) -> &mut Clause<'a> {
        match keyword {
            Some(keyword) => self.slot(keyword).get_or_insert_default(),
            None => &mut self.start,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyword {
    From,
    By,
    Via,
    With,
    Id,
    For,
}

impl Keyword {
    fn of(word: &[u8]) -> Option<Self> {
        const KEYWORDS: [(&[u8], Keyword); 6] = [
            (b"from", Keyword::From),
            (b"by", Keyword::By),
            (b"via", Keyword::Via),
            (b"with", Keyword::With),
            (b"id", Keyword::Id),
            (b"for", Keyword::For),
        ];
        let is_word = |(text, _): &&(&[u8], Self)| word.eq_ignore_ascii_case(text);
        KEYWORDS.iter().find(is_word).map(|(_, keyword)| *keyword)
    }
}

enum Token<'a> {
    Word(&'a [u8]),
    /// What stands between the parentheses.
    Comment(&'a [u8]),
}

/// What is left to read.
struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    /// The next token; `None` outside when a comment or a bracket has no end, inside when nothing is left.
    #[expect(
        clippy::option_option,
        reason = "the outer one leaves the field, the inner one the loop"
    )]
    fn next(&mut self) -> Option<Option<Token<'a>>> {
        self.0 = self.0.trim_ascii_start();
        let Some(first) = self.0.first() else {
            return Some(None);
        };
        if *first == b'(' {
            let length = comment_length(self.0)?;
            let comment = self.take(length);
            let inside = comment.get(1..length.checked_sub(1)?)?;
            return Some(Some(Token::Comment(inside)));
        }
        let length = word_length(self.0)?;
        Some(Some(Token::Word(self.take(length))))
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        taken
    }
}

/// Length of the comment that begins here; comments nest and hold quoted pairs (RFC 5322 §3.2.2).
pub(super) fn comment_length(octets: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (position, octet) in octets.iter().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(position + 1);
        }
    }
    None
}

/// Length of the word that begins here; in angle brackets and quotes white space and parentheses belong to it.
fn word_length(octets: &[u8]) -> Option<usize> {
    let is_path = octets.first() == Some(&b'<');
    if !is_path && octets.first() != Some(&b'"') {
        let is_end = |octet: &u8| *octet == b'(' || octet.is_ascii_whitespace();
        let length = octets.iter().position(is_end);
        return Some(length.unwrap_or(octets.len()));
    }
    let (mut is_quoted, mut is_escaped, mut is_open) = (false, false, is_path);
    for (position, octet) in octets.iter().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' if is_path || position == 0 || is_quoted => is_quoted = !is_quoted,
            b'>' if !is_quoted => is_open = false,
            _ if is_quoted || is_open => {}
            b'(' => return Some(position),
            octet if octet.is_ascii_whitespace() => return Some(position),
            _ => {}
        }
    }
    (!is_quoted && !is_open).then_some(octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_order_at_the_usual_count_minus_1_at_it_and_beyond() {
        let text: Vec<[u8; 1]> = (b'a'..b'h').map(|octet| [octet]).collect();
        for count in 0..text.len() {
            let mut pieces = Pieces::default();
            text.iter().take(count).for_each(|piece| pieces.push(piece));
            let expected: Vec<&[u8]> = text.iter().take(count).map(<[u8; 1]>::as_slice).collect();
            assert_eq!(&*pieces, expected);
        }
    }

    #[test]
    fn a_quote_or_bracket_inside_a_word_opens_nothing() {
        for (text, length) in [
            (&b"a\"b c"[..], 3),
            (b"a<b c", 3),
            (b"a(b", 1),
            (b"a\\ b", 2),
            (b"\"a b\"", 5),
            (b"<a b>", 5),
        ] {
            assert_eq!(word_length(text), Some(length), "{text:?}");
        }
        assert_eq!(word_length(b"\"a"), None);
        assert_eq!(word_length(b"<a"), None);
    }
}
