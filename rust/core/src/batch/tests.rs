use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::dns::{Answer, Cache, Deliver, Outcome, RecordData, RecordType, Resolver, TxtRecord};
use crate::envelope::Envelope;
use crate::policy::Policy;

/// Fails the first so many times it is asked for a policy of `dN.example`.
struct Fickle {
    failures: u32,
    asked: Mutex<HashMap<Question, u32>>,
}

impl Fickle {
    fn times(&self, name: &str) -> u32 {
        let asked = lock(&self.asked);
        let found = asked
            .iter()
            .find(|(question, _)| question.name.as_str() == name);
        found.map_or(0, |(_, times)| *times)
    }
}

impl Resolver for Fickle {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        for question in questions {
            let times = {
                let mut asked = lock(&self.asked);
                let times = asked.entry(question.clone()).or_default();
                *times += 1;
                *times
            };
            let is_policy = question.name.as_str().starts_with("_dmarc.d");
            let answer = match (is_policy, times <= self.failures) {
                (true, true) => Answer::empty(Outcome::ServFail),
                (true, false) => {
                    let text: &[u8] = b"v=DMARC1; p=reject";
                    Answer::found(RecordData::Txt(vec![TxtRecord::from_strings([text])]))
                }
                (false, _) => Answer::empty(Outcome::NxDomain),
            };
            deliver(&question, answer);
        }
    }
}

struct Ran {
    rows: Vec<Row>,
    figures: Figures,
    resolver: Arc<Fickle>,
}

impl Ran {
    fn temperrors(&self) -> usize {
        self.rows.iter().filter(|row| row.has_temperror()).count()
    }

    fn is_in_order(&self) -> bool {
        let mut rows = self.rows.iter().enumerate();
        rows.all(|(place, row)| row.id == place.to_string())
    }
}

fn message(number: usize) -> Input {
    let raw = format!("From: a@d{number}.example\r\n\r\nhello\r\n");
    Input::new(number.to_string(), Bytes::from(raw), Envelope::default())
}

fn run(count: usize, failures: u32, bounds: Option<Bounds>) -> Ran {
    let resolver = Arc::new(Fickle {
        failures,
        asked: Mutex::default(),
    });
    let cache = Arc::new(Cache::new(1 << 20, || 0));
    let asked = Arc::clone(&resolver) as Arc<dyn Resolver>;
    let engine = Arc::new(Engine::new(asked, cache, Arc::new(Policy::default())));
    let source = Box::new((0..count).map(message));
    let batch = Batch::bounded(&engine, source, Now::At(1_800_000_000), 2, bounds);
    let mut rows = Vec::new();
    while rows.len() < count {
        match batch.next_rows(count - rows.len(), Duration::from_secs(1)) {
            Ok(Rows::Ready(taken)) => rows.extend(taken),
            Ok(Rows::NotYet) => {}
            Err(fault) => panic!("{}", fault.0),
        }
    }
    let figures = batch.account().figures();
    Ran {
        rows,
        figures,
        resolver,
    }
}

#[test]
fn what_failed_is_asked_again_and_its_message_judged_again() {
    let ran = run(3, 1, Some(Bounds::default()));
    assert!(ran.is_in_order());
    assert_eq!(ran.temperrors(), 0);
    assert_eq!(ran.resolver.times("_dmarc.d1.example"), 2);
    assert_eq!(ran.resolver.times("_dmarc.example"), 1);
    let again = Again {
        questions: 3,
        answered: 3,
        messages: 3,
        mended: 3,
        left: 0,
    };
    assert_eq!(ran.figures.again, again);
}

#[test]
fn without_asking_again_a_failure_is_final() {
    let ran = run(3, 1, None);
    assert_eq!((ran.temperrors(), ran.figures.again), (3, Again::default()));
    assert_eq!(ran.resolver.times("_dmarc.d1.example"), 1);
}

#[test]
fn names_and_questions_are_counted_by_type() {
    let ran = run(3, 0, None);
    // Each message walks over its own name and the one above, which is asked for once for all.
    let tally = ran.figures.types.get(&RecordType::Txt).copied();
    assert_eq!(
        tally.map(|tally| (tally.names, tally.questions)),
        Some((4, 6))
    );
}

#[test]
fn a_question_is_asked_again_only_once_a_run() {
    // So few rows may be held back that the run has to ask again many times.
    let bounds = Bounds {
        rows: 4,
        ..Bounds::default()
    };
    let ran = run(500, 9, Some(bounds));
    assert!(ran.is_in_order());
    assert_eq!(ran.temperrors(), 500);
    assert!((0..500).all(|number| ran.resolver.times(&format!("_dmarc.d{number}.example")) == 2));
}

#[test]
fn rows_and_octets_held_back_are_bounded_and_asked_again_for_in_time() {
    for bounds in [
        Bounds {
            rows: 1,
            ..Bounds::default()
        },
        Bounds {
            octets: 1,
            ..Bounds::default()
        },
    ] {
        let ran = run(200, 1, Some(bounds));
        assert!(ran.is_in_order());
        assert_eq!((ran.temperrors(), ran.figures.again.left), (0, 0));
    }
}

#[test]
fn the_limit_of_questions_held_at_n_minus_1_n_and_n_plus_1() {
    for (count, left) in [(4_usize, 0_usize), (5, 0), (6, 1)] {
        let bounds = Bounds {
            questions: 5,
            ..Bounds::default()
        };
        let ran = run(count, 1, Some(bounds));
        assert_eq!(ran.figures.again.left, left as u64);
        assert_eq!(ran.temperrors(), left);
    }
}
