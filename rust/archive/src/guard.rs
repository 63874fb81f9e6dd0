//! Runs foreign code that may panic over damaged octets, and makes a panic of it a value.
//!
//! The Parquet crate has assertions that a damaged file can reach. Nothing of such a panic is printed; every other
//! panic of the process is shown as before.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The code panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

/// Runs a step; what it was working on must not be used again after a panic, for it may be half done.
pub(crate) fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, Panicked> {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            if !IS_GUARDED.get() {
                shown(what);
            }
        }));
    });
    let was_guarded = IS_GUARDED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    IS_GUARDED.set(was_guarded);
    outcome.map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_value_and_the_next_step_runs() {
        assert!(guarded(|| assert_eq!(1, 2)).is_err());
        assert_eq!(guarded(|| 3).unwrap(), 3);
        assert!(!IS_GUARDED.get());
    }
}
