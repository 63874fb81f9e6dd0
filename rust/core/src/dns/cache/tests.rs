//! The cache's promises: lifetimes, runs, single flight and the bound in octets. A clock is a thread-local number.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::dns::{Outcome, RecordData, RecordType, TxtRecord};
use crate::domain::Domain;

mod stale;
mod verdicts;
mod versions;

thread_local! { static TIME: Cell<i64> = const { Cell::new(1_000_000) }; }

fn clock() -> i64 {
    TIME.get()
}

fn pass(seconds: i64) {
    TIME.set(TIME.get() + seconds);
}

fn cache(octets: u64) -> Arc<Cache> {
    Arc::new(Cache::new(octets, clock))
}

fn cache_with(change: impl FnOnce(&mut CacheSettings)) -> Arc<Cache> {
    let mut settings = CacheSettings::of_octets(1 << 20);
    change(&mut settings);
    Arc::new(Cache::with_settings(settings, clock))
}

fn question(name: &str) -> Question {
    typed(name, RecordType::Txt)
}

fn typed(name: &str, record_type: RecordType) -> Question {
    Question {
        name: Domain::parse_ascii(name).unwrap(),
        record_type,
    }
}

fn txt(octets: &[u8], ttl: Option<u32>) -> Answer {
    Answer {
        ttl,
        ..Answer::found(RecordData::Txt(vec![TxtRecord::from_strings([octets])]))
    }
}

fn negative(outcome: Outcome, ttl: Option<u32>) -> Answer {
    Answer {
        ttl,
        ..Answer::empty(outcome)
    }
}

fn text(entry: &Entry) -> Vec<u8> {
    entry.txt().joined().collect::<Vec<_>>().concat()
}

/// What a run sees of `a.example`.
fn seen(cache: &Cache, run: &Run) -> Option<Vec<u8>> {
    cache
        .get(run, &question("a.example"))
        .map(|entry| text(&entry))
}

/// Asks and is not answered yet; what comes is thrown away.
fn ask(cache: &Cache, run: &Run) -> bool {
    let claim = cache.claim(run, &question("a.example"), Box::new(|_| {}));
    matches!(claim, Claim::Ask)
}

/// Whether a run that begins `seconds` after the answer may still use it.
fn is_kept(cache: &Arc<Cache>, answer: &Answer, seconds: i64) -> bool {
    cache.deliver(&question("a.example"), answer);
    pass(seconds);
    cache
        .get(&cache.begin_run(), &question("a.example"))
        .is_some()
}

fn is_kept_by_default(answer: &Answer, seconds: i64) -> bool {
    is_kept(&cache(1 << 20), answer, seconds)
}

#[test]
fn a_positive_answer_is_kept_for_its_ttl_and_a_day_at_most() {
    let is_kept = is_kept_by_default;
    assert!(is_kept(&txt(b"x", Some(60)), 59));
    assert!(!is_kept(&txt(b"x", Some(60)), 60));
    assert!(!is_kept(&txt(b"x", Some(60)), 61));
    assert!(is_kept(&txt(b"x", Some(86_399)), 86_398));
    assert!(!is_kept(&txt(b"x", Some(86_399)), 86_399));
    for ttl in [86_400, 86_401, u32::MAX] {
        assert!(is_kept(&txt(b"x", Some(ttl)), 86_399));
        assert!(!is_kept(&txt(b"x", Some(ttl)), 86_400));
    }
    assert!(!is_kept(&txt(b"x", Some(0)), 0));
    assert!(!is_kept(&txt(b"x", None), 0));
}

#[test]
fn a_floor_and_a_ceiling_bound_the_ttl() {
    let bounded = || cache_with(|settings| (settings.ttl_floor, settings.ttl_ceiling) = (10, 100));
    for (ttl, kept_for) in [
        (0, 10),
        (9, 10),
        (10, 10),
        (11, 11),
        (99, 99),
        (100, 100),
        (101, 100),
    ] {
        for outcome in [Outcome::NxDomain, Outcome::NoData] {
            assert!(is_kept(
                &bounded(),
                &negative(outcome, Some(ttl)),
                kept_for - 1
            ));
            assert!(!is_kept(
                &bounded(),
                &negative(outcome, Some(ttl)),
                kept_for
            ));
        }
        assert!(is_kept(&bounded(), &txt(b"x", Some(ttl)), kept_for - 1));
        assert!(!is_kept(&bounded(), &txt(b"x", Some(ttl)), kept_for));
    }
    for (ceiling, kept_for) in [
        (lifetime::TTL_LIMIT - 1, 604_799),
        (lifetime::TTL_LIMIT, 604_800),
        (lifetime::TTL_LIMIT + 1, 604_800),
    ] {
        let long = || cache_with(|settings| settings.ttl_ceiling = ceiling);
        assert!(is_kept(&long(), &txt(b"x", Some(u32::MAX)), kept_for - 1));
        assert!(!is_kept(&long(), &txt(b"x", Some(u32::MAX)), kept_for));
    }
    // What has no TTL at all is good for its run only.
    assert!(!is_kept(&bounded(), &txt(b"x", None), 0));
}

#[test]
fn rfc2308_5_a_negative_answer_is_kept_for_its_ttl_and_an_hour_at_most() {
    let is_kept = is_kept_by_default;
    for outcome in [Outcome::NxDomain, Outcome::NoData] {
        assert!(is_kept(&negative(outcome, Some(300)), 299));
        assert!(!is_kept(&negative(outcome, Some(300)), 300));
        assert!(!is_kept(&negative(outcome, Some(3_599)), 3_599));
        for ttl in [3_600, 3_601, 90_000] {
            assert!(is_kept(&negative(outcome, Some(ttl)), 3_599));
            assert!(!is_kept(&negative(outcome, Some(ttl)), 3_600));
        }
        // Without SOA it is as a failure.
        assert!(is_kept(&negative(outcome, None), 4));
        assert!(!is_kept(&negative(outcome, None), 5));
    }
}

#[test]
fn rfc9520_3_2_a_failure_is_kept_briefly_and_longer_while_it_goes_on() {
    for outcome in [Outcome::ServFail, Outcome::Timeout, Outcome::Lame] {
        let cache = cache(1 << 20);
        for kept_for in [5, 10, 20, 40, 60, 60] {
            let failure = Answer::empty(outcome);
            assert!(is_kept(&cache, &failure, kept_for - 1));
            pass(1);
            assert!(
                cache
                    .get(&cache.begin_run(), &question("a.example"))
                    .is_none()
            );
        }
        pass(61);
        assert!(
            is_kept(&cache, &Answer::empty(outcome), 4),
            "it begins anew"
        );
        assert!(!is_kept(&cache, &txt(b"x", Some(1)), 1));
        assert!(!is_kept(&cache, &Answer::empty(outcome), 5));
    }
    assert!(!is_kept_by_default(&Answer::empty(Outcome::Unknown), 0));
    assert!(!is_kept_by_default(&Answer::empty(Outcome::OverBudget), 0));
}

#[test]
fn a_failure_does_not_replace_an_answer_that_counts() {
    let cache = cache(1 << 20);
    cache.deliver(&question("a.example"), &txt(b"x", Some(60)));
    pass(59);
    cache.deliver(&question("a.example"), &Answer::empty(Outcome::ServFail));
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"x");
    pass(1);
    cache.deliver(&question("a.example"), &Answer::empty(Outcome::ServFail));
    let entry = cache
        .get(&cache.begin_run(), &question("a.example"))
        .unwrap();
    assert_eq!(entry.outcome, Outcome::ServFail);
}

#[test]
fn rfc2308_5_what_denies_a_name_denies_it_in_every_type() {
    let cache = cache(1 << 20);
    let aaaa = typed("a.example", RecordType::Aaaa);
    let during = cache.begin_run();
    cache.deliver(
        &question("a.example"),
        &negative(Outcome::NxDomain, Some(60)),
    );
    assert!(cache.get(&during, &question("a.example")).is_some());
    assert!(cache.get(&during, &aaaa).is_none(), "order would decide");
    let later = cache.begin_run();
    assert_eq!(cache.get(&later, &aaaa).unwrap().outcome, Outcome::NxDomain);
    assert!(
        cache
            .get(&later, &typed("b.a.example", RecordType::Aaaa))
            .is_none()
    );
    pass(60);
    assert!(cache.get(&cache.begin_run(), &aaaa).is_none());
}

#[test]
fn rfc2308_5_no_data_denies_the_type_alone_and_an_alias_its_target_alone() {
    let cache = cache(1 << 20);
    let alias = Answer {
        is_alias: true,
        ..negative(Outcome::NxDomain, Some(60))
    };
    for answer in [negative(Outcome::NoData, Some(60)), alias] {
        cache.deliver(&question("a.example"), &answer);
        let run = cache.begin_run();
        assert!(cache.get(&run, &question("a.example")).is_some());
        assert!(
            cache
                .get(&run, &typed("a.example", RecordType::A))
                .is_none()
        );
    }
}

#[test]
fn many_waiters_are_one_question() {
    let cache = cache(1 << 20);
    let runs = [cache.begin_run(), cache.begin_run()];
    let woken = Arc::new(AtomicUsize::new(0));
    let mut asked = 0;
    for run in runs.iter().cycle().take(1_000) {
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
    cache.deliver(&question("a.example"), &txt(b"x", None));
    assert_eq!(woken.load(Ordering::Relaxed), 1_000);
    let late = cache.claim(&runs[0], &question("a.example"), Box::new(|_| {}));
    assert!(matches!(late, Claim::Ready(_)));
    let counters = cache.counters();
    assert_eq!(
        (counters.misses, counters.joined, counters.hits),
        (1, 999, 1)
    );
}

#[test]
fn hostile_84_the_bound_is_octets_not_entries() {
    let cache = cache(4 << 20);
    for number in 0..1_000 {
        cache.deliver(
            &question(&format!("s{number}.example")),
            &txt(&b"x".repeat(64_000), Some(60)),
        );
    }
    let counters = cache.counters();
    assert!(counters.octets <= 4 << 20);
    assert!((60..70).contains(&counters.entries), "{counters:?}");
    assert_eq!(counters.entries + counters.evictions, 1_000);
    assert_eq!(counters.entries, u64::try_from(cache.len()).unwrap());
}

#[test]
fn the_bound_at_n_minus_1_n_and_n_plus_1() {
    let deliver = |cache: &Cache, name: &str| {
        cache.deliver(&question(name), &txt(&b"x".repeat(30_000), Some(60)));
    };
    let one = cache(1 << 20);
    deliver(&one, "s10.example");
    let size = one.counters().octets;
    // All entries are of one size; no entry may be larger than a sixteenth.
    for (octets, entries) in [(size * 20 - 1, 19), (size * 20, 20), (size * 20 + 1, 20)] {
        let cache = cache(octets);
        (10..40).for_each(|number| deliver(&cache, &format!("s{number}.example")));
        assert_eq!(cache.counters().entries, entries);
    }
    for (octets, entries) in [(size * 16 - 1, 0), (size * 16, 1), (size * 16 + 1, 1)] {
        let cache = cache(octets);
        deliver(&cache, "s10.example");
        assert_eq!(cache.counters().entries, entries);
        assert_eq!(cache.counters().evictions, 1 - entries);
    }
}

#[test]
fn parsed_records_count_towards_the_bound() {
    let cache = cache(1 << 20);
    let run = cache.begin_run();
    for number in 0..10_000 {
        let name = question(&format!("s{number}.example"));
        cache.deliver(
            &name,
            &txt(
                b"v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all",
                Some(60),
            ),
        );
        if let Some(entry) = cache.get(&run, &name) {
            entry.spf();
        }
        let counters = cache.counters();
        assert!(counters.octets + counters.parsed_octets <= (1 << 20) + 1_000);
    }
    let counters = cache.counters();
    assert!(counters.parsed_records > 100);
    assert!(counters.parsed_records <= counters.entries);
}

#[test]
fn names_asked_once_leave_those_asked_often_alone() {
    let cache = cache(1 << 20);
    let hot = |number: usize| question(&format!("hot{}.example", number % 500));
    let mut misses = 0;
    for number in 0..100_000 {
        let run = cache.begin_run();
        if cache.get(&run, &hot(number)).is_none() {
            misses += 1;
            cache.deliver(&hot(number), &txt(b"x", Some(3_600)));
        }
        let once = question(&format!("once{number}.example"));
        cache.deliver(&once, &txt(b"x", Some(3_600)));
    }
    assert!(cache.counters().evictions > 90_000);
    assert!(misses < 1_000, "{misses}");
}

#[test]
fn what_has_expired_is_evicted_first() {
    let cache = cache(1 << 20);
    for number in 0..2_000 {
        cache.deliver(
            &question(&format!("old{number}.example")),
            &txt(b"x", Some(60)),
        );
        cache.get(
            &cache.begin_run(),
            &question(&format!("old{number}.example")),
        );
    }
    pass(60);
    for number in 0..4_000 {
        cache.deliver(
            &question(&format!("new{number}.example")),
            &txt(b"x", Some(60)),
        );
    }
    let run = cache.begin_run();
    let held = |name: &str| cache.get(&run, &question(name)).is_some();
    let kept = (0..4_000).filter(|number| held(&format!("new{number}.example")));
    assert_eq!(kept.count(), 4_000);
    assert!(cache.counters().evictions > 0 || cache.len() == 6_000);
}
