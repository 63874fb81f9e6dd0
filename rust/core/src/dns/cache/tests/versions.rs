//! Pins: what runs see of answers that change, for how long older versions are kept, and asking before the end.

use super::*;

#[test]
fn an_answer_that_arrives_in_a_run_is_pinned_to_its_end() {
    let cache = cache(1 << 20);
    let run = cache.begin_run();
    cache.deliver(&question("a.example"), &txt(b"x", Some(0)));
    pass(1_000_000);
    assert_eq!(seen(&cache, &run).unwrap(), b"x");
    assert!(seen(&cache, &cache.begin_run()).is_none());
}

#[test]
fn the_older_of_two_runs_goes_on_seeing_what_it_saw() {
    let cache = cache(1 << 20);
    let first = cache.begin_run();
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    pass(60);
    let second = cache.begin_run();
    assert_eq!(seen(&cache, &first).unwrap(), b"one");
    assert!(seen(&cache, &second).is_none());
    cache.deliver(&question("a.example"), &txt(b"two", Some(60)));
    let third = cache.begin_run();
    for (run, expected) in [(&first, b"one"), (&second, b"two"), (&third, b"two")] {
        assert_eq!(seen(&cache, run).unwrap(), expected);
    }
    pass(60);
    cache.deliver(&question("a.example"), &txt(b"six", Some(60)));
    for (run, expected) in [(&first, b"one"), (&second, b"two"), (&third, b"two")] {
        assert_eq!(seen(&cache, run).unwrap(), expected);
    }
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"six");
    assert_eq!(cache.counters().older, 2);
}

#[test]
fn a_run_sees_what_counted_when_it_began_although_it_never_looked() {
    let cache = cache(1 << 20);
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    pass(59);
    let run = cache.begin_run();
    cache.deliver(&question("a.example"), &txt(b"two", Some(60)));
    assert_eq!(seen(&cache, &run).unwrap(), b"one");
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"two");
}

#[test]
fn older_versions_live_only_while_a_run_may_see_them() {
    let cache = cache(1 << 20);
    let octets = |cache: &Cache| cache.counters().octets;
    let (first, second) = (cache.begin_run(), cache.begin_run());
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    let single = octets(&cache);
    cache.deliver(&question("a.example"), &txt(b"two", Some(60)));
    // What no run can see is not kept aside: both see the first version.
    cache.deliver(&question("a.example"), &txt(b"six", Some(60)));
    assert_eq!((cache.counters().older, octets(&cache)), (1, single * 2));
    drop(first);
    assert_eq!(cache.counters().older, 1);
    assert_eq!(seen(&cache, &second).unwrap(), b"one");
    drop(second);
    assert_eq!((cache.counters().older, octets(&cache)), (0, single));
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"six");
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"six");
}

#[test]
fn a_long_run_does_not_keep_what_short_runs_saw() {
    let cache = cache(1 << 20);
    let long = cache.begin_run();
    cache.deliver(&question("a.example"), &txt(b"one", Some(1)));
    for _ in 0..10_000 {
        pass(1);
        let short = cache.begin_run();
        cache.deliver(&question("a.example"), &txt(b"two", Some(1)));
        cache.deliver(&question("a.example"), &txt(b"six", Some(1)));
        assert_eq!(seen(&cache, &short).unwrap(), b"two");
    }
    assert!(cache.counters().older <= 65, "{:?}", cache.counters());
    assert_eq!(seen(&cache, &long).unwrap(), b"one");
    drop(long);
    assert_eq!(cache.counters().older, 0);
}

#[test]
fn the_bound_wins_over_older_versions() {
    let cache = cache(1 << 20);
    let _run = cache.begin_run();
    for round in 0..2 {
        for number in 0..100 {
            let name = question(&format!("s{number}.example"));
            cache.deliver(&name, &txt(&b"x".repeat(9_000 + round), Some(60)));
        }
    }
    let counters = cache.counters();
    assert!(counters.octets <= 1 << 20);
    assert!(counters.older > 0);
    assert!(counters.evictions > 0);
}

#[test]
fn an_evicted_answer_leaves_its_older_version_to_its_run() {
    let cache = cache(1 << 20);
    let run = cache.begin_run();
    cache.deliver(&question("a.example"), &txt(b"one", Some(60)));
    cache.deliver(&question("a.example"), &txt(b"two", Some(60)));
    pass(60);
    for number in 0..100 {
        let name = question(&format!("s{number}.example"));
        cache.deliver(&name, &txt(&b"x".repeat(20_000), Some(60)));
    }
    let hash_is_gone = seen(&cache, &cache.begin_run()).is_none();
    assert!(hash_is_gone);
    assert_eq!(seen(&cache, &run).unwrap(), b"one");
}

#[test]
fn the_last_tenth_of_the_ttl_asks_again_once_and_nobody_waits() {
    let cache = cache_with(|settings| settings.is_prefetching = true);
    let name = question("a.example");
    cache.deliver(&name, &txt(b"one", Some(100)));
    pass(89);
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"one");
    assert!(cache.take_due().is_empty());
    pass(1);
    let run = cache.begin_run();
    for _ in 0..3 {
        assert_eq!(seen(&cache, &run).unwrap(), b"one");
    }
    assert_eq!(cache.take_due(), std::slice::from_ref(&name));
    assert!(cache.take_due().is_empty());
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"one");
    assert!(cache.take_due().is_empty(), "it is being asked");
    pass(1);
    cache.deliver(&name, &txt(b"two", Some(100)));
    assert_eq!(seen(&cache, &run).unwrap(), b"one");
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"two");
    let counters = cache.counters();
    assert_eq!((counters.prefetched, counters.misses), (1, 0));
    pass(89);
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"two");
    assert!(cache.take_due().is_empty());
    pass(1);
    seen(&cache, &cache.begin_run());
    assert_eq!(cache.take_due(), [name]);
}

#[test]
fn a_prefetch_that_fails_leaves_the_answer_and_who_comes_late_waits_for_it() {
    let cache = cache_with(|settings| settings.is_prefetching = true);
    cache.deliver(&question("a.example"), &txt(b"one", Some(100)));
    pass(95);
    seen(&cache, &cache.begin_run());
    assert_eq!(cache.take_due().len(), 1);
    pass(5);
    let late = cache.begin_run();
    let waiting = cache.claim(&late, &question("a.example"), Box::new(|_| {}));
    assert!(matches!(waiting, Claim::Wait));
    pass(-1);
    cache.deliver(&question("a.example"), &Answer::empty(Outcome::Timeout));
    assert_eq!(seen(&cache, &cache.begin_run()).unwrap(), b"one");
}

#[test]
fn without_the_option_nothing_is_asked_again() {
    let cache = cache(1 << 20);
    cache.deliver(&question("a.example"), &txt(b"one", Some(100)));
    pass(99);
    assert!(seen(&cache, &cache.begin_run()).is_some());
    assert!(cache.take_due().is_empty());
}
