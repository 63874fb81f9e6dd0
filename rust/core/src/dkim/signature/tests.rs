//! What a signature field may and may not say.

use bytes::Bytes;

use super::*;

/// `#` stands for all required tags but the hashes, `$` for those.
fn read_text(value: &str, kind: SignatureKind) -> (Facts, Result<Signature, DkimReason>) {
    let value = value
        .replace(
            '$',
            "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj",
        )
        .replace('#', "v=1; a=rsa-sha256; d=example.com; s=s; h=from");
    let message = Message::parse(Bytes::from(format!("X: {value}\r\n")));
    read(&message, 0, kind)
}

fn reason(value: &str) -> Option<DkimReason> {
    read_text(value, SignatureKind::Dkim).1.err()
}

#[test]
fn rfc6376_6_1_1_what_is_valid() {
    for value in [
        "#; $",
        "#; $; ",
        "#; c=Relaxed; q=http:DNS/TXT; l=0; t=1; x=2; z=From:a|b; foo=; $",
        "#; l=9999999999999999999999999999999999999999999999999999999999999999999999999999; $",
        "#; t=999999999999; $",
        "v=1; a=RSA-SHA256; d=EXAMPLE.com; s=a_b.c; h=To :\r\n From; $",
    ] {
        assert_eq!(reason(value), None, "{value}");
    }
    for local_part in ["joe", "", "\"a@b\"", "a=3Db", "a..b", "=C3=BC", "\u{fc}"] {
        let value = format!("#; i={local_part}@mail.example.com; $");
        let (_, signature) = read_text(&value, SignatureKind::Dkim);
        assert!(signature.unwrap().has_auid_below, "{local_part}");
    }
    let (_, signature) = read_text("#; i=@EXAMPLE.com; $", SignatureKind::Dkim);
    assert!(!signature.unwrap().has_auid_below);
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn rfc6376_6_1_1_what_breaks_a_rule() {
    let long_label = format!(
        "v=1; a=rsa-sha256; d=example.com; s={}; h=from; $",
        "a".repeat(64)
    );
    let long_name = format!(
        "v=1; a=rsa-sha256; d=example.com; s={}; h=from; $",
        "a.".repeat(120) + "a"
    );
    let digits = format!("#; l={}; $", "1".repeat(77));
    for (value, expected) in [
        ("x", DkimReason::TagListMalformed),
        ("", DkimReason::TagListMalformed),
        ("#;; $", DkimReason::TagListMalformed),
        ("#; d; $", DkimReason::TagListMalformed),
        ("#; s=t; $", DkimReason::TagDuplicate),
        ("#; foo=1; foo=1; $", DkimReason::TagDuplicate),
        (
            "a=rsa-sha256; d=example.com; s=s; h=from; $",
            DkimReason::TagMissing,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=s; $",
            DkimReason::TagMissing,
        ),
        ("#; b=YWJj", DkimReason::TagMissing),
        (
            "v=2; a=rsa-sha256; d=example.com; s=s; h=from; $",
            DkimReason::VersionUnsupported,
        ),
        (
            "v=; a=rsa-sha256; d=example.com; s=s; h=from; $",
            DkimReason::VersionUnsupported,
        ),
        (
            "v=1; a=rsa-md5; d=example.com; s=s; h=from; $",
            DkimReason::AlgorithmUnsupported,
        ),
        (
            "v=1; a=; d=example.com; s=s; h=from; $",
            DkimReason::AlgorithmUnsupported,
        ),
        ("#; c=foo; $", DkimReason::CanonicalizationUnsupported),
        ("#; c=; $", DkimReason::CanonicalizationUnsupported),
        ("#; c=relaxed/; $", DkimReason::CanonicalizationUnsupported),
        (
            "#; c=relaxed/simple/simple; $",
            DkimReason::CanonicalizationUnsupported,
        ),
        ("#; q=http; $", DkimReason::QueryMethodUnsupported),
        ("#; q=dns; $", DkimReason::QueryMethodUnsupported),
        ("#; bh=YWJj; b=YWJj", DkimReason::BodyHashEncoding),
        ("#; bh=; b=YWJj", DkimReason::BodyHashEncoding),
        (
            "#; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=",
            DkimReason::SignatureEncoding,
        ),
        (
            "#; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YW_j",
            DkimReason::SignatureEncoding,
        ),
        (
            "v=1; a=rsa-sha256; d=com; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com.; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=legitimate.com(.attack.com; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=legitimate.com\".attack.com; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=exa mple.com; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=a_b.example; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=-a.example; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.xn--; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=; s=s; h=from; $",
            DkimReason::DomainInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=; h=from; $",
            DkimReason::SelectorInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=a..b; h=from; $",
            DkimReason::SelectorInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=a.; h=from; $",
            DkimReason::SelectorInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=a\\0; h=from; $",
            DkimReason::SelectorInvalid,
        ),
        (&long_label, DkimReason::SelectorInvalid),
        (&long_name, DkimReason::SelectorInvalid),
        ("#; i=example.com; $", DkimReason::AuidInvalid),
        ("#; i=@@example.com; $", DkimReason::AuidInvalid),
        (
            "#; i=a=0D=0AReply-To:x@example.com; $",
            DkimReason::AuidInvalid,
        ),
        ("#; i=a=0dx@example.com; $", DkimReason::AuidInvalid),
        ("#; i=a@example.net; $", DkimReason::AuidMismatch),
        ("#; i=a@xexample.com; $", DkimReason::AuidMismatch),
        (
            "v=1; a=rsa-sha256; d=example.com; s=s; h=to; $",
            DkimReason::FromUnsigned,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=s; h=; $",
            DkimReason::SignedHeadersInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=s; h=from::to; $",
            DkimReason::SignedHeadersInvalid,
        ),
        (
            "v=1; a=rsa-sha256; d=example.com; s=s; h=from:a b; $",
            DkimReason::SignedHeadersInvalid,
        ),
        ("#; l=-1; $", DkimReason::BodyLengthInvalid),
        ("#; l=; $", DkimReason::BodyLengthInvalid),
        (&digits, DkimReason::BodyLengthInvalid),
        ("#; t=1000000000000; $", DkimReason::TimeInvalid),
        ("#; x=-1; $", DkimReason::TimeInvalid),
        ("#; t=2; x=2; $", DkimReason::ExpiryBeforeTimestamp),
        ("#; t=2; x=1; $", DkimReason::ExpiryBeforeTimestamp),
    ] {
        assert_eq!(reason(value), Some(expected), "{value}");
    }
    assert_eq!(
        reason(
            "v=1; a=rsa-sha256; d=example.com; s=selector._domainkey.attack.com.\0.any; h=from; $"
        ),
        Some(DkimReason::TagListMalformed)
    );
}

#[test]
fn a_broken_field_still_tells_what_it_says() {
    let (facts, signature) = read_text(
        "v=1; a=RSA-MD5; c=Relaxed; d=Example.COM; s=S1; h=To:cc; t=5; i=joe=2Bx@example.com; x=y; $",
        SignatureKind::Dkim,
    );
    assert_eq!(signature.err(), Some(DkimReason::AlgorithmUnsupported));
    assert_eq!(facts.domain.unwrap().as_str(), "example.com");
    assert_eq!(facts.selector.as_deref(), Some("S1"));
    assert_eq!(facts.auid.as_deref(), Some("joe+x@example.com"));
    assert_eq!(facts.algorithm.as_deref(), Some("rsa-md5"));
    assert_eq!(facts.canonicalization.as_deref(), Some("relaxed/simple"));
    assert_eq!(
        facts.signed_headers.names().collect::<Vec<_>>(),
        ["to", "cc"]
    );
    assert_eq!((facts.signed_at, facts.expires_at), (Some(5), None));
    let (facts, _) = read_text("d=example.com; s=\u{1}", SignatureKind::Dkim);
    assert_eq!(facts.auid, None);
    assert_eq!(facts.selector, None);
    assert_eq!(facts.canonicalization, None);
}

#[test]
fn rfc8617_4_1_2_what_differs_in_arc_message_signatures() {
    let value = "a=rsa-sha256; d=example.com; s=s; i=1; v=7; h=; $";
    let (facts, signature) = read_text(value, SignatureKind::ArcMessage);
    assert_eq!(facts.auid, None);
    assert_eq!(signature.unwrap().header, Canonicalization::Relaxed);
    assert_eq!(reason(value), Some(DkimReason::VersionUnsupported));
}
