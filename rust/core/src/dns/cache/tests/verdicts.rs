//! What the cache's options make of verdicts: an engine, a clock and a resolver that can be told to fail.

use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::*;
use crate::dns::{Deliver, Resolver};
use crate::engine::Engine;
use crate::envelope::Envelope;
use crate::evaluate::{Input, Now};
use crate::verdict::{Row, Verdict};

/// One DMARC record at every name, or silence; counts the questions.
#[derive(Default)]
struct Moody {
    is_silent: AtomicBool,
    asked: AtomicUsize,
}

impl Resolver for Moody {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        for question in questions {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let answer = if self.is_silent.load(Ordering::Relaxed) {
                Answer::empty(Outcome::Timeout)
            } else {
                txt(b"v=DMARC1; p=reject", Some(100))
            };
            deliver(&question, answer);
        }
    }
}

struct Bench {
    resolver: Arc<Moody>,
    cache: Arc<Cache>,
    engine: Engine,
}

fn bench(change: impl FnOnce(&mut CacheSettings)) -> Bench {
    let (resolver, cache) = (Arc::new(Moody::default()), cache_with(change));
    let asked = Arc::clone(&resolver) as Arc<dyn Resolver>;
    Bench {
        engine: Engine::new(asked, Arc::clone(&cache), Arc::default()),
        resolver,
        cache,
    }
}

impl Bench {
    fn verify(&self) -> Row {
        let octets = Bytes::from_static(b"From: a@a.example\r\n\r\n");
        let envelope = Envelope {
            client_ip: Some("192.0.2.1".parse().unwrap()),
            mail_from: Some("a@a.example".to_owned()),
            ..Envelope::default()
        };
        let input = Input::new("0".to_owned(), octets, envelope);
        self.engine.verify(input, Now::At(1_800_000_000))
    }

    fn asked(&self) -> usize {
        self.resolver.asked.load(Ordering::Relaxed)
    }

    fn fall_silent(&self) {
        self.resolver.is_silent.store(true, Ordering::Relaxed);
    }
}

fn result(verdict: &Verdict) -> &'static str {
    let dmarc = verdict.dmarc.as_ref().unwrap();
    dmarc.result.as_str()
}

#[test]
fn rfc8767_5_a_verdict_that_rests_on_a_stale_answer_says_so() {
    for (serve_stale, age, expected, limits) in [
        (1_000, 0, "fail", &["stale"][..]),
        (1_000, 999, "fail", &["stale"]),
        (1_000, 1_000, "temperror", &[]),
        (0, 0, "temperror", &[]),
    ] {
        let bench = bench(|settings| settings.serve_stale = serve_stale);
        let fresh = bench.verify();
        assert_eq!((result(&fresh), fresh.limits.len()), ("fail", 0));
        pass(100 + age);
        bench.fall_silent();
        let verdict = bench.verify();
        assert_eq!(result(&verdict), expected, "{age}");
        assert_eq!(verdict.limits, limits);
    }
}

#[test]
fn a_message_in_the_last_tenth_of_the_ttl_asks_ahead_for_the_next() {
    let bench = bench(|settings| settings.is_prefetching = true);
    let first = bench.verify();
    let asked = bench.asked();
    pass(89);
    bench.verify();
    assert_eq!(bench.asked(), asked);
    pass(1);
    bench.verify();
    assert_eq!(bench.asked(), asked * 2);
    pass(60);
    let last = bench.verify();
    assert_eq!(bench.asked(), asked * 2, "it was asked ahead");
    assert_eq!(result(&first), result(&last));
    let counters = bench.cache.counters();
    assert_eq!(counters.prefetched, counters.misses);
}
