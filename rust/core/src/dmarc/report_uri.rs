//! The URIs that reports are sent to: `rua` and `ruf` (RFC 9989 §4.6, §4.8; RFC 7489 §6.2, §6.4).
//!
//! Knows the URI syntax of RFC 3986 as far as a list of destinations needs it; must not ask anything of DNS.

use std::sync::Arc;

use crate::domain::Domain;

/// Valid URIs that are kept of one tag: a record of 64 KiB could name thousands, each a delivery and a question.
pub const REPORT_URI_LIMIT: usize = 10;

/// One destination for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportUri {
    /// As published, without the size suffix.
    pub uri: String,
    /// Octets of a report that the destination takes (RFC 7489 §6.4); RFC 9989 §4.8 ignores it.
    pub octet_limit: Option<u64>,
}

/// The valid URIs of one tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportUris {
    /// In the order of the tag, at most [`REPORT_URI_LIMIT`].
    pub uris: Vec<ReportUri>,
    /// The same, each its URI alone.
    pub texts: Arc<[String]>,
    /// More valid ones follow.
    pub exceeds_limit: bool,
}

impl ReportUris {
    /// Reads a comma-separated list; what is no valid URI is left out (RFC 9989 §4.8).
    pub(super) fn parse(list: &[u8]) -> Self {
        let mut found = Self::default();
        for part in list.split(|octet| *octet == b',') {
            let Some(uri) = std::str::from_utf8(part).ok().and_then(ReportUri::parse) else {
                continue;
            };
            if found.uris.len() >= REPORT_URI_LIMIT {
                found.exceeds_limit = true;
                break;
            }
            found.uris.push(uri);
        }
        found.texts = found.uris.iter().map(|uri| uri.uri.clone()).collect();
        found
    }
}

impl ReportUri {
    /// Reads one URI with its size suffix.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        let (uri, octet_limit) = match text.split_once('!') {
            None => (text, None),
            Some((uri, suffix)) => (uri, Some(octet_limit(suffix)?)),
        };
        let (scheme, rest) = uri.split_once(':')?;
        let is_valid = is_scheme(scheme)
            && has_uri_characters(rest)
            && (!scheme.eq_ignore_ascii_case("mailto") || mailbox_host(rest).is_some());
        is_valid.then(|| Self {
            uri: uri.to_owned(),
            octet_limit,
        })
    }
}

/// The host that a destination stands for: that of a URI, or the text itself when it is a host.
///
/// RFC 9990 §4 step 1: the host portion of the authority component; for `mailto:` the domain of the address.
pub(super) fn destination_host(destination: &str) -> Option<Domain> {
    let destination = destination.trim_matches([' ', '\t']);
    let Some((scheme, rest)) = destination.split_once(':') else {
        return Domain::parse_host(destination);
    };
    let rest = rest.split_once('!').map_or(rest, |(rest, _)| rest);
    if scheme.eq_ignore_ascii_case("mailto") {
        return mailbox_host(rest);
    }
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    is_scheme(scheme)
        .then(|| Domain::parse_host(host))
        .flatten()
}

/// The domain of `local-part@domain?fields` (RFC 6068 §2).
fn mailbox_host(rest: &str) -> Option<Domain> {
    let address = rest.split(['?', '#']).next()?;
    let (local_part, host) = address.split_once('@')?;
    (!local_part.is_empty())
        .then(|| Domain::parse_host(host))
        .flatten()
}

/// RFC 3986 §3.1.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet))
}

/// RFC 3986 §2: unreserved, reserved and percent-encoded; RFC 9989 §4.8 wants `,` and `!` encoded.
fn has_uri_characters(rest: &str) -> bool {
    let is_plain =
        |octet: u8| octet.is_ascii_alphanumeric() || b"-._~:/?#[]@$&'()*+;=".contains(&octet);
    let mut parts = rest.split('%');
    let is_encoded = |part: &str| {
        part.split_at_checked(2)
            .is_some_and(|(digits, _)| digits.bytes().all(|octet| octet.is_ascii_hexdigit()))
    };
    let first = parts.next().unwrap_or_default();
    !rest.is_empty()
        && first.bytes().all(is_plain)
        && parts.all(|part| is_encoded(part) && part.bytes().all(is_plain))
}

/// `1*DIGIT [ "k" / "m" / "g" / "t" ]`, units are powers of two, the number fits into 64 bits (RFC 7489 §6.4).
fn octet_limit(suffix: &str) -> Option<u64> {
    let unit = suffix.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let digits = suffix.strip_suffix(unit)?;
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        _ => return None,
    };
    let count: u64 = digits.parse().ok()?;
    Some(count.saturating_mul(1 << shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(list: &str) -> Vec<(String, Option<u64>)> {
        let parsed = ReportUris::parse(list.as_bytes());
        let pairs = parsed.uris.into_iter();
        pairs.map(|uri| (uri.uri, uri.octet_limit)).collect()
    }

    #[test]
    fn rfc9989_4_8_valid_uris_in_order_without_size() {
        let list =
            "mailto:a@x.example!10m , MAILTO:b+c%2C@x.example?subject=a,https://x.example/r!2K";
        assert_eq!(
            limits(list),
            [
                ("mailto:a@x.example".to_owned(), Some(10 << 20)),
                ("MAILTO:b+c%2C@x.example?subject=a".to_owned(), None),
                ("https://x.example/r".to_owned(), Some(2048)),
            ]
        );
    }

    #[test]
    fn rfc9989_4_8_what_is_no_uri_is_left_out() {
        let list = "a@x.example,mailto:,mailto:@x,mailto:a,mailto:a@b c,mailto:a@x!,mailto:a@x!10x,:x,1a:b,\
                    mailto:a@b@c,mailto:a%2@x,mailto:ä@x.example,mailto://abuse.com,mailto:a@x!18446744073709551616,,";
        assert_eq!(limits(list), []);
    }

    #[test]
    fn report_uri_limit_at_n_minus_1_n_and_n_plus_1() {
        let parse = |count| ReportUris::parse(["mailto:a@b"].repeat(count).join(",").as_bytes());
        for (count, kept, exceeds) in [
            (REPORT_URI_LIMIT - 1, REPORT_URI_LIMIT - 1, false),
            (REPORT_URI_LIMIT, REPORT_URI_LIMIT, false),
            (REPORT_URI_LIMIT + 1, REPORT_URI_LIMIT, true),
            (10_000, REPORT_URI_LIMIT, true),
        ] {
            let found = parse(count);
            assert_eq!((found.uris.len(), found.exceeds_limit), (kept, exceeds));
        }
    }

    #[test]
    fn rfc9990_4_host_of_a_destination() {
        for (destination, host) in [
            ("mailto:a@X.example!10m", Some("x.example")),
            ("mailto:a@x.example?subject=y", Some("x.example")),
            ("https://u@x.example:8443/a?b", Some("x.example")),
            ("x.example.", Some("x.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("mailto:a", None),
            ("x y", None),
            ("", None),
        ] {
            let found = destination_host(destination).map(|host| host.to_string());
            assert_eq!(found.as_deref(), host, "{destination}");
        }
    }
}
