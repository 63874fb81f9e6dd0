//! Facts for the row that no protocol judges: Message-ID, Date, and when the message was received.
//!
//! Knows where these three fields keep what they say (RFC 5322 §3.6.1, §3.6.4; RFC 5321 §4.4). Must not know how a
//! date is written ([`crate::date`]), nor whether a field can be believed: the envelope's recovery decides that.

use memchr::{memchr, memchr2, memrchr};

use crate::date::parse_date_time;
use crate::message::Message;

/// Octets of a message identifier that are kept: the longest line that RFC 5322 §2.1.1 allows.
pub const MESSAGE_ID_OCTET_LIMIT: usize = 998;

/// The first Message-ID with its angle brackets, unfolded, at most [`MESSAGE_ID_OCTET_LIMIT`] octets of it.
///
/// `None` without the field or when it is empty. Octets that are not UTF-8 become U+FFFD. A value without angle
/// brackets is taken as it stands.
pub fn message_id(message: &Message) -> Option<String> {
    let field = message.fields_named(b"message-id").next()?;
    let value = message.value(field);
    // Line ends before and after the brackets change nothing.
    let value = bracketed(value).unwrap_or(value);
    if memchr2(b'\r', b'\n', value).is_none() {
        return shown(value);
    }
    let mut octets = value.to_vec();
    // RFC 5322 §2.2.3: unfolding drops the line ends; the contract's bare LF is one.
    octets.retain(|octet| !matches!(octet, b'\r' | b'\n'));
    shown(&octets)
}

fn shown(identifier: &[u8]) -> Option<String> {
    let identifier = clip(identifier.trim_ascii());
    (!identifier.is_empty()).then(|| String::from_utf8_lossy(identifier).into_owned())
}

/// RFC 5322 §3.6.4: msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS].
fn bracketed(value: &[u8]) -> Option<&[u8]> {
    let (_, identifier) = value.split_at_checked(memchr(b'<', value)?)?;
    let length = memchr(b'>', identifier)? + 1;
    identifier.get(..length)
}

/// The first octets, without half a UTF-8 character at the end.
fn clip(octets: &[u8]) -> &[u8] {
    let Some((kept, rest)) = octets.split_at_checked(MESSAGE_ID_OCTET_LIMIT) else {
        return octets;
    };
    let is_continuation = |octet: &u8| octet & 0xc0 == 0x80;
    if !rest.first().is_some_and(is_continuation) {
        return kept;
    }
    // A character has at most three continuation octets, so the search is short and what is cut is one character.
    let tail = kept
        .iter()
        .rev()
        .take(3)
        .position(|octet| !is_continuation(octet));
    let length = tail.map_or(kept.len(), |continued| kept.len() - continued - 1);
    kept.get(..length).unwrap_or_default()
}

/// The first Date field in Unix seconds; `None` when it is missing or holds no date.
pub fn date(message: &Message) -> Option<i64> {
    let field = message.fields_named(b"date").next()?;
    parse_date_time(message.value(field))
}

/// When the topmost Received field says the message was received, in Unix seconds.
///
/// `None` when there is no Received field or the topmost one holds no date: a field further down tells of another host.
pub fn received_at(message: &Message) -> Option<i64> {
    let field = message.fields_named(b"received").next()?;
    parse_date_time(after_last_semicolon(message.value(field))?)
}

/// RFC 5321 §4.4: the date follows a semicolon; one in a comment is none.
///
/// Deviation: when a comment never closes, the last semicolon counts wherever it stands. A client that says
/// `HELO (x` could else hide the time from which expiry is judged.
pub(crate) fn after_last_semicolon(value: &[u8]) -> Option<&[u8]> {
    let last = value.get(memrchr(b';', value)? + 1..)?;
    if closes_nothing(last) {
        return Some(last);
    }
    let mut depth = 0_usize;
    let mut position = None;
    let mut octets = value.iter().enumerate();
    while let Some((offset, octet)) = octets.next() {
        match octet {
            b'\\' if depth > 0 => {
                octets.next();
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => position = Some(offset),
            _ => {}
        }
    }
    if depth > 0 {
        position = memrchr(b';', value);
    }
    value.get(position? + 1..)
}

/// True when no parenthesis here closes a comment that began before: then, whether the semicolon before this stands in
/// a comment that never closes or in none, it is the last that counts.
fn closes_nothing(rest: &[u8]) -> bool {
    let mut depth = 0_usize;
    for octet in rest {
        match octet {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b')' | b'\\' => return false,
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// 2019-11-12T10:11:12Z.
    const TIME: i64 = 1_573_553_472;

    fn message(header: &str) -> Message {
        Message::parse(Bytes::from(format!("{header}\r\n\r\n")))
    }

    fn identifier(value: &str) -> Option<String> {
        message_id(&message(&format!("Message-ID:{value}")))
    }

    fn received(value: &str) -> Option<i64> {
        received_at(&message(&format!("Received:{value}")))
    }

    #[test]
    fn rfc5322_3_6_4_message_id() {
        for (value, expected) in [
            (" <a@b.example>", Some("<a@b.example>")),
            ("\r\n <a@b.example> \r\n\t", Some("<a@b.example>")),
            (" (x) <a@b.example> (y)", Some("<a@b.example>")),
            (" <a\r\n b@c>", Some("<a b@c>")),
            (" a@b.example ", Some("a@b.example")),
            (" <a@b.example", Some("<a@b.example")),
            (" <>", Some("<>")),
            ("", None),
            (" \r\n ", None),
        ] {
            assert_eq!(identifier(value).as_deref(), expected, "{value:?}");
        }
        let two = message("Message-Id: <1@x>\r\nMessage-ID: <2@x>");
        assert_eq!(message_id(&two).as_deref(), Some("<1@x>"));
        assert_eq!(message_id(&message("From: x")), None);
    }

    #[test]
    fn message_id_octets_that_are_not_utf8_are_replaced() {
        let octets = Bytes::from_static(b"Message-ID: <\xff@x>\r\n\r\n");
        let identifier = message_id(&Message::parse(octets));
        assert_eq!(identifier.as_deref(), Some("<\u{fffd}@x>"));
    }

    #[test]
    fn message_id_limit_at_n_minus_1_n_and_n_plus_1() {
        for (length, kept) in [(997, 997), (998, 998), (999, 998), (100_000, 998)] {
            let value = format!("<{}>", "x".repeat(length - 2));
            assert_eq!(identifier(&value).unwrap().len(), kept);
            assert!(value.starts_with(&identifier(&value).unwrap()));
        }
        for before in 994..=998 {
            for character in ["é", "€", "🦀"] {
                let value = format!("{}{character}y", "x".repeat(before));
                let identifier = identifier(&value).unwrap();
                assert!(value.starts_with(&identifier));
                let fits = before + character.len() <= MESSAGE_ID_OCTET_LIMIT;
                assert_eq!(identifier.contains(character), fits);
            }
        }
    }

    #[test]
    fn rfc5322_3_6_1_the_first_date_counts() {
        let text = "Date: Tue, 12 Nov 2019 10:11:12 +0000\r\nDate: Tue, 12 Nov 2019 11:11:12 +0000";
        assert_eq!(date(&message(text)), Some(TIME));
        assert_eq!(
            date(&message("Date: soon\r\nDate: 12 Nov 2019 10:11 GMT")),
            None
        );
        assert_eq!(date(&message("From: x")), None);
    }

    #[test]
    fn rfc5321_4_4_the_topmost_received_field_has_the_time() {
        let text = " from a (b [192.0.2.1]) by mx\r\n with ESMTP id 1; Tue, 12 Nov 2019\r\n 11:11:12 +0100 (CET)";
        assert_eq!(received(text), Some(TIME));
        let two = "Received: by a\r\nReceived: by b; 12 Nov 2019 10:11:12 +0000";
        assert_eq!(received_at(&message(two)), None);
        assert_eq!(received_at(&message("From: x")), None);
        assert_eq!(received(" by mx; soon"), None);
    }

    #[test]
    fn rfc5321_4_4_the_last_semicolon_outside_comments_counts() {
        let real = "Tue, 12 Nov 2019 10:11:12 +0000";
        for (before, after) in [
            ("by mx", ""),
            ("from a;b by mx", ""),
            ("from (a; 1 Jan 2001 00:00:00 +0000) by mx", ""),
            ("by mx", " (a; b (c; \\) d))"),
            ("from ) by mx", ""),
            ("from a\\ by mx", ""),
            ("from ; 1 Jan 2001 00:00:00 +0000 ( ([192.0.2.1]) by mx", ""),
            ("from (\\ ([192.0.2.1]) by mx", " (UTC)"),
        ] {
            assert_eq!(
                received(&format!(" {before}; {real}{after}")),
                Some(TIME),
                "{before}"
            );
        }
    }
}
