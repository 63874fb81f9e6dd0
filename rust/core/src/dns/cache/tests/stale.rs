//! Stale answers (RFC 8767): when they stand in, how they are marked, and when no longer.

use super::*;
use crate::dns::Standing;
use crate::reason::LimitWord;

const DAY: u32 = 86_400;

fn serving(seconds: u32) -> Arc<Cache> {
    cache_with(|settings| settings.serve_stale = seconds)
}

/// What a run is told whose question fails so many seconds after the answer's end.
fn told(cache: &Arc<Cache>, answer: &Answer, seconds: i64, outcome: Outcome) -> Entry {
    cache.deliver(&question("a.example"), answer);
    pass(i64::from(answer.ttl.unwrap_or(0)) + seconds);
    let run = cache.begin_run();
    assert!(ask(cache, &run), "it has to be asked first");
    cache.deliver(&question("a.example"), &Answer::empty(outcome));
    cache.get(&run, &question("a.example")).unwrap()
}

#[test]
fn rfc8767_5_a_stale_answer_stands_in_for_a_failure_and_is_marked() {
    for outcome in [Outcome::ServFail, Outcome::Timeout, Outcome::Refused] {
        let cache = serving(DAY);
        let entry = told(&cache, &txt(b"x", Some(60)), 0, outcome);
        assert_eq!(
            (entry.outcome, text(&entry)),
            (Outcome::Found, b"x".to_vec())
        );
        assert_eq!(entry.standing(), Standing::Stale);
        assert_eq!(entry.qualification(), Some(LimitWord::Stale));
        assert_eq!(entry.ttl(), Some(30));
        assert_eq!(cache.counters().stale, 1);
    }
}

#[test]
fn by_default_a_failure_is_a_failure() {
    let entry = told(&cache(1 << 20), &txt(b"x", Some(60)), 0, Outcome::Timeout);
    assert_eq!(entry.outcome, Outcome::Timeout);
    assert_eq!(entry.qualification(), None);
}

#[test]
fn rfc8767_5_the_limit_at_n_minus_1_n_and_n_plus_1() {
    for (limit, cap) in [
        (DAY, DAY),
        (SERVE_STALE_LIMIT - 1, SERVE_STALE_LIMIT - 1),
        (SERVE_STALE_LIMIT, SERVE_STALE_LIMIT),
        (SERVE_STALE_LIMIT + 1, SERVE_STALE_LIMIT),
        (u32::MAX, SERVE_STALE_LIMIT),
    ] {
        let outcome = |seconds: i64| {
            told(
                &serving(limit),
                &txt(b"x", Some(60)),
                seconds,
                Outcome::Timeout,
            )
            .outcome
        };
        assert_eq!(outcome(i64::from(cap) - 1), Outcome::Found);
        assert_eq!(outcome(i64::from(cap)), Outcome::Timeout);
        assert_eq!(outcome(i64::from(cap) + 1), Outcome::Timeout);
    }
}

#[test]
fn rfc8767_4_it_is_asked_again_after_30_seconds_and_the_cap_counts_from_the_first_end() {
    let cache = serving(100);
    told(&cache, &txt(b"x", Some(60)), 0, Outcome::Timeout);
    let mut age = 0;
    for _ in 0..3 {
        pass(29);
        assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"x");
        pass(1);
        age += 30;
        let run = cache.begin_run();
        assert!(ask(&cache, &run));
        cache.deliver(&question("a.example"), &Answer::empty(Outcome::Timeout));
        assert_eq!(seen(&cache, &run).unwrap(), b"x", "{age} seconds old");
    }
    // 90 seconds old: the last stay is 10 seconds.
    pass(10);
    let run = cache.begin_run();
    assert!(ask(&cache, &run));
    cache.deliver(&question("a.example"), &Answer::empty(Outcome::Timeout));
    let entry = cache.get(&run, &question("a.example")).unwrap();
    assert_eq!(entry.outcome, Outcome::Timeout);
}

#[test]
fn rfc8767_4_an_answer_replaces_a_stale_one() {
    for answer in [txt(b"new", Some(60)), negative(Outcome::NxDomain, Some(60))] {
        let cache = serving(DAY);
        told(&cache, &txt(b"x", Some(60)), 0, Outcome::Timeout);
        pass(30);
        let run = cache.begin_run();
        assert!(ask(&cache, &run));
        cache.deliver(&question("a.example"), &answer);
        let entry = cache.get(&run, &question("a.example")).unwrap();
        assert_eq!(
            (entry.outcome, entry.qualification()),
            (answer.outcome, None)
        );
    }
}

#[test]
fn rfc8767_4_what_may_not_be_kept_is_never_stale() {
    for answer in [
        txt(b"x", Some(0)),
        txt(b"x", None),
        Answer::empty(Outcome::ServFail),
    ] {
        let cache = serving(DAY);
        cache.deliver(&question("a.example"), &answer);
        pass(100);
        let run = cache.begin_run();
        assert!(ask(&cache, &run));
        cache.deliver(&question("a.example"), &Answer::empty(Outcome::Timeout));
        let entry = cache.get(&run, &question("a.example")).unwrap();
        assert_eq!(entry.outcome, Outcome::Timeout);
        assert_eq!(cache.counters().stale, 0);
    }
}

#[test]
fn a_store_that_does_not_know_is_no_failure() {
    let entry = told(&serving(DAY), &txt(b"x", Some(60)), 0, Outcome::Unknown);
    assert_eq!(entry.outcome, Outcome::Unknown);
}

#[test]
fn rfc8767_5_who_waits_long_is_given_the_stale_answer_and_the_question_stays_asked() {
    let cache = serving(DAY);
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    pass(60);
    let run = cache.begin_run();
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&told);
    let waiter = Box::new(move |entry: Entry| lock(&hear).push(text(&entry)));
    assert!(matches!(
        cache.claim(&run, &question("a.example"), waiter),
        Claim::Ask
    ));
    for expected in [0, 0, 1, 1] {
        cache.relieve();
        assert_eq!(lock(&told).len(), expected);
        pass(1);
    }
    assert_eq!(seen(&cache, &run).unwrap(), b"one");
    cache.deliver(&question("a.example"), &txt(b"two", Some(60)));
    assert_eq!(*lock(&told), [b"one"]);
    assert_eq!(seen(&cache, &run).unwrap(), b"one", "it is pinned");
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"two");
}

#[test]
fn without_the_option_nobody_is_relieved() {
    let cache = cache(1 << 20);
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    pass(60);
    let run = cache.begin_run();
    assert!(ask(&cache, &run));
    pass(100);
    cache.relieve();
    assert!(seen(&cache, &run).is_none());
}
