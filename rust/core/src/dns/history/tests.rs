//! The table of what was true at a time, row by row, for keys and for policies. Times are days of seconds.

use super::*;
use crate::dns::{RecordType, TxtRecord};
use crate::domain::Domain;

const DAY: i64 = 86_400;

fn question(name: &str) -> Question {
    Question {
        name: Domain::parse_ascii(name).unwrap(),
        record_type: RecordType::Txt,
    }
}

fn txt(text: &str) -> RecordData {
    RecordData::Txt(vec![TxtRecord::from_strings([text.as_bytes()])])
}

/// A row of these days; an empty text is NXDOMAIN.
fn row(text: &str, first: i64, last: i64) -> Observation {
    let answer = match text {
        "" => Answer::empty(Outcome::NxDomain),
        text => Answer::found(txt(text)),
    };
    Observation {
        answer: Answer {
            first_seen: Some(first * DAY),
            last_seen: Some(last * DAY),
            source: "live:192.0.2.1".into(),
            ..answer
        },
        is_of_run: false,
        is_single_record: false,
    }
}

fn from(source: &str, row: Observation) -> Observation {
    let answer = Answer {
        source: source.into(),
        ..row.answer
    };
    Observation { answer, ..row }
}

/// What is used at a time: its texts, its outcome where there is none, and how it stands.
fn used(history: &History, time: Option<i64>) -> (Vec<String>, Standing) {
    let entry = history.as_of(time);
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    let mut texts: Vec<String> = entry.txt().joined().map(text).collect();
    if entry.outcome != Outcome::Found {
        texts.push(entry.outcome.as_str().to_owned());
    }
    (texts, entry.standing())
}

fn key_at(rows: &[Observation], time: i64) -> (Vec<String>, Standing) {
    let history = History::new(&question("s._domainkey.example.com"), rows.to_vec());
    used(&history, Some(time))
}

fn policy_at(rows: &[Observation], time: i64) -> (Vec<String>, Standing) {
    let history = History::new(&question("_dmarc.example.com"), rows.to_vec());
    used(&history, Some(time))
}

fn is(texts: &[&str], standing: Standing) -> (Vec<String>, Standing) {
    (
        texts.iter().map(|&text| text.to_owned()).collect(),
        standing,
    )
}

#[test]
fn one_data_that_covers_the_time_is_used() {
    let rows = [row("a", 10, 20), row("a", 15, 25)];
    assert_eq!(key_at(&rows, 18 * DAY), is(&["a", "a"], Standing::Observed));
    assert_eq!(policy_at(&rows, 18 * DAY), is(&["a"], Standing::Observed));
}

#[test]
fn different_data_offers_every_key_and_the_newest_policy_alone() {
    let rows = [row("a", 10, 20), row("b", 15, 25), row("", 16, 19)];
    assert_eq!(key_at(&rows, 18 * DAY), is(&["b", "a"], Standing::Observed));
    let rows = [row("a", 10, 20), row("b", 15, 25)];
    assert_eq!(policy_at(&rows, 18 * DAY), is(&["b"], Standing::Ambiguous));
    let rows = [from("zone:x", row("b", 15, 25)), row("a", 10, 20)];
    assert_eq!(policy_at(&rows, 18 * DAY), is(&["a"], Standing::Ambiguous));
}

#[test]
fn a_gap_between_equal_data_is_interpolated_and_any_other_is_not() {
    let rows = [row("a", 10, 20), row("a", 30, 40)];
    assert_eq!(key_at(&rows, 25 * DAY), is(&["a"], Standing::Interpolated));
    assert_eq!(
        policy_at(&rows, 25 * DAY),
        is(&["a"], Standing::Interpolated)
    );
    let rows = [row("a", 10, 20), row("b", 30, 40)];
    assert_eq!(key_at(&rows, 25 * DAY), is(&["a", "b"], Standing::Offered));
    assert_eq!(
        policy_at(&rows, 25 * DAY),
        is(&["unknown"], Standing::Observed)
    );
    let rows = [row("a", 10, 20), row("", 30, 40)];
    assert_eq!(key_at(&rows, 25 * DAY), is(&["a"], Standing::Offered));
}

#[test]
fn before_and_after_every_window_a_key_is_offered_and_a_policy_unknown() {
    let rows = [row("a", 10, 20), row("b", 30, 40)];
    assert_eq!(key_at(&rows, 5 * DAY), is(&["a"], Standing::BeforeWindow));
    assert_eq!(key_at(&rows, 50 * DAY), is(&["b"], Standing::AfterWindow));
    for time in [5, 50] {
        let found = policy_at(&rows, time * DAY);
        assert_eq!(found, is(&["unknown"], Standing::Observed));
    }
}

#[test]
fn the_slack_of_a_window_at_n_minus_1_n_and_n_plus_1() {
    for (ttl, slack) in [
        (None, 3_600),
        (Some(60), 3_600),
        (Some(7_200), 7_200),
        (Some(u32::MAX), 604_800),
    ] {
        let mut row = row("a", 10, 20);
        row.answer.ttl = ttl;
        for (beyond, texts) in [(-1, "a"), (0, "a"), (1, "unknown")] {
            let expected = is(&[texts], Standing::Observed);
            let (first, last) = (10 * DAY - slack - beyond, 20 * DAY + slack + beyond);
            assert_eq!(
                policy_at(&[row.clone()], first),
                expected,
                "{ttl:?} {beyond}"
            );
            assert_eq!(
                policy_at(&[row.clone()], last),
                expected,
                "{ttl:?} {beyond}"
            );
        }
    }
    let neighbours = [row("a", 10, 20), row("b", 20, 30)];
    assert_eq!(
        policy_at(&neighbours, 20 * DAY - 1),
        is(&["a"], Standing::Observed)
    );
    assert_eq!(
        policy_at(&neighbours, 20 * DAY),
        is(&["b"], Standing::Ambiguous)
    );
    assert_eq!(
        policy_at(&neighbours, 20 * DAY + 1),
        is(&["b"], Standing::Observed)
    );
}

#[test]
fn denials_that_alone_cover_a_time_deny_and_faults_say_nothing() {
    let denied = [row("", 10, 20)];
    assert_eq!(
        key_at(&denied, 15 * DAY),
        is(&["nxdomain"], Standing::Observed)
    );
    assert_eq!(
        policy_at(&denied, 15 * DAY),
        is(&["nxdomain"], Standing::Observed)
    );
    let mut fault = row("", 10, 20);
    fault.answer.outcome = Outcome::ServFail;
    assert_eq!(
        policy_at(&[fault.clone()], 0),
        is(&["servfail"], Standing::Observed)
    );
    let both = [fault, row("a", 10, 12)];
    assert_eq!(
        policy_at(&both, 15 * DAY),
        is(&["unknown"], Standing::Observed)
    );
}

#[test]
fn rows_without_times_and_rows_of_a_run_serve_where_no_window_does() {
    let mut untimed = from("import:x", row("u", 0, 0));
    (untimed.answer.first_seen, untimed.answer.last_seen) = (None, None);
    let rows = [untimed, row("a", 10, 20)];
    assert_eq!(policy_at(&rows, 15 * DAY), is(&["a"], Standing::Observed));
    assert_eq!(policy_at(&rows, 25 * DAY), is(&["u"], Standing::Observed));
    let (mut first, mut second) = (row("a", 90, 90), row("b", 95, 95));
    (first.is_of_run, second.is_of_run) = (true, true);
    let rows = [first, second, row("old", 10, 20)];
    assert_eq!(policy_at(&rows, 15 * DAY), is(&["old"], Standing::Observed));
    assert_eq!(policy_at(&rows, 5 * DAY), is(&["b"], Standing::Observed));
    assert_eq!(key_at(&rows, 5 * DAY), is(&["b"], Standing::Observed));
}

#[test]
fn records_with_rows_of_their_own_become_one_set_of_one_source_with_one_policy() {
    let single = |source, text, first| Observation {
        is_single_record: true,
        ..from(source, row(text, first, 30))
    };
    let rows = [
        single("pdns:x", "v=spf1 -all", 10),
        single("pdns:x", "v=spf1 +all", 12),
        single("pdns:x", "token", 5),
        single("pdns:y", "v=spf1 ?all", 13),
    ];
    let history = History::new(&question("example.com"), rows.to_vec());
    let expected = is(&["v=spf1 ?all"], Standing::Ambiguous);
    assert_eq!(
        used(&history, Some(15 * DAY)),
        expected,
        "the newest of equal sources"
    );
    let history = History::new(&question("example.com"), rows[..3].to_vec());
    let expected = is(&["v=spf1 +all", "token"], Standing::Ambiguous);
    assert_eq!(used(&history, Some(15 * DAY)), expected);
}

#[test]
fn without_a_time_every_key_and_the_newest_policy() {
    let rows = vec![row("a", 10, 20), row("", 30, 40), row("b", 50, 60)];
    let keys = History::new(&question("s._domainkey.example.com"), rows.clone());
    assert_eq!(used(&keys, None), is(&["b", "a"], Standing::Observed));
    let policies = History::new(&question("example.com"), rows);
    assert_eq!(used(&policies, None), is(&["b"], Standing::Ambiguous));
}

#[test]
fn the_choice_of_an_interval_is_made_once_and_names_its_row() {
    let rows = vec![row("a", 10, 20), from("zone:x", row("b", 15, 25))];
    let history = History::new(&question("s._domainkey.example.com"), rows);
    let (one, other) = (history.as_of(Some(17 * DAY)), history.as_of(Some(18 * DAY)));
    assert!(one.is_same(&other));
    let sources = [0, 1, 2].map(|place| one.provenance_of(Some(place)).source.to_owned());
    assert_eq!(sources, ["live:192.0.2.1", "zone:x", "live:192.0.2.1"]);
}

#[test]
fn rows_at_the_limit_n_minus_1_n_and_n_plus_1() {
    for (count, expected) in [
        (HISTORY_LIMIT - 1, true),
        (HISTORY_LIMIT, true),
        (HISTORY_LIMIT + 1, false),
    ] {
        let rows = (0..i64::try_from(count).unwrap()).map(|day| row("a", day, day));
        let history = History::new(&question("example.com"), rows.collect());
        let is_oldest_used = history.as_of(Some(0)).outcome == Outcome::Found;
        assert_eq!(is_oldest_used, expected, "{count}");
    }
}
