use super::*;
use crate::verdict::{EnvelopeSources, Source};

fn mail_from(text: &str) -> Result<(String, String), SpfReason> {
    Sender::from_mail_from(text, Some("mx.example.net"))
        .map(|sender| (sender.local_part, sender.domain.to_string()))
        .map_err(|none| none.reason)
}

fn parts(local_part: &str, domain: &str) -> (String, String) {
    (local_part.to_owned(), domain.to_owned())
}

#[test]
fn rfc7208_4_3_local_part_and_domain() {
    for (text, expected) in [
        ("a@example.com", parts("a", "example.com")),
        ("A.b@EXAMPLE.com.", parts("A.b", "example.com")),
        ("@example.com", parts("postmaster", "example.com")),
        ("example.com", parts("postmaster", "example.com")),
        ("", parts("postmaster", "mx.example.net")),
        (
            r#""a@b\"c"@example.com"#,
            parts(r#""a@b\"c""#, "example.com"),
        ),
        (
            "Macro Error@example.com",
            parts("Macro Error", "example.com"),
        ),
        (
            "\u{fc}@b\u{fc}cher.example",
            parts("\u{fc}", "xn--bcher-kva.example"),
        ),
    ] {
        assert_eq!(mail_from(text), Ok(expected), "{text}");
    }
}

#[test]
fn rfc7208_4_3_what_is_no_domain_is_none() {
    let long_label = format!("a@{}.example", "a".repeat(64));
    let long_name = format!("a@{}com", "a.".repeat(126));
    for text in [
        "a@",
        "@",
        "localhost",
        "a@localhost",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@b..example",
        "a@.example.com",
        "a@example.com\0",
        "a@exa mple.com",
        "a@example.com(.attack.example",
        "a@example.org.xn--",
        "a@example\\.com",
        &long_label,
        &long_name,
    ] {
        assert_eq!(mail_from(text), Err(SpfReason::InvalidDomain), "{text}");
    }
}

#[test]
fn hostile_2_and_6_what_is_no_address_is_none() {
    let long = format!("{}@example.com", "a".repeat(IDENTITY_OCTET_LIMIT));
    for text in [
        "(any@legitimate.example",
        "any@legitimate.example'@a.attack.example",
        "@legitimate.example,@any.example:'any@attack.example",
        "a@b@example.com",
        "<a@example.com",
        "\"a@example.com",
        "\"a\"b\"@example.com",
        "\"a\\\"@example.com",
        "a\r\n@example.com",
        &long,
    ] {
        assert_eq!(mail_from(text), Err(SpfReason::InvalidSender), "{text}");
    }
    let longest = format!(
        "{}@example.com",
        "a".repeat(IDENTITY_OCTET_LIMIT - "@example.com".len())
    );
    assert!(mail_from(&longest).is_ok());
}

#[test]
fn hostile_3_helo_must_be_a_multi_label_name() {
    let helo = |text: &str| Sender::from_helo(text).map(|sender| sender.domain.to_string());
    assert_eq!(helo("MX_1.example.net.").as_deref(), Ok("mx_1.example.net"));
    for text in [
        "",
        "localhost",
        "[192.0.2.1]",
        "192.0.2.1",
        "a!b.example.net",
        "-a.example.net",
        "a-.example.net",
        "JUMPIN' JUPITER",
        "a..b",
    ] {
        assert_eq!(
            helo(text).unwrap_err().reason,
            SpfReason::InvalidDomain,
            "{text}"
        );
    }
    assert_eq!(
        helo("localhost").unwrap_err().domain_text().as_deref(),
        Some("localhost")
    );
    assert_eq!(
        Sender::from_mail_from("", None).unwrap_err(),
        NoSender::unknown()
    );
}

fn envelope(client_ip: &str, source: Source) -> Envelope {
    Envelope {
        client_ip: Some(client_ip.parse().unwrap()),
        sources: Some(EnvelopeSources {
            client_ip: source,
            ..EnvelopeSources::default()
        }),
        ..Envelope::default()
    }
}

#[test]
fn recovered_addresses_must_be_public() {
    for address in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "100.64.0.0",
        "100.127.255.255",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        assert_eq!(
            exemption(&envelope(address, Source::Received)),
            Some(SpfReason::IpUntrusted),
            "{address}"
        );
        for source in [Source::Explicit, Source::Spool] {
            assert_eq!(exemption(&envelope(address, source)), None, "{address}");
        }
    }
    for address in [
        "192.0.2.1",
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "2001:db8::1",
        "fec0::1",
    ] {
        assert_eq!(
            exemption(&envelope(address, Source::ReceivedSpf)),
            None,
            "{address}"
        );
    }
    assert_eq!(exemption(&Envelope::default()), None);
}

#[test]
fn rfc3848_1_submissions_are_exempt() {
    let with = |auth_id: Option<&str>, protocol: Option<&str>| {
        exemption(&Envelope {
            auth_id: auth_id.map(str::to_owned),
            protocol: protocol.map(str::to_owned),
            ..Envelope::default()
        })
    };
    assert_eq!(with(Some("user"), None), Some(SpfReason::Submission));
    for word in [
        "ESMTPA",
        "ESMTPSA",
        "LMTPA",
        "LMTPSA",
        "UTF8SMTPA",
        "UTF8SMTPSA",
        "UTF8LMTPA",
        "UTF8LMTPSA",
    ] {
        assert_eq!(
            with(None, Some(&word.to_ascii_lowercase())),
            Some(SpfReason::Submission)
        );
    }
    for word in [
        "SMTP",
        "ESMTP",
        "ESMTPS",
        "LMTP",
        "LMTPS",
        "UTF8SMTP",
        "UTF8SMTPS",
        "",
    ] {
        assert_eq!(with(Some(""), Some(word)), None, "{word}");
    }
}
