//! Removes forged Authentication-Results fields (RFC 8601 §5): those that claim to come from the own trust boundary.
//!
//! Knows the header section by the one tokenizer of [`crate::message`], and a field's first words. Must not look at
//! results, bodies or attached messages, and leaves every other octet as it is.

use super::read::parse_start;
use super::{AuthenticationResults, ReadFault};
use crate::domain::Domain;
use crate::message::{envelope_line_length, field_length, field_name};

const FIELD_NAME: &[u8] = b"authentication-results";

/// The message without the Authentication-Results fields that claim one of `authserv_ids`.
///
/// For mail that comes from outside: no field in it can be the own one (RFC 8601 §5). Removed are, in the header section,
/// all fields of this name in any case
/// - whose authserv-id is one of the given ones, or the part before its first special octet is (`mx.example/1`);
///   domain names are compared without case, U-labels equal to A-labels;
/// - whose authserv-id is a host below a given name of several labels: within `example.com` are its hosts too;
/// - whose version is not 1;
/// - whose authserv-id cannot be read: a comment or a quoted string without end, or something else than a version
///   before the first semicolon. Another reader might find the given name in it.
///
/// A field without authserv-id claims nobody's authority and stays, as does a field of another host. The name above a
/// given one is not covered: give the domain, not only the host. Linear in the message; no cap, so that nothing can hide
/// behind one.
pub fn strip(octets: &[u8], authserv_ids: &[&str]) -> Vec<u8> {
    let boundary = TrustBoundary::new(authserv_ids);
    let mut kept = Vec::with_capacity(octets.len());
    let mut rest = octets;
    loop {
        // A line `From ` comes to stand first when all before it is removed, and a reader then drops it.
        let envelope_line = if kept.is_empty() {
            envelope_line_length(rest)
        } else {
            0
        };
        if let Some((line, after)) = rest.split_at_checked(envelope_line)
            && !line.is_empty()
        {
            kept.extend_from_slice(line);
            rest = after;
        }
        let Some((name_end, colon)) = field_name(rest) else {
            break;
        };
        let (field, after) = rest
            .split_at_checked(field_length(rest))
            .unwrap_or((rest, &[]));
        let name = field.get(..name_end).unwrap_or_default();
        let value = field.get(colon + 1..).unwrap_or_default();
        // RFC 8601 §5: every instance that claims it, not only the first.
        if !(name.eq_ignore_ascii_case(FIELD_NAME) && boundary.is_claimed_by(value)) {
            kept.extend_from_slice(field);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// The authserv-ids that only the own hosts may use (RFC 8601 §1.2).
struct TrustBoundary {
    domains: Vec<Domain>,
    others: Vec<String>,
}

impl TrustBoundary {
    fn new(authserv_ids: &[&str]) -> Self {
        let mut boundary = Self {
            domains: Vec::new(),
            others: Vec::new(),
        };
        for authserv_id in authserv_ids.iter().map(|id| id.trim()) {
            match Domain::parse_host(authserv_id) {
                Some(domain) => boundary.domains.push(domain),
                None => boundary.others.push(authserv_id.to_lowercase()),
            }
        }
        boundary
    }

    fn is_claimed_by(&self, value: &[u8]) -> bool {
        match parse_start(value) {
            AuthenticationResults {
                error: Some(fault), ..
            } => fault != ReadFault::Empty,
            AuthenticationResults { authserv_id, .. } => authserv_id.is_some_and(|id| {
                let id = id.trim();
                let lead = id.split(is_special).next().unwrap_or(id);
                self.contains(id) || self.contains(lead)
            }),
        }
    }

    fn contains(&self, authserv_id: &str) -> bool {
        let Some(domain) = Domain::parse_host(authserv_id) else {
            return self.others.contains(&authserv_id.to_lowercase());
        };
        // RFC 8601 §2.5: a hierarchical identifier stands for the hosts below it, a flat one for itself.
        self.domains
            .iter()
            .any(|own| domain == *own || (own.label_count() > 1 && domain.is_equal_or_below(own)))
    }
}

/// The specials of RFC 2045 §5.1 and white space: where a name with a substructure (RFC 8601 §2.5) may go on.
fn is_special(character: char) -> bool {
    character.is_whitespace() || r#"()<>@,;:\"/[]?="#.contains(character)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::message::Message;

    const OWN: &[&str] = &["example.com", "bücher.example", "mx-1", "Our Filter"];

    fn is_removed(value: &str) -> bool {
        let field = format!("Authentication-Results:{value}\r\n");
        let stripped = strip(format!("A: 1\r\n{field}B: 2\r\n\r\nx").as_bytes(), OWN);
        let is_removed = stripped == b"A: 1\r\nB: 2\r\n\r\nx";
        assert!(is_removed || stripped.len() == field.len() + 15);
        is_removed
    }

    #[test]
    fn rfc8601_5_own_identifiers_are_removed() {
        for value in [
            " example.com; dkim=pass",
            "EXAMPLE.com. 1; none",
            "\r\n\t(x(y)) \"example\\.com\" (z);\r\n spf=pass",
            " mx1.example.com; spf=pass",
            " ｅｘａｍｐｌｅ.com; spf=pass",
            " xn--bcher-kva.example; spf=pass",
            " BÜCHER.example; spf=pass",
            " MX-1; spf=pass",
            " \"our filter\"; spf=pass",
            " example.com/filter-2; spf=pass",
            " example.com:10025; spf=pass",
            " example.com",
            " example.com; (",
        ] {
            assert!(is_removed(value), "{value}");
        }
    }

    #[test]
    fn rfc8601_5_other_fields_stay() {
        for value in [
            " example.net; dkim=pass header.d=example.com",
            " notexample.com; spf=pass",
            " example.com.evil.example; spf=pass",
            " com; spf=pass",
            " host.mx-1; spf=pass",
            " spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.com",
            "; spf=pass",
            " (example.com; spf=pass)",
            "",
        ] {
            assert!(!is_removed(value), "{value}");
        }
    }

    #[test]
    fn rfc8601_5_unknown_versions_and_unreadable_identifiers_are_removed() {
        for value in [
            " example.net 2; dkim=pass",
            " (example.com; dkim=pass",
            " \"example.com; dkim=pass",
            " example(x).com; dkim=pass",
            " example.com=x; dkim=pass",
            " other dkim=pass",
            " =; dkim=pass",
        ] {
            assert!(is_removed(value), "{value}");
        }
        assert!(!is_removed(" example.net 1; dkim=pass"));
    }

    #[test]
    fn hostile_72_every_copy_goes_whatever_its_size() {
        let results = "; dkim=pass header.d=example.com".repeat(10_000);
        let folds = "\r\n ".repeat(5_000);
        let header = format!(
            "From x\r\nAUTHENTICATION-RESULTS: example.com{results}\r\n\
             Authentication-Results \t:{folds}example.com; none\r\nSubject: s\r\n\
             authentication-results:example.com; none\r\nAuthentication-ResultsX: example.com\r\n"
        );
        let body = "\r\nAuthentication-Results: example.com; none\r\n\r\n";
        let stripped = strip(format!("{header}{body}").as_bytes(), OWN);
        let expected =
            format!("From x\r\nSubject: s\r\nAuthentication-ResultsX: example.com\r\n{body}");
        assert_eq!(stripped, expected.as_bytes());
    }

    #[test]
    fn hostile_72_nothing_hides_behind_the_field_limit() {
        let fields = "A: 1\r\n".repeat(crate::message::FIELD_LIMIT);
        let forged = "Authentication-Results: example.com; dkim=pass\r\n";
        let stripped = strip(format!("{fields}{forged}\r\n").as_bytes(), OWN);
        assert_eq!(stripped, format!("{fields}\r\n").as_bytes());
    }

    #[test]
    fn odd_ends_and_attached_messages_are_left_alone() {
        let attached =
            "A: 1\n\nContent-Type: message/rfc822\n\nAuthentication-Results: example.com; none\n";
        for text in [
            "",
            "\r\n",
            "no field\r\nAuthentication-Results: example.com",
            attached,
        ] {
            assert_eq!(strip(text.as_bytes(), OWN), text.as_bytes());
        }
        let last = b"A: 1\rx\nAuthentication-Results: example.com";
        assert_eq!(strip(last, OWN), b"A: 1\rx\n");
        let two = b"Authentication-Results: example.com\nFrom x\nAuthentication-Results: example.com\nA: 1\n";
        assert_eq!(strip(two, OWN), b"From x\nA: 1\n");
    }

    proptest! {
        #[test]
        fn what_is_stripped_is_gone_and_the_rest_is_kept(pieces in prop::collection::vec(0..9_usize, 0..24)) {
            let pieces = pieces.into_iter().map(|index| [
                "Authentication-Results: example.com; none\r\n", "Authentication-Results: x; none\n", "From x\n",
                ">From y\r\n", "Authentication-Results:\n ", " (", "A: 1\r\n", "\r\n", "example.com;\n",
            ][index]);
            let octets: String = pieces.collect();
            let stripped = strip(octets.as_bytes(), OWN);
            prop_assert_eq!(strip(&stripped, OWN), stripped.clone());
            let before = Message::parse(Bytes::from(octets));
            let after = Message::parse(Bytes::from(stripped));
            let boundary = TrustBoundary::new(OWN);
            for field in after.fields_named(FIELD_NAME) {
                prop_assert!(!boundary.is_claimed_by(after.value(field)));
            }
            let others = |message: &Message| message.fields_named(b"a").count();
            prop_assert!(others(&before) <= others(&after));
        }
    }
}
