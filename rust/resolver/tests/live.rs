//! The live resolver against a small server on loopback that answers well or badly, by the first label of the name.
//!
//! Each test has its own server and timers in milliseconds.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, its helpers too"
)]

mod server;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailauth_core::dns::{Answer, Outcome, Question, RecordType, Resolver, TxtRecord};
use mailauth_core::domain::Domain;
use mailauth_resolver::{LiveResolver, Settings};

use server::{Server, Transport};

/// Longer than anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(5);

fn settings(servers: Vec<SocketAddr>) -> Settings {
    let mut settings = Settings::new(servers);
    let milliseconds = Duration::from_millis;
    settings.timing.retries = vec![milliseconds(80), milliseconds(200)];
    settings.timing.server_patience = milliseconds(300);
    settings.timing.question_deadline = milliseconds(600);
    settings.timing.tcp_patience = milliseconds(80);
    settings.timing.tcp_idle = milliseconds(100);
    settings.timing.probe_interval = milliseconds(50);
    settings
}

fn resolver(server: &Server) -> LiveResolver {
    LiveResolver::new(settings(vec![server.address()])).unwrap()
}

fn begin(resolver: &LiveResolver, names: &[&str]) -> Receiver<(String, Answer)> {
    let (sender, answers) = channel();
    let sender = Mutex::new(sender);
    let questions = names.iter().map(|name| Question {
        name: Domain::parse_ascii(name).unwrap(),
        record_type: RecordType::Txt,
    });
    let deliver = move |question: &Question, answer: Answer| {
        let name = question.name.to_string();
        sender.lock().unwrap().send((name, answer)).unwrap();
    };
    resolver.ask(questions.collect(), Arc::new(deliver));
    answers
}

fn ask(resolver: &LiveResolver, name: &str) -> Answer {
    begin(resolver, &[name]).recv_timeout(PATIENCE).unwrap().1
}

fn texts(answer: &Answer) -> Vec<String> {
    let joined = answer.txt().iter().map(TxtRecord::joined);
    joined
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// Asks one question and expects the right answer and no more.
fn assert_found(server: &Server, name: &str) {
    let resolver = resolver(server);
    let answer = ask(&resolver, name);
    assert_eq!(answer.outcome, Outcome::Found, "{name}");
    assert_eq!(texts(&answer), [format!("text of {name}")]);
}

#[test]
fn answers_come_with_ttl_and_source() {
    let server = Server::start();
    let resolver = resolver(&server);
    let answer = ask(&resolver, "plain.example");
    assert_eq!(answer.outcome, Outcome::Found);
    assert_eq!(texts(&answer), ["text of plain.example"]);
    assert_eq!(answer.ttl, Some(300));
    assert_eq!(answer.authenticated, None);
    assert_eq!(*answer.source, format!("live:{}", server.address()));
    let figures = resolver.statistics().total;
    assert_eq!(
        (figures.sent, figures.received, figures.mismatched),
        (1, 1, 0)
    );
}

#[test]
fn many_questions_are_answered_each_once() {
    let server = Server::start();
    let resolver = resolver(&server);
    let names: Vec<String> = (0..600)
        .map(|number| format!("plain.n{number}.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = begin(&resolver, &names);
    let mut answered: Vec<String> = (0..600)
        .map(|_| {
            let (name, answer) = answers.recv_timeout(PATIENCE).unwrap();
            assert_eq!(texts(&answer), [format!("text of {name}")]);
            name
        })
        .collect();
    answered.sort();
    answered.dedup();
    assert_eq!(answered.len(), 600);
    assert!(answers.recv_timeout(Duration::from_millis(20)).is_err());
}

#[test]
fn a_lost_datagram_is_sent_again_and_a_doubled_reply_counted() {
    let server = Server::start();
    assert_found(&server, "drop1.example");
    assert_eq!(server.seen("drop1.example", Transport::Udp), 2);
    assert_found(&server, "drop2.example");
    assert_found(&server, "twice.example");
}

#[test]
fn figures_are_kept_for_each_server() {
    let (first, second) = (Server::start(), Server::start());
    let mut settings = settings(vec![first.address(), second.address()]);
    settings.in_flight_start = 8;
    let resolver = LiveResolver::new(settings).unwrap();
    for name in ["a.example", "servfail.example", "b.example"] {
        ask(&resolver, name);
    }
    let figures = resolver.statistics();
    let [(address, one), (_, two)] = figures.servers[..] else {
        panic!("{figures:?}")
    };
    assert_eq!(address, first.address());
    assert_eq!((one.sent, one.received, one.window), (3, 3, 11));
    assert_eq!((two.sent, two.received, two.window), (1, 1, 9));
    assert_eq!((figures.total.sent, figures.total.received), (4, 4));
    assert!(!one.latency.median.is_zero() && one.latency.median <= one.latency.longest);
    let longest = one.latency.longest.max(two.latency.longest);
    assert_eq!(figures.total.latency.longest, longest);
}

#[test]
fn silence_is_a_timeout() {
    let server = Server::start();
    let resolver = resolver(&server);
    let answer = ask(&resolver, "drop.example");
    assert_eq!(answer.outcome, Outcome::Timeout);
    assert_eq!(*answer.source, format!("live:{}", server.address()));
    assert_eq!(server.seen("drop.example", Transport::Udp), 3);
    assert_eq!(resolver.statistics().total.unanswered, 1);
}

#[test]
fn rfc5452_9_1_what_does_not_match_is_dropped_and_the_right_reply_awaited() {
    let server = Server::start();
    for fault in [
        "id", "case", "question", "class", "type", "opcode", "query", "garbage", "port",
    ] {
        let resolver = resolver(&server);
        let name = format!("{fault}.example");
        assert_eq!(texts(&ask(&resolver, &name)), [format!("text of {name}")]);
        // A connected socket never sees what another port sent.
        let expected = u64::from(fault != "port");
        assert_eq!(resolver.statistics().total.mismatched, expected, "{fault}");
        assert_eq!(server.seen(&name, Transport::Udp), 1, "{fault}");
    }
}

#[test]
fn rfc5452_9_1_a_reply_counts_only_at_the_socket_the_question_left_by() {
    let server = Server::start();
    let resolver = resolver(&server);
    // By now the server knows several of our ports: the chance that all are one is 16^-9.
    for number in 0..10 {
        ask(&resolver, &format!("plain.n{number}.example"));
    }
    let answer = ask(&resolver, "crossed.example");
    assert_eq!(texts(&answer), ["text of crossed.example"]);
    // Whatever socket is read first, the reply at the wrong one is found there before the next question's answer.
    ask(&resolver, "plain.example");
    assert_eq!(resolver.statistics().total.mismatched, 1);
}

#[test]
fn rfc5452_9_3_after_three_mismatches_the_question_goes_over_tcp() {
    let server = Server::start();
    for (name, over_tcp) in [("id2.example", 0), ("id3.example", 1), ("case3.example", 1)] {
        assert_found(&server, name);
        assert_eq!(server.seen(name, Transport::Tcp), over_tcp, "{name}");
    }
}

#[test]
fn a_server_that_changes_the_case_is_soon_asked_in_lower_case() {
    let server = Server::start();
    let resolver = resolver(&server);
    for number in 0..3 {
        let name = format!("lower.longer-name-{number}.example");
        assert_eq!(texts(&ask(&resolver, &name)), [format!("text of {name}")]);
    }
    let before = resolver.statistics().total;
    assert_eq!(
        ask(&resolver, "lower.another-name.example").outcome,
        Outcome::Found
    );
    let after = resolver.statistics().total;
    assert_eq!(after.mismatched, before.mismatched);
    assert_eq!(after.sent, before.sent + 1);
}

#[test]
fn truncated_replies_are_fetched_over_tcp() {
    let server = Server::start();
    let resolver = resolver(&server);
    let answer = ask(&resolver, "big.example");
    assert_eq!(answer.txt()[0].joined().len(), 60_000);
    assert_eq!(resolver.statistics().total.truncated, 1);
    for (name, messages) in [
        ("dripped.example", 1),
        ("glued.example", 1),
        ("closed1.example", 2),
    ] {
        assert_found(&server, name);
        assert_eq!(server.seen(name, Transport::Tcp), messages, "{name}");
    }
}

#[test]
fn rfc7766_7_replies_over_tcp_come_in_any_order_over_one_connection() {
    let server = Server::start();
    let resolver = resolver(&server);
    let names: Vec<String> = (0..150)
        .map(|number| format!("tc.n{number}.example"))
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.insert(0, "late.example");
    let answers = begin(&resolver, &names);
    let mut last = String::new();
    for _ in &names {
        let (name, answer) = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(texts(&answer), [format!("text of {name}")]);
        last = name;
    }
    assert_eq!(last, "late.example");
    assert_eq!(server.connections(), 1);
}

#[test]
fn when_tcp_fails_the_answer_is_truncated_not_absent() {
    let server = Server::start();
    for name in [
        "closed.example",
        "short.example",
        "mute.example",
        "foreign.example",
    ] {
        let resolver = resolver(&server);
        assert_eq!(ask(&resolver, name).outcome, Outcome::Truncated, "{name}");
    }
    let deaf = Server::without_tcp();
    assert_eq!(
        ask(&resolver(&deaf), "tc.example").outcome,
        Outcome::Truncated
    );
}

#[test]
fn rfc7766_6_2_3_an_idle_connection_is_closed() {
    let server = Server::start();
    let resolver = resolver(&server);
    for _ in 0..2 {
        assert_eq!(ask(&resolver, "tc.example").outcome, Outcome::Found);
    }
    assert_eq!(server.connections(), 1);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(ask(&resolver, "tc.example").outcome, Outcome::Found);
    assert_eq!(server.connections(), 2);
}

#[test]
fn errors_keep_their_names_and_edns_is_given_up_where_it_is_at_fault() {
    let server = Server::start();
    for (name, expected, datagrams) in [
        ("servfail.example", Outcome::ServFail, 1),
        ("refused.example", Outcome::Refused, 1),
        ("formerr.example", Outcome::FormErr, 2),
        ("notimp.example", Outcome::NotImp, 2),
        ("bare.example", Outcome::FormErr, 2),
        ("referral.example", Outcome::Lame, 1),
        ("noedns.example", Outcome::Found, 2),
        ("badvers.example", Outcome::Found, 2),
        ("noednsbare.example", Outcome::Found, 2),
    ] {
        let resolver = resolver(&server);
        assert_eq!(ask(&resolver, name).outcome, expected, "{name}");
        assert_eq!(server.seen(name, Transport::Udp), datagrams, "{name}");
    }
}

#[test]
fn a_server_without_edns_is_remembered() {
    let server = Server::start();
    let resolver = resolver(&server);
    ask(&resolver, "noedns.a.example");
    ask(&resolver, "noedns.b.example");
    assert_eq!(server.seen("noedns.a.example", Transport::Udp), 2);
    assert_eq!(server.seen("noedns.b.example", Transport::Udp), 1);
}

#[test]
fn kinds_of_no_are_kept_apart() {
    let server = Server::start();
    let resolver = resolver(&server);
    for (name, outcome, ttl, is_alias) in [
        ("nxdomain.example", Outcome::NxDomain, Some(60), false),
        ("dangling.example", Outcome::NxDomain, Some(60), true),
        ("nodata.example", Outcome::NoData, Some(60), false),
        ("nosoa.example", Outcome::NoData, None, false),
        ("aliasnodata.example", Outcome::NoData, Some(60), true),
        ("chain7.example", Outcome::Found, Some(300), true),
        ("chain8.example", Outcome::Found, Some(300), true),
        ("chain9.example", Outcome::ChainTooLong, None, true),
        ("loop.example", Outcome::ChainTooLong, None, true),
    ] {
        let answer = ask(&resolver, name);
        assert_eq!(
            (answer.outcome, answer.ttl, answer.is_alias),
            (outcome, ttl, is_alias),
            "{name}"
        );
    }
}

#[test]
fn the_next_server_helps_out_and_the_first_error_stands_when_none_does() {
    let (first, second) = (Server::refusing(), Server::start());
    let both = settings(vec![first.address(), second.address()]);
    let resolver = LiveResolver::new(both).unwrap();
    let answer = ask(&resolver, "plain.example");
    assert_eq!(*answer.source, format!("live:{}", second.address()));
    assert_eq!(answer.outcome, Outcome::Found);
    let answer = ask(&resolver, "servfail.example");
    assert_eq!(answer.outcome, Outcome::Refused);
    assert_eq!(*answer.source, format!("live:{}", first.address()));
    assert_eq!(ask(&resolver, "drop.example").outcome, Outcome::Refused);
}

#[test]
fn an_unreachable_port_costs_no_time_when_another_server_is_there() {
    // Bound and let go of: a server that ends may still hold its port for a moment.
    let gone = UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .unwrap();
    let server = Server::start();
    let mut both = settings(vec![gone, server.address()]);
    both.timing.retries = vec![PATIENCE];
    both.timing.server_patience = PATIENCE;
    both.timing.question_deadline = PATIENCE;
    let resolver = LiveResolver::new(both).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(ask(&resolver, "plain.example").outcome, Outcome::Found);
    assert!(begun.elapsed() < PATIENCE / 4);
}

#[test]
fn a_dead_server_opens_the_breaker_and_an_answer_closes_it() {
    let server = Server::start();
    let resolver = resolver(&server);
    let names: Vec<String> = (0..20)
        .map(|number| format!("drop.n{number}.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answers = begin(&resolver, &names);
    for _ in &names {
        assert_eq!(
            answers.recv_timeout(PATIENCE).unwrap().1.outcome,
            Outcome::Timeout
        );
    }
    assert!(resolver.is_broken());
    assert_eq!(resolver.statistics().breaks, 1);
    assert_eq!(ask(&resolver, "plain.example").outcome, Outcome::Timeout);
    // The first question after the interval goes out as a probe and brings the server back.
    std::thread::sleep(Duration::from_millis(60));
    ask(&resolver, "plain.example");
    let mut outcome = Outcome::Timeout;
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(2));
        outcome = ask(&resolver, "plain.example").outcome;
        if outcome == Outcome::Found {
            break;
        }
    }
    assert_eq!(outcome, Outcome::Found);
    assert!(!resolver.is_broken());
}

#[test]
fn a_dropped_resolver_answers_everyone_and_its_thread_ends() {
    let server = Server::start();
    let resolver = resolver(&server);
    let answers = begin(&resolver, &["drop.example"]);
    drop(resolver);
    assert_eq!(
        answers.recv_timeout(PATIENCE).unwrap().1.outcome,
        Outcome::Timeout
    );
    // Nobody holds `deliver` any more: the channel is closed.
    assert!(answers.recv_timeout(PATIENCE).is_err());
}

#[test]
fn a_deliver_that_panics_does_not_silence_the_resolver() {
    let server = Server::start();
    let resolver = resolver(&server);
    let question = Question {
        name: Domain::parse_ascii("plain.example").unwrap(),
        record_type: RecordType::Txt,
    };
    let panics = |_: &Question, _: Answer| std::panic::resume_unwind(Box::new(()));
    resolver.ask(vec![question; 3], Arc::new(panics));
    assert_eq!(ask(&resolver, "plain.example").outcome, Outcome::Found);
    assert_eq!(
        ask(&resolver, "plain.other.example").outcome,
        Outcome::Found
    );
}
