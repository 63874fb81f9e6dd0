//! What the spools of mail servers share: line ends of the wire, and the envelope that a spool knows.
//!
//! A server keeps a message in its own form; here it becomes again what was said on the wire, with CRLF.

use std::collections::VecDeque;
use std::net::IpAddr;

use mailauth_core::envelope::{self, Envelope};
use mailauth_core::verdict::{EnvelopeSources, Source as EnvelopeSource};
use memchr::memchr_iter;

use crate::file::{Found, Reading, Source};
use crate::problem::SourceProblem;

/// The registered word for what a server wrote (RFC 3848, RFC 6531 §4.3), or `HTTP`, as a web form's mail is kept;
/// `None` for its own words.
pub(crate) fn protocol_word(text: &str) -> Option<String> {
    let web = "HTTP".eq_ignore_ascii_case(text).then_some("HTTP");
    envelope::protocol_word(text).or(web).map(str::to_owned)
}

/// A client's address, unless it is this host's own: then a content filter or a local program gave the mail, and the
/// client is not known.
pub(crate) fn outside_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_start_matches("IPv6:");
    let address: IpAddr = text.parse().ok()?;
    let is_own = address.to_canonical().is_loopback() || address.is_unspecified();
    (!is_own).then_some(address)
}

/// Marks what the spool gave.
pub(crate) fn with_sources(mut envelope: Envelope) -> Envelope {
    let given = |is_present: bool| {
        if is_present {
            EnvelopeSource::Spool
        } else {
            EnvelopeSource::Missing
        }
    };
    envelope.sources = Some(EnvelopeSources {
        client_ip: given(envelope.client_ip.is_some()),
        helo: given(envelope.helo.is_some()),
        mail_from: given(envelope.mail_from.is_some()),
        rcpt_to: given(!envelope.rcpt_to.is_empty()),
        received_at: given(envelope.received_at.is_some()),
    });
    envelope
}

/// Adds lines that end with LF as the wire has them; a CR before the LF is content, as it is for the server.
pub(crate) fn push_wire_lines(message: &mut Vec<u8>, lines: &[u8]) {
    let mut start = 0;
    for end in memchr_iter(b'\n', lines) {
        message.extend_from_slice(lines.get(start..end).unwrap_or_default());
        message.extend_from_slice(b"\r\n");
        start = end.saturating_add(1);
    }
    message.extend_from_slice(lines.get(start..).unwrap_or_default());
}

/// What a spool's file gave, ready to be handed out.
pub(crate) struct Prepared(pub(crate) VecDeque<Result<Found, SourceProblem>>);

impl Source for Prepared {
    fn next_found(&mut self, _: &Reading) -> Option<Result<Found, SourceProblem>> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3848_registered_words_in_capitals_and_no_others() {
        assert_eq!(protocol_word("esmtpsa").as_deref(), Some("ESMTPSA"));
        assert_eq!(protocol_word("UTF8smtps").as_deref(), Some("UTF8SMTPS"));
        for own in ["local", "local-esmtp", "smtps", ""] {
            assert_eq!(protocol_word(own), None, "{own}");
        }
    }

    #[test]
    fn this_hosts_own_address_is_no_client() {
        for own in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
            "unknown",
            "",
        ] {
            assert_eq!(outside_address(own), None, "{own}");
        }
        for outside in ["192.0.2.1", "2001:db8::1", "IPv6:2001:db8::1", "10.0.0.1"] {
            assert!(outside_address(outside).is_some(), "{outside}");
        }
    }

    #[test]
    fn lines_get_the_line_ends_of_the_wire() {
        for (lines, wire) in [
            ("", ""),
            ("a", "a"),
            ("a\n\nb\n", "a\r\n\r\nb\r\n"),
            ("a\r\nb", "a\r\r\nb"),
        ] {
            let mut message = Vec::new();
            push_wire_lines(&mut message, lines.as_bytes());
            assert_eq!(message, wire.as_bytes());
        }
    }
}
