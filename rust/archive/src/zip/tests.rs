//! ZIP archives: members, names, ids, faults.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::member::tests::gzip;
use crate::packing::Budget;
use crate::scratch::{MAIL, MBOX, Read, Scratch, read, standard_input, windows_of};
use crate::{Options, Sources};

pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, octets)) in members.iter().enumerate() {
        let method = if number % 2 == 0 {
            CompressionMethod::Deflated
        } else {
            CompressionMethod::Stored
        };
        let options = SimpleFileOptions::default().compression_method(method);
        writer
            .start_file(*name, options.large_file(number % 3 == 0))
            .unwrap();
        writer.write_all(octets).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Where an octet string stands, counted from the end.
fn last(octets: &[u8], wanted: &[u8]) -> usize {
    memchr::memmem::rfind(octets, wanted).unwrap()
}

#[test]
fn members_that_are_mail_by_their_content_are_read() {
    let scratch = Scratch::new();
    let gzipped = gzip(MBOX);
    let octets = archive(&[
        ("Takeout/Mail/inbox.mbox", MBOX.as_bytes()),
        ("a/1.eml", MAIL.as_bytes()),
        ("notes.md", b"# x\n"),
        ("m/cur/1732437600.x:2,S", b"no header"),
        ("m/cur/1732437600.x:2,R", b"other"),
        ("../../x", MAIL.as_bytes()),
        ("__MACOSX/._x", MAIL.as_bytes()),
        ("box.gz", &gzipped),
        ("folder/", b""),
    ]);
    let path = scratch.write("a.zip", &octets);
    let ids = [
        "a.zip/Takeout/Mail/inbox.mbox:32",
        "a.zip/Takeout/Mail/inbox.mbox:75",
        "a.zip/a/1.eml",
        "a.zip/m/cur/1732437600.x",
        "a.zip/m/cur/1732437600.x:2,R",
        "a.zip/../../x",
        "a.zip/box.gz:32",
        "a.zip/box.gz:75",
    ];
    for window_octets in [1, 7, 100_000] {
        let read = Read::of(std::slice::from_ref(&path), windows_of(window_octets));
        assert!(read.problems.is_empty(), "{:?}", read.sentences());
        assert_eq!(read.ids(), ids);
        assert_eq!(read.texts()[..3], ["A: 1\n\none\n", "B: 2\n", MAIL]);
    }
    let sources = Sources::open(std::slice::from_ref(&path), Options::default()).unwrap();
    let progress = sources.progress();
    assert_eq!(sources.count(), ids.len());
    assert_eq!(
        (progress.octets_read(), progress.files_skipped()),
        (octets.len() as u64, 2)
    );
    let stream = Read::of(&[PathBuf::from("-")], standard_input(&octets));
    assert_eq!(
        stream.ids()[..3],
        [
            "-/Takeout/Mail/inbox.mbox:32",
            "-/Takeout/Mail/inbox.mbox:75",
            "-/a/1.eml"
        ]
    );
    let behind = [b"PK\x03\x04junk before", &octets[..]].concat();
    assert_eq!(read(&[&scratch.write("a.zip", behind)]).ids(), ids);
}

#[test]
fn archives_in_archives_are_read_three_levels_deep() {
    let scratch = Scratch::new();
    let inner = archive(&[("box", MBOX.as_bytes())]);
    let middle = archive(&[("b.zip", &inner), ("x.eml", MAIL.as_bytes())]);
    let outer = archive(&[("c.zip", &middle), ("y.eml", MAIL.as_bytes())]);
    let read3 = read(&[&scratch.write("a.zip", &outer)]);
    assert!(read3.problems.is_empty(), "{:?}", read3.sentences());
    assert_eq!(
        read3.ids(),
        [
            "a.zip/c.zip/b.zip/box:32",
            "a.zip/c.zip/b.zip/box:75",
            "a.zip/c.zip/x.eml",
            "a.zip/y.eml"
        ]
    );
    assert!(read3.problems.is_empty());
    let read4 = read(&[&scratch.write(
        "a.zip",
        archive(&[("d.zip", &outer), ("z.eml", MAIL.as_bytes())]),
    )]);
    assert_eq!(
        read4.ids(),
        [
            "a.zip/d.zip/c.zip/x.eml",
            "a.zip/d.zip/y.eml",
            "a.zip/z.eml"
        ]
    );
    assert!(read4.sentences()[0].ends_with("a.zip/d.zip/c.zip/b.zip: is packed within 3 other layers; unpack the outer ones and name the result."));
    assert_eq!(read4.problems.len(), 1);
}

#[test]
fn held_zip_octets_at_n_minus_1_n_and_n_plus_1() {
    let octets = archive(&[("x.eml", MAIL.as_bytes())]);
    let size = octets.len() as u64;
    for (held_zip_octets, problems) in [(size - 1, 1), (size, 0), (size + 1, 0)] {
        let budget = Budget {
            held_zip_octets,
            ..Budget::default()
        };
        let read = Read::within(&[PathBuf::from("-")], standard_input(&octets), budget);
        assert_eq!(
            (read.messages.len(), read.problems.len()),
            (1 - problems, problems)
        );
        let expected = format!(
            "standard input: is a ZIP archive of more than {} octets in a stream or in another archive; write it to a file and name that.",
            size - 1
        );
        assert!(
            read.sentences()
                .iter()
                .all(|sentence| *sentence == expected)
        );
    }
}

#[test]
fn hostile_91_each_bad_member_is_one_sentence_and_the_rest_goes_on() {
    let scratch = Scratch::new();
    let mail = MAIL.as_bytes();
    let whole = archive(&[("1.eml", mail), ("2.eml", mail), ("3.eml", mail)]);
    // Fields of the directory's entry stand so far before its name.
    let entry = last(&whole, b"2.eml");
    let local = memchr::memmem::find(&whole, b"2.eml").unwrap();
    let cases = [
        (
            entry - 38,
            1_u8,
            "is encrypted; unpack it with its password and name the result.",
        ),
        (
            entry - 36,
            97,
            "is packed by ZIP method 97, which is not read; unpack it by hand and name the result.",
        ),
        (
            entry - 22,
            9,
            "has another size than its archive tells; take another copy of the archive and run again.",
        ),
        (
            entry - 30,
            99,
            "its ZIP data are damaged, found at octet 23 of the archive or member; what stands before is kept, take another copy and run again.",
        ),
        (local - 30, b'X', "take another copy and run again."),
        (
            entry,
            b'1',
            "is there twice in its archive; the second is not read, unpack it by hand and name the result.",
        ),
    ];
    for (at, octet, sentence) in cases {
        let mut octets = whole.clone();
        octets[at] = if at == entry - 30 {
            octets[at] ^ octet
        } else {
            octet
        };
        let read = read(&[&scratch.write("a.zip", octets)]);
        let texts: Vec<_> = read
            .texts()
            .into_iter()
            .filter(|text| text != "unreadable")
            .collect();
        assert_eq!(texts, [MAIL; 2], "{sentence}");
        assert_eq!(read.problems.len(), 1, "{:?}", read.sentences());
        assert!(
            read.sentences()[0].ends_with(sentence),
            "{:?}",
            read.sentences()
        );
        let name = if at == entry {
            "a.zip/1.eml"
        } else {
            "a.zip/2.eml"
        };
        assert!(read.sentences()[0].contains(name) && !read.problems[0].is_whole_input());
    }
}

#[test]
fn hostile_91_a_cut_archive_keeps_what_stands_before() {
    let scratch = Scratch::new();
    let octets = archive(&[
        ("1.eml", MAIL.as_bytes()),
        ("image", &vec![b'x'; 100_000]),
        ("notes", b"# x"),
        ("box", MBOX.as_bytes()),
    ]);
    for length in (150..octets.len()).step_by(100) {
        let read = read(&[&scratch.write("a.zip", &octets[..length])]);
        assert_eq!(read.texts()[0], MAIL, "{length}");
        assert_eq!(read.problems.len(), 1, "{length} {:?}", read.sentences());
        let sentence = &read.sentences()[0];
        assert!(
            sentence.contains("its ZIP data end too early"),
            "{length} {sentence}"
        );
    }
    let box_at = last(&octets, b"From b");
    let read = read(&[&scratch.write("a.zip", &octets[..box_at])]);
    assert_eq!(read.ids(), ["a.zip/1.eml", "a.zip/box:32"]);
    assert!(read.sentences()[0].contains("a.zip/box: "));
}

#[test]
fn hostile_91_any_changed_octet_is_borne() {
    let scratch = Scratch::new();
    let whole = archive(&[("box", MBOX.as_bytes()), ("2.eml", MAIL.as_bytes())]);
    for at in 4..whole.len() {
        for octet in [0, 0x7f, 0xff] {
            let mut octets = whole.clone();
            octets[at] = octet;
            let read = read(&[&scratch.write("a.zip", octets)]);
            assert!(
                read.messages.len() <= 4 && read.problems.len() <= 3,
                "{at} {octet}"
            );
        }
    }
}

#[test]
fn hostile_102_members_that_share_their_octets_are_one_bomb() {
    let scratch = Scratch::new();
    let text = format!("{MAIL}{}", "x".repeat(1 << 20));
    let members: Vec<String> = (0..40).map(|number| format!("{number:02}.eml")).collect();
    let mut octets = archive(&[("00.eml", text.as_bytes())]);
    // The one member's entry again and again under other names, as a bomb without nesting does.
    let end = last(&octets, b"PK\x05\x06");
    let start = last(&octets, b"PK\x01\x02");
    let entry = octets[start..end].to_vec();
    let tail = octets[end..].to_vec();
    octets.truncate(start);
    for name in &members {
        let mut copy = entry.clone();
        copy[46..52].copy_from_slice(name.as_bytes());
        octets.extend_from_slice(&copy);
    }
    let mut tail = tail;
    let length = u32::try_from(entry.len() * members.len()).unwrap();
    tail[12..16].copy_from_slice(&length.to_le_bytes());
    octets.extend_from_slice(&tail);
    let path = [scratch.write("a.zip", octets)];
    let budget = Budget {
        free_octets: 10 << 20,
        ratio: 100,
        ..Budget::default()
    };
    let read = Read::within(&path, Options::default(), budget);
    assert_eq!((read.messages.len(), read.problems.len()), (10, 1));
    assert!(read.sentences()[0].contains("a.zip/09.eml: unpacks to more than 100 times its size"));
    assert_eq!(
        Read::within(&path, Options::default(), Budget::default())
            .messages
            .len(),
        40
    );
}

#[test]
fn member_limit_at_n_minus_1_n_and_n_plus_1() {
    let scratch = Scratch::new();
    let mail = MAIL.as_bytes();
    let path = [scratch.write("a.zip", archive(&[("1", mail), ("2", mail), ("3", mail)]))];
    for (members, problems) in [(2, 1), (3, 0), (4, 0)] {
        let budget = Budget {
            members,
            ..Budget::default()
        };
        let read = Read::within(&path, Options::default(), budget);
        assert_eq!(
            (read.messages.len(), read.problems.len()),
            (3 - problems, problems)
        );
    }
}

#[test]
fn an_archive_without_mail_or_members_is_told_where_it_is_named() {
    let scratch = Scratch::new();
    for octets in [archive(&[]), archive(&[("notes.md", b"# x\n")])] {
        let named = read(&[&scratch.write("a.zip", &octets)]);
        assert!(
            named.sentences()[0]
                .ends_with("a.zip: holds no mail; name a folder of mails, a Maildir or an mbox.")
        );
        assert!(named.problems[0].is_whole_input());
    }
}
