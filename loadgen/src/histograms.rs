//! Distributions as text, for JSON: HdrHistogram's V2 format in base64, every count kept.
//!
//! For `#[serde(with = "crate::histograms")]` on the histograms of a record, and
//! `crate::histograms::recent` on those of a live view. What is read back has the same bounds and
//! the same counts, so percentiles of a sum do not depend on where its parts were counted. A text
//! whose bounds are not the program's is refused: such a histogram could not be added to others.
//!
//! Source: the V2 encoding of HdrHistogram.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as Reader, Serializer as Writer, V2Serializer};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::record;

/// Writes a histogram.
///
/// # Errors
/// The format's.
pub fn serialize<S: Serializer>(times: &Histogram<u64>, to: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(times, &mut bytes).map_err(S::Error::custom)?;
    to.serialize_str(&STANDARD.encode(bytes))
}

/// Reads a histogram of a record.
///
/// # Errors
/// When it is none, or has other bounds than [`record::histogram`].
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
    read(from, &record::histogram())
}

fn read<'de, D: Deserializer<'de>>(
    from: D,
    like: &Histogram<u64>,
) -> Result<Histogram<u64>, D::Error> {
    let bytes = STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)?;
    let times = Reader::new().deserialize(&mut bytes.as_slice()).map_err(D::Error::custom)?;
    let bounds = |it: &Histogram<u64>| (it.low(), it.high(), it.sigfig());
    if bounds(&times) != bounds(like) {
        return Err(D::Error::custom("a histogram with other bounds"));
    }
    Ok(times)
}

/// The same for the small histograms of a live view.
pub mod recent {
    pub use super::serialize;
    use super::{Deserializer, Histogram, read, record};

    /// Reads a histogram of a live view.
    ///
    /// # Errors
    /// When it is none, or has other bounds than [`record::recent_histogram`].
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Histogram<u64>, D::Error> {
        read(from, &record::recent_histogram())
    }
}

/// Several histograms of a record.
pub mod list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Histogram;

    #[derive(Serialize)]
    struct Written<'a>(#[serde(with = "crate::histograms")] &'a Histogram<u64>);

    #[derive(Deserialize)]
    struct Read(#[serde(with = "crate::histograms")] Histogram<u64>);

    /// Writes all of them.
    ///
    /// # Errors
    /// The format's.
    pub fn serialize<S: Serializer>(all: &[Histogram<u64>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(Written))
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// When one is none, or has other bounds than those of a record.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Histogram<u64>>, D::Error> {
        Ok(Vec::<Read>::deserialize(from)?.into_iter().map(|it| it.0).collect())
    }
}

/// Maps whose keys are no text, as lists of pairs.
pub mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes a map.
    ///
    /// # Errors
    /// The format's.
    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    /// Reads a map.
    ///
    /// # Errors
    /// The format's.
    pub fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Fault;
    use crate::content::Stamp;
    use crate::random::Random;
    use crate::record::{Record, Step, Storm, Trouble};
    use crate::report::Percentiles;

    /// Times from nanoseconds to more than an hour, as uneven as real ones.
    fn time(random: &mut Random) -> u64 {
        let bits = random.bits();
        bits >> (20 + bits % 40)
    }

    #[test]
    fn parts_that_travelled_add_up_to_the_histogram_of_all() {
        let mut random = Random::new(3, 0);
        let mut whole = record::histogram();
        let mut sum = Record::default();
        for part in 0..3_usize {
            let mut one = Record::default();
            for _ in 0..10_000 * part {
                let ns = time(&mut random);
                whole.saturating_record(ns);
                one.times.response.saturating_record(ns);
            }
            let text = serde_json::to_string(&one).unwrap();
            sum.add(serde_json::from_str(&text).unwrap());
        }
        assert_eq!(sum.times.response, whole);
        assert_eq!(Percentiles::of(&sum.times.response), Percentiles::of(&whole));
        assert_eq!(whole.len(), 30_000);
        assert!(sum.times.service.is_empty());
    }

    #[test]
    fn a_record_is_read_back_as_it_was() {
        let mut record = Record::new(2, 3);
        record.counters.answers = u64::MAX;
        record.trouble(Trouble::System(Step::Attach, 104));
        record.trouble(Trouble::Broken(Step::Play, String::from("a \"frame\"")));
        let stamp = Stamp { user: 1, id: 2, attempt: 3 };
        record.wrong(7, Some(9), Fault::RanTwice(stamp));
        record.wrong(8, None, Fault::Unreadable);
        record.requests[2].saturating_record(5_000);
        record.stages[1].lateness.saturating_record(7_000);
        record.stages[1].storm =
            Some(Storm { dropped: 5, missing: 1, began_ns: 2, recovered_ns: 3 });
        (record.users_asked, record.users_answered) = (5, 4);
        let text = serde_json::to_string(&record).unwrap();
        let again: Record = serde_json::from_str(&text).unwrap();
        // Compared as text: a histogram remembers its extremes to the last digit, which no text has.
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!(again.stages[1].lateness, record.stages[1].lateness);
        assert!(again.requests[2].len() == 1 && again.storm() == record.storm());
    }

    #[test]
    fn other_bounds_and_other_texts_are_refused() {
        #[derive(Debug, Deserialize, serde::Serialize)]
        struct Whole(#[serde(with = "crate::histograms")] Histogram<u64>);
        #[derive(Debug, Deserialize, serde::Serialize)]
        struct Recent(#[serde(with = "crate::histograms::recent")] Histogram<u64>);

        let recent = serde_json::to_string(&Recent(record::recent_histogram())).unwrap();
        let whole = serde_json::to_string(&Whole(record::histogram())).unwrap();
        assert!(serde_json::from_str::<Recent>(&recent).is_ok());
        assert!(serde_json::from_str::<Whole>(&whole).is_ok());
        assert!(serde_json::from_str::<Whole>(&recent).is_err());
        assert!(serde_json::from_str::<Recent>(&whole).is_err());
        for text in ["\"\"", "\"AAAA\"", "\"no base64!\"", "7", &whole[..whole.len() / 2]] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }
}
