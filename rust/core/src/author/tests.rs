use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn read(header: &[u8]) -> Author {
    author(&Message::parse(Bytes::copy_from_slice(header)))
}

fn from(value: &str) -> Author {
    read(format!("From: {value}\r\nTo: b@example.net\r\n\r\n").as_bytes())
}

fn domain(value: &str) -> Option<String> {
    from(value).domain.map(|domain| domain.to_string())
}

fn reason_of(value: &str) -> Option<AuthorReason> {
    from(value).reason
}

fn name(value: &str) -> Option<String> {
    from(value).display_name
}

#[test]
fn rfc5322_3_4_every_form_of_a_mailbox() {
    for value in [
        "a@example.com",
        "<a@example.com>",
        "Jane <a@example.com>",
        "J. Doe <a@example.com>",
        "\"Doe, Jane\" <a@example.com>",
        "\"admin@legitimate.example\" <a@example.com>",
        "a@example.com (admin@legitimate.example)",
        "(x)Jane(y (z \\) ) ) <a(1)@(2)example(3).(4)com(5)>(6)",
        "\"a b\\\"@x\".c@example.com",
        "<@attack.example,@any.example:a@example.com>",
        "<,@attack.example,,@any.example:a@example.com>",
        "team: a@example.com, Jane <b@EXAMPLE.COM>;",
        "team:a@example.com;, other:;",
        ",, a@example.com ,, (x) ,",
        "a@example.com.",
        "a@Example.COM",
        "a @ example . com",
        "Jane\r\n <a@example.com>",
        "=?utf-8?Q?J=C3=A4ne?= <a@example.com>",
        "Jäne <jäne@example.com>",
    ] {
        assert_eq!(domain(value).as_deref(), Some("example.com"), "{value}");
    }
}

#[test]
fn rfc5322_3_4_what_is_no_list_is_malformed() {
    for value in [
        "a@x.example, b",
        "@",
        "<>",
        "a@",
        "@example.com",
        "\"Test User\"",
        "=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<second@attack.com>",
        "<admin@legitimate.com>\\,<second@attack.com>",
        "<any@attack.com>admin@legitimate.com",
        "admin@legitimate.com <a@attack.com>",
        "<a@attack.com@legitimate.com>",
        "a@attack.com@legitimate.com",
        "a@attack.com\0@legitimate.com",
        "\"a\0\" <a@attack.com>",
        "a@attack.com\r@legitimate.com",
        "(\r) a@attack.com",
        "a@attack.com\x1b",
        "(open a@example.com",
        "a@example.com)",
        "\"open a@example.com",
        "a@[192.0.2.1",
        "a@[192.0.2.1]x",
        "a..b@example.com",
        ".a@example.com",
        "a@example..com",
        "a@.example.com",
        "a@example.com..",
        "a@example com",
        "a b@example.com",
        "team: a@example.com",
        "team: inner: a@example.com;;",
        ": a@example.com;",
        "team:; a@example.com",
        "a@example.com;",
        "<@route.example a@example.com>",
        "<:a@example.com>",
        "a@exa_mple!.com",
        "a@example.org.xn--",
        "a@exa\u{202e}mple.com",
        &format!("a@{}.com", "x".repeat(64)),
        &format!("a@{}com", "x.".repeat(130)),
    ] {
        let read = from(value);
        assert_eq!(read.reason, Some(AuthorReason::MalformedFrom), "{value:?}");
        assert_eq!(read.domain, None, "{value:?}");
    }
    let latin1 = read(b"From: a@ex\xe4mple.com\r\n\r\n");
    assert_eq!(latin1.reason, Some(AuthorReason::MalformedFrom));
}

#[test]
fn rfc9989_5_3_1_no_domain() {
    for value in [
        "",
        "(nobody)",
        ",",
        "undisclosed:;",
        "a@[192.0.2.1]",
        "a:,(x),;",
    ] {
        assert_eq!(
            reason_of(value),
            Some(AuthorReason::NoAuthorDomain),
            "{value}"
        );
    }
    let other = read(b"Sender: a@x.example\r\nResent-From: a@x.example\r\n\r\n");
    assert_eq!(other.reason, Some(AuthorReason::NoAuthorDomain));
    assert_eq!(other.domains(), []);
}

#[test]
fn rfc9989_5_3_1_several_domains() {
    for value in [
        "a@attack.example, b@legitimate.example",
        "admin@legitimate.example,<second@attack.example>",
        "team: a@x.example, b@y.example;",
        "a@[192.0.2.1], b@y.example",
    ] {
        let read = from(value);
        assert_eq!(
            read.reason,
            Some(AuthorReason::MultipleAuthorDomains),
            "{value}"
        );
        assert_eq!(read.domain, None);
    }
    assert_eq!(
        domain("a@x.example, b@X.example").as_deref(),
        Some("x.example")
    );
}

#[test]
fn rfc9989_4_4_several_fields_even_of_one_domain() {
    for header in [
        "From: a@x.example\r\nFrom: b@y.example\r\n\r\n",
        "From: a@x.example\r\nFrom : b@x.example\r\n\r\n",
        "From:\r\nFROM: b@x.example\r\n\r\n",
        "From: @\r\nFrom: b@x.example\r\n\r\n",
    ] {
        let read = read(header.as_bytes());
        assert_eq!(
            read.reason,
            Some(AuthorReason::MultipleFromFields),
            "{header}"
        );
        assert!(
            read.domains()
                .iter()
                .any(|domain| domain.as_str().ends_with("example"))
        );
    }
    let split = read(b" From: a@x.example\r\nFrom: b@y.example\r\n\r\n");
    assert_eq!(split.reason, Some(AuthorReason::NoAuthorDomain));
}

#[test]
fn rfc9989_5_3_1_u_labels_become_a_labels() {
    assert_eq!(
        domain("a@bücher.example").as_deref(),
        Some("xn--bcher-kva.example")
    );
    assert_eq!(
        domain("a@BÜCHER.example").as_deref(),
        Some("xn--bcher-kva.example")
    );
    assert_eq!(domain("a@localhost").as_deref(), Some("localhost"));
}

#[test]
fn display_names_are_decoded_for_show() {
    for (value, expected) in [
        ("a@example.com", None),
        ("<a@example.com>", None),
        ("Jane  (x)\r\n Q. Doe <a@example.com>", Some("Jane Q. Doe")),
        (
            "\"Doe, \\\"J\\\"\"  x <a@example.com>",
            Some("Doe, \"J\" x"),
        ),
        ("\"a\r\n b\" <a@example.com>", Some("a b")),
        (
            "=?UTF-8?Q?J=C3=A4ne_D?= =?utf-8?B?b2U=?= x <a@example.com>",
            Some("Jäne Doe x"),
        ),
        (
            "=?utf-8?Q?J=C3?= =?utf-8?Q?=A4ne?= <a@example.com>",
            Some("Jäne"),
        ),
        (
            "=?iso-8859-1*de?q?J=E4ne=80?= <a@example.com>",
            Some("Jäne€"),
        ),
        (
            "=?us-ascii?Q?a=3Db=zz?= =?koi8-r?B?xA==?= <a@example.com>",
            Some("a=b=zz =?koi8-r?B?xA==?="),
        ),
        (
            "=?utf-8?B?!?= =?utf-8?X?a?= =?utf-8?B?YQ=?= <a@example.com>",
            Some("=?utf-8?B?!?= =?utf-8?X?a?= a"),
        ),
        ("\"=?utf-8?Q?a?=\" <a@example.com>", Some("=?utf-8?Q?a?=")),
        ("team: a@example.com;", Some("team")),
        ("team: Jane <a@example.com>;", Some("Jane")),
        ("=?utf-8?Q?a?==?utf-8?Q?_b?= <a@example.com>", Some("a b")),
    ] {
        assert_eq!(name(value).as_deref(), expected, "{value}");
    }
    assert_eq!(
        read(b"From: J\xe4 <a@b.example>\r\n\r\n")
            .display_name
            .as_deref(),
        Some("J\u{fffd}")
    );
}

#[test]
fn flags_are_facts() {
    use AuthorFlag::{Confusable, DisplayNameAddress, MixedScript};
    for (value, expected) in [
        ("Jane <a@example.com>", &[][..]),
        ("\"a@example.com\" <a@example.com>", &[]),
        (
            "\"admin@legitimate.example\" <a@example.com>",
            &[DisplayNameAddress],
        ),
        (
            "=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?= <a@example.com>",
            &[DisplayNameAddress],
        ),
        ("\"work @ home @x y@z\" <a@example.com>", &[]),
        ("a@pаypal.example", &[MixedScript, Confusable]),
        ("a@аррӏе.example", &[Confusable]),
        ("a@пример.example", &[]),
        ("a@bücher.example", &[]),
        ("Pаypal Россия <a@example.com>", &[MixedScript]),
        ("a@日本abc.example", &[]),
    ] {
        assert_eq!(from(value).flags, expected, "{value}");
    }
}

#[test]
fn from_octet_limit_at_n_minus_1_n_and_n_plus_1() {
    let field = |octets: usize| {
        let padding = "x".repeat(octets - "From: \"\" <a@example.com>".len());
        read(format!("From: \"{padding}\" <a@example.com>\r\n\r\n").as_bytes())
    };
    assert_eq!(field(FROM_OCTET_LIMIT - 1).reason, None);
    assert_eq!(field(FROM_OCTET_LIMIT).reason, None);
    assert_eq!(
        field(FROM_OCTET_LIMIT + 1).reason,
        Some(AuthorReason::LimitExceeded)
    );
}

#[test]
fn hostile_20_nesting_and_length_are_no_recursion() {
    let depth = FROM_OCTET_LIMIT / 2 - 20;
    let nested = format!("{}{}a@example.com", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(domain(&nested).as_deref(), Some("example.com"));
    assert_eq!(
        reason_of(&"(".repeat(2 * depth)),
        Some(AuthorReason::MalformedFrom)
    );
    let members = "a@x.example,b@X.example,".repeat(FROM_OCTET_LIMIT / 24 - 1);
    assert_eq!(domain(&members).as_deref(), Some("x.example"));
    let members: Vec<String> = (0..10_000).map(|n| format!("a@x{n}.example")).collect();
    let distinct = members.join(",");
    assert_eq!(from(&distinct).domains().len(), AUTHOR_DOMAINS_KEPT);
    assert_eq!(
        reason_of(&distinct),
        Some(AuthorReason::MultipleAuthorDomains)
    );
}

proptest! {
    /// Any octets and any row of tokens: one domain and no reason, or a reason and no domain.
    #[test]
    fn every_from_field_has_a_domain_or_a_reason(
        tokens in proptest::collection::vec("[a-z]{1,2}|[@<>,:;. \"()\\[\\]\\\\=?_]|\r\n |=\\?utf-8\\?Q\\?a\\?=", 0..24),
        octets in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let rows = [tokens.concat().into_bytes(), octets];
        for row in rows {
            let found = read(&[b"From: ", row.as_slice(), b"\r\n\r\n"].concat());
            prop_assert_eq!(found.domain.is_some(), found.reason.is_none());
            prop_assert!(found.domain.is_none() || found.rejected.is_empty());
        }
    }
}
