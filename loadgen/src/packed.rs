//! How histograms and sparse rows are written in a handover: nothing of them is rounded or lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};
use hdrhistogram::{Counter, Histogram};

/// Writes a histogram as base64 of HdrHistogram's V2 encoding.
pub(crate) mod histogram {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Serializer};

    use super::{Counter, Histogram, decode, encode};

    pub(crate) fn serialize<C: Counter, S: Serializer>(times: &Histogram<C>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encode(times).map_err(S::Error::custom)?)
    }

    pub(crate) fn deserialize<'a, C: Counter, D: serde::Deserializer<'a>>(from: D) -> Result<Histogram<C>, D::Error> {
        decode(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Writes a histogram that may be missing.
pub(crate) mod maybe {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Serialize, Serializer};

    use super::{Counter, Histogram, decode, encode};

    pub(crate) fn serialize<C: Counter, S: Serializer>(
        times: &Option<Box<Histogram<C>>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let text = times.as_ref().map(|times| encode(times)).transpose();
        text.map_err(S::Error::custom)?.serialize(to)
    }

    pub(crate) fn deserialize<'a, C: Counter, D: serde::Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Box<Histogram<C>>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| decode(&text).map(Box::new)).transpose().map_err(D::Error::custom)
    }
}

/// Writes a row of which most places are empty: its length, and the places that are not.
pub(crate) mod sparse {
    use serde::de::Error as _;
    use serde::{Deserialize, Serialize, Serializer};

    /// The longest row: a second of 256 shards.
    const LENGTH_MAX: usize = 1 << 20;

    pub(crate) fn serialize<T: Serialize + Default + PartialEq, S: Serializer>(
        row: &[T],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let nothing = T::default();
        let places: Vec<(usize, &T)> = row.iter().enumerate().filter(|(_, value)| **value != nothing).collect();
        (row.len(), places).serialize(to)
    }

    pub(crate) fn deserialize<'a, T: Deserialize<'a> + Default + Clone, D: serde::Deserializer<'a>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        let (length, places) = <(usize, Vec<(usize, T)>)>::deserialize(from)?;
        if length > LENGTH_MAX {
            return Err(D::Error::custom("a row is too long"));
        }
        let mut row = vec![T::default(); length];
        for (place, value) in places {
            *row.get_mut(place).ok_or_else(|| D::Error::custom("a place is outside of its row"))? = value;
        }
        Ok(row)
    }
}

fn encode<C: Counter>(times: &Histogram<C>) -> Result<String, String> {
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(times, &mut bytes).map_err(|error| error.to_string())?;
    Ok(STANDARD_NO_PAD.encode(bytes))
}

fn decode<C: Counter>(text: &str) -> Result<Histogram<C>, String> {
    let bytes = STANDARD_NO_PAD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;
    use crate::recorder::{AllTimes, Times, times};

    proptest! {
        #[test]
        fn a_histogram_comes_back_bit_for_bit(samples in vec((0..u64::MAX / 2, any::<u16>()), 0..50)) {
            let (mut few, mut many): (Times, AllTimes) = (times(), times());
            for (ns, count) in samples {
                few.saturating_record_n(ns, count.into());
                many.saturating_record_n(ns, u64::from(count) << 20);
            }
            prop_assert_eq!(decode::<u32>(&encode(&few).unwrap()).unwrap(), few);
            prop_assert_eq!(decode::<u64>(&encode(&many).unwrap()).unwrap(), many);
        }
    }
}
