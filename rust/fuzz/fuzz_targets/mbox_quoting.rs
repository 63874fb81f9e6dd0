//! A body: undoing one step of mbox quoting and undoing all of them agree on whether there is any.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::mbox_quoting::{unquote_all, unquote_once};

fuzz_target!(|body: &[u8]| {
    let (once, all) = (unquote_once(body), unquote_all(body));
    assert_eq!(once.is_some(), all.is_some());
    if let (Some(once), Some(all)) = (once, all) {
        assert!(all.len() <= once.len() && once.len() < body.len());
        assert_eq!(unquote_all(&all), None);
    }
});
