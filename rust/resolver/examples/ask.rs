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

use mailauth_core::dns::{Answer, Outcome, Question, RecordType, Resolver};
use mailauth_core::domain::Domain;
use mailauth_resolver::{LiveResolver, Settings};

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
    let questions: Vec<Question> = (0..count)
        .filter_map(|number| {
            Some(Question {
                name: Domain::parse_ascii(&format!("n{number}.{suffix}"))?,
                record_type: RecordType::Txt,
            })
        })
        .collect();
    let resolver = LiveResolver::new(settings)?;
    let (asked, found) = (questions.len(), Arc::new(AtomicUsize::new(0)));
    let (done, all_done) = channel();
    let (seen, counted) = (AtomicUsize::new(0), Arc::clone(&found));
    let deliver = move |_: &Question, answer: Answer| {
        if answer.outcome == Outcome::Found {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        if seen.fetch_add(1, Ordering::Relaxed).saturating_add(1) == asked {
            let _ = done.send(());
        }
    };
    let begun = Instant::now();
    resolver.ask(questions, Arc::new(deliver));
    all_done.recv()?;
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
