use super::*;

/// 2019-11-12T10:11:12Z.
const TIME: i64 = 1_573_553_472;

fn date(text: &str) -> Option<i64> {
    parse_date_time(text.as_bytes())
}

#[test]
fn rfc5322_3_3_date_time() {
    for (text, expected) in [
        ("Tue, 12 Nov 2019 10:11:12 +0000", TIME),
        (" Tue, 12 Nov 2019 10:11:12 +0100 (CET)", TIME - 3600),
        ("12 Nov 2019 10:11:12 -0830", TIME + 8 * 3600 + 1800),
        ("12 Nov 2019 10:11 -0000", TIME - 12),
        ("Tue, 12 Nov 2019\r\n 10:11:12\r\n\t+0000", TIME),
        ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706),
        ("Thu, 01 Jan 1970 00:00:00 +0000", 0),
        ("Thu, 01 Jan 1970 00:00:00 +0001", -60),
        ("Mon, 1 Jan 1900 00:00:00 +0000", -2_208_988_800),
        ("Sat, 31 Dec 2016 23:59:60 +0000", 1_483_228_800),
        ("Thu, 29 Feb 2024 00:00:00 +0000", 1_709_164_800),
        ("Tue, 29 Feb 2000 00:00:00 +0000", 951_782_400),
        ("Fri, 31 Dec 9999 23:59:59 +0000", 253_402_300_799),
        (
            "Tue, 12 Nov 2019 10:11:12 +9959",
            TIME - 99 * 3600 - 59 * 60,
        ),
    ] {
        assert_eq!(date(text), Some(expected), "{text}");
    }
}

#[test]
fn rfc5322_4_3_obsolete_years() {
    for (year, same) in [
        ("00", "2000"),
        ("49", "2049"),
        ("50", "1950"),
        ("99", "1999"),
        ("100", "2000"),
        ("119", "2019"),
    ] {
        let with_year = |year: &str| date(&format!("21 Nov {year} 09:55:06 GMT"));
        assert_eq!(with_year(year), with_year(same));
        assert!(with_year(year).is_some());
    }
}

#[test]
fn rfc5322_4_3_obsolete_zones() {
    for (zone, hours) in [
        ("UT", 0),
        ("GMT", 0),
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("pdt", -7),
        ("A", 0),
        ("z", 0),
        ("CEST", 0),
        ("", 0),
        ("+02", 2),
        ("-02:00", -2),
        ("+0160", 0),
        ("+12345", 0),
        ("+", 0),
    ] {
        let text = format!("12 Nov 2019 10:11:12 {zone}");
        assert_eq!(date(&text), Some(TIME - hours * 3600), "{zone}");
    }
}

#[test]
fn rfc5322_4_3_comments_and_blanks_everywhere() {
    for text in [
        "(a) Tue (b (c) \\) d) , 12(e)Nov\r\n (f) 2019 10 : 11 : 12 (g) +0000 (h",
        "Tue,12 Nov 2019 10:11:12+0000",
        "tuesday, 12 november 2019 10:11:12 gmt",
        "Di, 12 Nov 2019 10:11:12 +0000",
        "Tue, 12-Nov-2019 10:11:12 GMT",
        "Tue, 12 Nov 2019 10:11:12.999 +0000",
    ] {
        assert_eq!(date(text), Some(TIME), "{text}");
    }
}

#[test]
fn the_order_of_ctime_is_read() {
    for text in [
        "Tue Nov 12 10:11:12 2019",
        "Nov 12 10:11:12 2019",
        "Tue Nov 12 05:11:12 EST 2019",
        "Tue Nov 12 11:11:12 2019 +0100",
    ] {
        assert_eq!(date(text), Some(TIME), "{text}");
    }
}

#[test]
fn what_is_no_date_is_none() {
    for text in [
        "",
        "   ",
        "(12 Nov 2019 10:11:12 +0000)",
        "yesterday",
        "12",
        "12 Nov",
        "12 Nov 2019",
        "12 Nov 2019 10",
        "12 Nov 2019 10:",
        "12 Nov 2019 10:11:",
        "12 Foo 2019 10:11:12 +0000",
        "0 Nov 2019 10:11:12 +0000",
        "31 Nov 2019 10:11:12 +0000",
        "29 Feb 2019 10:11:12 +0000",
        "29 Feb 1900 10:11:12 +0000",
        "012 Nov 2019 10:11:12 +0000",
        "12 Nov 1 10:11:12 +0000",
        "12 Nov 1899 10:11:12 +0000",
        "12 Nov 20191 10:11:12 +0000",
        "12 Nov 2019 24:00:00 +0000",
        "12 Nov 2019 23:60:00 +0000",
        "12 Nov 2019 23:59:61 +0000",
        "12 Nov 99999999999999999999999999 10:11:12",
        "2019-11-12T10:11:12Z",
        "Tue Nov 12 10:11:12",
        "12 10:11:12 2019",
        "12 Nov \0 2019 10:11:12 +0000",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
    assert_eq!(parse_date_time(b"12 Nov 2019 \xff\xfe"), None);
}

#[test]
fn every_prefix_and_every_octet_in_place_of_another_is_read_without_panic() {
    let text = b"Tue (x), 12-Nov-2019 10:11:12.5 +01:00 (CET)";
    for length in 0..text.len() {
        let whole = parse_date_time(&text[..length]).is_some();
        assert!(length >= 25 || !whole, "{length}");
    }
    for position in 0..text.len() {
        for octet in 0..=u8::MAX {
            let mut other = *text;
            other[position] = octet;
            let found = parse_date_time(&other);
            assert!(found.is_none_or(|seconds| seconds > -3_000_000_000));
        }
    }
}

#[test]
fn a_hundred_thousand_nested_comments_are_skipped() {
    let text = format!(
        "{}{}12 Nov 2019 10:11:12",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert_eq!(date(&text), Some(TIME));
    assert_eq!(date(&"(".repeat(100_000)), None);
}

#[test]
fn every_day_of_four_centuries_follows_the_day_before() {
    let mut expected = unix_day(1600, 3, 1).unwrap();
    for year in 1600..2001 {
        for month in 1..=12 {
            let days = (1..=32).map_while(|day| unix_day(year, month, day));
            let is_counted = (year, month) >= (1600, 3);
            for day in days.filter(|_| is_counted) {
                assert_eq!(day, expected);
                expected += 1;
            }
        }
    }
    assert_eq!(expected, unix_day(2001, 1, 1).unwrap());
    assert_eq!(unix_day(1970, 1, 1), Some(0));
    assert_eq!(unix_day(2019, 13, 1), None);
    assert_eq!(unix_day(2019, 0, 1), None);
}

#[test]
fn rfc3339_timestamps_with_an_offset() {
    for (text, expected) in [
        ("2024-05-01T00:00:00Z", Some(1_714_521_600)),
        ("2024-05-01t00:00:00z", Some(1_714_521_600)),
        ("2024-05-01 02:00:00+02:00", Some(1_714_521_600)),
        ("2024-05-01T02:00+0200", Some(1_714_521_600)),
        ("2024-04-30T22:00-02", Some(1_714_521_600)),
        ("2024-05-01T00:00:00.999999999Z", Some(1_714_521_600)),
        ("2024-05-01T00:00:00,5+00:00", Some(1_714_521_600)),
        ("1969-12-31T23:59:59Z", Some(-1)),
        ("2016-12-31T23:59:60Z", Some(1_483_228_800)),
        ("2024-05-01", None),
        ("2024-05-01T00:00:00", None),
        ("2024-05-01T00:00:00.Z", None),
        ("2024-05-01T00:00:00Z ", None),
        ("2024-05-01T00:00:00+24:00", None),
        ("2024-05-01T00:00:00+02:60", None),
        ("2024-05-01T00:00:00+02:0", None),
        ("2024-05-01T00:00:00+-2:00", None),
        ("2024-05-01T24:00:00Z", None),
        ("2024-02-30T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("24-05-01T00:00:00Z", None),
        ("2024-5-1T00:00:00Z", None),
        ("２024-05-01T00:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(parse_timestamp(text), expected, "{text}");
    }
}
