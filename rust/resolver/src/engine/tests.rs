//! The engine under a clock of the test's own, before servers that only listen.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mailauth_core::dns::{Answer, Deliver, Outcome, Question, RecordType};
use mailauth_core::domain::Domain;

use super::Engine;
use crate::counters::Counters;
use crate::datagrams::Datagrams;
use crate::flight::Asker;
use crate::settings::Settings;

struct Rig {
    engine: Engine,
    servers: Vec<UdpSocket>,
    start: Instant,
    deliver: Deliver,
    answers: Receiver<(String, Answer)>,
}

fn rig(servers: usize, change: impl Fn(&mut Settings)) -> Rig {
    let servers: Vec<UdpSocket> = (0..servers)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    for server in &servers {
        server.set_nonblocking(true).unwrap();
    }
    let addresses = servers.iter().map(|server| server.local_addr().unwrap());
    let mut settings = Settings::new(addresses.collect());
    change(&mut settings);
    let (sender, answers) = channel();
    let sender = Mutex::new(sender);
    Rig {
        engine: Engine::new(settings.clone(), Arc::new(Counters::new(&settings.servers))),
        servers,
        start: Instant::now(),
        deliver: Arc::new(move |question, answer| {
            let name = question.name.to_string();
            sender.lock().unwrap().send((name, answer)).unwrap();
        }),
        answers,
    }
}

impl Rig {
    fn ask(&mut self, name: &str) {
        let question = Question {
            name: Domain::parse_ascii(name).unwrap(),
            record_type: RecordType::Txt,
        };
        let asker = Asker::new(question, Arc::clone(&self.deliver));
        self.engine.accept(vec![asker]);
    }

    /// Lets the clock stand at so many milliseconds after the start.
    fn at(&mut self, milliseconds: u64) {
        let now = self.start + Duration::from_millis(milliseconds);
        self.engine.tick(now);
        self.engine.launch(now);
        self.engine.flush(now, &mut Datagrams::new());
    }

    /// The questions that have reached a server since the last look.
    fn reached(&self, server: usize) -> Vec<Vec<u8>> {
        let mut buffer = [0; 512];
        let receive = || Some(self.servers[server].recv(&mut buffer).ok()).flatten();
        let lengths = std::iter::from_fn(receive);
        lengths.map(|length| vec![0; length]).collect()
    }

    /// Milliseconds until the engine wants to be called.
    fn due_in(&self) -> Option<u128> {
        let due = self.engine.next_due()?;
        Some(due.duration_since(self.start).as_millis())
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.answers
            .try_iter()
            .map(|(_, answer)| answer.outcome)
            .collect()
    }
}

#[test]
fn a_silent_server_is_asked_at_0_2_and_5_seconds_and_given_up_at_10() {
    let mut rig = rig(1, |_| {});
    rig.ask("a.example");
    let mut sent = Vec::new();
    rig.at(0);
    for expected in [2_000, 5_000, 7_000, 10_000] {
        sent.push(rig.reached(0).len());
        assert_eq!(rig.due_in(), Some(expected));
        rig.at(u64::try_from(expected).unwrap() - 1);
        assert_eq!(rig.reached(0).len(), 0);
        assert_eq!(rig.outcomes(), []);
        rig.at(u64::try_from(expected).unwrap());
    }
    assert_eq!(sent, [1, 1, 1, 0]);
    assert_eq!(rig.outcomes(), [Outcome::Timeout]);
    assert_eq!(rig.due_in(), None);
    assert_eq!(rig.engine.counters.statistics().total.retried, 2);
}

#[test]
fn the_next_server_is_asked_after_7_seconds() {
    let mut rig = rig(2, |_| {});
    rig.ask("a.example");
    for (time, first, second) in [
        (0, 1, 0),
        (2_000, 1, 0),
        (5_000, 1, 0),
        (7_000, 0, 1),
        (9_000, 0, 1),
    ] {
        rig.at(time);
        assert_eq!(
            (rig.reached(0).len(), rig.reached(1).len()),
            (first, second),
            "{time}"
        );
    }
    rig.at(10_000);
    assert_eq!(rig.outcomes(), [Outcome::Timeout]);
}

#[test]
fn rfc5452_5_equal_questions_are_asked_once_and_answered_each() {
    let mut rig = rig(1, |_| {});
    for _ in 0..3 {
        rig.ask("a.example");
    }
    rig.at(0);
    assert_eq!(rig.reached(0).len(), 1);
    rig.ask("a.example");
    rig.at(1);
    assert_eq!(rig.reached(0).len(), 0);
    rig.at(10_000);
    assert_eq!(rig.outcomes(), [Outcome::Timeout; 4]);
}

#[test]
fn the_window_holds_back_what_exceeds_it() {
    for (questions, sent) in [(3, 3), (4, 4), (5, 4)] {
        let mut rig = rig(1, |settings| settings.in_flight_limit = Some(4));
        for number in 0..questions {
            rig.ask(&format!("q{number}.example"));
        }
        rig.at(0);
        assert_eq!(rig.reached(0).len(), sent);
        rig.at(10_000);
        rig.at(10_000);
        assert_eq!(rig.reached(0).len(), questions - sent);
        rig.at(20_000);
        assert_eq!(rig.outcomes().len(), questions);
    }
}

#[test]
fn the_breaker_opens_at_20_silent_questions_and_ends_the_rest_at_once() {
    for (questions, is_open) in [(19, false), (20, true), (21, true)] {
        let mut rig = rig(1, |settings| settings.in_flight_limit = Some(20));
        for number in 0..questions {
            rig.ask(&format!("q{number}.example"));
        }
        rig.at(0);
        rig.at(10_000);
        let outcomes = rig.outcomes();
        assert_eq!(outcomes, vec![Outcome::Timeout; questions], "{questions}");
        let is_broken = &rig.engine.counters.is_broken;
        assert_eq!(
            is_broken.load(std::sync::atomic::Ordering::Relaxed),
            is_open
        );
        assert_eq!(rig.engine.counters.statistics().breaks, u64::from(is_open));
        rig.reached(0);
        rig.ask("next.example");
        rig.at(10_500);
        assert_eq!(rig.outcomes().len(), usize::from(is_open));
        assert_eq!(rig.reached(0).len(), usize::from(!is_open));
    }
}

#[test]
fn a_server_that_is_down_gets_one_probe_a_second() {
    let mut rig = rig(1, |settings| settings.breaker_threshold = 1);
    rig.ask("a.example");
    rig.at(0);
    rig.at(10_000);
    rig.reached(0);
    for (time, probes) in [
        (10_999, 0),
        (11_000, 1),
        (11_500, 0),
        (11_999, 0),
        (12_000, 1),
    ] {
        rig.ask(&format!("q{time}.example"));
        rig.at(time);
        assert_eq!(rig.reached(0).len(), probes, "{time}");
    }
    assert_eq!(rig.outcomes(), [Outcome::Timeout; 6]);
    rig.at(30_000);
    assert!(rig.engine.flights.is_empty());
    assert_eq!(rig.due_in(), None);
}

#[test]
fn when_one_of_two_servers_is_down_the_other_is_asked_at_once() {
    let mut rig = rig(2, |settings| settings.breaker_threshold = 2);
    for name in ["a.example", "b.example", "c.example"] {
        rig.ask(name);
    }
    rig.at(0);
    assert_eq!(rig.reached(0).len(), 3);
    rig.at(7_000);
    rig.reached(0);
    assert_eq!(rig.reached(1).len(), 3, "stranded questions move on");
    rig.ask("d.example");
    rig.at(7_001);
    assert_eq!((rig.reached(0).len(), rig.reached(1).len()), (0, 1));
    assert_eq!(rig.engine.counters.statistics().breaks, 0);
}

#[test]
fn a_dropped_engine_answers_everyone() {
    let mut rig = rig(1, |settings| settings.in_flight_limit = Some(1));
    for name in ["a.example", "b.example"] {
        rig.ask(name);
    }
    rig.at(0);
    let Rig {
        engine, answers, ..
    } = rig;
    drop(engine);
    let outcomes: Vec<Outcome> = answers
        .try_iter()
        .map(|(_, answer)| answer.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Timeout; 2]);
}

#[test]
fn a_rate_lets_questions_leave_one_after_the_other() {
    let mut rig = rig(1, |settings| settings.rate_limit = Some(10));
    for number in 0..5 {
        rig.ask(&format!("q{number}.example"));
    }
    rig.at(0);
    assert_eq!(rig.reached(0).len(), 1, "10 a second are one each 100 ms");
    for (time, sent) in [(49, 0), (50, 1), (51, 0), (149, 0), (150, 1), (350, 1)] {
        rig.at(time);
        assert_eq!(rig.reached(0).len(), sent, "{time}");
    }
    assert_eq!(
        rig.due_in(),
        Some(400),
        "the loop wakes up for the next one"
    );
}

#[test]
fn a_lost_datagram_halves_the_window_of_its_server() {
    let mut rig = rig(1, |settings| {
        settings.in_flight_start = 64;
        settings.breaker_threshold = 1000;
    });
    for number in 0..65 {
        rig.ask(&format!("q{number}.example"));
    }
    rig.at(0);
    assert_eq!(rig.reached(0).len(), 64);
    rig.at(2_000);
    assert_eq!(rig.reached(0).len(), 64, "retransmissions only");
    assert_eq!(rig.engine.servers[0].pacing.window(), 32);
    rig.at(10_000);
    rig.reached(0);
    assert_eq!(rig.outcomes().len(), 64);
    for number in 0..65 {
        rig.ask(&format!("r{number}.example"));
    }
    rig.at(10_001);
    assert_eq!(
        rig.engine.flights.len(),
        rig.engine.servers[0].pacing.window()
    );
}

#[test]
fn a_question_that_turns_to_another_server_leaves_the_first_ones_window() {
    let mut rig = rig(2, |settings| settings.in_flight_limit = Some(1));
    rig.ask("a.example");
    rig.ask("b.example");
    for time in [0, 2_000, 5_000] {
        rig.at(time);
        let reached = (rig.reached(0).len(), rig.reached(1).len());
        assert_eq!(reached, (1, 0), "{time}");
    }
    rig.at(7_000);
    assert_eq!(
        (rig.reached(0).len(), rig.reached(1).len()),
        (1, 1),
        "a went to the second server, b to the first"
    );
}
