//! Inboxes made by git itself; without git there is nothing to test.

use std::fmt::Write as _;

use super::*;
use crate::Options;
use crate::scratch::{MAIL, Read, Scratch, read, skipped};

/// Makes a repository whose commits hold these files; false when git is not there.
fn repository(path: &Path, commits: &[(&str, &str)]) -> bool {
    let mut stream = String::new();
    for (time, (file, content)) in commits.iter().enumerate() {
        let old = if *file == "d" { "D m\n" } else { "" };
        write!(
            stream,
            "commit refs/heads/master\ncommitter a <a@example.net> {time} +0000\ndata 1\nx\n{old}M 100644 inline {file}\ndata {}\n{content}\n",
            content.len()
        )
        .unwrap();
    }
    let init = Command::new("git")
        .args(["init", "-q", "--bare", "--initial-branch=master"])
        .arg(path)
        .status();
    if !init.is_ok_and(|status| status.success()) {
        skipped("there is no git");
        return false;
    }
    let mut import = git(path, &["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    import
        .stdin
        .take()
        .unwrap()
        .write_all(stream.as_bytes())
        .unwrap();
    assert!(import.wait().unwrap().success());
    true
}

#[test]
fn commits_are_messages_from_the_oldest_and_deleting_ones_are_skipped() {
    let scratch = Scratch::new();
    let second = format!("{MAIL}second\n");
    let epochs = scratch.path("inbox/git");
    if !repository(
        &epochs.join("0.git"),
        &[("m", MAIL), ("m", &second), ("d", MAIL), ("m", "")],
    ) {
        return;
    }
    repository(&epochs.join("10.git"), &[("m", "ten")]);
    repository(&epochs.join("2.git"), &[("m", "two")]);
    let inbox = read(&[&scratch.path("inbox")]);
    assert_eq!(inbox.texts(), [MAIL, &second, "", "two", "ten"]);
    assert_eq!(inbox.sentences(), Vec::<String>::new());
    let parts: Vec<_> = inbox
        .ids()
        .iter()
        .map(|id| id.split_once(':').unwrap())
        .collect();
    assert!(parts.iter().all(|(_, commit)| commit.len() == 40));
    let paths: Vec<_> = parts.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        paths,
        [
            "git/0.git",
            "git/0.git",
            "git/0.git",
            "git/2.git",
            "git/10.git"
        ]
    );
    scratch.write("a.eml", MAIL);
    let above = read(&[scratch.as_ref()]);
    assert_eq!(above.messages.len(), 6);
    assert!(above.ids()[1].starts_with("inbox/git/0.git:"));
    let epoch = read(&[&epochs.join("2.git")]);
    assert_eq!(
        (epoch.texts(), &epoch.ids()[0][..6]),
        (vec!["two".to_owned()], "2.git:")
    );
}

#[test]
fn a_message_over_the_limit_is_a_row_and_the_next_is_read() {
    let scratch = Scratch::new();
    if !repository(&scratch.path("inbox/git/0.git"), &[("m", MAIL), ("m", "x")]) {
        return;
    }
    for (limit, text) in [(22, "message-too-large"), (23, MAIL), (24, MAIL)] {
        let options = Options {
            message_octet_limit: limit,
            ..Options::default()
        };
        let read = Read::of(&[scratch.path("inbox")], options);
        assert_eq!(read.texts(), [text, "x"]);
        assert_eq!(read.messages[0].size, 23);
    }
}

#[test]
fn repositories_without_messages_and_damaged_ones_are_one_sentence() {
    let scratch = Scratch::new();
    let path = scratch.path("code.git");
    if !repository(&path, &[("README", "x")]) {
        return;
    }
    let code = read(&[&path]);
    assert_eq!(
        code.sentences(),
        [format!(
            "{}: is a git repository without the messages of a public-inbox (version 2); name the folder with git/0.git.",
            path.display()
        )]
    );
    assert!(code.problems[0].is_whole_input());
    let empty = scratch.path("empty/git/0.git");
    repository(&empty, &[]);
    assert!(read(&[&scratch.path("empty")]).sentences()[0].contains("git cannot read"));
    let damaged = scratch.path("damaged/git/0.git");
    repository(&damaged, &[("m", MAIL)]);
    fs::remove_dir_all(damaged.join("objects")).unwrap();
    fs::create_dir(damaged.join("objects")).unwrap();
    let damaged = read(&[&scratch.path("damaged")]);
    assert_eq!((damaged.messages.len(), damaged.problems.len()), (0, 1));
}
