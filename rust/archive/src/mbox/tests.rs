//! The dialects and traps of mbox, at every size of window.

use std::path::PathBuf;

use bytes::Bytes;

use crate::content_length::CONTENT_LENGTH_REACH;
use crate::scratch::{Read, Scratch, standard_input, windows_of};
use crate::{Options, SourceProblem, StoredMessage};
use mailauth_core::message::Repair;

const CTIME: &str = "Mon Nov 24 08:38:00 2025";

/// The messages of an mbox, the same at every window and as a stream.
fn split(octets: impl AsRef<[u8]>) -> Read {
    let octets = octets.as_ref();
    let scratch = Scratch::new();
    let path = scratch.write("inbox", octets);
    let read = Read::of(std::slice::from_ref(&path), Options::default());
    assert_accounts_for(octets, &read);
    for window in (1..64).chain([octets.len().saturating_sub(1), octets.len() + 1]) {
        let again = Read::of(std::slice::from_ref(&path), windows_of(window));
        assert_eq!(rows(&again), rows(&read), "window of {window}");
    }
    let stream = Read::of(&[PathBuf::from("-")], standard_input(octets));
    let from_stream: Vec<_> = stream
        .messages
        .iter()
        .map(|message| &message.octets)
        .collect();
    let from_file: Vec<_> = read
        .messages
        .iter()
        .map(|message| &message.octets)
        .collect();
    assert_eq!(from_stream, from_file);
    read
}

type Row = (String, u64, Result<Bytes, String>, Vec<Repair>);

fn rows(read: &Read) -> Vec<Row> {
    let row = |message: &StoredMessage| {
        let octets = message
            .octets
            .clone()
            .map_err(|error| error.code().to_owned());
        (
            message.id.clone(),
            message.size,
            octets,
            message.notes.clone(),
        )
    };
    read.messages.iter().map(row).collect()
}

/// Each octet is of one message, of a gap, of a From line or of the blank line before it.
fn assert_accounts_for(octets: &[u8], read: &Read) {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for message in &read.messages {
        let start: usize = message.id.rsplit(':').next().unwrap().parse().unwrap();
        let end = start + usize::try_from(message.size).unwrap();
        assert_eq!(&octets[start..end], message.octets.as_ref().unwrap());
        pieces.push((start, end));
    }
    for problem in &read.problems {
        if let SourceProblem::Gap { start, end, .. } = problem {
            pieces.push((
                usize::try_from(*start).unwrap(),
                usize::try_from(*end).unwrap(),
            ));
        }
    }
    pieces.sort_unstable();
    let mut position = 0;
    for (start, end) in pieces {
        assert!(start >= position, "an octet is of two messages");
        assert_is_border(&octets[position..start]);
        position = end;
    }
    assert_is_border(&octets[position..]);
}

fn assert_is_border(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let line = text.trim_start_matches(['\r', '\n']);
    assert!(
        text.len() - line.len() <= 4,
        "more than a blank line is left out: {text:?}"
    );
    let is_from_line =
        line.trim_start_matches(' ').starts_with("From ") && line.lines().count() == 1;
    assert!(line.is_empty() || is_from_line, "left out: {text:?}");
}

fn two(border: &str) -> String {
    format!("From a@example.net {CTIME}\nA: 1\n\none\n\n{border}\nB: 2\n\ntwo\n\n")
}

const ONE_AND_TWO: [&str; 2] = ["A: 1\n\none\n", "B: 2\n\ntwo\n"];

#[test]
fn from_lines_of_all_writers_are_borders() {
    for border in [
        "From b@example.net Mon Nov 24 08:38:00 2025",
        "From b@example.net Mon Nov  4 08:38 2025",
        "From b@example.net  Mon Nov 24 08:38:00 2025  ",
        "From b@example.net Mon Nov 24 08:38:00 UTC 2025",
        "From b@example.net Mon Nov 24 08:38:00 2025 +0100",
        "From b@example.net Mon, 24 Nov 2025 08:38:00 +0100 (CET)",
        "From b@example.net Mon Nov 24 08:38:00 2025 remote from relay",
        "From 1781234567890123456@xxx Mon Nov 24 08:38:00 +0000 2025",
        "From - Mon Nov 24 08:38:00 2025",
        "From - Sat Apr 12 2025 15:59:28",
        "From MAILER-DAEMON Mon Nov 24 08:38:00 2025",
        "From \"b c\"@example.net Mon Nov 24 08:38:00 2025",
        "From b@example.net 2025-11-24 08:38:00",
        "From b@example.net 2025-11-24T08:38:00Z",
        "From b@example.net Fri Dec 31 23:59:59 102",
        "From ",
        "From  ",
        " From b@example.net Mon Nov 24 08:38:00 2025",
    ] {
        let read = split(two(border));
        assert_eq!(read.texts(), ONE_AND_TWO, "{border}");
        assert!(read.problems.is_empty());
        assert!(
            read.messages
                .iter()
                .all(|message| message.is_mbox && message.notes.is_empty())
        );
    }
}

#[test]
fn other_lines_are_no_borders() {
    for line in [
        "From what I remember",
        "From b@example.net",
        "From b@example.net 2025-11-24",
        "From here to there by 08:38",
        ">From b@example.net Mon Nov 24 08:38:00 2025",
        ">>From b@example.net Mon Nov 24 08:38:00 2025",
        "  From b@example.net Mon Nov 24 08:38:00 2025",
        "\tFrom b@example.net Mon Nov 24 08:38:00 2025",
        "X From b@example.net Mon Nov 24 08:38:00 2025",
        "From: b@example.net Mon Nov 24 08:38:00 2025",
        "from b@example.net Mon Nov 24 08:38:00 2025",
        "From\tb@example.net Mon Nov 24 08:38:00 2025",
    ] {
        let read = split(two(line));
        assert_eq!(read.messages.len(), 1, "{line}");
    }
}

#[test]
fn a_border_needs_a_header_field_below() {
    for below in ["\n", "two words: x\n", " B: 2\n", ": x\n", "text\n", ""] {
        let text = format!("From a {CTIME}\nA: 1\n\none\n\nFrom b {CTIME}\n{below}");
        assert_eq!(split(text).messages.len(), 1, "{below:?}");
    }
    for below in [
        "B: 2\n",
        "B : 2\n",
        "B:",
        ">From c Mon Nov 24 08:38:00 2025\nB: 2\n",
    ] {
        let text = format!("From a {CTIME}\nA: 1\n\none\n\nFrom b {CTIME}\n{below}");
        assert_eq!(split(text).texts(), ["A: 1\n\none\n", below], "{below:?}");
    }
}

#[test]
fn a_border_needs_a_blank_line_above() {
    let text = format!("From a {CTIME}\nA: 1\n\none\nFrom b {CTIME}\nB: 2\n\ntwo\n");
    let read = split(text);
    assert_eq!(read.messages.len(), 1);
    assert_eq!(read.messages[0].notes, [Repair::FromLineInBody]);
    for (border, field) in [
        ("From - Mon Nov 24 08:38:00 2025", "X-Mozilla-Status: 0001"),
        ("From 1@xxx Mon Nov 24 08:38:00 +0000 2025", "X-GM-THRID: 1"),
        ("From ", "B: 2"),
    ] {
        let read = split(format!("{border}\nA: 1\n\none\n{border}\n{field}\n\ntwo\n"));
        assert_eq!(
            read.texts(),
            ["A: 1\n\none\n".to_owned(), format!("{field}\n\ntwo\n")]
        );
    }
}

#[test]
fn rfc4155_a_one_blank_line_before_a_border_and_at_the_end_is_no_part_of_the_message() {
    let text = format!("From a {CTIME}\nA: 1\n\none\n\n\n\nFrom b {CTIME}\nB: 2\n\ntwo\n\n\n");
    assert_eq!(
        split(text).texts(),
        ["A: 1\n\none\n\n\n", "B: 2\n\ntwo\n\n"]
    );
}

#[test]
fn line_ends_may_be_mixed() {
    let text = format!(
        "From a {CTIME}\r\nA: 1\r\n\r\none\r\n\r\nFrom b {CTIME}\nB: 2\n\ntwo\n\r\nFrom c {CTIME}\r\nC: 3\n\n"
    );
    assert_eq!(
        split(text).texts(),
        ["A: 1\r\n\r\none\r\n", "B: 2\n\ntwo\n", "C: 3\n"]
    );
}

#[test]
fn ids_carry_the_offset_of_the_message_itself() {
    let read = split(two(&format!("From b {CTIME}")));
    let first = "From a@example.net ".len() + CTIME.len() + 1;
    let second = first + ONE_AND_TWO[0].len() + 1 + "From b ".len() + CTIME.len() + 1;
    assert_eq!(
        read.ids(),
        [format!("inbox:{first}"), format!("inbox:{second}")]
    );
}

#[test]
fn content_length_keeps_a_quoted_mail_whole() {
    let inner = format!("see:\n\nFrom x {CTIME}\nX: 9\n\nquoted\n");
    for separator in ["\n", ""] {
        let length = inner.len();
        let text = format!(
            "From a {CTIME}\nContent-Length: {length}\nA: 1\n\n{inner}{separator}From b {CTIME}\nB: 2\ncontent-length: {length}\n\n{inner}{separator}"
        );
        let read = split(text);
        assert_eq!(
            read.texts(),
            [
                format!("Content-Length: {length}\nA: 1\n\n{inner}"),
                format!("B: 2\ncontent-length: {length}\n\n{inner}"),
            ]
        );
        assert!(read.messages.iter().all(|message| message.notes.is_empty()));
    }
}

#[test]
fn hostile_89_content_length_that_lies_is_ignored_and_reported() {
    for length in [
        "0",
        "2",
        "9",
        "24",
        "55",
        "4000000000",
        "99999999999999999999999",
        "x",
        "-1",
    ] {
        let text = format!(
            "From a {CTIME}\nContent-Length: {length}\n\none\n\nFrom b {CTIME}\nB: 2\n\ntwo\n"
        );
        let read = split(text);
        assert_eq!(
            read.texts(),
            [
                format!("Content-Length: {length}\n\none\n"),
                "B: 2\n\ntwo\n".to_owned()
            ],
            "{length}"
        );
        let is_number = length.parse::<u64>().is_ok();
        let notes: &[Repair] = if is_number {
            &[Repair::ContentLengthIgnored]
        } else {
            &[]
        };
        assert_eq!(read.messages[0].notes, notes, "{length}");
    }
}

#[test]
fn a_patch_in_a_body_does_not_split() {
    let patch = format!(
        "From {} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.net>\nSubject: [PATCH] x\n\n---\n",
        "0a".repeat(20)
    );
    let read = split(format!(
        "From a {CTIME}\nA: 1\n\nlook:\n\n{patch}\nFrom b {CTIME}\nB: 2\n"
    ));
    assert_eq!(
        read.texts(),
        [format!("A: 1\n\nlook:\n\n{patch}"), "B: 2\n".to_owned()]
    );
    assert_eq!(
        split(format!("{patch}\n{patch}")).messages.len(),
        2,
        "a series of patches"
    );
}

#[test]
fn a_mail_as_mime_part_does_not_split() {
    let part = format!(
        "--b\nContent-Type: message/rfc822;\n name=x\n\nFrom x {CTIME}\nX: 9\n\nquoted\n--b--\n"
    );
    let read = split(format!(
        "From a {CTIME}\nA: 1\n\n{part}\nFrom b {CTIME}\nB: 2\n"
    ));
    assert_eq!(
        read.texts(),
        [format!("A: 1\n\n{part}"), "B: 2\n".to_owned()]
    );
    for above in [
        "--b--\n",
        "-- \nContent-Type: x\n",
        "Content-Type: x\n",
        "--b\n",
        "--b\nX: y\n",
    ] {
        let read = split(format!(
            "From a {CTIME}\nA: 1\n\n{above}\nFrom b {CTIME}\nB: 2\n"
        ));
        assert_eq!(read.messages.len(), 2, "{above}");
    }
}

#[test]
fn hostile_34_smuggled_dots_do_not_split() {
    let body = "x\n.\nMAIL FROM:<a@example.net>\n\nFrom: b\nSubject: y\n\n\r.\r\n.\r\nz\n";
    let read = split(format!("From a {CTIME}\nA: 1\n\n{body}"));
    assert_eq!(read.texts(), [format!("A: 1\n\n{body}")]);
}

#[test]
fn hostile_89_octets_before_the_first_border_are_a_gap() {
    let rest = format!("From a {CTIME}\nA: 1\n\none\n");
    for (junk, gap) in [
        ("cut off\ntext\n\n", Some((0, 13))),
        ("\0\0\0", Some((0, 3))),
        ("\n\r\n", None),
    ] {
        let read = split(format!("{junk}{rest}"));
        assert_eq!(read.texts(), ["A: 1\n\none\n"], "{junk:?}");
        let gaps: Vec<_> = read
            .problems
            .iter()
            .map(|problem| match problem {
                SourceProblem::Gap { start, end, .. } => (*start, *end),
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(gaps, gap.into_iter().collect::<Vec<_>>(), "{junk:?}");
    }
}

#[test]
fn an_end_in_mid_line_is_noted() {
    let read = split(format!("From a {CTIME}\nA: 1\n\none"));
    assert_eq!(read.texts(), ["A: 1\n\none"]);
    assert_eq!(read.messages[0].notes, [Repair::Truncated]);
    assert!(
        split(format!("From a {CTIME}\nA: 1\n\none\n")).messages[0]
            .notes
            .is_empty()
    );
}

#[test]
fn message_octet_limit_at_n_minus_1_n_and_n_plus_1() {
    let body = "x".repeat(20_000);
    let text = format!("From a {CTIME}\nA: 1\n\n{body}\n\nFrom b {CTIME}\nB: 2\n\ntwo\n");
    let size = body.len() as u64 + 7;
    let scratch = Scratch::new();
    let path = scratch.write("inbox", &text);
    for window_octets in [1, 100, 4_096, 100_000] {
        for limit in [size - 1, size, size + 1, 100] {
            let options = Options {
                message_octet_limit: limit,
                ..windows_of(window_octets)
            };
            let read = Read::of(std::slice::from_ref(&path), options);
            assert_eq!(
                read.messages.len(),
                2,
                "limit {limit}, window {window_octets}"
            );
            assert_eq!(read.messages[0].size, size);
            assert_eq!(read.messages[0].octets.is_ok(), size <= limit, "{limit}");
            assert_eq!(read.texts()[1], "B: 2\n\ntwo\n");
        }
    }
}

#[test]
fn content_length_reach_at_n_minus_1_n_and_n_plus_1() {
    let reach = usize::try_from(CONTENT_LENGTH_REACH).unwrap();
    let inner = format!("\nFrom x {CTIME}\nX: 9\n\n");
    for (octets, messages) in [(reach - 1, 1), (reach, 1), (reach + 1, 2)] {
        let header = format!(
            "Content-Length: {}\n\n",
            octets - "Content-Length: 33554400\n\n".len()
        );
        let filler = vec![b'x'; octets - header.len() - inner.len() - 1];
        let text = [
            format!("From a {CTIME}\n{header}{inner}").as_bytes(),
            &filler,
            b"\n",
        ]
        .concat();
        let read = Read::of(&[PathBuf::from("-")], standard_input(text));
        assert_eq!(read.messages.len(), messages, "{octets}");
    }
}

#[test]
fn content_lengths_that_lie_cost_no_more_than_a_few_looks_at_the_file() {
    let message = format!("From a {CTIME}\nContent-Length: 400000\n\none\n\n");
    let text = message.repeat(20_000);
    let options = Options {
        window_octets: 10_000,
        ..standard_input(text)
    };
    let read = Read::of(&[PathBuf::from("-")], options);
    assert_eq!(read.messages.len(), 20_000);
    let first = read.messages.first().unwrap();
    assert_eq!(first.notes, [Repair::ContentLengthIgnored]);
}

/// Small pieces that meet in all orders: whatever comes out, no octet is lost and none is taken twice.
#[test]
fn every_octet_is_accounted_for_in_random_files() {
    const PIECES: [&str; 14] = [
        "From a Mon Nov 24 08:38:00 2025\n",
        "From ",
        "From - Mon Nov 24 08:38:00 2025\r\n",
        "\n",
        "\r\n",
        "A: 1\n",
        "Content-Length: 20\n",
        "Content-Length: 5\r\n",
        "X-Mozilla-Status: 1\n",
        "--b\n",
        "Content-Type: x\n",
        "text\n",
        ">From x\n",
        "\0",
    ];
    let mut state = 1_u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from((state >> 16) % below).unwrap()
    };
    let scratch = Scratch::new();
    for _ in 0..400 {
        let mut text = String::from("From a Mon Nov 24 08:38:00 2025\nA: 1\n");
        for _ in 0..random(40) {
            text.push_str(PIECES[random(14)]);
        }
        let path = scratch.write("inbox", &text);
        let read = Read::of(std::slice::from_ref(&path), Options::default());
        assert_accounts_for(text.as_bytes(), &read);
        let small = Read::of(std::slice::from_ref(&path), windows_of(1 + random(50)));
        assert_eq!(rows(&small), rows(&read), "{text:?}");
    }
}
