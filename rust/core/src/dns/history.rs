//! What a DNS store knows of one question over the years, and what of it was true at a given time.
//!
//! Knows windows of observation, gaps and which source is believed first; must not know files, messages or records'
//! syntax beyond the tag that an SPF or DMARC record begins with. A key may be tried and the signature decides; of two
//! policies only one can have been published (RFC 7208 §4.5, RFC 9989 §4.10).

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Answer, Entry, Lookup, Outcome, Question, RecordData};
use crate::reason::LimitWord;

/// Seconds before and after a window in which its data is still taken for true; the TTL when that is longer.
pub const WINDOW_SLACK: i64 = 3_600;
/// Longest TTL that widens a window: a week (RFC 8767 §4).
const SLACK_CEILING: i64 = 604_800;
/// Rows of one question that are used, the newest: the time to choose among them grows with their square.
pub const HISTORY_LIMIT: usize = 4_096;

/// Beginnings of sources, the one that is believed first at the head.
const SOURCE_ORDER: [&str; 7] = [
    "live:",
    "zone:",
    "pdns:",
    "archive:live_dns",
    "import:",
    "recovered",
    "archive:gcd_recovered",
];

/// How what is used stands to the time that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Last observed earlier.
    AfterWindow,
    /// Something else was observed around that time as well.
    Ambiguous,
    /// First observed later.
    BeforeWindow,
    /// The same was observed before and after.
    Interpolated,
    /// It was observed around that time, or time plays no part.
    Observed,
    /// Keys of before and after, of which the signature decides.
    Offered,
    /// Beyond its lifetime, for want of a new one (RFC 8767 §4).
    Stale,
}

impl Standing {
    /// A word for the verdict's `limits`; a key seen only earlier changes the result instead.
    pub(crate) const fn qualification(self) -> Option<LimitWord> {
        match self {
            Self::Ambiguous => Some(LimitWord::DnsAmbiguous),
            Self::BeforeWindow => Some(LimitWord::PublicationNotSeen),
            Self::Interpolated => Some(LimitWord::DnsInterpolated),
            Self::Stale => Some(LimitWord::Stale),
            Self::AfterWindow | Self::Observed | Self::Offered => None,
        }
    }
}

/// One row of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What was observed, with its window; faults say nothing about any time.
    pub answer: Answer,
    /// A recorded run was told this, whatever the time of its messages: its replay is told the same.
    pub is_of_run: bool,
    /// One record of a set whose other records have rows of their own.
    pub is_single_record: bool,
}

impl Observation {
    const fn is_timed(&self) -> bool {
        self.answer.first_seen.is_some() || self.answer.last_seen.is_some()
    }

    fn first(&self) -> i64 {
        self.answer.first_seen.unwrap_or(i64::MIN)
    }

    fn last(&self) -> i64 {
        self.answer.last_seen.unwrap_or(i64::MAX)
    }

    fn slack(&self) -> i64 {
        let ttl = self.answer.ttl.map_or(0, i64::from);
        ttl.clamp(WINDOW_SLACK, SLACK_CEILING)
    }

    fn covers(&self, time: i64, slack: i64) -> bool {
        self.is_timed()
            && self.first().saturating_sub(slack) <= time
            && time <= self.last().saturating_add(slack)
    }

    fn is_found(&self) -> bool {
        self.answer.outcome == Outcome::Found
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.answer.outcome, &self.answer.data) == (other.answer.outcome, &other.answer.data)
    }

    /// Which source is believed first when rows conflict.
    fn rank(&self) -> usize {
        let source = &*self.answer.source;
        if source.starts_with("live:") && self.answer.authenticated == Some(true) {
            return 0;
        }
        let place = SOURCE_ORDER
            .iter()
            .position(|prefix| source.starts_with(prefix));
        place.map_or(SOURCE_ORDER.len() + 1, |place| place + 1)
    }
}

/// Every observation of one question.
pub struct History {
    /// Best source first, then the newest.
    observations: Vec<Arc<Observation>>,
    is_key: bool,
    /// Times at which the choice may change, ascending.
    borders: Vec<i64>,
    /// The choice before each border and after the last one, made at first use.
    choices: Vec<OnceLock<Entry>>,
    without_time: OnceLock<Entry>,
}

impl fmt::Debug for History {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.observations).finish()
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.observations == other.observations
    }
}

impl Eq for History {}

/// Which observations are used, and how they stand to the time; none = not known.
type Choice<'a> = (Standing, Vec<&'a Arc<Observation>>);

impl History {
    /// The history of a question; record data comes in the order of its texts, so that equal sets are equal. Beyond
    /// [`HISTORY_LIMIT`] rows the oldest are left out.
    pub fn new(question: &Question, mut observations: Vec<Observation>) -> Self {
        let newest =
            |row: &Observation| std::cmp::Reverse((row.answer.first_seen, row.answer.last_seen));
        if observations.len() > HISTORY_LIMIT {
            observations.sort_by_key(|row| std::cmp::Reverse(row.answer.last_seen));
            observations.truncate(HISTORY_LIMIT);
        }
        // What was written later is taken first where nothing else tells rows apart.
        observations.reverse();
        observations.sort_by_key(|row| (row.rank(), newest(row)));
        let mut borders: Vec<i64> = observations.iter().flat_map(borders).collect();
        borders.sort_unstable();
        borders.dedup();
        Self {
            observations: observations.into_iter().map(Arc::new).collect(),
            // RFC 6376 §3.6.2.1: the namespace of keys.
            is_key: question.name.as_str().contains("._domainkey."),
            choices: (0..=borders.len()).map(|_| OnceLock::new()).collect(),
            borders,
            without_time: OnceLock::new(),
        }
    }

    /// The observations, best source first.
    pub fn observations(&self) -> impl Iterator<Item = &Observation> {
        self.observations.iter().map(AsRef::as_ref)
    }

    /// Octets of names and data held, about.
    pub(crate) fn octets(&self) -> usize {
        let octets = |row: &Arc<Observation>| row.answer.data.octets() + row.answer.source.len();
        self.observations.iter().map(octets).sum()
    }

    /// What was true at `time`; without one, what may have been.
    pub fn as_of(&self, time: Option<i64>) -> Entry {
        let Some(time) = time else {
            let chosen = self
                .without_time
                .get_or_init(|| entry(self.choose_without_time()));
            return chosen.clone();
        };
        let place = self.borders.partition_point(|border| *border <= time);
        match self.choices.get(place) {
            Some(choice) => choice.get_or_init(|| entry(self.choose(time))).clone(),
            None => entry(self.choose(time)),
        }
    }

    fn knowledge(&self) -> impl Iterator<Item = &Arc<Observation>> {
        let is_known = |row: &&Arc<Observation>| !row.answer.outcome.is_fault();
        self.observations.iter().filter(is_known)
    }

    fn choose_without_time(&self) -> Choice<'_> {
        let found: Vec<_> = self.knowledge().filter(|row| row.is_found()).collect();
        if self.is_key && !found.is_empty() {
            return (Standing::Observed, found);
        }
        let newest = self.knowledge().newest();
        let Some(newest) = newest else {
            return self.fault();
        };
        let is_ambiguous = !self.is_key && self.knowledge().any(|row| !row.is_same(newest));
        let standing = if is_ambiguous {
            Standing::Ambiguous
        } else {
            Standing::Observed
        };
        (standing, vec![newest])
    }

    fn choose(&self, time: i64) -> Choice<'_> {
        let mut covering: Vec<_> = self
            .knowledge()
            .filter(|row| row.covers(time, row.slack()))
            .collect();
        // The slack is for times that no window holds; a key is offered all the same.
        if !self.is_key && covering.iter().any(|row| row.covers(time, 0)) {
            covering.retain(|row| row.covers(time, 0));
        }
        if covering.is_empty() {
            covering = self.knowledge().filter(|row| !row.is_timed()).collect();
        }
        if !covering.is_empty() {
            return if self.is_key {
                offer(covering)
            } else {
                publication(covering)
            };
        }
        if self.knowledge().next().is_none() {
            return self.fault();
        }
        self.choose_beside_windows(time)
    }

    /// No window holds the time: what stands before and after it decides.
    fn choose_beside_windows(&self, time: i64) -> Choice<'_> {
        let before = || self.knowledge().filter(|row| row.last() < time);
        let after = || self.knowledge().filter(|row| row.first() > time);
        let previous = before().newest();
        let next = after().min_by_key(|row| row.first());
        if let (Some(previous), Some(next)) = (previous, next)
            && previous.is_same(next)
        {
            let is_nearer = time.abs_diff(previous.last()) <= time.abs_diff(next.first());
            let nearest = if is_nearer { previous } else { next };
            return (Standing::Interpolated, vec![nearest]);
        }
        let of_run = || self.knowledge().filter(|row| row.is_of_run).newest();
        let is_between = previous.is_some() && next.is_some();
        if (!self.is_key || !is_between)
            && let Some(of_run) = of_run()
        {
            return (Standing::Observed, vec![of_run]);
        }
        if !self.is_key {
            return (Standing::Observed, Vec::new());
        }
        let previous = before().filter(|row| row.is_found()).newest();
        let next = after()
            .filter(|row| row.is_found())
            .min_by_key(|row| row.first());
        let standing = match (is_between, next) {
            (true, _) => Standing::Offered,
            (false, Some(_)) => Standing::BeforeWindow,
            (false, None) => Standing::AfterWindow,
        };
        (standing, previous.into_iter().chain(next).collect())
    }

    /// Nothing but faults: a replay is told the newest.
    fn fault(&self) -> Choice<'_> {
        let newest = self.observations.iter().newest();
        (Standing::Observed, newest.into_iter().collect())
    }
}

/// The newest of some observations; of equal ones the first.
trait Newest<'a>: Iterator<Item = &'a Arc<Observation>> + Sized {
    fn newest(self) -> Option<&'a Arc<Observation>> {
        self.reduce(|best, row| {
            if row.answer.last_seen > best.answer.last_seen {
                row
            } else {
                best
            }
        })
    }
}

impl<'a, I: Iterator<Item = &'a Arc<Observation>>> Newest<'a> for I {}

/// Where a choice may change because of one row: its window with and without slack.
fn borders(row: &Observation) -> Vec<i64> {
    let (slack, mut borders) = (row.slack(), Vec::new());
    if let Some(first) = row.answer.first_seen {
        borders.extend([first.saturating_sub(slack), first]);
    }
    if let Some(last) = row.answer.last_seen {
        let end = last.saturating_add(1);
        borders.extend([end, end.saturating_add(slack)]);
    }
    borders
}

/// RFC 6376 §6.1.2 step 4: every key of that time may be tried; a denial stands only where there is none.
fn offer(covering: Vec<&Arc<Observation>>) -> Choice<'_> {
    let best = covering.first().copied();
    let found: Vec<_> = covering.into_iter().filter(|row| row.is_found()).collect();
    let chosen = if found.is_empty() {
        best.into_iter().collect()
    } else {
        found
    };
    (Standing::Observed, chosen)
}

/// The best row, and with it those that hold further records of its set.
fn publication(covering: Vec<&Arc<Observation>>) -> Choice<'_> {
    let Some(best) = covering.first().copied() else {
        return (Standing::Observed, Vec::new());
    };
    let is_of_set = |row: &&Arc<Observation>| {
        best.is_single_record && row.is_single_record && row.answer.source == best.answer.source
    };
    let (set, others): (Vec<_>, Vec<_>) = covering
        .into_iter()
        .partition(|row| Arc::ptr_eq(row, best) || is_of_set(row));
    let count = set.len();
    let set = without_rivals(set);
    let is_ambiguous =
        set.len() < count || (set.len() == 1 && others.iter().any(|row| !row.is_same(best)));
    let standing = if is_ambiguous {
        Standing::Ambiguous
    } else {
        Standing::Observed
    };
    (standing, set)
}

/// Leaves out what would make one policy into two: of the texts that begin with the same version, the newest stays.
fn without_rivals(set: Vec<&Arc<Observation>>) -> Vec<&Arc<Observation>> {
    let mut versions: Vec<Vec<u8>> = Vec::new();
    set.into_iter()
        .filter(|row| match version(&row.answer) {
            Some(version) if versions.contains(&version) => false,
            Some(version) => {
                versions.push(version);
                true
            }
            None => true,
        })
        .collect()
}

/// `v=spf1` or `v=dmarc1` of a row that holds one such text (RFC 7208 §4.5, RFC 9989 §4.7).
fn version(answer: &Answer) -> Option<Vec<u8>> {
    let text = answer.txt().first()?.joined();
    let is_end = |octet: &u8| matches!(octet, b' ' | b'\t' | b';');
    let end = text.iter().position(is_end).unwrap_or(text.len());
    let word = text.get(..end)?.to_ascii_lowercase();
    matches!(&*word, b"v=spf1" | b"v=dmarc1").then_some(word)
}

fn entry((standing, chosen): Choice<'_>) -> Entry {
    let answer = match chosen.as_slice() {
        [] => Answer::empty(Outcome::Unknown),
        [only] => only.answer.clone(),
        [first, ..] => Answer {
            data: joined(&chosen),
            ..first.answer.clone()
        },
    };
    let offers = if chosen.len() > 1 {
        chosen.into_iter().cloned().collect()
    } else {
        Box::default()
    };
    Entry::of_history(&answer, standing, offers)
}

/// The records of several rows, in their order.
fn joined(chosen: &[&Arc<Observation>]) -> RecordData {
    let mut rows = chosen.iter().map(|row| &row.answer.data);
    let Some(mut whole) = rows.next().cloned() else {
        return RecordData::None;
    };
    for data in rows {
        match (&mut whole, data) {
            (RecordData::A(all), RecordData::A(more)) => all.extend(more),
            (RecordData::Aaaa(all), RecordData::Aaaa(more)) => all.extend(more),
            (RecordData::Mx(all), RecordData::Mx(more)) => all.extend_from_slice(more),
            (RecordData::Ptr(all), RecordData::Ptr(more)) => all.extend_from_slice(more),
            (RecordData::Txt(all), RecordData::Txt(more)) => all.extend_from_slice(more),
            _ => {}
        }
    }
    whole
}

/// Answers as they were at one time; what has no history is given as it is.
pub struct AsOf<'a> {
    lookup: &'a dyn Lookup,
    time: Option<i64>,
}

impl<'a> AsOf<'a> {
    /// Looks through `lookup` at `time` (Unix seconds).
    pub const fn new(lookup: &'a dyn Lookup, time: Option<i64>) -> Self {
        Self { lookup, time }
    }
}

impl Lookup for AsOf<'_> {
    fn look_up(&self, question: &Question) -> Option<Entry> {
        let entry = self.lookup.look_up(question)?;
        let dated = entry.history().map(|history| history.as_of(self.time));
        Some(dated.unwrap_or(entry))
    }
}

#[cfg(test)]
mod tests;
