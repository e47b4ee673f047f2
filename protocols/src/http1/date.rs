//! The date as HTTP writes it: IMF-fixdate (WIRE H21; RFC 9110 section 5.6.7).
//!
//! The time is an argument; whoever owns a clock keeps the text for a second.

const SECONDS_A_DAY: u64 = 86_400;

/// Days from 1 March of the year 0 to 1 January 1970. Years that begin in March have the leap day at
/// their end.
const DAYS_BEFORE_1970: u64 = 719_468;

/// Days in 400 years, after which the calendar repeats.
const DAYS_A_CYCLE: u64 = 146_097;

/// The last second of the year 9999: later ones have no four digits.
const SECONDS_MAX: u64 = 253_402_300_799;

const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// The date and time of so many seconds since 1970, for instance `Sun, 06 Nov 1994 08:49:37 GMT`.
/// Times after the year 9999 are written as its last second.
#[must_use]
pub fn imf_fixdate(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(SECONDS_MAX);
    let (days, time) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
    let (year, month, day) = calendar(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[..3].copy_from_slice(WEEKDAYS[(days % 7) as usize]);
    two_digits(day, &mut text[5..7]);
    text[8..11].copy_from_slice(MONTHS[(month - 1) as usize]);
    two_digits(year / 100, &mut text[12..14]);
    two_digits(year % 100, &mut text[14..16]);
    two_digits(time / 3600, &mut text[17..19]);
    two_digits(time / 60 % 60, &mut text[20..22]);
    two_digits(time % 60, &mut text[23..25]);
    text
}

fn two_digits(number: u64, text: &mut [u8]) {
    text[0] = b'0' + (number / 10) as u8;
    text[1] = b'0' + (number % 10) as u8;
}

/// Year, month and day (both from 1) of a day counted from 1970.
fn calendar(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (cycle, day) = (days / DAYS_A_CYCLE, days % DAYS_A_CYCLE);
    // Leap days before this day: one in 4 years, none in 100, one in 400.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, lengths of months repeat in groups of five that have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, wraps) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + wraps, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        String::from_utf8(imf_fixdate(seconds).to_vec()).unwrap()
    }

    /// WIRE H21.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (SECONDS_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(text(seconds), expected);
        }
    }

    /// Counting days one by one agrees with the formula, for 800 years.
    #[test]
    fn every_day_follows_the_one_before() {
        let is_leap = |year: u64| {
            let of = |years| year.is_multiple_of(years);
            of(4) && (!of(100) || of(400))
        };
        let length = |year, month| match month {
            2 => 28 + u64::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..2 * DAYS_A_CYCLE {
            assert_eq!(calendar(days), (year, month, day));
            day += 1;
            if day > length(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
