//! Asks one server for many names and prints how long that took: `ask SERVER COUNT IN_FLIGHT [SUFFIX]`.
//!
//! The names are `n0.SUFFIX`, `n1.SUFFIX` and so on, type TXT. One line of JSON: seconds, found, and what was sent.
//! For `bench/dns.py`.
#![expect(clippy::print_stdout, reason = "its result is what it prints")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;

use mailauth_core::dns::{Answer, Deliver, Outcome, Question, RecordType, Resolver};
use mailauth_core::domain::Domain;
use mailauth_resolver::{LiveResolver, Settings};

/// Questions handed over at a time, about as many as the messages that a batch reads at a time have.
const CHUNK_SIZE: usize = 1000;
/// Chunks that wait for their answers.
const CHUNKS_AHEAD: usize = 4;

fn question(number: usize, suffix: &str) -> Option<Question> {
    Some(Question {
        name: Domain::parse_ascii(&format!("n{number}.{suffix}"))?,
        record_type: RecordType::Txt,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, count, in_flight, rest @ ..] = &arguments[..] else {
        return Err("usage: ask SERVER COUNT IN_FLIGHT [SUFFIX]".into());
    };
    let suffix = rest.first().map_or("example", String::as_str);
    let count: usize = count.parse()?;
    let mut settings = Settings::servers(&[server])?;
    settings.in_flight_limit = Some(in_flight.parse()?);
    settings.rate_limit = Some(0);
    let resolver = LiveResolver::new(settings)?;
    let (asked, found) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (answered, answers) = channel();
    let (seen, counted) = (Arc::clone(&asked), Arc::clone(&found));
    let deliver: Deliver = Arc::new(move |_: &Question, answer: Answer| {
        if answer.outcome == Outcome::Found {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        if seen
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1)
            .is_multiple_of(CHUNK_SIZE)
        {
            let _ = answered.send(());
        }
    });
    let chunks: Vec<usize> = (0..count).step_by(CHUNK_SIZE).collect();
    let begun = Instant::now();
    for (position, first) in chunks.into_iter().enumerate() {
        if position >= CHUNKS_AHEAD {
            answers.recv()?;
        }
        let numbers = first..first.saturating_add(CHUNK_SIZE).min(count);
        let questions = numbers.filter_map(|number| question(number, suffix));
        resolver.ask(questions.collect(), Arc::clone(&deliver));
    }
    while asked.load(Ordering::Relaxed) < count {
        std::thread::yield_now();
    }
    let seconds = begun.elapsed().as_secs_f64();
    let figures = resolver.statistics().total;
    println!(
        "{{\"seconds\": {seconds}, \"found\": {}, \"sent\": {}, \"retried\": {}, \"tcp\": {}, \"mismatched\": {}}}",
        found.load(Ordering::Relaxed),
        figures.sent,
        figures.retried,
        figures.sent_over_tcp,
        figures.mismatched,
    );
    Ok(())
}
