//! How much one server is given at a time: a window of questions in flight, and a rate.
//!
//! Takes the time as an argument; must not know questions or sockets. A recursive server queues some thousands of
//! questions and throws out half of them when it is overrun, so the window shrinks when datagrams are lost.

use std::time::{Duration, Instant};

/// Smallest window: below it a server would be starved by losses that are not its own.
const WINDOW_FLOOR: usize = 16;
/// How far ahead of its rate a server may be asked: short bursts do no harm, and timers are not exact.
const BURST: Duration = Duration::from_millis(50);

/// What one server is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacing {
    in_flight: usize,
    window: usize,
    floor: usize,
    ceiling: usize,
    /// Datagrams sent before this were lost together: they shrink the window once.
    shrunk_at: Option<Instant>,
    /// Time that each question takes up; zero = no limit.
    interval: Duration,
    /// When the rate has room for one more, burst aside.
    rate_free_at: Option<Instant>,
}

impl Pacing {
    /// A window that begins at `start` and grows to `ceiling`, and so many questions a second (0 = any).
    pub(crate) fn new(start: usize, ceiling: usize, rate: u32) -> Self {
        let start = start.max(1);
        Self {
            in_flight: 0,
            window: start,
            floor: WINDOW_FLOOR.min(start),
            ceiling: ceiling.max(start),
            shrunk_at: None,
            interval: Duration::from_secs(1).checked_div(rate).unwrap_or_default(),
            rate_free_at: None,
        }
    }

    /// A question begins its turn at this server.
    pub(crate) const fn enter(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// A question's turn at this server is over.
    pub(crate) const fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// The window has room for one more question.
    pub(crate) const fn has_room(&self) -> bool {
        self.in_flight < self.window
    }

    /// Since when the rate allows one more question; `None` = always.
    pub(crate) fn allows_from(&self) -> Option<Instant> {
        self.rate_free_at.and_then(|free| free.checked_sub(BURST))
    }

    /// One more question may begin its turn here.
    pub(crate) fn allows(&self, now: Instant) -> bool {
        self.has_room() && self.allows_from().is_none_or(|from| from <= now)
    }

    /// A datagram left. What must go out (a retransmission) does not wait for the rate, but new questions then wait
    /// the longer.
    pub(crate) fn note_sent(&mut self, now: Instant) {
        if self.interval.is_zero() {
            return;
        }
        let begin = self.rate_free_at.map_or(now, |free| free.max(now));
        self.rate_free_at = begin.checked_add(self.interval);
    }

    /// A reply came: there is room for one more.
    pub(crate) fn note_success(&mut self) {
        self.window = self.window.saturating_add(1).min(self.ceiling);
    }

    /// A datagram that left at `sent_at` was not answered in time: half the window, once for all that left before
    /// the window shrank last.
    pub(crate) fn note_loss(&mut self, sent_at: Instant, now: Instant) {
        if self.shrunk_at.is_some_and(|shrunk| sent_at <= shrunk) {
            return;
        }
        self.shrunk_at = Some(now);
        self.window = (self.window / 2).max(self.floor);
    }

    /// Questions that may be in flight.
    pub(crate) const fn window(&self) -> usize {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pacing;

    fn filled(mut pacing: Pacing, questions: usize) -> Pacing {
        for _ in 0..questions {
            pacing.enter();
        }
        pacing
    }

    #[test]
    fn the_window_has_room_for_255_of_256_and_not_for_257() {
        let now = Instant::now();
        for (questions, has_room) in [(255, true), (256, false), (257, false)] {
            let pacing = filled(Pacing::new(256, 1024, 0), questions);
            assert_eq!(pacing.allows(now), has_room, "{questions}");
        }
    }

    #[test]
    fn every_success_widens_the_window_by_one_up_to_the_ceiling() {
        let mut pacing = Pacing::new(256, 1024, 0);
        for (successes, window) in [(1, 257), (766, 1023), (1, 1024), (1, 1024)] {
            for _ in 0..successes {
                pacing.note_success();
            }
            assert_eq!(pacing.window(), window);
        }
    }

    #[test]
    fn losses_that_left_together_halve_the_window_once_and_never_below_the_floor() {
        let mut pacing = Pacing::new(256, 1024, 0);
        let (mut now, round) = (Instant::now(), Duration::from_secs(2));
        for window in [128, 64, 32, 16, 16] {
            for _ in 0..100 {
                pacing.note_loss(now, now + round);
            }
            assert_eq!(pacing.window(), window);
            now += round + Duration::from_millis(1);
        }
        let mut narrow = Pacing::new(4, 4, 0);
        narrow.note_loss(now, now);
        assert_eq!(narrow.window(), 4, "a window set smaller stays as it is");
    }

    #[test]
    fn a_rate_of_1000_sends_1000_in_a_second_and_a_burst() {
        let (start, mut pacing) = (Instant::now(), Pacing::new(100_000, 100_000, 1000));
        let mut sent = 0;
        for millisecond in 0..1000 {
            let now = start + Duration::from_millis(millisecond);
            while pacing.allows(now) {
                pacing.note_sent(now);
                sent += 1;
            }
        }
        assert!((1000..=1051).contains(&sent), "{sent}");
        let free = pacing.allows_from().unwrap();
        let just_before = free.checked_sub(Duration::from_micros(1)).unwrap();
        assert!(!pacing.allows(just_before) && pacing.allows(free));
    }

    #[test]
    fn retransmissions_are_debts_of_the_rate() {
        let (now, mut pacing) = (Instant::now(), Pacing::new(256, 256, 1000));
        for _ in 0..500 {
            pacing.note_sent(now);
        }
        assert!(!pacing.allows(now + Duration::from_millis(449)));
        assert!(pacing.allows(now + Duration::from_millis(450)));
    }
}
