//! A Python object with `async def resolve(questions)` as a resolver.
//!
//! `mailauth_fast.dns.Bridge` runs the object's coroutine on an event loop of its own; its answers come back through
//! a [`Delivery`]. An exception is kept and raised where the run is driven.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use mailauth_core::dns::{
    Answer, Deliver, MxRecord, Outcome, Question, RecordData, RecordType, Resolver, TxtRecord,
};
use mailauth_core::domain::Domain;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Asks through a `Bridge`.
pub(crate) struct PythonResolver {
    bridge: Py<PyAny>,
    failure: Arc<Mutex<Option<String>>>,
}

impl PythonResolver {
    pub(crate) fn new(bridge: Py<PyAny>, failure: Arc<Mutex<Option<String>>>) -> Self {
        Self { bridge, failure }
    }

    fn note(failure: &Mutex<Option<String>>, sentence: String) {
        failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(sentence);
    }
}

impl Resolver for PythonResolver {
    fn ask(&self, questions: Vec<Question>, deliver: Deliver) {
        Python::attach(|py| {
            let words: Vec<_> = questions
                .iter()
                .map(|question| {
                    (
                        question.name.as_str().to_owned(),
                        question.record_type.as_str(),
                    )
                })
                .collect();
            let delivery = Delivery {
                questions: questions.clone(),
                deliver: Arc::clone(&deliver),
                failure: Arc::clone(&self.failure),
            };
            if let Err(error) = self
                .bridge
                .bind(py)
                .call_method1("submit", (words, delivery))
            {
                Self::note(&self.failure, error.to_string());
                py.detach(|| deliver_all(&questions, &deliver));
            }
        });
    }
}

/// Ends the wait after a failure of the whole resolver: an outcome that no cache keeps, because the run ends anyway.
fn deliver_all(questions: &[Question], deliver: &Deliver) {
    for question in questions {
        deliver(question, Answer::empty(Outcome::Unknown));
    }
}

/// Takes the answers to one call of `resolve`.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Delivery {
    questions: Vec<Question>,
    deliver: Deliver,
    failure: Arc<Mutex<Option<String>>>,
}

#[pymethods]
impl Delivery {
    /// Takes a list of `Answer` objects in any order; a missing one is a timeout.
    fn answers(&self, py: Python<'_>, answers: &Bound<'_, PyAny>) {
        let mut known: Vec<Option<Answer>> = vec![None; self.questions.len()];
        if let Err(error) = self.sort(answers, &mut known) {
            PythonResolver::note(
                &self.failure,
                format!("the resolver gave an unusable answer: {error}"),
            );
        }
        py.detach(|| {
            for (question, answer) in self.questions.iter().zip(known) {
                (self.deliver)(
                    question,
                    answer.unwrap_or_else(|| Answer::empty(Outcome::Timeout)),
                );
            }
        });
    }

    /// Takes the exception that `resolve` raised.
    fn failed(&self, py: Python<'_>, sentence: String) {
        PythonResolver::note(&self.failure, sentence);
        py.detach(|| deliver_all(&self.questions, &self.deliver));
    }
}

impl Delivery {
    fn sort(&self, answers: &Bound<'_, PyAny>, known: &mut [Option<Answer>]) -> PyResult<()> {
        for item in answers.try_iter()? {
            let item = item?;
            let question = item.getattr("question")?;
            let name: String = question.getattr("name")?.extract()?;
            let record_type: String = question.getattr("type")?.extract()?;
            let is_same = |candidate: &&Question| {
                candidate.record_type.as_str() == record_type
                    && candidate
                        .name
                        .as_str()
                        .eq_ignore_ascii_case(name.strip_suffix('.').unwrap_or(&name))
            };
            let Some(place) = self
                .questions
                .iter()
                .position(|candidate| is_same(&candidate))
            else {
                continue;
            };
            if let (Some(slot), Some(asked)) = (known.get_mut(place), self.questions.get(place)) {
                *slot = Some(answer(&item, asked.record_type)?);
            }
        }
        Ok(())
    }
}

fn answer(item: &Bound<'_, PyAny>, record_type: RecordType) -> PyResult<Answer> {
    let word: String = item.getattr("outcome")?.extract()?;
    let outcome = Outcome::from_word(&word).ok_or_else(|| {
        pyo3::exceptions::PyValueError::new_err(format!("unknown outcome {word:?}"))
    })?;
    let data = item.getattr("data")?;
    let records = if outcome == Outcome::Found {
        record_data(&data, record_type)?
    } else {
        RecordData::None
    };
    Ok(Answer {
        outcome,
        data: records,
        ttl: item.getattr("ttl")?.extract()?,
        authenticated: item.getattr("ad")?.extract()?,
        source: item.getattr("source")?.extract::<String>()?.into(),
        first_seen: item.getattr("first_seen")?.extract()?,
        last_seen: item.getattr("last_seen")?.extract()?,
        is_alias: item
            .getattr("is_alias")
            .and_then(|value| value.extract())
            .unwrap_or(false),
        history: None,
    })
}

fn record_data(data: &Bound<'_, PyAny>, record_type: RecordType) -> PyResult<RecordData> {
    let items: Vec<Bound<'_, PyAny>> = data.try_iter()?.collect::<PyResult<_>>()?;
    let texts = || {
        items
            .iter()
            .map(|item| Ok(item.str()?.to_string()))
            .collect::<PyResult<Vec<String>>>()
    };
    let unreadable =
        |text: &str| pyo3::exceptions::PyValueError::new_err(format!("{text:?} is no address"));
    Ok(match record_type {
        RecordType::A => {
            let parse = |text: String| text.parse::<Ipv4Addr>().map_err(|_| unreadable(&text));
            RecordData::A(texts()?.into_iter().map(parse).collect::<PyResult<_>>()?)
        }
        RecordType::Aaaa => {
            let parse = |text: String| text.parse::<Ipv6Addr>().map_err(|_| unreadable(&text));
            RecordData::Aaaa(texts()?.into_iter().map(parse).collect::<PyResult<_>>()?)
        }
        RecordType::Ptr => RecordData::Ptr(
            texts()?
                .iter()
                .filter_map(|name| Domain::parse_ascii(name))
                .collect(),
        ),
        RecordType::Mx => RecordData::Mx(items.iter().map(mx).collect::<PyResult<_>>()?),
        _ => RecordData::Txt(items.iter().map(txt).collect::<PyResult<_>>()?),
    })
}

fn mx(item: &Bound<'_, PyAny>) -> PyResult<MxRecord> {
    let (preference, host): (u16, String) = item.extract()?;
    Ok(MxRecord {
        preference,
        exchange: Domain::parse_ascii(&host),
    })
}

/// One TXT record: a tuple of its byte strings; a single byte string is taken as a record of one string.
fn txt(item: &Bound<'_, PyAny>) -> PyResult<TxtRecord> {
    if let Ok(strings) = item.cast::<PyTuple>() {
        let strings: Vec<Vec<u8>> = strings.extract()?;
        return Ok(TxtRecord::from_strings(strings.iter().map(Vec::as_slice)));
    }
    let string: Vec<u8> = item.extract()?;
    Ok(TxtRecord::from_strings([string.as_slice()]))
}
