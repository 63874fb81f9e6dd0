//! Pairs of spool files made here, and the pair that Exim wrote.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use mailauth_core::verdict::Source;

use super::*;
use crate::scratch::{Read, Scratch, read, samples, standard_input};

const ID: &str = "1xVhGj-0002pV-0B";

/// A -H file with these options, recipients' lines and fields.
fn header_file(options: &str, recipients: &str, fields: &[(char, &str)]) -> String {
    let mut lengths = String::new();
    for (flag, field) in fields {
        write!(lengths, "{:03}{flag} {field}", field.len()).unwrap();
    }
    format!("{ID}-H\nexim 1 1\n<a@example.net>\n1795491153 0\n{options}{recipients}\n{lengths}")
}

const RECIPIENTS: &str = "XX\n1\nuser@example.org\n";

fn body_file(body: &str) -> String {
    format!("{ID}-D\n{body}")
}

fn envelope(options: &str) -> Envelope {
    let file = header_file(options, RECIPIENTS, &[]);
    HeaderFile::read(file.as_bytes()).unwrap().envelope
}

#[test]
fn the_sample_is_the_mail_as_it_was_sent() {
    let Some(folder) = samples() else {
        return;
    };
    let sent = fs::read(folder.join("postfix-queue/sent.eml")).unwrap();
    let spool = folder.join("exim-spool");
    let [header, body] = ["H", "D"].map(|half| spool.join(format!("{ID}-{half}")));
    for inputs in [
        vec![spool.as_path()],
        vec![&header],
        vec![&body],
        vec![&body, &header],
        vec![&header, &body],
    ] {
        let read = read(&inputs);
        assert_eq!((read.ids(), read.sentences()), (vec![ID], vec![]));
        let octets = read.messages[0].octets.clone().unwrap();
        assert!(octets.ends_with(&sent) && octets.starts_with(b"Received: from [127.0.0.1]"));
        assert!(!octets.windows(3).any(|three| three == b"\r\r\n"));
    }
    let envelope = read(&[&header]).messages[0].envelope.clone().unwrap();
    assert_eq!(envelope.helo.as_deref(), Some("helo.example.com"));
    assert_eq!(envelope.mail_from.as_deref(), Some("sender@example.com"));
    assert_eq!(envelope.rcpt_to, ["user@example.org"]);
    assert_eq!(envelope.protocol.as_deref(), Some("ESMTP"));
    assert_eq!(
        (envelope.client_ip, envelope.received_at),
        (None, Some(1_795_491_153))
    );
    let sources = envelope.sources.unwrap();
    assert_eq!(
        (sources.client_ip, sources.helo),
        (Source::Missing, Source::Spool)
    );
}

#[test]
fn the_sample_cut_at_every_octet_is_no_fault_of_ours() {
    let Some(folder) = samples() else {
        return;
    };
    let octets = fs::read(folder.join(format!("exim-spool/{ID}-H"))).unwrap();
    let whole = HeaderFile::read(&octets).unwrap().header;
    for length in 0..octets.len() {
        if let Some(cut) = HeaderFile::read(&octets[..length]) {
            assert!(whole.starts_with(&cut.header), "{length}");
        }
        let mut damaged = octets.clone();
        damaged[length] ^= 0x55;
        drop(HeaderFile::read(&damaged));
    }
}

#[test]
fn fields_are_taken_by_length_and_deleted_ones_skipped() {
    let fields = [
        ('P', "A: 1\n 020  B: 2\n"),
        ('*', "D: gone\n"),
        (' ', "C: 3\n"),
    ];
    let file = header_file("", RECIPIENTS, &fields);
    let file = HeaderFile::read(file.as_bytes()).unwrap();
    assert_eq!(file.header, b"A: 1\r\n 020  B: 2\r\nC: 3\r\n");
    let message = file.with_body(body_file("x\n\ny").as_bytes()).unwrap();
    assert_eq!(message, b"A: 1\r\n 020  B: 2\r\nC: 3\r\n\r\nx\r\n\r\ny");
    for field in ["01", "005P", "xxxP A", "9999999999P A: 1\n", "005PA: 1\n"] {
        let file = header_file("", RECIPIENTS, &[]) + field;
        assert!(HeaderFile::read(file.as_bytes()).is_none(), "{field}");
    }
}

#[test]
fn a_body_in_wire_format_stays_as_it_is() {
    let file = header_file("-spool_file_wireformat\n", RECIPIENTS, &[(' ', "A: 1\n")]);
    let file = HeaderFile::read(file.as_bytes()).unwrap();
    let message = file.with_body(body_file("x\r\n\r\n").as_bytes()).unwrap();
    assert_eq!(message, b"A: 1\r\n\r\nx\r\n\r\n");
}

#[test]
fn client_addresses_of_all_releases() {
    for (value, ip) in [
        ("[192.0.2.1]:25", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("192.0.2.1.25", "192.0.2.1"),
        ("[2001:db8::1]:25", "2001:db8::1"),
        ("2001:db8::1.25", "2001:db8::1"),
        ("[127.0.0.1]:25", ""),
        ("[::1]:25", ""),
        ("x", ""),
        ("[", ""),
    ] {
        for hyphens in ["-", "--"] {
            let found = envelope(&format!("{hyphens}host_address {value}\n")).client_ip;
            assert_eq!(
                found.map(|ip| ip.to_string()).unwrap_or_default(),
                ip,
                "{value}"
            );
        }
    }
}

#[test]
fn options_of_the_envelope_behind_variables_with_line_ends() {
    let options = "-aclc 0 12\n-helo_name x\n-local\n--aclm _v 3\na\nb\n-acl 1 0\n\n--helo_name h.example\n-received_protocol esmtpsa\n--auth_id user 1\n-frozen 1\n";
    let envelope = envelope(options);
    assert_eq!(envelope.helo.as_deref(), Some("h.example"));
    assert_eq!(envelope.auth_id.as_deref(), Some("user 1"));
    assert_eq!(envelope.protocol.as_deref(), Some("ESMTPSA"));
    let file = header_file("-aclc 0 99999\nx\n", RECIPIENTS, &[]);
    assert!(HeaderFile::read(file.as_bytes()).is_none());
}

#[test]
fn recipients_behind_the_tree_of_those_that_are_done() {
    for (lines, recipients) in [
        ("XX\n0\n", vec![]),
        ("NN a@x\n1\nb@y\n", vec!["b@y"]),
        (
            "YY b@x\nNY a@x\nNN aa@x\nNN c@x\n2\nd@y\ne@y\n",
            vec!["d@y", "e@y"],
        ),
        (
            "XX\n2\na@x b@y 3,0#1\n\"c d\"@x orcpt 5,0 b@y 3,0#3\n",
            vec!["a@x", "\"c d\"@x"],
        ),
        ("XX\n1\n\"c d\"@x\n", vec!["\"c d\"@x"]),
    ] {
        let file = header_file("", lines, &[]);
        let read = HeaderFile::read(file.as_bytes()).unwrap();
        assert_eq!(read.envelope.rcpt_to, recipients, "{lines}");
    }
    for lines in [
        "YY a\n0\n",
        "XY a\n0\n",
        "XX\n2\na\n",
        "XX\nx\n",
        "XX\n-1\n",
        "XX\n99999999999999999999\n",
    ] {
        let file = header_file("", lines, &[]);
        assert!(HeaderFile::read(file.as_bytes()).is_none(), "{lines}");
    }
}

#[test]
fn limits_at_n_minus_1_n_and_n_plus_1() {
    for count in [RECIPIENT_LIMIT - 1, RECIPIENT_LIMIT, RECIPIENT_LIMIT + 1] {
        let lines = format!("XX\n{count}\n{}", "a\n".repeat(count));
        let read = HeaderFile::read(header_file("", &lines, &[]).as_bytes()).unwrap();
        assert_eq!(read.envelope.rcpt_to.len(), count.min(RECIPIENT_LIMIT));
        assert_eq!(read.has_too_many_recipients, count > RECIPIENT_LIMIT);
    }
    for digits in [
        LENGTH_DIGIT_LIMIT - 1,
        LENGTH_DIGIT_LIMIT,
        LENGTH_DIGIT_LIMIT + 1,
    ] {
        let file = header_file("", RECIPIENTS, &[]) + &format!("{:0digits$}P A: 1\n", 5);
        let is_read = HeaderFile::read(file.as_bytes()).is_some();
        assert_eq!(is_read, digits <= LENGTH_DIGIT_LIMIT);
    }
}

#[test]
fn the_null_sender_is_empty() {
    let file = header_file("", RECIPIENTS, &[]).replace("<a@example.net>", "<>");
    let envelope = HeaderFile::read(file.as_bytes()).unwrap().envelope;
    assert_eq!(envelope.mail_from.as_deref(), Some(""));
    assert_eq!(envelope.sources.unwrap().mail_from, Source::Spool);
}

#[test]
fn a_pair_stands_at_its_body_and_a_half_is_one_sentence() {
    let scratch = Scratch::new();
    let other = "1xVhGj-0002pV-0C";
    let header = header_file("", RECIPIENTS, &[(' ', "A: 1\n")]);
    scratch.write(&format!("input/{ID}-H"), &header);
    scratch.write(&format!("input/{ID}-D"), body_file("x\n"));
    scratch.write(
        &format!("input/{other}-D"),
        body_file("y\n").replace(ID, other),
    );
    scratch.write(&format!("input/{other}-J"), "user@example.org\n");
    scratch.write("renamed-H", &header);
    scratch.write("renamed-D", body_file("z\n"));
    let folder = scratch.path("input");
    let spool = read(&[&folder]);
    assert_eq!(
        (spool.ids(), spool.texts()),
        (vec![ID], vec!["A: 1\r\n\r\nx\r\n".to_owned()])
    );
    let half = folder.join(format!("{other}-D"));
    let sentence = format!(
        "{}: is one half of a message of Exim, {other}-H is not beside it; copy both files.",
        half.display()
    );
    assert_eq!(spool.sentences(), std::slice::from_ref(&sentence));
    let named = read(&[&half]);
    assert_eq!(named.sentences(), [sentence]);
    assert!(named.problems[0].is_whole_input() && !spool.problems[0].is_whole_input());
    assert_eq!(
        read(&[&scratch.path("renamed-H")]).texts(),
        ["A: 1\r\n\r\nz\r\n"]
    );
    let broken = scratch.write(&format!("input/{other}-H"), format!("{other}-H\nx\n"));
    assert_eq!(
        read(&[&broken]).sentences(),
        [format!(
            "{}: is an Exim spool file of a form that is not read; write the message with `exim -Mvc`.",
            broken.display()
        )]
    );
    let stream = Read::of(&[PathBuf::from("-")], standard_input(&header));
    assert!(
        stream.sentences()[0].contains("is an Exim spool file, which is not read from a stream")
    );
}
