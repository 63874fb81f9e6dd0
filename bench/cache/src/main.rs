//! The memory and speed of the DNS cache beside dashmap's, which has neither bound nor lifetimes.
//!
//! `bench-cache COUNT ROUNDS` prints one JSON object. Both maps hold the same keys and the same values.

use std::alloc::System;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use mailauth_core::dns::{Answer, Cache, Entry, Question, RecordData, RecordType, TxtRecord};
use mailauth_core::domain::Domain;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// More than a million entries need, so that none is evicted.
const CACHE_OCTETS: u64 = 4 << 30;
/// Octets of a page of the resident set.
const PAGE_OCTETS: usize = 4096;
/// An odd number far from a power of two: its multiples visit the entries in an order that no prefetcher guesses.
const STRIDE: usize = 611_953;

/// The questions and answers that a verifier of bulk mail has: SPF, DMARC, RSA keys of both sizes, addresses.
fn question(number: usize) -> Option<Question> {
    let (name, record_type) = match number % 5 {
        0 => (format!("mail-{number}.example.net"), RecordType::Txt),
        1 => (format!("_dmarc.mail-{number}.example.net"), RecordType::Txt),
        2 => (format!("s1._domainkey.mail-{number}.example.net"), RecordType::Txt),
        3 => (format!("selector-2._domainkey.d{number}.example"), RecordType::Txt),
        _ => (format!("mx-{number}.example.net"), RecordType::A),
    };
    Some(Question { name: Domain::parse_ascii(&name)?, record_type })
}

fn answer(number: usize) -> Answer {
    let octets = match number % 5 {
        0 => 60,
        1 => 90,
        2 => 411,
        3 => 217,
        _ => 0,
    };
    let data = match octets {
        0 => RecordData::A(vec![std::net::Ipv4Addr::LOCALHOST]),
        octets => RecordData::Txt(vec![TxtRecord::from_strings([vec![b'A'; octets].as_slice()])]),
    };
    Answer { ttl: Some(3_600), ..Answer::found(data) }
}

/// Octets of name and data, as they stand in a message of DNS without lengths.
fn content(question: &Question, answer: &Answer) -> usize {
    let texts: usize = answer.txt().iter().map(|text| text.joined().len()).sum();
    question.name.as_str().len() + texts + answer.ipv4().len() * 4
}

/// Octets allocated and octets resident.
#[derive(Clone, Copy)]
struct Memory(usize, usize);

impl Memory {
    fn now() -> Result<Self, Box<dyn Error>> {
        let stats = ALLOCATOR.stats();
        let pages = std::fs::read_to_string("/proc/self/statm")?;
        let pages: usize = pages.split(' ').nth(1).ok_or("no resident set")?.parse()?;
        Ok(Self(stats.bytes_allocated - stats.bytes_deallocated, pages * PAGE_OCTETS))
    }

    /// Octets an entry beyond its content.
    fn beyond(self, before: Self, content: usize, count: usize) -> [f64; 2] {
        let an_entry = |octets: usize| (octets as f64 - content as f64) / count as f64;
        [an_entry(self.0 - before.0), an_entry(self.1 - before.1)]
    }
}

/// Nanoseconds a look-up of every question, out of order.
fn nanoseconds(questions: &[Question], look_up: impl Fn(&Question) -> bool) -> Result<f64, String> {
    let (mut place, mut found) = (0, 0);
    let begun = Instant::now();
    for _ in 0..questions.len() {
        place = (place + STRIDE) % questions.len();
        found += usize::from(look_up(black_box(&questions[place])));
    }
    let elapsed = begun.elapsed().as_secs_f64();
    if found != questions.len() {
        return Err(format!("{found} of {} were found", questions.len()));
    }
    Ok(elapsed * 1e9 / questions.len() as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().ok_or("bench-cache COUNT ROUNDS")?.parse().map_err(Box::<dyn Error>::from);
    let (count, rounds): (usize, usize) = (number()?, number()?);
    let questions: Vec<Question> = (0..count).filter_map(question).collect();
    let content: usize = (0..count).zip(&questions).map(|(number, question)| content(question, &answer(number))).sum();

    let before = Memory::now()?;
    let cache = Arc::new(Cache::new(CACHE_OCTETS, || 0));
    for number in 0..count {
        if let Some(question) = question(number) {
            cache.deliver(&question, answer(number));
        }
    }
    let ours = Memory::now()?.beyond(before, content, count);

    let run = cache.begin_run();
    let before = Memory::now()?;
    let map: DashMap<Question, Arc<Entry>> = DashMap::new();
    for number in 0..count {
        if let (Some(question), Some(entry)) = (question(number), cache.get(run, &questions[number])) {
            map.insert(question, entry);
        }
    }
    let theirs = Memory::now()?.beyond(before, 0, count);

    let (mut us, mut them) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        us.push(nanoseconds(&questions, |question| cache.get(run, question).is_some())?);
        them.push(nanoseconds(&questions, |question| map.get(question).map(|entry| Arc::clone(&entry)).is_some())?);
    }
    println!(
        "{{\"count\": {count}, \"entry_octets\": {ours:?}, \"dashmap_octets\": {theirs:?}, \"nanoseconds\": {us:?}, \"dashmap_nanoseconds\": {them:?}}}"
    );
    Ok(())
}
