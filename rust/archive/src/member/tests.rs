//! Compressed files and streams, alone and in layers.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::packing::{Budget, NESTING_LIMIT};
use crate::scratch::{MAIL, MBOX, Read, Scratch, read, standard_input, windows_of};
use crate::{Options, Sources};

pub(crate) fn gzip(octets: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(octets.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(octets: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(octets.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn xz(octets: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(octets.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn all_forms(octets: impl AsRef<[u8]>) -> [(&'static str, Vec<u8>); 3] {
    let octets = octets.as_ref();
    [
        ("gzip", gzip(octets)),
        ("zstd", zstd(octets)),
        ("xz", xz(octets)),
    ]
}

fn dash() -> [PathBuf; 1] {
    [PathBuf::from("-")]
}

#[test]
fn what_is_compressed_is_read_as_what_it_unpacks_to() {
    let scratch = Scratch::new();
    for (form, octets) in all_forms(MBOX) {
        let path = scratch.write("box.packed", &octets);
        for window_octets in [1, 7, 100_000] {
            let read = Read::of(std::slice::from_ref(&path), windows_of(window_octets));
            assert_eq!(read.ids(), ["box.packed:32", "box.packed:75"], "{form}");
            assert_eq!(read.texts(), ["A: 1\n\none\n", "B: 2\n"]);
            assert!(read.problems.is_empty() && read.messages[0].is_mbox);
        }
        assert_eq!(
            Read::of(&dash(), standard_input(&octets)).ids(),
            ["-:32", "-:75"]
        );
    }
    for (_, octets) in all_forms(MAIL) {
        let one = read(&[&scratch.write("one.eml.gz", &octets)]);
        assert_eq!(
            (one.ids(), one.texts()),
            (vec!["one.eml.gz"], vec![MAIL.to_owned()])
        );
        let stream = Read::of(&dash(), standard_input(&octets));
        assert_eq!(
            (stream.ids(), stream.texts()),
            (vec!["-:0"], vec![MAIL.to_owned()])
        );
    }
}

#[test]
fn a_compressed_file_in_a_folder_is_mail_by_its_place_or_content() {
    let scratch = Scratch::new();
    scratch.write("t/m/cur/1.host:2,S", gzip("no header"));
    scratch.write("t/m/new/.keep", "");
    scratch.write("t/m/tmp/.keep", "");
    scratch.write(
        "t/1.emlx.gz",
        gzip(format!("{}\n{MAIL}<?xml?>", MAIL.len())),
    );
    scratch.write("t/2", gzip("From b\nA: 1\n\nx\n"));
    scratch.write("t/3.eml.gz", gzip(MBOX));
    scratch.write("t/empty.gz", gzip(""));
    scratch.write("t/log.gz", gzip("# a log\n"));
    let sources = Sources::open(&[scratch.path("t")], Options::default()).unwrap();
    let (total, progress) = (sources.total_octets().unwrap(), sources.progress());
    drop(sources);
    let read = read(&[&scratch.path("t")]);
    assert_eq!(
        read.ids(),
        [
            "1.emlx.gz",
            "2",
            "3.eml.gz:32",
            "3.eml.gz:75",
            "m/cur/1.host"
        ]
    );
    assert_eq!(read.texts()[0], MAIL);
    assert!(read.messages[1].is_mbox && read.problems.is_empty());
    assert_eq!((progress.octets_read(), progress.files_skipped()), (0, 0));
    let sources = Sources::open(&[scratch.path("t")], Options::default()).unwrap();
    let progress = sources.progress();
    assert_eq!(sources.map(Result::unwrap).count(), 5);
    assert_eq!(
        (progress.octets_read(), progress.files_skipped()),
        (total, 2)
    );
}

#[test]
fn hostile_90_members_padding_and_trailing_octets() {
    let scratch = Scratch::new();
    let (first, second) = MBOX.split_at(50);
    for ((form, one), (_, two)) in all_forms(first).into_iter().zip(all_forms(second)) {
        for padding in [0, 4, 200_000] {
            let octets = [&one[..], &vec![0; padding], &two].concat();
            let read = read(&[&scratch.write("box", octets)]);
            assert_eq!(
                read.texts(),
                ["A: 1\n\none\n", "B: 2\n"],
                "{form} {padding}"
            );
            assert!(read.problems.is_empty());
        }
        let octets = [&one[..], &two, b"\0\0trailing"].concat();
        let read = read(&[&scratch.write("box", octets)]);
        assert_eq!(read.texts(), ["A: 1\n\none\n", "B: 2\n"]);
        let expected = format!(
            "octets that are not {form} follow its {form} data, behind octet 80 of the unpacked stream, and are passed over; check where they come from."
        );
        assert!(
            read.sentences()[0].ends_with(&expected),
            "{:?}",
            read.sentences()
        );
    }
    let skippable = [
        &b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..],
        &zstd(format!("{MBOX}\n")),
    ]
    .concat();
    let both = [&skippable[..], &skippable].concat();
    assert_eq!(read(&[&scratch.write("box", skippable)]).messages.len(), 2);
    assert_eq!(read(&[&scratch.write("box", both)]).messages.len(), 4);
}

/// Messages of a kind that no compression shortens much.
fn many_messages() -> String {
    let mut mbox = String::new();
    let mut state = 1_u64;
    for number in 0..40 {
        let border = "From a Mon Nov 24 08:38:00 2025";
        mbox.push_str(&[border, "\nA: ", &number.to_string(), "\n\n"].concat());
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            mbox.push_str(&state.to_string());
            mbox.push('\n');
        }
        mbox.push('\n');
    }
    mbox
}

#[test]
fn hostile_90_a_cut_keeps_the_messages_before_it() {
    let scratch = Scratch::new();
    let mbox = many_messages();
    let whole = read(&[&scratch.write("plain", &mbox)]).texts();
    assert_eq!(whole.len(), 40);
    for (form, octets) in all_forms(&mbox) {
        for length in (10..octets.len()).step_by(100) {
            let path = scratch.write("box", &octets[..length]);
            let read = Read::of(&[path], windows_of(1_000));
            assert_eq!(read.problems.len(), 1, "{form} {length}");
            let sentence = &read.sentences()[0];
            assert!(
                sentence.contains(&format!("its {form} data end too early")),
                "{sentence}"
            );
            let texts = read.texts();
            let complete = texts.len().saturating_sub(1);
            assert_eq!(texts[..complete], whole[..complete]);
            assert!(texts.last().is_none_or(|last| last == "unreadable"));
        }
    }
}

#[test]
fn hostile_90_a_wrong_checksum_is_told() {
    let scratch = Scratch::new();
    for (form, mut octets) in all_forms(many_messages()) {
        let place = match form {
            "gzip" => octets.len() - 8,
            "zstd" => octets.len() - 1,
            _ => octets.len() - 40,
        };
        octets[place] ^= 1;
        let read = read(&[&scratch.write("box", octets)]);
        assert!(
            read.sentences()[0].contains(&format!("its {form} data are damaged")),
            "{:?}",
            read.sentences()
        );
        assert_eq!(read.problems.len(), 1);
        assert!(read.texts().last().is_none_or(|last| last == "unreadable"));
    }
}

#[test]
fn nesting_limit_at_n_minus_1_n_and_n_plus_1() {
    let scratch = Scratch::new();
    let mut octets = MBOX.as_bytes().to_vec();
    for level in 1..=NESTING_LIMIT + 1 {
        let (_, packed) = all_forms(&octets)[level % 3].clone();
        octets = packed;
        let read = read(&[&scratch.write("box", &octets)]);
        if level <= NESTING_LIMIT {
            assert_eq!(read.ids(), ["box:32", "box:75"], "{level}");
        } else {
            let expected =
                "box: is packed within 3 other layers; unpack the outer ones and name the result.";
            assert!(read.messages.is_empty() && read.sentences()[0].ends_with(expected));
        }
    }
}

#[test]
fn hostile_90_a_bomb_ends_its_source_and_keeps_what_came_before() {
    let scratch = Scratch::new();
    let zeros = vec![b'0'; 4 << 20];
    let bomb = [MBOX.as_bytes(), b"\n", &zeros].concat();
    let budget = |free_octets, ratio| Budget {
        free_octets,
        ratio,
        ..Budget::default()
    };
    for (form, octets) in all_forms(&bomb) {
        let path = [scratch.write("box", &octets)];
        let small = Read::within(&path, windows_of(1_000), budget(1 << 20, 50));
        assert_eq!(small.texts(), ["A: 1\n\none\n", "unreadable"], "{form}");
        assert!(small.sentences()[0].ends_with("box: unpacks to more than 50 times its size, as only a decompression bomb does; what stands before is kept, unpack it by hand if it is none."));
        for budget in [budget(5 << 20, 50), budget(1 << 20, 100_000)] {
            let read = Read::within(&path, windows_of(1_000), budget);
            assert_eq!((read.messages.len(), read.problems.len()), (2, 0));
        }
    }
    // Each layer unpacks a hundredfold; together they are measured by the octets of the file.
    let nested = gzip(gzip(gzip(&bomb)));
    let path = [scratch.write("box", nested)];
    let read = Read::within(&path, windows_of(1_000), budget(1 << 20, 200));
    assert!(read.sentences()[0].contains("decompression bomb"));
}

#[test]
fn zstd_window_log_max_at_n_minus_1_n_and_n_plus_1() {
    let scratch = Scratch::new();
    for (window_log, is_refused) in [(26, false), (27, false), (28, true)] {
        // A frame's header with its window, then one raw block, the last.
        let window = (window_log - 10) << 3;
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, window, 9, 0, 0, b'x'];
        let sentence = &read(&[&scratch.write("box", frame)]).sentences()[0];
        let expected = "box: its zstd data need more than 128 MiB of memory to unpack; unpack it by hand and name the result.";
        assert_eq!(sentence.ends_with(expected), is_refused, "{sentence}");
        assert_eq!(sentence.contains("is neither a mail"), !is_refused);
    }
}

#[test]
fn xz_memory_limit_below_and_above() {
    let scratch = Scratch::new();
    // The dictionary's size as an exponent in half steps: 64, 96, 128, 192 MiB.
    for (dictionary, is_refused) in [(28, false), (29, false), (30, false), (31, true)] {
        let mut octets = xz(MAIL);
        let header = &mut octets[12..];
        let end = (usize::from(header[0]) + 1) * 4 - 4;
        header[4] = dictionary;
        let mut crc = flate2::Crc::new();
        crc.update(&header[..end]);
        header[end..end + 4].copy_from_slice(&crc.sum().to_le_bytes());
        let read = read(&[&scratch.write("x", octets)]);
        assert_eq!(
            (read.messages.len(), read.problems.len()),
            if is_refused { (0, 1) } else { (1, 0) }
        );
        let expected = "x: its xz data need more than 160 MiB of memory to unpack; unpack it by hand and name the result.";
        assert!(
            read.sentences()
                .iter()
                .all(|sentence| sentence.ends_with(expected))
        );
    }
}

#[test]
fn a_compressed_file_that_changes_while_it_is_read_is_reported() {
    let mbox = many_messages();
    for (change, expected) in [("shrink", "became shorter"), ("grow", "was changed")] {
        let scratch = Scratch::new();
        let octets = [gzip(&mbox), gzip(&mbox), gzip(vec![b'x'; 1 << 20])].concat();
        let many = octets.repeat(40);
        let path = scratch.write("box", many);
        let mut sources = Sources::open(std::slice::from_ref(&path), windows_of(500)).unwrap();
        assert!(sources.next().unwrap().is_ok());
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        match change {
            "shrink" => file.set_len(200_000).unwrap(),
            _ => Write::write_all(&mut &file, &gzip(MBOX)).unwrap(),
        }
        let problems: Vec<_> = sources.filter_map(Result::err).collect();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].to_string().contains(expected),
            "{}",
            problems[0]
        );
    }
}

#[test]
fn a_message_over_the_limit_in_a_compressed_stream_is_only_counted() {
    let scratch = Scratch::new();
    let path = scratch.write("x.eml.gz", gzip(MAIL));
    for (limit, text) in [(22, "message-too-large"), (23, MAIL), (24, MAIL)] {
        let options = Options {
            message_octet_limit: limit,
            ..windows_of(5)
        };
        let read = Read::of(std::slice::from_ref(&path), options);
        assert_eq!(
            (read.texts(), read.messages[0].size),
            (vec![text.to_owned()], 23)
        );
    }
    assert!(read(&[Path::new("/missing.gz")]).messages.is_empty());
}
