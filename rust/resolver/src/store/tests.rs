//! The store from end to end: what is recorded is what is answered, and no cut, damage or bad line costs more.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mailauth_core::dns::{
    Answer, Deliver, MxRecord, Outcome, Question, RecordData, RecordType, Resolver, TxtRecord,
};
use mailauth_core::domain::Domain;

use super::lines::LINE_OCTET_LIMIT;
use super::recording::FRAME_SECONDS;
use super::writing::FRAME_ROWS;
use super::{FRAME_MAGIC, RecordedResolver, Recorder, RecordingResolver, StoreError, StoreReader};

const NOW: i64 = 1_764_000_000;

fn still_clock() -> i64 {
    NOW
}

/// A folder of its own, removed in the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mailauth-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("a.dns.jsonl.zst")
    }

    pub(super) fn file_named(&self, number: i64) -> PathBuf {
        self.0.join(format!("{number}.dns.jsonl.zst"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn with(&self, octets: &[u8]) -> PathBuf {
        fs::write(self.file(), octets).unwrap();
        self.file()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn question(name: &str, record_type: RecordType) -> Question {
    let name = Domain::parse_expanded(name).unwrap();
    Question { name, record_type }
}

fn name(text: &str) -> Domain {
    Domain::parse_ascii(text).unwrap()
}

fn txt(strings: &[&[u8]]) -> TxtRecord {
    TxtRecord::from_strings(strings.iter().copied())
}

fn text_answer(text: &str) -> Answer {
    Answer::found(RecordData::Txt(vec![txt(&[text.as_bytes()])]))
}

const EMPTY_OUTCOMES: [Outcome; 13] = [
    Outcome::NoData,
    Outcome::NxDomain,
    Outcome::ServFail,
    Outcome::Refused,
    Outcome::FormErr,
    Outcome::NotImp,
    Outcome::Timeout,
    Outcome::Truncated,
    Outcome::Lame,
    Outcome::ChainTooLong,
    Outcome::Unusable,
    Outcome::Unknown,
    Outcome::OverBudget,
];

/// One answer for each record type and each outcome.
fn answers() -> Vec<(Question, Answer)> {
    let all_octets: Vec<u8> = (0..=255).collect();
    let mx = |preference, exchange| MxRecord {
        preference,
        exchange,
    };
    let data = [
        (
            RecordType::A,
            RecordData::A(vec![
                "192.0.2.9".parse().unwrap(),
                "192.0.2.10".parse().unwrap(),
            ]),
        ),
        (
            RecordType::Aaaa,
            RecordData::Aaaa(vec!["2001:db8::1".parse().unwrap()]),
        ),
        (
            RecordType::Mx,
            RecordData::Mx(vec![mx(10, Some(name("mx.example"))), mx(0, None)]),
        ),
        (
            RecordType::Ptr,
            RecordData::Ptr(vec![name("b.example"), name("a;\"(@$).example")]),
        ),
        (
            RecordType::Txt,
            RecordData::Txt(vec![
                txt(&[b"v=spf1 ", b"-all"]),
                txt(&[&all_octets]),
                txt(&[b""]),
                txt(&[]),
            ]),
        ),
    ];
    let found = data.into_iter().map(|(record_type, data)| {
        let answer = Answer {
            ttl: Some(300),
            authenticated: Some(true),
            source: "live:192.0.2.53".into(),
            ..Answer::found(data)
        };
        (question("found.example", record_type), answer)
    });
    let empty = EMPTY_OUTCOMES.into_iter().map(|outcome| {
        let answer = Answer {
            is_alias: true,
            ..Answer::empty(outcome)
        };
        (
            question(
                &format!("{}.with space.example", outcome.as_str()),
                RecordType::Txt,
            ),
            answer,
        )
    });
    found.chain(empty).collect()
}

fn recorder(folder: &Folder) -> Recorder {
    Recorder::open(&folder.file(), still_clock).unwrap()
}

/// A store of three frames with a row each beside the header's.
fn three_frames(folder: &Folder) -> Vec<u8> {
    let recorder = recorder(folder);
    for number in 0..3 {
        let question = question(&format!("n{number}.example"), RecordType::Txt);
        recorder.record(&question, text_answer("x"));
        recorder.flush().unwrap();
    }
    recorder.close().unwrap();
    fs::read(folder.file()).unwrap()
}

fn names(resolver_rows: &[super::StoredRow]) -> Vec<String> {
    resolver_rows
        .iter()
        .map(|stored| stored.row.name.clone())
        .collect()
}

fn read_names(path: &std::path::Path) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let mut reader = StoreReader::open(path)?;
    let mut found = Vec::new();
    while let Some(rows) = reader.next_rows()? {
        found.extend(names(&rows));
    }
    Ok((found, reader.problems()))
}

#[test]
fn every_type_and_outcome_survives_a_round_trip() {
    let folder = Folder::new();
    let recorder = recorder(&folder);
    let delivered: Vec<_> = answers()
        .into_iter()
        .map(|(question, answer)| (question.clone(), recorder.record(&question, answer)))
        .collect();
    recorder.close().unwrap();
    let store = RecordedResolver::open(&folder.file()).unwrap();
    assert!(store.problems().is_empty());
    for (question, answer) in delivered {
        let replayed = store.answer(&question);
        if matches!(answer.outcome, Outcome::Unknown | Outcome::OverBudget) {
            assert_eq!(replayed, Answer::empty(Outcome::Unknown));
            continue;
        }
        assert_eq!(
            (replayed.first_seen, replayed.last_seen),
            (Some(NOW), Some(NOW))
        );
        assert_eq!(
            Answer {
                first_seen: None,
                last_seen: None,
                history: None,
                ..replayed
            },
            answer
        );
    }
}

#[test]
fn a_name_or_type_that_is_not_there_is_unknown() {
    let folder = Folder::new();
    three_frames(&folder);
    let store = RecordedResolver::open(&folder.file()).unwrap();
    for (name, record_type) in [
        ("n0.example", RecordType::A),
        ("other.example", RecordType::Txt),
    ] {
        assert_eq!(
            store.answer(&question(name, record_type)).outcome,
            Outcome::Unknown
        );
    }
}

#[test]
fn records_are_delivered_in_the_order_of_the_store() {
    let folder = Folder::new();
    let recorder = recorder(&folder);
    let orders = [["b", "a"], ["a", "b"]].map(|texts| {
        let records = texts.map(|text| txt(&[text.as_bytes()]));
        let answer = Answer::found(RecordData::Txt(records.to_vec()));
        recorder.record(&question("x.example", RecordType::Txt), answer)
    });
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].txt()[0].joined(), b"a");
    let nothing = recorder.record(
        &question("x.example", RecordType::Ptr),
        Answer::found(RecordData::Ptr(vec![])),
    );
    assert_eq!(nothing, Answer::empty(Outcome::NoData));
}

#[test]
fn a_store_torn_at_any_octet_keeps_its_whole_frames() {
    let folder = Folder::new();
    let whole = three_frames(&folder);
    let starts: Vec<usize> = (0..whole.len())
        .filter(|at| whole[*at..].starts_with(&FRAME_MAGIC))
        .collect();
    assert_eq!(starts.len(), 4);
    for length in 0..=whole.len() {
        let path = folder.with(&whole[..length]);
        let is_border = starts.contains(&length) || length == whole.len();
        let frames = starts.iter().filter(|start| **start < length).count()
            - usize::from(!is_border && length > 0);
        let read = read_names(&path);
        if frames == 0 {
            let torn = StoreError::TornAtStart(path.clone());
            let expected = if length == 0 {
                StoreError::NoStore(path.clone())
            } else {
                torn.clone()
            };
            assert_eq!(read, Err(expected));
            // An empty file is where a recording may begin.
            let opened = Recorder::open(&path, still_clock).map(|_| ());
            assert_eq!(opened, if length == 0 { Ok(()) } else { Err(torn) });
            continue;
        }
        let expected: Vec<String> = (0..frames - 1)
            .map(|number| format!("n{number}.example"))
            .collect();
        let (found, problems) = read.unwrap();
        assert_eq!(found, expected, "{length}");
        assert_eq!(
            problems.len(),
            usize::from(!is_border),
            "{length}: {problems:?}"
        );
        appends_behind(&path, expected, is_border);
    }
}

fn appends_behind(path: &std::path::Path, mut expected: Vec<String>, is_border: bool) {
    let recorder = Recorder::open(path, still_clock).unwrap();
    assert_eq!(recorder.problems().len(), usize::from(!is_border));
    recorder.record(&question("new.example", RecordType::Txt), text_answer("y"));
    recorder.close().unwrap();
    expected.push("new.example".to_owned());
    assert_eq!(read_names(path).unwrap(), (expected, Vec::new()));
}

#[test]
fn zeros_at_the_end_are_a_torn_frame() {
    let folder = Folder::new();
    let path = folder.with(&[three_frames(&folder), vec![0; 4096]].concat());
    let (found, problems) = read_names(&path).unwrap();
    assert_eq!((found.len(), problems.len()), (3, 1));
    assert!(problems[0].contains("torn"), "{problems:?}");
}

#[test]
fn a_frame_damaged_in_the_middle_is_never_cut_off() {
    let folder = Folder::new();
    let mut octets = three_frames(&folder);
    let second = (1..octets.len())
        .filter(|at| octets[*at..].starts_with(&FRAME_MAGIC))
        .nth(1)
        .unwrap();
    octets[second + 12] ^= 0xff;
    let path = folder.with(&octets);
    let (found, problems) = read_names(&path).unwrap();
    assert_eq!(found, ["n0.example"]);
    assert!(problems[0].contains("damaged"), "{problems:?}");
    let refused = Recorder::open(&path, still_clock).map(|_| ());
    assert_eq!(
        refused,
        Err(StoreError::Damaged(
            path.clone(),
            u64::try_from(second).unwrap()
        ))
    );
    assert_eq!(fs::read(path).unwrap(), octets);
}

#[test]
fn only_the_header_of_this_schema_is_read() {
    let folder = Folder::new();
    let refused = |text: &str| read_names(&folder.with(text.as_bytes())).unwrap_err();
    let path = folder.file();
    assert_eq!(
        refused("{\"schema\": 2}\n{}\n"),
        StoreError::NewerSchema(path.clone(), 2)
    );
    for text in [
        "",
        "\n",
        "{}\n",
        "{\"schema\": 0}\n",
        "{\"schema\": \"1\"}\n",
        "[1]\n",
        "x",
    ] {
        assert_eq!(refused(text), StoreError::NoStore(path.clone()), "{text}");
    }
    let overlong = format!("{}\n", " ".repeat(LINE_OCTET_LIMIT + 1));
    assert_eq!(refused(&overlong), StoreError::NoStore(path));
}

const ROW: &str = r#"{"name":"A.example.","type":"TXT","data":["bare \"two words\" \\065"],"rcode":"NOERROR","new":1}"#;

#[test]
fn plain_lines_are_read_and_bad_ones_named() {
    let folder = Folder::new();
    let bad = [
        "nonsense",
        r#"{"name":"a..example","type":"TXT","rcode":"NOERROR"}"#,
        r#"{"name":"a.example","type":"A","data":["x"],"rcode":"NOERROR"}"#,
        r#"{"name":"a.example","type":"A","data":["192.0.2.1"],"rcode":"NXDOMAIN"}"#,
        r#"{"name":"a.example","type":"A","rcode":"MAYBE"}"#,
        r#"{"name":"a.example","type":"A","rcode":"NOERROR","first_seen":2,"last_seen":1}"#,
    ];
    let other = r#"{"name":"a.example","type":"TYPE65280","data":["\\# 0"],"rcode":"NOERROR"}"#;
    let text = format!(
        "{{\"schema\": 1}}\n{}\n{ROW}\r\n\n{other}\n{ROW}",
        bad.join("\n")
    );
    let path = folder.with(text.as_bytes());
    let (found, problems) = read_names(&path).unwrap();
    assert_eq!(found, ["A.example.", "a.example", "A.example."]);
    assert_eq!(problems.len(), 1);
    for words in [
        "6 lines",
        "line 2: no row",
        "line 3: the name",
        "line 4: not an IPv4",
        "; ...",
    ] {
        assert!(problems[0].contains(words), "{problems:?}");
    }
    let answer = RecordedResolver::open(&path)
        .unwrap()
        .answer(&question("a.example", RecordType::Txt));
    let strings: Vec<_> = answer.txt()[0].strings().collect();
    assert_eq!(strings, [&b"bare"[..], b"two words", b"A"]);
    assert_eq!((answer.first_seen, answer.last_seen), (None, None));
    assert_eq!(
        Recorder::open(&path, still_clock).map(|_| ()),
        Err(StoreError::Plain(path))
    );
}

#[test]
fn a_torn_last_line_is_reported_and_a_lone_line_feed_is_added() {
    let folder = Folder::new();
    let text = format!("{{\"schema\": 1}}\n{ROW}\n{}", &ROW[..20]);
    let (found, problems) = read_names(&folder.with(text.as_bytes())).unwrap();
    assert_eq!(found.len(), 1);
    assert!(problems[0].contains("number 3"), "{problems:?}");
    let frame = super::frames::encode(format!("{{\"schema\": 1}}\n{ROW}").as_bytes()).unwrap();
    appends_behind(&folder.with(&frame), vec!["A.example.".to_owned()], true);
}

#[test]
fn a_line_limit_at_n_minus_1_n_and_n_plus_1() {
    for (length, count) in [
        (LINE_OCTET_LIMIT - 1, 2),
        (LINE_OCTET_LIMIT, 2),
        (LINE_OCTET_LIMIT + 1, 1),
    ] {
        let folder = Folder::new();
        let padding = " ".repeat(length - ROW.len());
        let text = format!("{{\"schema\": 1}}\n{padding}{ROW}\n{ROW}\n");
        let (found, problems) = read_names(&folder.with(text.as_bytes())).unwrap();
        assert_eq!((found.len(), problems.len()), (count, 2 - count));
    }
}

#[test]
fn lines_may_reach_across_frames_and_stores_be_joined() {
    let folder = Folder::new();
    let text = format!("{{\"schema\": 1}}\n{ROW}\n{{\"schema\": 1}}\n{ROW}\n");
    let (one, other) = text.split_at(60);
    let frames = [one, other].map(|part| super::frames::encode(part.as_bytes()).unwrap());
    let (found, problems) = read_names(&folder.with(&frames.concat())).unwrap();
    assert_eq!((found.len(), problems.len()), (2, 0));
}

#[test]
fn the_newest_row_answers_and_a_fault_of_the_same_second_does_not() {
    let folder = Folder::new();
    let row = |seen: &str, rcode: &str, text: &str| {
        format!(
            r#"{{"name":"a.example","type":"TXT","data":[{text}],"rcode":"{rcode}","last_seen":{seen}}}"#
        )
    };
    let lines = [
        row("null", "NOERROR", "\"null\""),
        row("20", "NOERROR", "\"new\""),
        row("20", "TIMEOUT", ""),
        row("10", "NOERROR", "\"old\""),
    ];
    for turn in 0..lines.len() {
        let mut lines = lines.clone();
        lines.rotate_left(turn);
        let path = folder.with(format!("{{\"schema\": 1}}\n{}\n", lines.join("\n")).as_bytes());
        let answer = RecordedResolver::open(&path)
            .unwrap()
            .answer(&question("a.example", RecordType::Txt));
        assert_eq!(answer.txt()[0].joined(), b"new");
    }
}

fn frames_after(rows: usize, clock: fn() -> i64) -> usize {
    let folder = Folder::new();
    let recorder = Recorder::open(&folder.file(), clock).unwrap();
    for number in 0..rows {
        let question = question(&format!("n{number}.example"), RecordType::A);
        recorder.record(&question, Answer::empty(Outcome::NxDomain));
    }
    let octets = fs::read(folder.file()).unwrap();
    octets
        .windows(4)
        .filter(|octets| *octets == FRAME_MAGIC)
        .count()
        - 1
}

#[test]
fn a_frame_is_written_at_its_rows_n_minus_1_n_and_n_plus_1() {
    let counts =
        [FRAME_ROWS - 1, FRAME_ROWS, FRAME_ROWS + 1].map(|rows| frames_after(rows, still_clock));
    assert_eq!(counts, [0, 1, 1]);
}

#[test]
fn a_frame_is_written_at_its_seconds_n_minus_1_n_and_n_plus_1() {
    static SECOND: AtomicI64 = AtomicI64::new(0);
    let steps = i64::try_from(FRAME_SECONDS).unwrap();
    let counts = [steps - 1, steps, steps + 1].map(|rows| {
        SECOND.store(0, Ordering::Relaxed);
        // Opening reads the clock once; each row one second later.
        frames_after(usize::try_from(rows).unwrap(), || {
            SECOND.fetch_add(1, Ordering::Relaxed)
        })
    });
    assert_eq!(counts, [0, 1, 1]);
}

#[test]
fn only_one_recorder_holds_a_store_and_a_closed_one_takes_nothing() {
    let folder = Folder::new();
    let path = folder.file();
    let first = Arc::new(recorder(&folder));
    assert_eq!(
        Recorder::open(&path, still_clock).map(|_| ()),
        Err(StoreError::Busy(path.clone()))
    );
    first.close().unwrap();
    first.record(
        &question("late.example", RecordType::A),
        Answer::empty(Outcome::NoData),
    );
    assert_eq!(first.check(), Ok(()));
    drop(recorder(&folder));

    let told = Arc::new(Mutex::new(Vec::new()));
    let deliver: Deliver = {
        let told = Arc::clone(&told);
        Arc::new(move |_: &Question, answer| told.lock().unwrap().push(answer))
    };
    let inner = Arc::new(RecordedResolver::open(&path).unwrap());
    let resolver = RecordingResolver::new(inner, Arc::clone(&first));
    resolver.ask(vec![question("late.example", RecordType::A)], deliver);
    assert_eq!(*told.lock().unwrap(), [Answer::empty(Outcome::Unknown)]);
    assert_eq!(first.check(), Err(StoreError::Closed(path.clone())));
    assert_eq!(read_names(&path).unwrap(), (Vec::new(), Vec::new()));
    let folder_itself = Recorder::open(&folder.0, still_clock).map(|_| ());
    assert_eq!(folder_itself, Err(StoreError::NoFile(folder.0.clone())));
}
