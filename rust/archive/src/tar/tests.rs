//! Tar archives: members, names, ids, faults.

use std::path::PathBuf;

use tar::{Builder, EntryType, Header};

use super::{BLOCK_OCTETS, EXTENSION_OCTET_LIMIT};
use crate::member::tests::gzip;
use crate::packing::Budget;
use crate::scratch::{MAIL, MBOX, Read, Scratch, read, standard_input, windows_of};
use crate::{Options, Sources};

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, octets) in members {
        // Written by hand: the builder refuses names that real archives have.
        let mut header = header(EntryType::Regular, octets.len());
        if name.len() < 100 {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *octets).unwrap();
        } else {
            builder.append_data(&mut header, name, *octets).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

#[test]
fn members_that_are_mail_by_their_content_are_read() {
    let scratch = Scratch::new();
    let long = format!("{}/x", "long".repeat(40));
    let gzipped = gzip(MBOX);
    let octets = archive(&[
        ("./a/1.eml", MAIL.as_bytes()),
        ("box", MBOX.as_bytes()),
        ("notes.md", b"# x\n"),
        ("empty", b""),
        ("m/cur/1732437600.M1P2.host:2,S", b"no header"),
        ("m/tmp/1732437600.M1P3.host", MAIL.as_bytes()),
        ("../../etc/12", MAIL.as_bytes()),
        (".DS_Store", MAIL.as_bytes()),
        ("__MACOSX/x", MAIL.as_bytes()),
        (&long, MAIL.as_bytes()),
        ("box.gz", &gzipped),
        ("a/1.eml", MAIL.as_bytes()),
    ]);
    let path = scratch.write("a.tar", &octets);
    for window_octets in [1, 7, 100_000] {
        let read = Read::of(std::slice::from_ref(&path), windows_of(window_octets));
        assert!(read.problems.is_empty(), "{:?}", read.sentences());
        let texts = read.texts();
        let ids = read.ids();
        assert_eq!(
            ids[..3],
            ["a.tar/a/1.eml:512", "a.tar/box:32", "a.tar/box:75"]
        );
        assert!(
            ids[3].starts_with("a.tar/m/cur/1732437600.M1P2.host:"),
            "{ids:?}"
        );
        assert!(ids[4].starts_with("a.tar/../../etc/12:"));
        assert!(ids[5].starts_with(&format!("a.tar/{long}:")));
        assert_eq!(ids[6..8], ["a.tar/box.gz:32", "a.tar/box.gz:75"]);
        assert!(ids[8].starts_with("a.tar/a/1.eml:") && ids.len() == 9);
        for (id, text) in ids.iter().zip(&texts).filter(|(id, _)| !id.contains("box")) {
            let offset: usize = id.rsplit(':').next().unwrap().parse().unwrap();
            assert_eq!(&octets[offset..offset + text.len()], text.as_bytes());
        }
    }
    let sources = Sources::open(std::slice::from_ref(&path), Options::default()).unwrap();
    let progress = sources.progress();
    assert_eq!(sources.count(), 9);
    assert_eq!(
        (progress.octets_read(), progress.files_skipped()),
        (octets.len() as u64, 5)
    );
    let stream = Read::of(&[PathBuf::from("-")], standard_input(&octets));
    assert_eq!(stream.ids()[..2], ["-/a/1.eml:512", "-/box:32"]);
    let packed = read(&[&scratch.write("a.tgz", gzip(&octets))]);
    assert_eq!(
        (packed.ids()[0], packed.messages.len()),
        ("a.tgz/a/1.eml:512", 9)
    );
}

#[test]
fn pax_names_and_sizes_win_and_other_kinds_give_no_mail() {
    let scratch = Scratch::new();
    let mut builder = Builder::new(Vec::new());
    let mut add = |kind, name: &str, octets: &[u8]| {
        let mut header = header(kind, octets.len());
        header.set_path(name).unwrap();
        header.set_cksum();
        builder.append(&header, octets).unwrap();
    };
    add(EntryType::Directory, "d/", b"");
    add(EntryType::Symlink, "link.eml", b"");
    add(EntryType::Fifo, "pipe.eml", b"");
    add(EntryType::XGlobalHeader, "g", b"15 path=ignored");
    add(
        EntryType::XHeader,
        "x",
        "18 path=caf\u{e9}.eml\n13 mtime=1.5\n".as_bytes(),
    );
    add(EntryType::Regular, "short", MAIL.as_bytes());
    add(EntryType::XHeader, "x", b"22 GNU.sparse.major=1\n");
    add(EntryType::Regular, "sparse.eml", MAIL.as_bytes());
    add(EntryType::GNUSparse, "sparse2.eml", MAIL.as_bytes());
    add(EntryType::XHeader, "x", b"11 size=23\n");
    let mut octets = builder.into_inner().unwrap();
    octets.truncate(octets.len() - 2 * BLOCK_OCTETS);
    let mut lying = header(EntryType::Regular, 5);
    lying.set_path("sized.eml").unwrap();
    lying.set_cksum();
    octets.extend_from_slice(lying.as_bytes());
    let mut block = MAIL.as_bytes().to_vec();
    block.resize(BLOCK_OCTETS, 0);
    octets.extend_from_slice(&block);
    octets.extend_from_slice(&archive(&[("last.eml", MAIL.as_bytes())]));
    let read = read(&[&scratch.write("a.tar", octets)]);
    let sparse =
        "is stored as a sparse file, which is not read; unpack it by hand and name the result.";
    assert_eq!(read.problems.len(), 2, "{:?}", read.sentences());
    assert!(
        read.sentences()
            .iter()
            .all(|sentence| sentence.ends_with(sparse))
    );
    let names: Vec<_> = read
        .ids()
        .iter()
        .map(|id| id.rsplit_once(':').unwrap().0)
        .collect();
    assert_eq!(
        names,
        ["a.tar/caf\u{e9}.eml", "a.tar/sized.eml", "a.tar/last.eml"]
    );
    assert_eq!(read.texts(), [MAIL; 3]);
}

#[test]
fn hostile_91_a_double_mbox_is_told_and_double_mails_are_kept() {
    let scratch = Scratch::new();
    let mbox = MBOX.as_bytes();
    let octets = archive(&[
        ("box", mbox),
        ("./box", mbox),
        ("x", MAIL.as_bytes()),
        ("x", MAIL.as_bytes()),
    ]);
    let read = read(&[&scratch.write("a.tar", octets)]);
    assert_eq!(read.messages.len(), 4);
    assert!(read.sentences()[0].ends_with("a.tar/box: is there twice in its archive; the second is not read, unpack it by hand and name the result."));
    assert_eq!(read.problems.len(), 1);
}

#[test]
fn hostile_91_a_cut_archive_keeps_what_stands_before() {
    let scratch = Scratch::new();
    let octets = archive(&[
        ("1.eml", MAIL.as_bytes()),
        ("box", MBOX.as_bytes()),
        ("2.eml", MAIL.as_bytes()),
    ]);
    for length in (1..octets.len() - 1024)
        .step_by(100)
        .filter(|length| *length >= 600)
    {
        let read = read(&[&scratch.write("a.tar", &octets[..length])]);
        assert_eq!(read.texts()[0], MAIL, "{length}");
        assert_eq!(read.problems.len(), 1, "{length} {:?}", read.sentences());
        let sentence = &read.sentences()[0];
        assert!(
            sentence.contains("its tar data end too early"),
            "{sentence}"
        );
    }
    let unmarked = read(&[&scratch.write("a.tar", &octets[..octets.len() - 1024])]);
    assert_eq!(unmarked.messages.len(), 4);
    assert!(
        unmarked.sentences()[0].ends_with(
            "a.tar: has no mark at its end and may be cut; compare it with another copy."
        )
    );
    let twice = [&octets[..], &octets].concat();
    assert_eq!(read(&[&scratch.write("a.tar", twice)]).messages.len(), 6);
}

#[test]
fn hostile_91_a_damaged_header_loses_one_member() {
    let scratch = Scratch::new();
    let mail = MAIL.as_bytes();
    let mut octets = archive(&[("1.eml", mail), ("2.eml", mail), ("3.eml", mail)]);
    octets[2 * BLOCK_OCTETS] ^= 1;
    let read = read(&[&scratch.write("a.tar", octets)]);
    assert_eq!(read.ids(), ["a.tar/1.eml:512", "a.tar/3.eml:2560"]);
    assert!(
        read.sentences()[0]
            .contains("a.tar: its tar data are damaged, found at octet 1536 of the archive")
    );
    assert_eq!(read.problems.len(), 1);
}

#[test]
fn member_limit_at_n_minus_1_n_and_n_plus_1() {
    let scratch = Scratch::new();
    let mail = MAIL.as_bytes();
    let path = [scratch.write("a.tar", archive(&[("1", mail), ("2", mail), ("3", mail)]))];
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
        assert!(read.sentences().iter().all(|sentence| sentence.ends_with("a.tar: has more than 2 members, the others are not read; unpack it and name the folder.")));
    }
}

#[test]
fn extension_octet_limit_at_n_minus_1_n_and_n_plus_1() {
    let scratch = Scratch::new();
    let limit = usize::try_from(EXTENSION_OCTET_LIMIT).unwrap();
    for (size, problems) in [(limit - 1, 0), (limit, 0), (limit + 1, 1)] {
        let mut builder = Builder::new(Vec::new());
        let mut long = header(EntryType::GNULongName, size);
        long.set_cksum();
        let mut name = b"name\0".to_vec();
        name.resize(size, 0);
        builder.append(&long, &name[..]).unwrap();
        let mut octets = builder.into_inner().unwrap();
        octets.truncate(octets.len() - 2 * BLOCK_OCTETS);
        octets.extend_from_slice(&archive(&[("short", MAIL.as_bytes())]));
        let read = read(&[&scratch.write("a.tar", octets)]);
        assert_eq!((read.messages.len(), read.problems.len()), (1, problems));
    }
}

#[test]
fn an_archive_without_mail_is_told_where_it_is_named() {
    let scratch = Scratch::new();
    let octets = archive(&[("notes.md", b"# x\n")]);
    let named = read(&[&scratch.write("t/a.tar", &octets)]);
    assert!(
        named.sentences()[0]
            .ends_with("a.tar: holds no mail; name a folder of mails, a Maildir or an mbox.")
    );
    scratch.write("t/x.eml", MAIL);
    let folder = read(&[&scratch.path("t")]);
    assert_eq!((folder.ids(), folder.problems.len()), (vec!["x.eml"], 0));
}
