//! A position in a structured field's value: comments, folds and quoted strings of RFC 5322 §3.2.
//!
//! Knows RFC 5322's lexical tokens; must not know what they mean here. Comments are counted, not recursed into, and
//! each octet is passed once.

use super::ReadFault;
use crate::message::is_wsp;

/// A position in a field's value.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    octets: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self {
            octets,
            position: 0,
        }
    }

    /// The next octet.
    pub(super) fn peek(&self) -> Option<u8> {
        self.octets.get(self.position).copied()
    }

    /// Passes `octet` if it is the next one.
    pub(super) fn take(&mut self, octet: u8) -> bool {
        let is_next = self.peek() == Some(octet);
        self.position += usize::from(is_next);
        is_next
    }

    /// True at the end of the value or of one of its statements.
    pub(super) fn is_at_statement_end(&self) -> bool {
        matches!(self.peek(), None | Some(b';'))
    }

    /// The longest run of octets that belong, possibly empty.
    pub(super) fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.octets.get(self.position..).unwrap_or_default();
        let length = rest.iter().take_while(|octet| belongs(**octet)).count();
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    /// RFC 5322 §3.2.2: comments nest, hold quoted pairs, and count as white space.
    pub(super) fn skip_cfws(&mut self) -> Result<(), ReadFault> {
        let mut depth = 0_usize;
        while let Some(octet) = self.peek() {
            match octet {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => self.position += 1,
                _ if depth > 0 || is_wsp(octet) || is_line_end(octet) => {}
                _ => break,
            }
            self.position += 1;
        }
        if depth > 0 {
            return Err(ReadFault::UnclosedComment);
        }
        Ok(())
    }

    /// RFC 5322 §3.2.4: passes a quoted string; `None` when none begins here.
    pub(super) fn quoted_string(&mut self) -> Result<Option<QuotedString>, ReadFault> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let mut string = QuotedString::default();
        let mut is_escaped = false;
        self.position += 1;
        while let Some(octet) = self.peek() {
            self.position += 1;
            match octet {
                // RFC 5322 §2.2.3: unfolding takes the line ends away and leaves the white space.
                b'\r' | b'\n' => continue,
                b'"' if !is_escaped => return Ok(Some(string)),
                b'\\' if !is_escaped => is_escaped = true,
                _ => {
                    string.content.push(octet);
                    is_escaped = false;
                }
            }
            string.written.push(octet);
        }
        Err(ReadFault::UnclosedQuotedString)
    }
}

/// A quoted string, unfolded.
#[derive(Default)]
pub(super) struct QuotedString {
    /// What it stands for, quoted pairs undone.
    pub(super) content: Vec<u8>,
    /// What stands between its quotes.
    pub(super) written: Vec<u8>,
}

/// CR or LF; a field's value holds them only where it is folded.
pub(super) const fn is_line_end(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_cfws(text: &str) -> Result<Option<u8>, ReadFault> {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.skip_cfws()?;
        Ok(cursor.peek())
    }

    #[test]
    fn rfc5322_3_2_2_comments_nest_and_escape() {
        for (text, next) in [
            ("", None),
            (" \t\r\n x", Some(b'x')),
            ("(a(b)c)(d) x", Some(b'x')),
            (r"(\)\(\\)x", Some(b'x')),
            ("(\"(\" ) )x", Some(b'x')),
            (")x", Some(b')')),
            ("\\x", Some(b'\\')),
        ] {
            assert_eq!(after_cfws(text), Ok(next), "{text}");
        }
        for text in ["(", "(()", r"(\)", r"(a\"] {
            assert_eq!(after_cfws(text), Err(ReadFault::UnclosedComment), "{text}");
        }
    }

    #[test]
    fn hostile_20_a_million_nested_comments_are_counted() {
        let depth = 1_000_000;
        let closed = format!("{}{}x", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(after_cfws(&closed), Ok(Some(b'x')));
        let open = format!("{}{}", "(".repeat(depth), ")".repeat(depth - 1));
        assert_eq!(after_cfws(&open), Err(ReadFault::UnclosedComment));
    }

    #[test]
    fn rfc5322_3_2_4_quoted_strings() {
        let text = b"\"a\\\"b\r\n \\c;(\"d";
        let mut cursor = Cursor::new(text);
        let string = cursor.quoted_string().unwrap().unwrap();
        assert_eq!(string.content, b"a\"b c;(");
        assert_eq!(string.written, b"a\\\"b \\c;(");
        assert_eq!(cursor.peek(), Some(b'd'));
        assert!(cursor.quoted_string().unwrap().is_none());
        for open in [r#"""#, r#""a\""#, r#""a\"#] {
            let fault = Cursor::new(open.as_bytes()).quoted_string().err();
            assert_eq!(fault, Some(ReadFault::UnclosedQuotedString), "{open}");
        }
    }
}
