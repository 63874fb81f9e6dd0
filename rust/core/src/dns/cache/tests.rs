//! The cache's promises: lifetimes, runs, single flight and the bound in octets. A clock is a thread-local number.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::dns::{RecordData, RecordType, TxtRecord};
use crate::domain::Domain;

thread_local! { static TIME: Cell<i64> = const { Cell::new(1_000_000) }; }

fn clock() -> i64 {
    TIME.get()
}

fn pass(seconds: i64) {
    TIME.set(TIME.get() + seconds);
}

fn question(name: &str) -> Question {
    Question {
        name: Domain::parse_ascii(name).unwrap(),
        record_type: RecordType::Txt,
    }
}

fn txt(octets: &[u8], ttl: Option<u32>) -> Answer {
    Answer {
        ttl,
        ..Answer::found(RecordData::Txt(vec![TxtRecord::from_strings([octets])]))
    }
}

/// Whether a run that begins `seconds` after the answer may still use it.
fn is_kept(answer: Answer, seconds: i64) -> bool {
    let cache = Cache::new(1 << 20, clock);
    cache.deliver(&question("a.example"), answer);
    pass(seconds);
    cache
        .get(cache.begin_run(), &question("a.example"))
        .is_some()
}

#[test]
fn a_positive_answer_is_kept_for_its_ttl_and_a_day_at_most() {
    assert!(is_kept(txt(b"x", Some(60)), 59));
    assert!(!is_kept(txt(b"x", Some(60)), 60));
    assert!(is_kept(txt(b"x", Some(u32::MAX)), 86_399));
    assert!(!is_kept(txt(b"x", Some(u32::MAX)), 86_400));
    assert!(!is_kept(txt(b"x", None), 0));
}

#[test]
fn rfc2308_5_a_negative_answer_is_kept_for_its_ttl_and_an_hour_at_most() {
    let negative = |ttl| Answer {
        ttl,
        ..Answer::empty(Outcome::NxDomain)
    };
    assert!(is_kept(negative(Some(300)), 299));
    assert!(!is_kept(negative(Some(300)), 300));
    assert!(!is_kept(negative(Some(90_000)), 3_600));
    assert!(!is_kept(negative(None), 5));
}

#[test]
fn rfc2308_7_1_a_failure_is_kept_briefly() {
    assert!(is_kept(Answer::empty(Outcome::ServFail), 4));
    assert!(!is_kept(Answer::empty(Outcome::Timeout), 5));
    assert!(!is_kept(Answer::empty(Outcome::Unknown), 0));
}

#[test]
fn an_answer_that_arrives_in_a_run_is_pinned_to_its_end() {
    let cache = Cache::new(1 << 20, clock);
    let run = cache.begin_run();
    cache.deliver(&question("a.example"), txt(b"x", Some(0)));
    pass(1_000_000);
    assert!(cache.get(run, &question("a.example")).is_some());
    assert!(
        cache
            .get(cache.begin_run(), &question("a.example"))
            .is_none()
    );
}

#[test]
fn many_waiters_are_one_question() {
    let cache = Cache::new(1 << 20, clock);
    let run = cache.begin_run();
    let woken = Arc::new(AtomicUsize::new(0));
    let mut asked = 0;
    for _ in 0..1_000 {
        let woken = Arc::clone(&woken);
        let waiter = Box::new(move |_| {
            woken.fetch_add(1, Ordering::Relaxed);
        });
        asked += usize::from(matches!(
            cache.claim(run, &question("a.example"), waiter),
            Claim::Ask
        ));
    }
    assert_eq!(asked, 1);
    cache.deliver(&question("a.example"), txt(b"x", None));
    assert_eq!(woken.load(Ordering::Relaxed), 1_000);
    let late = cache.claim(run, &question("a.example"), Box::new(|_| {}));
    assert!(matches!(late, Claim::Ready(_)));
}

#[test]
fn hostile_84_the_bound_is_octets_not_entries() {
    let cache = Cache::new(4 << 20, clock);
    for number in 0..1_000 {
        cache.deliver(
            &question(&format!("s{number}.example")),
            txt(&b"x".repeat(64_000), Some(60)),
        );
    }
    assert!(cache.entries.weight() <= 4 << 20);
    assert!(cache.len() < 100);
}
