//! JSONL as files, in folders and on standard input.

use std::net::IpAddr;
use std::path::PathBuf;

use mailauth_core::envelope::Envelope;

use super::*;
use crate::Options;
use crate::json_row::RECIPIENT_LIMIT;
use crate::scratch::{Read, Scratch, read, standard_input, windows_of};

/// `From: a` and a line end.
const RAW: &str = "RnJvbTogYQo=";

fn lines_of(text: impl AsRef<[u8]>) -> Read {
    Read::of(&[PathBuf::from("-")], standard_input(text))
}

fn envelope_of(read: &Read, index: usize) -> &Envelope {
    read.messages[index].envelope.as_ref().unwrap()
}

#[test]
fn a_line_is_a_message_with_its_own_id_or_its_row() {
    let text = format!(
        "{{\"raw\":\"{RAW}\",\"id\":\"x\"}}\r\n\n{{\"id\":7,\"raw\": \"RnJvbTogYQo\"}}\n{{\"raw\":\"\"}}"
    );
    let scratch = Scratch::new();
    for marked in [text.clone(), format!("\u{feff}{text}")] {
        let path = scratch.write("box.jsonl", &marked);
        let file = read(&[&path]);
        assert_eq!(file.ids(), ["x", "7", "box.jsonl#2"]);
        assert_eq!(file.texts(), ["From: a\n", "From: a\n", ""]);
        assert_eq!(file.sentences(), Vec::<String>::new());
        let sizes: Vec<_> = file.messages.iter().map(|message| message.size).collect();
        assert_eq!(sizes, [8, 8, 0]);
    }
    for octets in [1, 2, 3, 7, 100] {
        let options = Options {
            window_octets: octets,
            ..standard_input(&text)
        };
        let stream = Read::of(&[PathBuf::from("-")], options);
        assert_eq!(stream.ids(), ["x", "7", "-#2"]);
        assert_eq!(stream.texts(), ["From: a\n", "From: a\n", ""]);
    }
}

#[test]
fn the_other_columns_are_the_envelope() {
    let line = format!(
        "{{\"client_ip\":\"2001:db8::1\",\"helo\":\"h\\u00e9\",\"mail_from\":\"\",\"rcpt_to\":[\"a@b.example\",\"c\"],\"auth_id\":5,\
         \"protocol\":\"ESMTPS\",\"received_at\":1764000000,\"unknown\":{{\"a\":[1,{{}}]}},\"raw\":\"{RAW}\"}}"
    );
    let read = lines_of(&line);
    let expected = Envelope {
        client_ip: Some("2001:db8::1".parse::<IpAddr>().unwrap()),
        helo: Some("h\u{e9}".into()),
        mail_from: Some(String::new()),
        rcpt_to: vec!["a@b.example".into(), "c".into()],
        auth_id: Some("5".into()),
        protocol: Some("ESMTPS".into()),
        received_at: Some(1_764_000_000),
        sources: None,
    };
    assert_eq!(envelope_of(&read, 0), &expected);
    assert_eq!(read.sentences(), Vec::<String>::new());
    for (time, seconds) in [
        ("\"2025-11-24T16:00:00Z\"", Some(1_764_000_000)),
        ("\"2025-11-24T17:00:00.9+01:00\"", Some(1_764_000_000)),
        ("1764000000.9", Some(1_764_000_000)),
        ("-0.5", Some(-1)),
        ("null", None),
    ] {
        let read = lines_of(format!("{{\"raw\":\"{RAW}\",\"received_at\":{time}}}"));
        assert_eq!(envelope_of(&read, 0).received_at, seconds, "{time}");
        assert!(read.problems.is_empty(), "{time}");
    }
    let one = lines_of(format!("{{\"raw\":\"{RAW}\",\"rcpt_to\":\"a@b.example\"}}"));
    assert_eq!(envelope_of(&one, 0).rcpt_to, ["a@b.example"]);
}

#[test]
fn what_cannot_be_read_of_an_envelope_is_left_out_and_said_once() {
    let text = format!(
        "{{\"raw\":\"{RAW}\",\"client_ip\":\"x\"}}\n{{\"raw\":\"{RAW}\",\"client_ip\":\"\",\"helo\":[]}}\n\
         {{\"raw\":\"{RAW}\",\"received_at\":\"2025-11-24 16:00\",\"rcpt_to\":[1],\"client_ip\":\"192.0.2.1\"}}\n"
    );
    let read = lines_of(text);
    assert_eq!(read.texts(), ["From: a\n"; 3]);
    assert!(envelope_of(&read, 2).client_ip.is_some());
    assert_eq!(
        read.sentences(),
        [
            "standard input: line 1 (the first of 2) has a client_ip that is no IP address and left out; give an IPv4 or IPv6 address or null.",
            "standard input: line 2 has a helo that is no text and left out; give a text or null.",
            "standard input: line 3 has a rcpt_to that is no list of texts, or too long, and left out; give a list of addresses.",
            "standard input: line 3 has a received_at that is no time and left out; give Unix seconds, or a date and time with offset.",
        ]
    );
}

#[test]
fn lines_that_are_no_messages_are_rows_with_an_error_and_the_next_goes_on() {
    let text = format!(
        "{{\"spf\":{{\"result\":\"pass\"}}}}\n{{\"raw\":\n\nnull\n[\"x\",\"{RAW}\"]\n{{\"raw\":\"{RAW}\"}}\n{{\"raw\":null}}\n\
         {{\"raw\":\"Rn Jv\"}}\n{{\"raw\":\"RnJv\\n\"}}\n{{\"raw\":\"*\"}}\n{{\"raw\":5}}\n{{\"raw\":\"A\"}}\n{}\n{{\"raw\":\"{RAW}\"}}",
        "[".repeat(100_000)
    );
    let read = lines_of(text);
    let mut expected = vec!["unreadable"; 13];
    expected[4] = "From: a\n";
    expected[12] = "From: a\n";
    let texts = read.texts();
    assert_eq!(texts, expected);
    assert_eq!(read.ids()[12], "-#12");
    assert_eq!(
        read.sentences(),
        [
            "standard input: line 1 (the first of 2) has no message; give its octets as raw (base64 in JSONL).",
            "standard input: line 2 (the first of 4) is no JSON object; write one object a line.",
            "standard input: line 8 (the first of 5) has a raw that is no base64; encode the message's octets without spaces or line ends.",
        ]
    );
}

#[test]
fn a_line_of_40_mb_over_the_limit_is_a_row_and_held_nowhere() {
    /// Gives a line piece by piece and notes the largest buffer it is asked to fill.
    struct Long {
        left: usize,
        largest: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    }
    impl std::io::Read for Long {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.largest
                .fetch_max(buffer.len(), std::sync::atomic::Ordering::Relaxed);
            let length = buffer.len().min(self.left);
            buffer[..length].fill(b'A');
            self.left -= length;
            Ok(length)
        }
    }
    use std::io::Read as _;
    let largest = std::sync::Arc::default();
    let long = Long {
        left: 40 << 20,
        largest: std::sync::Arc::clone(&largest),
    };
    let tail = format!("\"}}\n{{\"raw\":\"{RAW}\"}}\n");
    let reader = b"{\"raw\":\"".chain(long).chain(std::io::Cursor::new(tail));
    let options = Options {
        standard_input: Some(Box::new(reader)),
        window_octets: 64 << 10,
        message_octet_limit: 1 << 20,
        ..Options::default()
    };
    let read = Read::of(&[PathBuf::from("-")], options);
    assert_eq!(read.texts(), ["message-too-large", "From: a\n"]);
    assert_eq!(read.messages[0].size, (40 << 20) + 10);
    let largest = largest.load(std::sync::atomic::Ordering::Relaxed);
    assert!(largest <= 2 << 20, "{largest}");
}

#[test]
fn line_and_message_limits_at_n_minus_1_n_and_n_plus_1() {
    for (limit, text) in [(7, "message-too-large"), (8, "From: a\n"), (9, "From: a\n")] {
        let options = Options {
            message_octet_limit: limit,
            ..standard_input(format!("{{\"raw\":\"{RAW}\"}}\n"))
        };
        assert_eq!(Read::of(&[PathBuf::from("-")], options).texts(), [text]);
    }
    let limit: u64 = 8;
    let line_limit = (limit / 3 + 1) * 4 + LINE_ALLOWANCE;
    for (length, text) in [
        (line_limit - 1, "From: a\n"),
        (line_limit, "From: a\n"),
        (line_limit + 1, "message-too-large"),
    ] {
        let line = format!("{{\"raw\":\"{RAW}\"}}");
        let spaces = " ".repeat(to_index(length) - line.len());
        let text_of_line = format!("{line}{spaces}\n{line}");
        for window_octets in [1_000, 8 << 20] {
            let options = Options {
                message_octet_limit: limit,
                window_octets,
                ..standard_input(&text_of_line)
            };
            let read = Read::of(&[PathBuf::from("-")], options);
            assert_eq!(read.texts(), [text, "From: a\n"], "{length}");
        }
    }
}

#[test]
fn recipient_limit_at_n_minus_1_n_and_n_plus_1() {
    for count in [RECIPIENT_LIMIT - 1, RECIPIENT_LIMIT, RECIPIENT_LIMIT + 1] {
        let list = vec!["\"a\""; count].join(",");
        let options = Options {
            message_octet_limit: 1 << 20,
            ..standard_input(format!("{{\"raw\":\"{RAW}\",\"rcpt_to\":[{list}]}}"))
        };
        let read = Read::of(&[PathBuf::from("-")], options);
        let is_kept = count <= RECIPIENT_LIMIT;
        let kept = envelope_of(&read, 0).rcpt_to.len();
        assert_eq!(kept, if is_kept { count } else { 0 });
        assert_eq!(read.problems.is_empty(), is_kept);
    }
}

#[test]
fn json_of_another_form_is_refused_with_a_way_out() {
    let scratch = Scratch::new();
    for (text, sentence) in [
        (
            " [{\"raw\":\"\"}]",
            "is one JSON array, not JSONL; write one object a line, as `jq -c '.[]'` does.",
        ),
        (
            "{\r\n \"raw\": \"\"\n}",
            "is JSON printed over several lines, not JSONL; write one object a line, as `jq -c` does.",
        ),
    ] {
        let path = scratch.write("x.json", text);
        let file = read(&[&path]);
        assert_eq!(
            file.sentences(),
            [format!("{}: {sentence}", path.display())]
        );
        assert!(file.messages.is_empty() && file.problems[0].is_whole_input());
        assert_eq!(
            lines_of(text).sentences(),
            [format!("standard input: {sentence}")]
        );
    }
}

#[test]
fn a_folder_gives_the_messages_of_its_jsonl_and_passes_over_other_json() {
    let scratch = Scratch::new();
    scratch.write("t/a.json", "{\"name\": \"raw\"}\n");
    scratch.write("t/b.json", "[{\"raw\":\"\"}]\n");
    scratch.write("t/c", format!("{{\"id\":1,\"raw\" : \"{RAW}\"}}\n"));
    let read = read(&[&scratch.path("t")]);
    assert_eq!((read.ids(), read.problems.len()), (vec!["1"], 0));
}

#[test]
fn a_stream_that_fails_within_a_line_keeps_the_lines_before() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::from_raw_os_error(5))
        }
    }
    use std::io::Read as _;
    let text = format!("{{\"raw\":\"{RAW}\"}}\n{{\"raw\":\"Rn");
    let options = Options {
        standard_input: Some(Box::new(std::io::Cursor::new(text).chain(Failing))),
        ..windows_of(5)
    };
    let read = Read::of(&[PathBuf::from("-")], options);
    assert_eq!(read.texts(), ["From: a\n", "unreadable"]);
    assert!(read.sentences()[0].contains("cannot be read (input/output error)"));
}
