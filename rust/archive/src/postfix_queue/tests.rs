//! Queue files made of records, and the one that Postfix wrote.

use std::fs;
use std::path::PathBuf;

use mailauth_core::verdict::Source;

use super::*;
use crate::scratch::{Read, Scratch, read, samples, standard_input};

const LIMIT: u64 = 1 << 20;

fn record(kind: char, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let mut octets = vec![u8::try_from(kind).unwrap()];
    let mut length = data.len();
    loop {
        let group = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        octets.push(if length > 0 { group | 0x80 } else { group });
        if length == 0 {
            break;
        }
    }
    octets.extend_from_slice(data);
    octets
}

fn records(list: &[(char, &str)]) -> Vec<u8> {
    let records = list.iter().map(|(kind, data)| record(*kind, data));
    records.collect::<Vec<_>>().concat()
}

fn size_record() -> Vec<u8> {
    record('C', format!("{:>15} {:>15} {:>15}", 1, 2, 3))
}

/// A file with these attributes and one line.
fn file_with(attributes: &[(char, &str)]) -> QueueFile {
    let end = [('M', ""), ('N', "A: 1"), ('N', ""), ('X', ""), ('E', "")];
    QueueFile::read(&records(&[attributes, &end].concat()), LIMIT)
}

fn sample() -> Option<(PathBuf, Vec<u8>)> {
    let folder = samples()?.join("postfix-queue");
    let sent = fs::read(folder.join("sent.eml")).unwrap();
    Some((folder.join("hold.q"), sent))
}

#[test]
fn the_sample_is_the_mail_as_it_was_sent() {
    let Some((path, sent)) = sample() else {
        return;
    };
    let read = read(&[&path]);
    assert_eq!((read.ids(), read.sentences()), (vec!["hold.q"], vec![]));
    let octets = read.messages[0].octets.clone().unwrap();
    // Postfix takes the space before a colon away.
    let sent = String::from_utf8_lossy(&sent).replace("\nfrom : ", "\nfrom: ");
    let text = String::from_utf8_lossy(&octets).into_owned();
    assert!(text.ends_with(&sent) && text.starts_with("Received: from helo.example.com"));
    assert_eq!(read.messages[0].size, octets.len() as u64);
    let envelope = read.messages[0].envelope.clone().unwrap();
    assert_eq!(envelope.client_ip, "192.0.2.55".parse().ok());
    assert_eq!(envelope.helo.as_deref(), Some("helo.example.com"));
    assert_eq!(envelope.mail_from.as_deref(), Some("sender@example.com"));
    assert_eq!(envelope.rcpt_to, ["user@example.org"]);
    assert_eq!(envelope.protocol.as_deref(), Some("ESMTP"));
    assert_eq!(
        (envelope.auth_id, envelope.received_at),
        (None, Some(1_795_490_200))
    );
    let sources = envelope.sources.unwrap();
    assert_eq!(
        (sources.client_ip, sources.received_at),
        (Source::Spool, Source::Spool)
    );
}

#[test]
fn the_sample_cut_at_every_octet_is_unfinished() {
    let Some((path, _)) = sample() else {
        return;
    };
    let octets = fs::read(path).unwrap();
    for length in 0..octets.len() {
        let file = QueueFile::read(&octets[..length], LIMIT);
        assert!(
            matches!(file.fault, Some(StoreFault::QueueFileUnfinished)),
            "{length}"
        );
    }
    for index in 0..octets.len() {
        let mut damaged = octets.clone();
        damaged[index] ^= 0x80;
        assert!(QueueFile::read(&damaged, LIMIT).message.len() < 2 * octets.len());
    }
}

#[test]
fn lines_get_their_ends_and_parts_of_long_lines_none() {
    let long = "x".repeat(2_048);
    let list = [
        ('L', "smtp:[127.0.0.1]:10025"),
        ('M', ""),
        ('N', "X-Mailbox-Line: From x"),
        ('N', ""),
        ('L', &long),
        ('L', &long),
        ('N', "y"),
        ('L', "z"),
        ('X', ""),
        ('N', "not content"),
        ('E', ""),
    ];
    let file = QueueFile::read(&records(&list), LIMIT);
    let expected = format!("X-Mailbox-Line: From x\r\n\r\n{long}{long}y\r\nz");
    assert_eq!(file.message, expected.as_bytes());
    assert!(file.fault.is_none());
}

#[test]
fn a_client_that_is_this_host_is_none() {
    let client = |logged: &str, connected: &str| {
        let logged = format!("log_client_address={logged}");
        let connected = format!("client_address={connected}");
        let file = file_with(&[
            ('A', &logged),
            ('A', &connected),
            ('A', "log_helo_name=logged"),
            ('A', "helo_name=connected"),
        ]);
        let sources = file.envelope.sources.unwrap();
        let is_missing = file.envelope.client_ip.is_none();
        assert_eq!(sources.client_ip == Source::Missing, is_missing);
        let ip = file.envelope.client_ip.map(|ip| ip.to_string());
        (ip.unwrap_or_default(), file.envelope.helo.unwrap())
    };
    let pair = |ip: &str, helo: &str| (ip.to_owned(), helo.to_owned());
    assert_eq!(
        client("192.0.2.1", "127.0.0.1"),
        pair("192.0.2.1", "logged")
    );
    assert_eq!(
        client("192.0.2.1", "192.0.2.2"),
        pair("192.0.2.1", "logged")
    );
    assert_eq!(
        client("127.0.0.1", "2001:db8::1"),
        pair("2001:db8::1", "connected")
    );
    assert_eq!(client("::1", "127.0.0.1"), pair("", "logged"));
    assert_eq!(client("unknown", "unknown"), pair("", "logged"));
    let maildrop = file_with(&[('S', ""), ('R', "a@example.org")]).envelope;
    assert_eq!((maildrop.client_ip, maildrop.helo), (None, None));
    assert_eq!(maildrop.mail_from.as_deref(), Some(""));
}

#[test]
fn the_envelope_names_user_protocol_and_recipients() {
    let envelope = file_with(&[
        ('T', "1795490200 509956"),
        ('A', "sasl_sender=other"),
        ('A', "sasl_username=user=1"),
        ('A', "log_protocol_name=esmtp"),
        ('A', "no attribute"),
        ('O', "alias@example.org"),
        ('R', "a@example.org"),
        ('D', "b@example.org"),
        ('/', "c@example.org"),
    ])
    .envelope;
    assert_eq!(envelope.auth_id.as_deref(), Some("user=1"));
    assert_eq!(envelope.protocol.as_deref(), Some("ESMTP"));
    assert_eq!(envelope.rcpt_to, ["a@example.org", "b@example.org"]);
    let sources = envelope.sources.unwrap();
    assert_eq!(
        (sources.rcpt_to, sources.mail_from),
        (Source::Spool, Source::Missing)
    );
}

#[test]
fn pointers_lead_to_what_a_milter_changed_and_back() {
    let before = records(&[('M', ""), ('N', "A: 1")]);
    let old_line = record('N', "B: old");
    let after = records(&[('p', "0         "), ('N', "C: 3"), ('X', "")]);
    let end = record('E', "");
    let pointer = |target: usize| record('p', format!("{target:<10}"));
    let back = before.len() + pointer(0).len();
    let changed = before.len() + pointer(0).len() + after.len() + end.len();
    let new_line = record('N', "B: new");
    let file = [
        before,
        pointer(changed),
        after,
        end,
        new_line,
        pointer(back),
    ]
    .concat();
    let read = QueueFile::read(&file, LIMIT);
    assert_eq!(read.message, b"A: 1\r\nB: new\r\nC: 3\r\n");
    assert!(read.fault.is_none() && !old_line.is_empty());
}

#[test]
fn jump_limit_at_n_minus_1_n_and_n_plus_1() {
    for jumps in [JUMP_LIMIT - 1, JUMP_LIMIT, JUMP_LIMIT + 1] {
        let mut file = Vec::new();
        for _ in 0..jumps {
            let target = file.len() + 12;
            file.extend(record('p', format!("{target:<10}")));
        }
        file.extend(record('E', ""));
        let fault = QueueFile::read(&file, LIMIT).fault;
        assert_eq!(
            matches!(fault, Some(StoreFault::QueueFileLoop)),
            jumps > JUMP_LIMIT
        );
        assert_eq!(fault.is_none(), jumps <= JUMP_LIMIT);
    }
    let circle = records(&[('M', ""), ('N', "x"), ('p', "2")]);
    let circle = QueueFile::read(&circle, LIMIT);
    assert!(matches!(circle.fault, Some(StoreFault::QueueFileLoop)) && circle.message.len() < 20);
    for target in ["-1", "99999999999999999999", "x", "4000000000"] {
        let file = records(&[('p', target), ('M', "")]);
        assert!(QueueFile::read(&file, LIMIT).fault.is_some(), "{target}");
    }
}

#[test]
fn length_groups_and_message_limit_at_n_minus_1_n_and_n_plus_1() {
    for groups in [
        LENGTH_GROUP_LIMIT - 1,
        LENGTH_GROUP_LIMIT,
        LENGTH_GROUP_LIMIT + 1,
    ] {
        let mut file = vec![b'M'];
        file.extend(vec![0x80; groups - 1]);
        file.push(0);
        file.extend(record('E', ""));
        let fault = QueueFile::read(&file, LIMIT).fault;
        assert_eq!(fault.is_none(), groups <= LENGTH_GROUP_LIMIT);
    }
    let file = records(&[('M', ""), ('N', "123456"), ('X', ""), ('E', "")]);
    for (limit, is_too_large) in [(7, true), (8, false), (9, false)] {
        let read = QueueFile::read(&file, limit);
        assert_eq!(
            (read.is_too_large, read.message.is_empty()),
            (is_too_large, is_too_large)
        );
    }
}

#[test]
fn recipient_limit_at_n_minus_1_n_and_n_plus_1() {
    for count in [RECIPIENT_LIMIT - 1, RECIPIENT_LIMIT, RECIPIENT_LIMIT + 1] {
        let mut file = record('R', "a").repeat(count);
        file.extend(record('E', ""));
        let read = QueueFile::read(&file, LIMIT);
        assert_eq!(read.envelope.rcpt_to.len(), count.min(RECIPIENT_LIMIT));
        assert_eq!(read.fault.is_some(), count > RECIPIENT_LIMIT);
    }
}

#[test]
fn a_queue_is_read_as_a_folder_and_a_file_without_end_is_a_row() {
    let scratch = Scratch::new();
    let content = records(&[
        ('S', "a@example.org"),
        ('M', ""),
        ('N', "A: 1"),
        ('X', ""),
        ('E', ""),
    ]);
    let file = [size_record(), content].concat();
    scratch.write("queue/deferred/A/ABC123", &file);
    let cut = scratch.write("queue/incoming/DEF456", &file[..file.len() - 2]);
    let queue = read(&[&scratch.path("queue")]);
    assert_eq!(queue.ids(), ["ABC123", "DEF456"]);
    assert_eq!(queue.texts(), ["A: 1\r\n", "truncated"]);
    assert_eq!(
        queue.sentences(),
        [format!(
            "{}: has no end, it is still being written or cut; run again when the mail is in the queue.",
            cut.display()
        )]
    );
    let stream = Read::of(&[PathBuf::from("-")], standard_input(&file));
    assert_eq!(
        stream.sentences(),
        [
            "standard input: is a Postfix queue file, which is not read from a stream; write it to a file and name that."
        ]
    );
}
