use super::*;
use crate::domain::Domain;

/// Value, client, HELO, writer.
const FORMS: [(&str, &str, &str, Writer); 15] = [
    (
        " from client.example (rdns.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\tby mx.example.net (Postfix) with ESMTPS id 4XyZ\r\n\tfor <b@example.net>; Tue, 12 Nov 2019 10:11:12 +0000 (UTC)",
        "192.0.2.1",
        "client.example",
        Writer::Postfix,
    ),
    (
        " from [10.0.0.7] (unknown [IPv6:2001:db8::7]) by mx.example.net (Postfix) with ESMTP id 1; x",
        "2001:db8::7",
        "[10.0.0.7]",
        Writer::Postfix,
    ),
    (
        " from rdns.example ([192.0.2.1] helo=client.example)\r\n\tby mx.example.net with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <a@example.com>)\r\n\tid 1abcde-0001 for b@example.net; x",
        "192.0.2.1",
        "client.example",
        Writer::Exim,
    ),
    (
        " from rdns.example ([192.0.2.1]:40412 helo=[10.0.0.7] ident=root) by mx.example.net with esmtp (Exim 4.96) id 1; x",
        "192.0.2.1",
        "[10.0.0.7]",
        Writer::Exim,
    ),
    (
        " from [192.0.2.1] (helo=client.example) by mx.example.net with smtp (Exim 4.96) id 1; x",
        "192.0.2.1",
        "client.example",
        Writer::Exim,
    ),
    (
        " from [192.0.2.1]:40412 (port=40412 helo=client.example) by mx.example.net with smtp (Exim 4.96) id 1; x",
        "192.0.2.1",
        "client.example",
        Writer::Exim,
    ),
    (
        " from rdns.example ([192.0.2.1]) by mx.example.net with esmtp (Exim 4.96) id 1; x",
        "192.0.2.1",
        "rdns.example",
        Writer::Exim,
    ),
    (
        " from [192.0.2.1] by mx.example.net with esmtp (Exim 4.96) id 1; x",
        "192.0.2.1",
        "[192.0.2.1]",
        Writer::Exim,
    ),
    (
        " from client.example (rdns.example [192.0.2.1] (may be forged)) by mx.example.net (8.15.2/8.15.2) with ESMTP id x1; x",
        "192.0.2.1",
        "client.example",
        Writer::Sendmail,
    ),
    (
        " from client.example (IDENT:root@rdns.example [192.0.2.1]) by mx.example.net (8.9.3/8.9.3) with SMTP id x1; x",
        "192.0.2.1",
        "client.example",
        Writer::Sendmail,
    ),
    (
        " from client.example (rdns.example. [192.0.2.1]) by mx.google.com with ESMTPS id a1-2 for <b@example.net> (version=TLS1_3 cipher=X bits=256/256); x",
        "192.0.2.1",
        "client.example",
        Writer::Google,
    ),
    (
        " from client.example (192.0.2.1) by mx.example.net (198.51.100.1) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id 15.20.1.2 via Frontend Transport; x",
        "192.0.2.1",
        "client.example",
        Writer::Microsoft,
    ),
    (
        " from unknown (HELO client.example) (192.0.2.1) by mx.example.net with SMTP; x",
        "192.0.2.1",
        "client.example",
        Writer::Qmail,
    ),
    (
        " from rdns.example (root@192.0.2.1) by mx.example.net with (X encrypted) SMTP; x",
        "192.0.2.1",
        "rdns.example",
        Writer::Qmail,
    ),
    (
        " from rdns.example ([192.0.2.1]:40412 \"EHLO client.example\" rhost-flags-OK-OK-OK-OK) by mx.example.net with ESMTP id S1 (ORCPT <rfc822;b@example.net>); x",
        "192.0.2.1",
        "client.example",
        Writer::Zmailer,
    ),
];

#[test]
fn rfc5321_4_4_each_writer_is_read() {
    for (value, client, helo, writer) in FORMS {
        let received = Received::read(value.as_bytes());
        assert_eq!(received.client_ip, client.parse().ok(), "{value}");
        assert_eq!(received.helo.as_deref(), Some(helo), "{value}");
        assert_eq!(received.writers, [writer], "{value}");
        assert!(received.by.is_some() && !received.is_handover, "{value}");
    }
}

#[test]
fn rfc5321_4_4_the_other_clauses() {
    let postfix = Received::read(FORMS[0].0.as_bytes());
    assert_eq!(postfix.by, Domain::parse_host("mx.example.net"));
    assert_eq!(postfix.protocol, Some("ESMTPS"));
    assert_eq!(postfix.rcpt_to.as_deref(), Some("b@example.net"));
    assert_eq!(postfix.received_at, Some(1_573_553_472));
    assert_eq!(postfix.mail_from, None);
    let exim = Received::read(FORMS[2].0.as_bytes());
    assert_eq!(exim.mail_from.as_deref(), Some("a@example.com"));
    assert_eq!(exim.rcpt_to.as_deref(), Some("b@example.net"));
    assert_eq!(exim.protocol, Some("ESMTPS"));
    assert_eq!(Received::read(FORMS[11].0.as_bytes()).protocol, None);
    let several =
        " from a (b [192.0.2.1]) by mx with ESMTP for <a@example.net>, <b@example.net>; x";
    assert_eq!(Received::read(several.as_bytes()).rcpt_to, None);
    let quoted = " by mx with ESMTP for <\"a b (c; > by x\"@example.net>; x";
    assert_eq!(
        Received::read(quoted.as_bytes()).rcpt_to,
        None,
        "an angle bracket within is no clear path"
    );
    let bounce = " from a ([192.0.2.1]) by mx with esmtp (Exim 4.9) (envelope-from <>) id 1; x";
    assert_eq!(
        Received::read(bounce.as_bytes()).mail_from.as_deref(),
        Some("")
    );
}

#[test]
fn postfix_names_the_authenticated_sender() {
    let value = " from [10.0.0.7] (unknown [192.0.2.1])\r\n\t(Authenticated sender: user@example.net)\r\n\tby mx.example.net (Postfix) with ESMTPSA id 1; x";
    let received = Received::read(value.as_bytes());
    assert_eq!(received.auth_id.as_deref(), Some("user@example.net"));
    assert_eq!(received.protocol, Some("ESMTPSA"));
    let behind = " from a (b [192.0.2.1]) by mx with ESMTP (Authenticated sender: user); x";
    assert_eq!(Received::read(behind.as_bytes()).auth_id, None);
}

#[test]
fn a_clients_own_word_is_no_address() {
    for value in [
        " from [192.0.2.1] by mx.example.net (Postfix) with SMTP id 1; x",
        " from 192.0.2.1 by mx.example.net with SMTP; x",
        " from a (helo=[192.0.2.1]) by mx.example.net with smtp (Exim 4.9) id 1; x",
        " from pop.example [192.0.2.1] by localhost with POP3 (fetchmail-6); x",
        " from a (b c [192.0.2.1]) by mx.example.net (Postfix) with SMTP; x",
        " from a ([192.0.2.1] moo) by mx.example.net with smtp (Exim 4.9) id 1; x",
        " from a ([192.0.2.1]:x) by mx.example.net; x",
        " from a (b [192.0.2.1]x) by mx.example.net; x",
        " from a (b [192.0.2.1.5]) by mx.example.net; x",
        " from a (b [IPv6:192.0.2.1]) by mx.example.net; x",
        " from a (HELO 192.0.2.1) by mx.example.net; x",
        " (from root@localhost [192.0.2.1]) by mx.example.net (8.9/8.9) id 1; x",
        " by mx.example.net (Postfix, from userid 0) id 1; x",
        "",
    ] {
        assert_eq!(Received::read(value.as_bytes()).client_ip, None, "{value}");
    }
}

#[test]
fn a_name_that_is_a_keyword_is_still_a_name() {
    for name in ["by", "from", "with", "for", "<x", "a\"b", "a;b"] {
        let value = format!(
            " from {name} (rdns.example [192.0.2.1]) by mx.example.net (Postfix) with ESMTP id 1; x"
        );
        let received = Received::read(value.as_bytes());
        if name == "<x" {
            assert_eq!(received.client_ip, None);
            continue;
        }
        assert_eq!(received.helo.as_deref(), Some(name));
        assert_eq!(received.client_ip, "192.0.2.1".parse().ok());
    }
}

#[test]
fn what_a_client_smuggles_into_a_field_makes_it_unclear() {
    for value in [
        " from x (good.example [198.51.100.1]) by mx.example.net with ESMTPSA (rdns.example [192.0.2.1]) by mx.example.net with ESMTP id 1; x",
        " from a ([192.0.2.1]) by mx with esmtp (Exim 4.9) (envelope-from <\"x) for <v@example.net> (\"@y>) id 1; x",
        " from a ([192.0.2.1]) by mx with esmtp (envelope-from <\"x) with esmtpsa (\"@y>) id 1; x",
        " from a ((b [192.0.2.1]) by mx with ESMTP id 1; x",
    ] {
        let received = Received::read(value.as_bytes());
        let with_date = Received {
            received_at: received.received_at,
            ..Received::default()
        };
        assert_eq!(received, with_date, "{value}");
    }
}

#[test]
fn trace_octet_limit_at_n_minus_1_n_and_n_plus_1() {
    for (length, is_read) in [
        (TRACE_OCTET_LIMIT - 1, true),
        (TRACE_OCTET_LIMIT, true),
        (TRACE_OCTET_LIMIT + 1, false),
    ] {
        let end = "; 12 Nov 2019 10:11:12 +0000";
        let start = " from a (b [192.0.2.1]) by mx.example.net ";
        let blanks = " ".repeat(length - start.len() - end.len());
        let received = Received::read(format!("{start}{blanks}{end}").as_bytes());
        assert_eq!(received.client_ip.is_some(), is_read, "{length}");
        assert_eq!(received.received_at, Some(1_573_553_472));
    }
}

#[test]
fn trace_value_limit_at_n_minus_1_n_and_n_plus_1() {
    for (length, is_read) in [
        (TRACE_VALUE_LIMIT - 1, true),
        (TRACE_VALUE_LIMIT, true),
        (TRACE_VALUE_LIMIT + 1, false),
    ] {
        let value = format!(" from {} (b [192.0.2.1]) by mx; x", "h".repeat(length));
        let received = Received::read(value.as_bytes());
        assert_eq!(received.helo.is_some(), is_read, "{length}");
        assert!(received.client_ip.is_some());
    }
}

#[test]
fn rfc7208_9_1_received_spf() {
    let field = ReceivedSpf::read(
        b" pass (mybox.example.org: domain of\r\n myname@example.com designates 192.0.2.1 as permitted sender)\r\n receiver=mybox.example.org; client-ip=192.0.2.1;\r\n envelope-from=\"my\\\"name@example.com\"; helo=foo.example.com;",
    )
    .unwrap();
    assert_eq!(field.client_ip, "192.0.2.1".parse().ok());
    assert_eq!(field.helo.as_deref(), Some("foo.example.com"));
    assert_eq!(field.envelope_from.as_deref(), Some("my\"name@example.com"));
    assert_eq!(field.receiver, Domain::parse_host("mybox.example.org"));
    let bare =
        ReceivedSpf::read(b"fail client-ip=2001:db8::1 envelope-from=<> helo=x receiver=<UNKNOWN>")
            .unwrap();
    assert_eq!(bare.client_ip, "2001:db8::1".parse().ok());
    assert_eq!(bare.envelope_from.as_deref(), Some(""));
    assert_eq!(bare.receiver, None);
    for unclear in [
        "pass client-ip=192.0.2.1; client-ip=192.0.2.2",
        "pass (x client-ip=192.0.2.1",
        "pass helo=\"x; client-ip=192.0.2.1",
    ] {
        assert_eq!(ReceivedSpf::read(unclear.as_bytes()), None, "{unclear}");
    }
    let empty = ReceivedSpf::read(b"pass (client-ip=192.0.2.1)").unwrap();
    assert_eq!(empty, ReceivedSpf::default());
}
