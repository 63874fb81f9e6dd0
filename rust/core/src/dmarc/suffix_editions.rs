//! The public suffix lists of several days, of which each message gets that of its day (RFC 7489 §3.2).
//!
//! Knows which edition was in force; must not know where editions are kept: they are read when a message first needs
//! them, for a folder may hold hundreds.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::dmarc::PublicSuffixList;

/// Reads the edition at a place; `None` when it cannot be read.
pub type ReadEdition = Box<dyn Fn(usize) -> Option<PublicSuffixList> + Send + Sync>;

/// Editions of the list, by the time from which each was in force.
pub struct SuffixEditions {
    /// Unix seconds, ascending, and the list once it was read.
    editions: Vec<(i64, OnceLock<Arc<PublicSuffixList>>)>,
    read: ReadEdition,
}

impl fmt::Debug for SuffixEditions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.editions.iter().map(|(time, _)| time);
        formatter.debug_list().entries(times).finish()
    }
}

impl SuffixEditions {
    /// Editions in force from these times (Unix seconds, ascending); `read` gives the one at a place.
    pub fn new(times: Vec<i64>, read: ReadEdition) -> Self {
        let editions = times.into_iter().map(|time| (time, OnceLock::new()));
        Self {
            editions: editions.collect(),
            read,
        }
    }

    /// The edition in force at `time`, or the first for what is older; the newest without a time.
    ///
    /// One that cannot be read is taken for the one that is compiled in.
    pub fn of_day(&self, time: Option<i64>) -> Arc<PublicSuffixList> {
        let count = match time {
            Some(time) => self.editions.partition_point(|(from, _)| *from <= time),
            None => self.editions.len(),
        };
        let place = count.saturating_sub(1);
        let Some((_, list)) = self.editions.get(place) else {
            return PublicSuffixList::built_in();
        };
        let read = || (self.read)(place).map_or_else(PublicSuffixList::built_in, Arc::new);
        Arc::clone(list.get_or_init(read))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::Domain;
    use crate::policy::Policy;

    #[test]
    fn rfc7489_3_2_a_message_gets_the_list_of_its_day() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reads);
        let read = move |place: usize| {
            counter.fetch_add(1, Ordering::Relaxed);
            PublicSuffixList::parse(["example\n", "host.example\n"].get(place)?)
        };
        let editions = SuffixEditions::new(vec![100, 200], Box::new(read));
        let policy = Policy {
            public_suffix_editions: Some(Arc::new(editions)),
            ..Policy::default()
        };
        let name = Domain::parse_ascii("a.b.host.example").unwrap();
        let found = |time| {
            let policy = policy.of_day(time);
            let list = &policy.public_suffix_list;
            list.organizational_domain(&name, true).unwrap().to_string()
        };
        for (time, expected) in [
            (Some(0), "host.example"),
            (Some(99), "host.example"),
            (Some(100), "host.example"),
            (Some(199), "host.example"),
            (Some(200), "b.host.example"),
            (Some(i64::MAX), "b.host.example"),
            (None, "b.host.example"),
        ] {
            assert_eq!(found(time), expected, "{time:?}");
        }
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        assert!(matches!(
            Policy::default().of_day(None),
            std::borrow::Cow::Borrowed(_)
        ));
    }
}
