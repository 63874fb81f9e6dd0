//! A date of mail (RFC 5322 §3.3) or of the command line: a year between 1 BC and 10000, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::date::{parse_date_time, parse_timestamp};

fuzz_target!(|octets: &[u8]| {
    let timestamp = str::from_utf8(octets).ok().and_then(parse_timestamp);
    for seconds in parse_date_time(octets).into_iter().chain(timestamp) {
        assert!((-62_200_000_000..253_500_000_000).contains(&seconds));
    }
});
