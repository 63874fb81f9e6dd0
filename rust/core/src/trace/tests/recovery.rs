use super::*;
use crate::verdict::Source;

const INNER: &str = "Received: from mx.example.net (mx.example.net [192.0.2.10]) by store.example.net (Postfix) with ESMTPSA id 2 for <inner@example.net>; 12 Nov 2019 10:11:13 +0000\r\n";
const BORDER: &str = "Received: from client.example (rdns.example [198.51.100.1]) by mx.example.net (Postfix) with ESMTPS id 1 for <b@example.net>; 12 Nov 2019 10:11:12 +0000\r\n";
const FORGED: &str = "Received: from good.example (good.example [203.0.113.9]) by mx.example.net (Postfix) with ESMTPSA id 0; 12 Nov 2019 10:11:11 +0000\r\n";

fn address(header: &str, trust: &[&str]) -> Option<String> {
    client(&recovered(header, trust)).0
}

#[test]
fn nothing_is_believed_by_default() {
    let envelope = recovered(&[BORDER, "Return-Path: <a@example.com>\r\n"].concat(), &[]);
    assert_eq!(client(&envelope), (None, "missing"));
    assert_eq!((envelope.helo, envelope.mail_from), (None, None));
    assert_eq!((envelope.protocol, envelope.received_at), (None, None));
}

#[test]
fn the_border_is_the_first_field_whose_client_is_not_ours() {
    let header = [INNER, BORDER, FORGED].concat();
    let border = Some("198.51.100.1".to_owned());
    for (trust, expected) in [
        (&["by:.example.net", "net:192.0.2.0/24"][..], border.clone()),
        (&["hops:2"], border.clone()),
        (&["hops:1", "net:192.0.2.10"], border.clone()),
        (&["net:192.0.2.10"], border.clone()),
        (&["by:store.example.net", "net:192.0.2.0/24"], border),
        // Without a word about 192.0.2.10 the client of the topmost field is a stranger.
        (&["by:.example.net"], Some("192.0.2.10".to_owned())),
        (&["hops:1"], Some("192.0.2.10".to_owned())),
        (&["preset:postfix"], Some("192.0.2.10".to_owned())),
        (&["by:mx.example.net"], None),
        (&["hops:2", "preset:exim"], None),
        (&["hops:3"], Some("203.0.113.9".to_owned())),
    ] {
        assert_eq!(address(&header, trust), expected, "{trust:?}");
    }
    let envelope = recovered(&header, &["hops:2"]);
    assert_eq!(envelope.helo.as_deref(), Some("client.example"));
    assert_eq!(envelope.rcpt_to, ["b@example.net"]);
    assert_eq!(envelope.protocol.as_deref(), Some("ESMTPS"));
    assert_eq!(envelope.received_at, Some(1_573_553_472));
    let sources = envelope.sources.unwrap();
    for source in [
        sources.client_ip,
        sources.helo,
        sources.rcpt_to,
        sources.received_at,
    ] {
        assert_eq!(source, Source::Received);
    }
    assert_eq!(sources.mail_from, Source::Missing);
}

#[test]
fn forged_fields_on_top_of_or_below_the_run_are_not_believed() {
    let stranger = BORDER.replace("mx.example.net", "mx.stranger.example");
    let header = [stranger.as_str(), BORDER].concat();
    assert_eq!(address(&header, &["by:mx.example.net"]), None);
    let border = Some("198.51.100.1".to_owned());
    let header = [BORDER, FORGED].concat();
    for trust in [&["by:mx.example.net"][..], &["hops:1"], &["net:10.0.0.0/8"]] {
        assert_eq!(address(&header, trust), border);
        assert!(!recovered(&header, trust).is_submission());
    }
}

#[test]
fn a_private_client_leads_one_hop_down_only_when_it_is_ours() {
    for inner in [
        "10.0.0.5",
        "127.0.0.1",
        "100.64.0.1",
        "192.168.1.1",
        "IPv6:::1",
    ] {
        let inner_field = INNER.replace("192.0.2.10", inner);
        let header = [inner_field.as_str(), BORDER].concat();
        let envelope = recovered(&header, &["by:.example.net"]);
        assert_eq!(client(&envelope), (None, "missing"), "{inner}");
        assert!(envelope.client_ip.is_some(), "SPF says ip-untrusted");
        let own = format!("net:{}", inner.trim_start_matches("IPv6:"));
        let expected = Some("198.51.100.1".to_owned());
        assert_eq!(
            address(&header, &["by:.example.net", &own]),
            expected,
            "{inner}"
        );
    }
}

#[test]
fn a_client_of_ours_at_the_end_of_the_trace_is_no_border() {
    let envelope = recovered(INNER, &["by:.example.net", "net:192.0.2.0/24"]);
    assert_eq!(client(&envelope), (None, "missing"));
    assert_eq!((envelope.client_ip, envelope.helo.clone()), (None, None));
    assert!(envelope.is_submission());
    let header = [INNER, "Received: from x (y [203.0.113.1]) by z; x\r\n"].concat();
    let unread = recovered(&header, &["net:192.0.2.0/24", "preset:postfix"]);
    assert!(
        !unread.is_submission(),
        "the border's field is not in the form"
    );
}

#[test]
fn steps_inside_a_host_are_passed() {
    let qmail = "Received: (qmail 42 invoked by alias); 12 Nov 2019 10:11:13 -0000\r\nReceived: (qmail 41 invoked from network); 12 Nov 2019 10:11:13 -0000\r\n";
    let network = "Received: from unknown (HELO client.example) (198.51.100.1) by mx.example.net with SMTP; x\r\n";
    let local = "Received: (qmail 41 invoked by uid 89); 12 Nov 2019 10:11:13 -0000\r\n";
    let lmtp = "Received: from mx.example.net\r\n\tby mx.example.net with LMTP\r\n\tid 1 (envelope-from <a@example.com>); x\r\n";
    let google = "Received: by 2002:a05:7300:1:b0:1:2:3 with SMTP id a1; x\r\n";
    let gmail = "Received: from client.example (r.example. [198.51.100.1]) by mx.google.com with ESMTPS id a1; x\r\n";
    let reached = Some("198.51.100.1".to_owned());
    for (fields, trust, expected) in [
        (
            [qmail, network],
            &["by:mx.example.net"][..],
            reached.clone(),
        ),
        ([qmail, network], &["preset:qmail"], reached.clone()),
        ([qmail, network], &["hops:3"], reached.clone()),
        ([local, network], &["by:mx.example.net"], None),
        ([lmtp, BORDER], &["by:mx.example.net"], reached.clone()),
        (
            [lmtp, BORDER],
            &["hops:1", "preset:postfix"],
            reached.clone(),
        ),
        ([lmtp, BORDER], &["by:other.example"], None),
        (
            [google, gmail],
            &["by:mx.google.com", "preset:google"],
            reached.clone(),
        ),
        ([google, gmail], &["hops:2"], reached),
        ([google, gmail], &["by:mx.google.com"], None),
    ] {
        assert_eq!(
            address(&fields.concat(), trust),
            expected,
            "{trust:?} {fields:?}"
        );
    }
}

#[test]
fn rfc7208_9_1_received_spf_counts_only_right_above_the_border_and_by_its_host() {
    let spf = |receiver: &str, ip: &str| {
        format!(
            "Received-SPF: fail (x) client-ip={ip}; envelope-from=\"a@example.com\"; helo=h.example; receiver={receiver};\r\n"
        )
    };
    let ours = spf("mx.example.net", "198.51.100.1");
    let mail_from = |header: &str, trust: &[&str]| {
        let envelope = recovered(header, trust);
        (envelope.mail_from, envelope.sources.unwrap().mail_from)
    };
    let found = (Some("a@example.com".to_owned()), Source::ReceivedSpf);
    let missing = (None, Source::Missing);
    let trust = &["by:.example.net", "net:192.0.2.0/24"][..];
    for (header, expected) in [
        ([&ours, BORDER].concat(), found.clone()),
        ([INNER, &ours, BORDER].concat(), found.clone()),
        (
            [INNER, &spf("other.example.net", "198.51.100.1"), BORDER].concat(),
            found,
        ),
        ([&ours, INNER, BORDER].concat(), missing.clone()),
        ([BORDER, &ours].concat(), missing.clone()),
        (
            [&spf("mx.stranger.example", "198.51.100.1"), BORDER].concat(),
            missing.clone(),
        ),
        (
            [&spf("mx.example.net", "198.51.100.2"), BORDER].concat(),
            missing,
        ),
    ] {
        assert_eq!(mail_from(&header, trust), expected, "{header}");
    }
    assert_eq!(mail_from(&[&ours, BORDER].concat(), &[]).0, None);
    let without_client = BORDER.replace("(rdns.example [198.51.100.1]) ", "");
    let envelope = recovered(&[&ours, without_client.as_str()].concat(), &["hops:1"]);
    assert_eq!(
        client(&envelope),
        (Some("198.51.100.1".to_owned()), "received-spf")
    );
    assert_eq!(envelope.helo.as_deref(), Some("h.example"));
}

#[test]
fn rfc5321_4_4_return_path_stands_once_and_on_top() {
    let mail_from = |header: &str| {
        let envelope = recovered(header, &[]);
        (envelope.mail_from, envelope.sources.unwrap().mail_from)
    };
    for (value, expected) in [
        (" <a@example.com>", Some("a@example.com")),
        (" <>", Some("")),
        ("\r\n <a@example.com> ", Some("a@example.com")),
        (" a@example.com", Some("a@example.com")),
        (
            " <@x.example,@y.example:a@example.com>",
            Some("a@example.com"),
        ),
        (" ", None),
        (" <a@example.com", None),
        (" <<a@example.com>>", None),
    ] {
        let header = format!("X-Original-To: b@example.net\r\nReturn-Path:{value}\r\n{BORDER}");
        let source = expected.map_or(Source::Missing, |_| Source::ReturnPath);
        assert_eq!(
            mail_from(&header),
            (expected.map(str::to_owned), source),
            "{value}"
        );
    }
    let path = "Return-Path: <a@example.com>\r\n";
    for header in [
        [BORDER, path].concat(),
        [path, BORDER, path].concat(),
        [path, path].concat(),
    ] {
        assert_eq!(mail_from(&header), (None, Source::Missing), "{header}");
    }
}

#[test]
fn exim_names_mail_from_itself() {
    let exim = "Received: from r.example ([198.51.100.1] helo=c.example) by mx.example.net with esmtps (Exim 4.96) (envelope-from <a@example.com>) id 1; x\r\n";
    let header = ["Return-Path: <srs@example.org>\r\n", exim].concat();
    let envelope = recovered(&header, &["by:mx.example.net"]);
    assert_eq!(envelope.mail_from.as_deref(), Some("a@example.com"));
    assert_eq!(envelope.sources.unwrap().mail_from, Source::Received);
    let untrusting = recovered(&header, &[]);
    assert_eq!(untrusting.mail_from.as_deref(), Some("srs@example.org"));
}

#[test]
fn what_the_caller_gave_stays_and_its_session_is_not_mixed() {
    let header = ["Return-Path: <a@example.com>\r\n", BORDER].concat();
    let given = Envelope {
        helo: Some("given.example".to_owned()),
        ..Envelope::default()
    };
    let envelope = completed(given, &header, &["hops:1"]);
    assert_eq!(
        (envelope.client_ip, envelope.mail_from.clone()),
        (None, None)
    );
    assert_eq!(envelope.rcpt_to, ["b@example.net"]);
    let sources = envelope.sources.unwrap();
    assert_eq!(
        (sources.helo, sources.client_ip),
        (Source::Explicit, Source::Missing)
    );
    let given = Envelope {
        rcpt_to: vec!["x@example.net".to_owned()],
        received_at: Some(1),
        protocol: Some("SMTP".to_owned()),
        ..Envelope::default()
    };
    let envelope = completed(given, &header, &["hops:1"]);
    assert_eq!(
        client(&envelope),
        (Some("198.51.100.1".to_owned()), "received")
    );
    assert_eq!(envelope.rcpt_to, ["x@example.net"]);
    assert_eq!(
        (envelope.received_at, envelope.protocol.as_deref()),
        (Some(1), Some("SMTP"))
    );
    let sources = envelope.sources.unwrap();
    assert_eq!(
        (sources.rcpt_to, sources.received_at),
        (Source::Explicit, Source::Explicit)
    );
}

#[test]
fn rfc8601_2_7_4_auth_counts_by_our_host_above_the_border() {
    let auth = |id: &str| {
        format!("Authentication-Results: {id}; auth=pass smtp.auth=user@example.net\r\n")
    };
    let ours = auth("mx.example.net");
    let user = |header: &str, trust: &[&str]| recovered(header, trust).auth_id;
    let trust = &["by:mx.example.net"][..];
    assert_eq!(
        user(&[&ours, BORDER].concat(), trust).as_deref(),
        Some("user@example.net")
    );
    assert_eq!(user(&[BORDER, &ours].concat(), trust), None);
    assert_eq!(
        user(&[&auth("mx.stranger.example"), BORDER].concat(), trust),
        None
    );
    assert_eq!(
        user(&[&ours.replace("=pass", "=fail"), BORDER].concat(), trust),
        None
    );
    assert_eq!(user(&[&ours, BORDER].concat(), &[]), None);
    let mut envelope = Envelope::default();
    let policy = Policy {
        receiver: "id.example".to_owned(),
        ..trusting(trust)
    };
    recover(
        &message(&[&auth("id.example"), BORDER].concat()),
        &mut envelope,
        &policy,
    );
    assert!(envelope.is_submission());
}

#[test]
fn unroutable_hops_are_listed_once_and_at_most_n() {
    let hops = |addresses: std::ops::Range<usize>| {
        let fields = addresses.map(|last| INNER.replace("192.0.2.10", &format!("10.0.0.{last}")));
        let header = format!("{}{BORDER}", fields.collect::<String>().repeat(2));
        let policy = trusting(&["net:10.0.0.0/8"]);
        recover(&message(&header), &mut Envelope::default(), &policy).unroutable_hops
    };
    for (count, listed) in [(9, 9), (10, 10), (11, 10)] {
        assert_eq!(hops(0..count).len(), listed);
    }
    assert_eq!(
        hops(7..8),
        ["10.0.0.7".parse::<std::net::IpAddr>().unwrap()]
    );
    let below = [BORDER, &INNER.replace("192.0.2.10", "10.0.0.1")].concat();
    let recovery = recover(
        &message(&below),
        &mut Envelope::default(),
        &trusting(&["hops:1"]),
    );
    assert_eq!(recovery, Recovery::default());
}

#[test]
fn trace_field_limit_at_n_minus_1_n_and_n_plus_1() {
    for (inner, is_reached) in [
        (TRACE_FIELD_LIMIT - 2, true),
        (TRACE_FIELD_LIMIT - 1, true),
        (TRACE_FIELD_LIMIT, false),
    ] {
        let header = format!("{}{BORDER}", INNER.repeat(inner));
        let found = address(&header, &["net:192.0.2.0/24"]);
        assert_eq!(found.is_some(), is_reached, "{inner}");
    }
}
