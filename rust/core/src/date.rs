//! Dates of mail and of the command line, as Unix seconds.
//!
//! Knows the date-time of RFC 5322 §3.3 with its obsolete forms (§4.3) and the timestamp of RFC 3339. Must not know
//! which field a date comes from or what it is compared with. Linear, no clock, no time zone data.

use std::ops::RangeInclusive;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const SECONDS_OF_DAY: i64 = 86_400;

/// Reads the value of a Date field, or what follows the semicolon of a Received field.
///
/// `None` when it holds no date. Deviation: RFC 5322 §3.3 wants the day of the week to fit, here it is not looked at;
/// a missing zone is UTC; `12-Nov-2019` and the order of ctime, which old mail has, are read too.
pub fn parse_date_time(octets: &[u8]) -> Option<i64> {
    let mut tokens = Tokens(octets);
    let (first, second) = (tokens.word(), tokens.word());
    let day = tokens.number(1..=2)?;
    tokens.symbol(b'-');
    let Some(month) = tokens.word() else {
        return parse_ctime(tokens, month_number(second.or(first)?)?, day);
    };
    let month = month_number(month)?;
    tokens.symbol(b'-');
    let year = tokens.year()?;
    let seconds = tokens.time_of_day()?;
    let offset = tokens.zone().unwrap_or(0);
    Some(unix_day(year, month, day)? * SECONDS_OF_DAY + seconds - offset)
}

/// `Tue Nov 12 10:11:12 [EST] 2019 [+0100]`, after the day.
fn parse_ctime(mut tokens: Tokens<'_>, month: i64, day: i64) -> Option<i64> {
    let seconds = tokens.time_of_day()?;
    let zone_before = tokens.zone();
    let year = tokens.year()?;
    let offset = zone_before.or_else(|| tokens.zone()).unwrap_or(0);
    Some(unix_day(year, month, day)? * SECONDS_OF_DAY + seconds - offset)
}

/// What is left to read; comments, folding white space and commas between tokens are skipped (RFC 5322 §4.3).
struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    fn skip_blanks(&mut self) {
        while let Some((first, rest)) = self.0.split_first() {
            self.0 = match first {
                b' ' | b'\t' | b'\r' | b'\n' | b',' => rest,
                b'(' => after_comment(rest),
                _ => return,
            };
        }
    }

    /// Takes the octets that `belongs` accepts.
    fn run(&mut self, belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
        self.skip_blanks();
        let length = self.0.iter().take_while(|octet| belongs(octet)).count();
        let (run, rest) = self.0.split_at_checked(length).unwrap_or_default();
        self.0 = rest;
        run
    }

    /// A word; names of days may be in another language.
    fn word(&mut self) -> Option<&'a [u8]> {
        let word = self.run(|octet| octet.is_ascii_alphabetic() || !octet.is_ascii());
        (!word.is_empty()).then_some(word)
    }

    fn symbol(&mut self, symbol: u8) -> bool {
        self.skip_blanks();
        let rest = self.0.strip_prefix(&[symbol]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A number written with so many digits.
    fn number(&mut self, digits: RangeInclusive<usize>) -> Option<i64> {
        let run = self.run(u8::is_ascii_digit);
        digits.contains(&run.len()).then(|| decimal(run))
    }

    fn year(&mut self) -> Option<i64> {
        let run = self.run(u8::is_ascii_digit);
        let year = match (run.len(), decimal(run)) {
            // RFC 5322 §4.3: two digits are 1950 to 2049, three digits count from 1900.
            (2, year @ 0..=49) => year + 2000,
            (2 | 3, year) => year + 1900,
            (4, year) => year,
            _ => return None,
        };
        // RFC 5322 §3.3: the year is 1900 or later.
        (year >= 1900).then_some(year)
    }

    /// Seconds since midnight; RFC 5322 §3.3: 00:00:00 through 23:59:60.
    fn time_of_day(&mut self) -> Option<i64> {
        let hour = self.number(1..=2)?;
        let minute = self.symbol(b':').then(|| self.number(1..=2))??;
        let mut second = 0;
        if self.symbol(b':') {
            second = self.number(1..=2)?;
        }
        if self.symbol(b'.') {
            self.run(u8::is_ascii_digit);
        }
        seconds_of_day(hour, minute, second)
    }

    /// Seconds east of Greenwich; `None` when no zone stands here.
    fn zone(&mut self) -> Option<i64> {
        if let Some(name) = self.word() {
            return Some(named_zone(name));
        }
        let sign = match (self.symbol(b'+'), self.symbol(b'-')) {
            (true, _) => 1,
            (_, true) => -1,
            _ => return None,
        };
        let run = self.run(u8::is_ascii_digit);
        let (hours, minutes) = match (run.len(), decimal(run)) {
            (4, value) => (value / 100, value % 100),
            (2, hours) if self.symbol(b':') => (hours, self.number(2..=2).unwrap_or(0)),
            (1 | 2, hours) => (hours, 0),
            _ => (0, 0),
        };
        // RFC 5322 §3.3: the last two digits are 00 through 59. What breaks that is an unknown zone (§4.3).
        let is_valid = minutes <= 59;
        Some(if is_valid {
            sign * (hours * 3600 + minutes * 60)
        } else {
            0
        })
    }
}

/// What follows a comment whose `(` has been read; comments nest (RFC 5322 §3.2.2), an open one has no end.
fn after_comment(octets: &[u8]) -> &[u8] {
    let mut depth = 1_usize;
    let mut rest = octets;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'\\' => rest = tail.get(1..).unwrap_or_default(),
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    rest
}

/// RFC 5322 §4.3: the North American names; every other name, military letters included, is -0000.
fn named_zone(name: &[u8]) -> i64 {
    let hours = match name.to_ascii_lowercase().as_slice() {
        b"edt" => -4,
        b"est" | b"cdt" => -5,
        b"cst" | b"mdt" => -6,
        b"mst" | b"pdt" => -7,
        b"pst" => -8,
        _ => 0,
    };
    hours * 3600
}

fn month_number(word: &[u8]) -> Option<i64> {
    let name = word.get(..3)?;
    (1..)
        .zip(MONTHS)
        .find_map(|(number, month)| month.eq_ignore_ascii_case(name).then_some(number))
}

/// The value of digits; so many that they cannot be a date count as the largest number.
fn decimal(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |value: i64, digit| {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        value.saturating_mul(10).saturating_add(digit)
    })
}

fn seconds_of_day(hour: i64, minute: i64, second: i64) -> Option<i64> {
    let is_valid = hour <= 23 && minute <= 59 && second <= 60;
    is_valid.then_some(hour * 3600 + minute * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when the month has no such day.
fn unix_day(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_of_month).contains(&day) {
        return None;
    }
    // A year that begins in March has its leap day at its end, and its months repeat 153 days in five.
    let (year, month) = match month {
        ..=2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 719_469)
}

/// Reads the timestamp of RFC 3339 (`2024-05-01T00:00:00Z`, `2024-05-01 02:00+02:00`), the form of ISO 8601 that has an
/// offset; seconds may be missing, a fraction is cut. `None` for anything else.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let mut digits = Timestamp(text.as_bytes());
    let year = digits.take(4)?;
    let month = digits.symbol(b"-").then(|| digits.take(2))??;
    let day = digits.symbol(b"-").then(|| digits.take(2))??;
    let hour = digits.symbol(b"Tt ").then(|| digits.take(2))??;
    let minute = digits.symbol(b":").then(|| digits.take(2))??;
    let mut second = 0;
    if digits.symbol(b":") {
        second = digits.take(2)?;
        digits.skip_fraction()?;
    }
    let offset = digits.offset()?;
    let seconds = seconds_of_day(hour, minute, second)?;
    Some(unix_day(year, month, day)? * SECONDS_OF_DAY + seconds - offset)
}

/// What is left of a timestamp, in which every octet has its place.
struct Timestamp<'a>(&'a [u8]);

impl Timestamp<'_> {
    fn take(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| decimal(digits))
    }

    /// Takes one octet when it is one of `symbols`.
    fn symbol(&mut self, symbols: &[u8]) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return false;
        };
        let is_found = symbols.contains(first);
        if is_found {
            self.0 = rest;
        }
        is_found
    }

    fn skip_fraction(&mut self) -> Option<()> {
        if !self.symbol(b".,") {
            return Some(());
        }
        let count = self
            .0
            .iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count();
        self.0 = self.0.get(count..)?;
        (count > 0).then_some(())
    }

    /// The offset at the end: `Z`, `+02:00`, `+0200` or `+02`.
    fn offset(&mut self) -> Option<i64> {
        if self.symbol(b"Zz") {
            return self.0.is_empty().then_some(0);
        }
        let sign = match (self.symbol(b"+"), self.symbol(b"-")) {
            (true, _) => 1,
            (_, true) => -1,
            _ => return None,
        };
        let hours = self.take(2)?;
        let mut minutes = 0;
        if !self.0.is_empty() {
            self.symbol(b":");
            minutes = self.take(2)?;
        }
        let is_valid = self.0.is_empty() && hours <= 23 && minutes <= 59;
        is_valid.then_some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests;
