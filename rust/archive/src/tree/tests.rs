//! Folders of all kinds, and the ids of what lies in them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::FOLDER_DEPTH_LIMIT;
use crate::id::COMPARED_FOLDER_LIMIT;
use crate::maildir::SEARCH_LIMIT;
use crate::scratch::{MAIL, MBOX, Read, Scratch, read};
use crate::{Options, Sources};

#[test]
fn a_tree_gives_what_looks_like_mail_in_the_order_of_the_paths() {
    let scratch = Scratch::new();
    for name in [
        "t/b.eml",
        "t/a/2",
        "t/a/10",
        "t/a-b",
        "t/a.txt",
        "t/box",
        "t/sub/deep/m",
        "t/new\nline",
    ] {
        scratch.write(name, if name == "t/box" { MBOX } else { MAIL });
    }
    scratch.write("t/empty.eml", "");
    for junk in ["t/empty", "t/.hidden.eml", "t/.git/x.eml"] {
        scratch.write(junk, if junk == "t/empty" { "" } else { MAIL });
    }
    scratch.write("t/README.md", "# Mail\n");
    scratch.write("t/index.json", "{\"From\": 1}");
    scratch.write("t/settings.yml", "name: x\non: push\n");
    let read = read(&[&scratch.path("t")]);
    assert!(read.problems.is_empty());
    assert_eq!(
        read.ids(),
        [
            "a-b",
            "a.txt",
            "a/10",
            "a/2",
            "b.eml",
            "box:32",
            "box:75",
            "empty.eml",
            "new\nline",
            "sub/deep/m",
        ]
    );
}

#[test]
fn a_tree_names_what_may_hide_mail_and_a_folder_without_any() {
    let scratch = Scratch::new();
    scratch.write("t/a.eml", MAIL);
    scratch.write("t/b.mbox.gz", b"\x1f\x8b\x08");
    scratch.write("t/c.pst", "!BDN");
    let read = read(&[&scratch.path("t")]);
    assert_eq!((read.ids(), read.problems.len()), (vec!["a.eml"], 2));
    assert!(
        read.problems
            .iter()
            .all(|problem| !problem.is_whole_input())
    );
    scratch.write("none/x.md", "# x\n");
    let none = crate::scratch::read(&[&scratch.path("none")]);
    assert!(
        none.sentences()[0]
            .ends_with("none: holds no mail; name a folder of mails, a Maildir or an mbox.")
    );
}

#[test]
fn a_name_that_is_no_utf8_is_escaped() {
    let scratch = Scratch::new();
    let folder = scratch.path("t");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"caf\xe9\xff.eml")), MAIL).unwrap();
    fs::write(folder.join("\u{e9}.eml"), MAIL).unwrap();
    assert_eq!(read(&[&folder]).ids(), ["caf\\xe9\\xff.eml", "\u{e9}.eml"]);
    let missing = read(&[Path::new("/missing/\x1b[31m\u{202e}x")]);
    assert!(missing.sentences()[0].starts_with("/missing/\\u{1b}[31m\\u{202e}x: there is"));
}

#[test]
fn hostile_92_links_pipes_and_loops_are_passed_over() {
    let scratch = Scratch::new();
    let mail = scratch.write("t/a/x.eml", MAIL);
    scratch.write("elsewhere/y.eml", MAIL);
    symlink(scratch.path("t"), scratch.path("t/a/loop")).unwrap();
    symlink(scratch.path("elsewhere"), scratch.path("t/other")).unwrap();
    symlink(&mail, scratch.path("t/link.eml")).unwrap();
    symlink("self.eml", scratch.path("t/self.eml")).unwrap();
    symlink("nothing", scratch.path("t/to-nothing.eml")).unwrap();
    mkfifo(&scratch.path("t/pipe.eml"), Mode::S_IRWXU).unwrap();
    let read = read(&[&scratch.path("t")]);
    assert_eq!(read.ids(), ["a/x.eml", "link.eml"]);
    let sentences = read.sentences();
    assert!(sentences[0].ends_with("/self.eml: cannot be read (too many levels of symbolic links); check the disk or the link and run again."));
    assert!(sentences[1].ends_with("/to-nothing.eml: vanished after its folder was listed; run again when nothing moves the mail."));
    assert_eq!(sentences.len(), 2);
    symlink(scratch.path("t/a"), scratch.path("named")).unwrap();
    assert_eq!(
        crate::scratch::read(&[&scratch.path("named")]).ids(),
        ["x.eml"]
    );
}

#[test]
fn maildir_gives_cur_and_new_without_flags() {
    let scratch = Scratch::new();
    for name in [
        "m/new/3.host",
        "m/cur/2.host:2,RS",
        "m/cur/21.host:2,",
        "m/cur/1.host,S=23:2,S",
        "m/tmp/4.host",
        "m/cur/.x",
        "m/.Sent/cur/1.host:2,S",
        "m/.Sent/tmp/2.host",
        "m/.other/x.eml",
        "m/Archive/new/5.host",
    ] {
        scratch.write(name, MAIL);
    }
    scratch.write("m/cur/5.host:2,", "no header");
    scratch.write("m/cur/6.host:2,", "");
    scratch.write("m/cur/7.host:2,", MBOX);
    scratch.write("m/dovecot-uidlist", "3 V1 N1\n1 :x\n");
    let read = read(&[&scratch.path("m")]);
    assert_eq!(
        read.ids(),
        [
            ".Sent/cur/1.host",
            "Archive/new/5.host",
            "cur/1.host,S=23",
            "cur/2.host",
            "cur/21.host",
            "cur/5.host",
            "cur/6.host",
            "cur/7.host",
            "new/3.host",
        ]
    );
    assert!(read.problems.is_empty() && read.texts()[7] == MBOX);
    fs::create_dir_all(scratch.path("empty/cur")).unwrap();
    fs::create_dir_all(scratch.path("empty/new")).unwrap();
    let empty = crate::scratch::read(&[&scratch.path("empty")]);
    assert!(empty.messages.is_empty() && empty.problems.is_empty());
}

#[test]
fn hostile_92_a_maildir_file_that_moves_is_found_again() {
    let scratch = Scratch::new();
    for name in ["m/cur/1:2,", "m/cur/2:2,", "m/new/3", "m/new/4", "m/new/5"] {
        scratch.write(name, MAIL);
    }
    let mut sources = Sources::open(&[scratch.path("m")], Options::default()).unwrap();
    let first = sources.next().unwrap().unwrap();
    assert_eq!(first.id, "cur/1");
    let rename = |from, to| fs::rename(scratch.path(from), scratch.path(to)).unwrap();
    rename("m/cur/1:2,", "m/cur/1:2,S");
    rename("m/cur/2:2,", "m/cur/2:2,FS");
    rename("m/new/3", "m/cur/3:2,");
    rename("m/new/4", "m/cur/4:2,S");
    fs::remove_file(scratch.path("m/new/5")).unwrap();
    let rest: Vec<_> = sources
        .map(|item| {
            item.map(|message| message.id)
                .map_err(|problem| problem.to_string())
        })
        .collect();
    assert_eq!(
        rest[..3],
        [
            Ok("cur/2".to_owned()),
            Ok("new/3".to_owned()),
            Ok("new/4".to_owned())
        ]
    );
    assert!(rest[3].as_ref().unwrap_err().contains("/m/new/5: vanished"));
    assert_eq!(rest.len(), 4);
}

#[test]
fn a_maildir_file_seen_in_new_and_cur_is_read_once() {
    let scratch = Scratch::new();
    for name in ["m/cur/1:2,S", "m/new/1", "m/cur/2:2,", "m/cur/2:2,S"] {
        scratch.write(name, MAIL);
    }
    assert_eq!(
        read(&[&scratch.path("m")]).ids(),
        ["cur/1", "cur/2", "cur/2:2,S"]
    );
}

#[test]
fn equal_ids_become_the_path_as_typed() {
    let scratch = Scratch::new();
    for name in [
        "a/x.eml",
        "a/only.eml",
        "b/x.eml",
        "b/sub/box",
        "c/x.eml",
        "d/sub/box",
        "m/cur/1:2,",
        "n/cur/1:2,S",
        "n/cur/2:2,",
    ] {
        scratch.write(name, if name.ends_with("box") { MBOX } else { MAIL });
    }
    let path = |name: &str| scratch.path(name);
    let typed = |name: &str| path(name).display().to_string();
    let files = read(&[&path("a/x.eml"), &path("a/only.eml"), &path("b/x.eml")]);
    assert_eq!(
        files.ids(),
        [typed("a/x.eml"), "only.eml".to_owned(), typed("b/x.eml")]
    );
    let folders = read(&[&path("a"), &path("b"), &path("c/x.eml")]);
    assert_eq!(
        folders.ids(),
        [
            "only.eml".to_owned(),
            typed("a/x.eml"),
            "sub/box:32".to_owned(),
            "sub/box:75".to_owned(),
            typed("b/x.eml"),
            typed("c/x.eml"),
        ]
    );
    let boxes = read(&[&path("b/sub"), &path("d/sub")]);
    assert_eq!(boxes.ids()[0], format!("{}:32", typed("b/sub/box")));
    let maildirs = read(&[&path("m"), &path("n")]);
    assert_eq!(
        maildirs.ids(),
        [typed("m/cur/1"), typed("n/cur/1"), "cur/2".to_owned()]
    );
}

#[test]
fn folder_depth_limit_at_n_minus_1_n_and_n_plus_1() {
    for (folders, messages) in [
        (FOLDER_DEPTH_LIMIT - 1, 1),
        (FOLDER_DEPTH_LIMIT, 1),
        (FOLDER_DEPTH_LIMIT + 1, 0),
    ] {
        let scratch = Scratch::new();
        scratch.write(&format!("{}x.eml", "d/".repeat(folders)), MAIL);
        let read = read(&[&scratch.path("d")]);
        assert_eq!(read.messages.len(), messages, "{folders}");
        let is_too_deep = read
            .sentences()
            .iter()
            .any(|sentence| sentence.ends_with("lies deeper than 64 folders; name it by itself."));
        assert_eq!(is_too_deep, messages == 0);
    }
}

#[test]
fn compared_folder_limit_at_n_minus_1_n_and_n_plus_1() {
    for (others, id) in [
        (COMPARED_FOLDER_LIMIT - 1, "0.eml"),
        (COMPARED_FOLDER_LIMIT, "0.eml"),
        (COMPARED_FOLDER_LIMIT + 1, "as typed"),
    ] {
        let scratch = Scratch::new();
        let folders: Vec<_> = (0..=others)
            .map(|number| {
                scratch.write(&format!("{number}/{number}.eml"), MAIL);
                scratch.path(&number.to_string())
            })
            .collect();
        let read = Read::of(&folders, Options::default());
        let typed = folders[0].join("0.eml").display().to_string();
        let expected = if id == "as typed" { typed.as_str() } else { id };
        assert_eq!(read.ids()[0], expected, "{others}");
    }
}

#[test]
fn search_limit_at_n_minus_1_n_and_n_plus_1() {
    for (moves, found) in [
        (SEARCH_LIMIT - 1, true),
        (SEARCH_LIMIT, true),
        (SEARCH_LIMIT + 1, false),
    ] {
        let scratch = Scratch::new();
        for number in 0..=moves {
            scratch.write(&format!("m/cur/{number:02}:2,"), MAIL);
        }
        let mut sources = Sources::open(&[scratch.path("m")], Options::default()).unwrap();
        assert!(sources.next().unwrap().is_ok());
        let mut last = false;
        for number in 1..=moves {
            // Each file moves after the last search, so that each needs a new one.
            let path = |flags: &str| scratch.path(&format!("m/cur/{number:02}:2,{flags}"));
            fs::rename(path(""), path("S")).unwrap();
            for later in number + 1..=moves {
                fs::rename(
                    scratch.path(&format!("m/cur/{later:02}:2,")),
                    scratch.path(&format!("m/{later}")),
                )
                .unwrap();
            }
            last = sources.next().unwrap().is_ok();
            for later in number + 1..=moves {
                fs::rename(
                    scratch.path(&format!("m/{later}")),
                    scratch.path(&format!("m/cur/{later:02}:2,")),
                )
                .unwrap();
            }
        }
        assert_eq!(last, found, "{moves}");
    }
}
