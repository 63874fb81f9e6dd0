//! Files, folders, Maildir and streams, as a person names them.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use mailauth_core::verdict::ErrorReason;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::scratch::{MAIL, MBOX, Read, Scratch, read, standard_input, windows_of};
use crate::{Options, SourceProblem, Sources};

#[test]
fn a_named_mail_is_one_message_with_its_base_name() {
    let scratch = Scratch::new();
    for octets in [
        MAIL,
        "A: 1\n",
        "Subject : x\r\n\r\n",
        "From: x",
        "\u{feff}Date: x\n\n",
    ] {
        let read = read(&[&scratch.write("2019/mail", octets)]);
        assert_eq!(read.ids(), ["mail"]);
        assert_eq!(read.texts(), [octets]);
        assert!(!read.messages[0].is_mbox && read.messages[0].notes.is_empty());
    }
}

#[test]
fn hostile_74_whatever_is_named_eml_is_a_message() {
    let scratch = Scratch::new();
    for octets in [
        "",
        "x",
        "\r\n",
        "\r\nA: 1\r\n",
        "text",
        "{\"a\": 1}",
        " From: x\n",
        "From b\nA: 1\n\nx\n\n",
    ] {
        let read = read(&[&scratch.write("x.eml", octets)]);
        assert_eq!(read.texts(), [octets]);
        assert_eq!(read.ids(), ["x.eml"]);
    }
    assert_eq!(read(&[&scratch.write("x.EML", MBOX)]).messages.len(), 2);
    let long = format!("A: {}\n\n{}", "h".repeat(100_000), "b".repeat(100_000));
    assert_eq!(read(&[&scratch.write("x.eml", &long)]).texts(), [long]);
}

#[test]
fn a_message_over_the_limit_is_a_row_without_octets() {
    let scratch = Scratch::new();
    let path = scratch.write("x.eml", MAIL);
    for (limit, text) in [
        (21, "message-too-large"),
        (22, "message-too-large"),
        (23, MAIL),
        (24, MAIL),
    ] {
        let options = || Options {
            message_octet_limit: limit,
            ..windows_of(5)
        };
        let file = Read::of(std::slice::from_ref(&path), options());
        let standard_input = Options {
            standard_input: Some(Box::new(MAIL.as_bytes())),
            ..options()
        };
        let stream = Read::of(&[PathBuf::from("-")], standard_input);
        for read in [file, stream] {
            assert_eq!(
                (read.texts(), read.messages[0].size),
                (vec![text.to_owned()], 23),
                "{limit}"
            );
        }
    }
}

#[test]
fn emlx_is_the_mail_between_its_count_and_its_property_list() {
    let scratch = Scratch::new();
    let read = read(&[&scratch.write("1.emlx", format!("{}   \n{MAIL}<?xml?>", MAIL.len()))]);
    assert_eq!(
        (read.texts(), read.ids()),
        (vec![MAIL.to_owned()], vec!["1.emlx"])
    );
    let cut = scratch.write("2.emlx", format!("{}\n{MAIL}", MAIL.len() + 1));
    assert_eq!(crate::scratch::read(&[&cut]).texts(), ["truncated"]);
}

/// First octets, and what is said of them behind the path.
const REFUSALS: &[(&[u8], &str)] = &[
    (
        b"\x1f\x8b\x08",
        "its gzip data end too early, at octet 0 of the unpacked stream; what stands before is kept, take a complete copy and run again.",
    ),
    (
        b"(\xb5/\xfd",
        "its zstd data end too early, at octet 0 of the unpacked stream; what stands before is kept, take a complete copy and run again.",
    ),
    (
        b"\xfd7zXZ\0",
        "its xz data end too early, at octet 0 of the unpacked stream; what stands before is kept, take a complete copy and run again.",
    ),
    (
        b"BZh91AY",
        "is bzip2, which is not read yet; pipe what `bzip2 -dc` gives into `-`.",
    ),
    (
        b"PK\x03\x04",
        "its ZIP data end too early, at octet 4 of the archive or member; what stands before is kept, take a complete copy and run again.",
    ),
    (
        b"PAR1",
        "is a Parquet table that is damaged or not complete; look for another copy.",
    ),
    (
        b"1xVhGj-0002pV-0B-H\nx",
        "is one half of a message of Exim, 1xVhGj-0002pV-0B-D is not beside it; copy both files.",
    ),
    (
        b"!BDN",
        "is an Outlook store (PST, OST), which keeps no original octets; `readpst -e` gives rebuilt mails, whose signatures cannot hold, so look for another copy.",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is an Outlook message (.msg) or another compound file, which keeps no original octets; a conversion gives a rebuilt mail, whose signatures cannot hold, so look for another copy.",
    ),
    (
        b"# Notes\n\nFrom here on\n",
        "is neither a mail nor an mbox; name a mail, an mbox, a Maildir or a folder of mails.",
    ),
    (
        b"\0\x01\x02",
        "is neither a mail nor an mbox; name a mail, an mbox, a Maildir or a folder of mails.",
    ),
    (b"", "is empty; check where it comes from."),
];

#[test]
fn what_is_no_mail_is_refused_with_a_way_out() {
    let scratch = Scratch::new();
    for (octets, sentence) in REFUSALS {
        let path = scratch.write("input", octets);
        let read = read(&[&path]);
        let expected = format!("{}: {sentence}", path.display());
        assert_eq!(read.sentences(), [expected]);
        assert!(read.messages.is_empty() && read.problems[0].is_whole_input());
    }
    let tar = [&[b'a'; 257][..], b"ustar\0", &[0; 249]].concat();
    assert!(
        read(&[&scratch.write("input", tar)]).sentences()[0].contains("its tar data are damaged")
    );
}

#[test]
fn faults_of_one_input_do_not_stop_the_others() {
    let scratch = Scratch::new();
    let mail = scratch.write("mail", MAIL);
    let missing = scratch.path("missing");
    let below_file = mail.join("x");
    let read = read(&[
        &missing,
        &mail,
        &below_file,
        &mail,
        &scratch.write("box", MBOX),
    ]);
    assert_eq!(read.messages.len(), 3);
    assert_eq!(read.ids()[0], "mail");
    let names = [&missing, &below_file, &mail].map(|path| path.display().to_string());
    assert_eq!(
        read.sentences(),
        [
            format!(
                "{}: there is no such file or folder; check the name.",
                names[0]
            ),
            format!(
                "{}: cannot be read (not a directory); check the name.",
                names[1]
            ),
            format!("{}: named more than once; it is read once.", names[2]),
        ]
    );
    assert_eq!(read.problems[0].path(), missing);
    assert!(std::error::Error::source(&read.problems[0]).is_some());
    assert!(matches!(
        Sources::open(&[], Options::default()),
        Err(SourceProblem::NothingNamed)
    ));
}

#[test]
fn standard_input_is_mbox_or_one_message() {
    let dash = [PathBuf::from("-")];
    let mbox = Read::of(&dash, standard_input(MBOX));
    assert_eq!(
        (mbox.ids(), mbox.texts()),
        (
            vec!["-:32", "-:75"],
            vec!["A: 1\n\none\n".to_owned(), "B: 2\n".to_owned()]
        )
    );
    for octets in [MAIL, "text", "\n\nx", "\0"] {
        let read = Read::of(&dash, standard_input(octets));
        assert_eq!(
            (read.ids(), read.texts()),
            (vec!["-:0"], vec![octets.to_owned()])
        );
        assert!(!read.messages[0].is_mbox);
    }
    assert_eq!(
        Read::of(&dash, standard_input("")).sentences(),
        ["standard input: is empty; check where it comes from."]
    );
    let parquet = Read::of(&dash, standard_input(b"PAR1"));
    assert_eq!(
        parquet.sentences(),
        [
            "standard input: is a Parquet table, which is not read from a stream; write it to a file and name that."
        ]
    );
}

#[test]
fn a_named_pipe_is_a_stream() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let writer = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::write(pipe, MBOX).unwrap())
    };
    let sources = Sources::open(std::slice::from_ref(&pipe), Options::default()).unwrap();
    assert_eq!(sources.total_octets(), None);
    let ids: Vec<_> = sources.map(|item| item.unwrap().id).collect();
    writer.join().unwrap();
    assert_eq!(ids, ["pipe:32", "pipe:75"]);
}

#[test]
fn a_stream_that_fails_keeps_what_came_before() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    for (octets, texts) in [
        (MBOX, vec!["A: 1\n\none\n", "unreadable"]),
        (MAIL, vec!["unreadable"]),
    ] {
        let standard_input: Box<dyn io::Read + Send> = Box::new(octets.as_bytes().chain(Failing));
        let options = Options {
            standard_input: Some(standard_input),
            ..windows_of(7)
        };
        let read = Read::of(&[PathBuf::from("-")], options);
        assert_eq!(read.texts(), texts);
        assert_eq!(
            read.sentences(),
            [
                "standard input: cannot be read (input/output error); check the disk or the link and run again."
            ]
        );
    }
}

#[test]
fn hostile_92_a_file_that_changes_during_the_run_is_reported() {
    let many = format!("{MBOX}\n").repeat(3_000);
    for (change, expected) in [
        ("shrink", "became shorter"),
        ("grow", "was changed"),
        ("keep", ""),
    ] {
        let scratch = Scratch::new();
        let path = scratch.write("box", &many);
        let mut sources = Sources::open(std::slice::from_ref(&path), windows_of(500)).unwrap();
        let first = sources.next().unwrap().unwrap();
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        match change {
            "shrink" => file.set_len(100_000).unwrap(),
            "grow" => io::Write::write_all(&mut &file, MBOX.as_bytes()).unwrap(),
            _ => {}
        }
        let (mut texts, mut problems) = (Vec::new(), Vec::new());
        for item in sources {
            match item {
                Ok(message) => texts.push(message.octets.map_err(ErrorReason::code)),
                Err(problem) => problems.push(problem.to_string()),
            }
        }
        assert_eq!(first.octets.unwrap(), "A: 1\n\none\n");
        assert_eq!(
            problems.len(),
            usize::from(change != "keep"),
            "{problems:?}"
        );
        assert!(problems.iter().all(|problem| problem.contains(expected)));
        let complete = texts.iter().filter(|text| text.is_ok()).count();
        if change == "shrink" {
            assert_eq!(texts.last().unwrap(), &Err("truncated"));
            assert!(complete > 2_000 && complete < 3_000);
        } else {
            assert_eq!(complete, 5_999);
        }
    }
}

#[test]
fn progress_ends_at_the_total() {
    let scratch = Scratch::new();
    scratch.write("t/a.eml", MAIL);
    scratch.write("t/sub/box", MBOX);
    scratch.write("t/notes.md", "# x\n");
    let inputs = [
        scratch.path("t"),
        scratch.write("m.eml", MAIL.repeat(9_000)),
        scratch.path("missing"),
    ];
    let sources = Sources::open(&inputs, Options::default()).unwrap();
    let (total, progress) = (sources.total_octets().unwrap(), sources.progress());
    assert_eq!(
        (total, progress.octets_read()),
        ((MAIL.len() * 9_001 + MBOX.len() + 4) as u64, 0)
    );
    assert_eq!(sources.count(), 5);
    assert_eq!(
        (progress.octets_read(), progress.files_skipped()),
        (total, 1)
    );
}

#[test]
fn real_mail_out_of_an_mbox_equals_the_files_it_was_made_of() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = manifest.join("../../../shared/suites/real-vger-i2c/eml");
    if !tree.is_dir() {
        return;
    }
    let files = read(&[&tree]);
    assert_eq!((files.messages.len(), files.problems.len()), (1_772, 0));
    let mut mbox = Vec::new();
    for message in &files.messages {
        mbox.extend_from_slice(b"From mail@example.net Mon Nov 24 08:38:00 2025\n");
        mbox.extend_from_slice(message.octets.as_ref().unwrap());
        mbox.push(b'\n');
    }
    let scratch = Scratch::new();
    let path = scratch.write("box", &mbox);
    for window_octets in [10_000, 100_000, crate::WINDOW_OCTETS] {
        let messages = Read::of(std::slice::from_ref(&path), windows_of(window_octets)).messages;
        assert_eq!(messages.len(), 1_772);
        for (out, file) in messages.iter().zip(&files.messages) {
            assert!(
                out.octets == file.octets && out.notes.is_empty(),
                "{} {}",
                out.id,
                file.id
            );
        }
    }
}
