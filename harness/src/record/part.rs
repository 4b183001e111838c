//! Which generator of a run made a record, if several generators make the run together.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which generator of a run this is, and the plan that all of them share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartRecord {
    /// The number of the generator, from 1.
    pub number: u32,
    /// The number of all generators.
    pub parts: u32,
    /// When its load began, by its own clock; null if it did not begin.
    pub load_began: Option<Timestamp>,
    /// The settings of the whole run, by option. They and the seed are the same for all generators.
    pub plan: BTreeMap<String, String>,
}

/// The parts of which `rct merge` made one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergedRecord {
    /// The number of all generators.
    pub parts: u32,
    /// The numbers of the generators whose parts are in it.
    pub present: Vec<u32>,
    /// How far apart the loads of the parts began, by their own clocks, in milliseconds; null if that is not known.
    #[serde(default)]
    pub began_apart_ms: Option<f64>,
    /// What is wrong: parts that are missing, belong to another run, are there twice, or are not valid.
    pub problems: Vec<String>,
    /// The settings of the whole run, by option.
    pub plan: BTreeMap<String, String>,
}

impl PartRecord {
    /// Returns the first setting that differs from that of another generator: its option and both values.
    pub fn difference<'a>(&'a self, other: &'a Self) -> Option<(&'a str, &'a str, &'a str)> {
        let options = self.plan.keys().chain(other.plan.keys());
        let value = |part: &'a Self, option: &str| part.plan.get(option).map_or("", String::as_str);
        let mut values = options.map(|option| (option.as_str(), value(self, option), value(other, option)));
        values.find(|(_, own, others)| own != others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_differ_by_their_first_setting() {
        let part = |rate: &str| PartRecord {
            number: 1,
            parts: 2,
            load_began: None,
            plan: BTreeMap::from([("--keys", "5"), ("--rate", rate)].map(|(one, two)| (one.into(), two.into()))),
        };
        assert_eq!(part("10").difference(&part("10")), None);
        assert_eq!(part("10").difference(&part("20")), Some(("--rate", "10", "20")));
        let without = PartRecord { plan: BTreeMap::new(), ..part("") };
        assert_eq!(without.difference(&part("10")), Some(("--keys", "", "5")));
    }
}
