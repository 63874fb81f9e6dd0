//! The memory and speed of the DNS cache beside dashmap, which has neither bound nor lifetimes.
//!
//! `bench-cache COUNT ROUNDS` prints one JSON object. All maps hold the same keys and the same values; dashmap once with
//! the hash it comes with, once with the cache's.

use std::alloc::System;
use std::error::Error;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use hashbrown::DefaultHashBuilder;
use mailauth_core::dns::{Answer, Cache, Entry, Question, RecordData, RecordType, Run, TxtRecord};
use mailauth_core::domain::Domain;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// More than a million entries need, so that none is evicted.
const CACHE_OCTETS: u64 = 4 << 30;
/// Octets of a page of the resident set.
const PAGE_OCTETS: usize = 4096;
/// Its multiples visit the entries in an order that no prefetcher guesses; a prime, so that all are visited.
const STRIDE: usize = 611_953;

/// A failure of the measurement, for people.
type Failure = Box<dyn Error>;

/// The questions that a verifier of bulk mail has: SPF, DMARC, RSA keys of both sizes, addresses.
fn question(number: usize) -> Result<Question, Failure> {
    let domain = number / 5;
    let (name, record_type) = match number % 5 {
        0 => (format!("mail-{domain}.example.net"), RecordType::Txt),
        1 => (format!("_dmarc.mail-{domain}.example.net"), RecordType::Txt),
        2 => (
            format!("s1._domainkey.mail-{domain}.example.net"),
            RecordType::Txt,
        ),
        3 => (
            format!("selector-2._domainkey.mail-{domain}.example.net"),
            RecordType::Txt,
        ),
        _ => (format!("mail-{domain}.example.net"), RecordType::A),
    };
    let name = Domain::parse_ascii(&name).ok_or("no name")?;
    Ok(Question { name, record_type })
}

/// Answers of the usual sizes; the texts of keys have two strings where one cannot hold them.
fn answer(number: usize, source: &Arc<str>) -> Answer {
    let text = |octets: usize| TxtRecord::from_strings([vec![b'A'; octets].as_slice()]);
    let data = match number % 5 {
        0 => RecordData::Txt(vec![text(60)]),
        1 => RecordData::Txt(vec![text(90)]),
        2 => RecordData::Txt(vec![text(411)]),
        3 => RecordData::Txt(vec![text(217)]),
        _ => RecordData::A(vec![Ipv4Addr::LOCALHOST]),
    };
    let source = Arc::clone(source);
    Answer {
        ttl: Some(3_600),
        source,
        ..Answer::found(data)
    }
}

/// Octets of name and data, without any length or type.
fn content(question: &Question, answer: &Answer) -> usize {
    let texts: usize = answer.txt().iter().map(|text| text.joined().len()).sum();
    question.name.as_str().len() + texts + answer.ipv4().len() * 4
}

/// Octets allocated, and octets resident.
#[derive(Clone, Copy)]
struct Memory(usize, usize);

impl Memory {
    fn now() -> Result<Self, Failure> {
        let stats = ALLOCATOR.stats();
        let pages = std::fs::read_to_string("/proc/self/statm")?;
        let pages: usize = pages.split(' ').nth(1).ok_or("no resident set")?.parse()?;
        let allocated = stats.bytes_allocated - stats.bytes_deallocated;
        Ok(Self(allocated, pages * PAGE_OCTETS))
    }

    /// Octets an entry beyond its content, since `before`.
    fn beyond(before: Self, content: usize, count: usize) -> Result<[f64; 2], Failure> {
        let now = Self::now()?;
        let an_entry = |octets: usize| (octets as f64 - content as f64) / count as f64;
        Ok([an_entry(now.0 - before.0), an_entry(now.1 - before.1)])
    }
}

/// Nanoseconds a look-up of every question, out of order.
fn nanoseconds(
    questions: &[Question],
    look_up: impl Fn(&Question) -> Option<Entry>,
) -> Result<f64, Failure> {
    let (mut place, mut found) = (0, 0);
    let begun = Instant::now();
    for _ in 0..questions.len() {
        place = (place + STRIDE) % questions.len();
        found += usize::from(black_box(look_up(black_box(&questions[place]))).is_some());
    }
    let elapsed = begun.elapsed().as_secs_f64();
    if found != questions.len() {
        return Err(format!("{found} of {} were found", questions.len()).into());
    }
    Ok(elapsed * 1e9 / questions.len() as f64)
}

fn filled<S: BuildHasher + Clone + Default>(
    count: usize,
    cache: &Cache,
    run: &Run,
) -> Result<DashMap<Question, Entry, S>, Failure> {
    let map = DashMap::with_hasher(S::default());
    for number in 0..count {
        let question = question(number)?;
        let entry = cache.get(run, &question).ok_or("an entry was evicted")?;
        map.insert(question, entry);
    }
    Ok(map)
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || -> Result<usize, Failure> {
        Ok(arguments
            .next()
            .ok_or("bench-cache COUNT ROUNDS")?
            .parse()?)
    };
    let (count, rounds) = (number()?, number()?);
    let source: Arc<str> = "live:127.0.0.1:5301".into();
    let questions = (0..count).map(question).collect::<Result<Vec<_>, _>>()?;
    let numbered = questions.iter().zip(0..);
    let total = numbered
        .map(|(question, number)| content(question, &answer(number, &source)))
        .sum();

    let before = Memory::now()?;
    let cache = Arc::new(Cache::new(CACHE_OCTETS, || 0));
    for number in 0..count {
        cache.deliver(&question(number)?, &answer(number, &source));
    }
    let octets = Memory::beyond(before, total, count)?;
    let counted = cache.counters().octets;

    let run = cache.begin_run();
    let map = filled::<std::hash::RandomState>(count, &cache, &run)?;
    let like_ours = filled::<DefaultHashBuilder>(count, &cache, &run)?;
    let (mut us, mut them, mut them_like_us) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        us.push(nanoseconds(&questions, |question| {
            cache.get(&run, question)
        })?);
        them.push(nanoseconds(&questions, |question| {
            Some(map.get(question)?.clone())
        })?);
        them_like_us.push(nanoseconds(&questions, |question| {
            Some(like_ours.get(question)?.clone())
        })?);
    }
    println!(
        "{{\"count\": {count}, \"content\": {total}, \"counted\": {counted}, \"allocated\": {}, \"resident\": {}, \
         \"nanoseconds\": {us:?}, \"dashmap\": {them:?}, \"dashmap_like_ours\": {them_like_us:?}}}",
        octets[0], octets[1]
    );
    Ok(())
}
