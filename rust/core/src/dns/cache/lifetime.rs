//! How long an answer is kept beyond the run that asked: RFC 2308, RFC 8767 and RFC 9520 in numbers.
//!
//! Knows outcomes and TTLs; must not know where entries are kept.

use super::CacheSettings;
use crate::dns::{Entry, Outcome};

/// Largest ceiling in seconds (RFC 8767 §4).
pub(super) const TTL_LIMIT: u32 = 604_800;
/// Longest time in seconds that a negative answer is kept (RFC 2308 §5: one to three hours).
const NEGATIVE_TTL_CEILING: u32 = 3_600;
/// Seconds that a failure is kept (RFC 9520 §3.2: at least one).
const FAILURE_TTL: u32 = 5;
/// Seconds that a failure is kept which goes on (RFC 9520 §3.2, RFC 2308 §7.1: at most five minutes).
const FAILURE_TTL_CEILING: u32 = 60;
/// Failures in a row that still double the time.
pub(super) const STREAK_LIMIT: u8 = 4;
/// Largest time in seconds beyond its lifetime for which an answer may be used (RFC 8767 §5: one to three days).
pub const SERVE_STALE_LIMIT: u32 = 259_200;
/// Seconds that a stale answer is kept before the question is asked again (RFC 8767 §4, §5).
pub(super) const STALE_TTL: u32 = 30;
/// Seconds of waiting after which a stale answer will do. RFC 8767 §5 recommends 1.8; the clock has whole seconds, of
/// which two are 1 to 2.
pub(super) const STALE_PATIENCE: u32 = 2;
/// A hit in this part of the lifetime, its last, asks again.
const PREFETCH_FRACTION: u32 = 10;

/// True for what may be another way in a moment. Not knowing is a DNS store's answer, the budget a message's.
pub(super) const fn is_failure(outcome: Outcome) -> bool {
    outcome.is_fault() && !matches!(outcome, Outcome::Unknown | Outcome::OverBudget)
}

/// Seconds that an answer is kept beyond the run that asked; of a failure, the first one.
pub(super) fn lifetime(outcome: Outcome, ttl: Option<u32>, settings: &CacheSettings) -> u32 {
    match (outcome, ttl) {
        (Outcome::Unknown | Outcome::OverBudget, _) | (Outcome::Found, None) => 0,
        (Outcome::Found, Some(ttl)) => bounded(ttl, settings.ttl_ceiling, settings),
        (Outcome::NxDomain | Outcome::NoData, Some(ttl)) => bounded(
            ttl,
            settings.ttl_ceiling.min(NEGATIVE_TTL_CEILING),
            settings,
        ),
        // RFC 2308 §5: a negative answer without SOA is kept as briefly as a failure.
        _ => FAILURE_TTL,
    }
}

fn bounded(ttl: u32, ceiling: u32, settings: &CacheSettings) -> u32 {
    ttl.max(settings.ttl_floor).min(ceiling).min(TTL_LIMIT)
}

/// Seconds that a failure is kept after so many others.
pub(super) fn failure_lifetime(streak: u8) -> u32 {
    let doubled = FAILURE_TTL << streak.min(STREAK_LIMIT);
    doubled.min(FAILURE_TTL_CEILING)
}

/// True when a failure follows closely on another.
pub(super) fn goes_on(previous: &Entry, now: u32) -> bool {
    is_failure(previous.outcome) && now <= previous.expires_at.saturating_add(FAILURE_TTL_CEILING)
}

/// When the lifetime of an entry ended that may be used all the same, and until when; `None` when it may not.
pub(super) fn staleness(entry: &Entry, now: u32, settings: &CacheSettings) -> Option<(u32, u32)> {
    // RFC 8767 §4: what must not be kept at all is never stale. A failure is no answer.
    if settings.serve_stale == 0 || entry.outcome.is_fault() || entry.ttl().unwrap_or(0) == 0 {
        return None;
    }
    let fresh_until = entry.fresh_until().unwrap_or(entry.expires_at);
    let end = fresh_until.saturating_add(settings.serve_stale.min(SERVE_STALE_LIMIT));
    (now < end).then(|| (fresh_until, end.min(now.saturating_add(STALE_TTL))))
}

/// True when so little of its lifetime is left that it should be asked again before it ends.
pub(super) fn is_due(entry: &Entry, now: u32, settings: &CacheSettings) -> bool {
    if entry.outcome.is_fault() || entry.fresh_until().is_some() || entry.ttl().is_none() {
        return false;
    }
    let last = lifetime(entry.outcome, entry.ttl(), settings) / PREFETCH_FRACTION;
    entry.expires_at.saturating_sub(now) <= last
}
