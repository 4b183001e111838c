//! Sorts the runs of several generators: which of them are the parts of one run, and what is wrong with the others.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::record::part::PartRecord;
use crate::record::{Ended, LoadRecord};

/// The most parts that a message names one by one.
const NAMED_MOST: usize = 5;

/// A run that may be a part.
pub struct Candidate {
    /// Its folder, or the name by which the user knows it.
    pub name: PathBuf,
    /// Its record.
    pub record: LoadRecord,
}

/// The parts of one run, as far as they are there.
pub struct Parts {
    /// The parts in the order of their numbers; at least one.
    pub present: Vec<Candidate>,
    /// What is wrong with the run as a whole, one sentence for each problem; empty if all parts are there and valid.
    pub problems: Vec<String>,
}

/// Why there is nothing to merge.
#[derive(Debug, thiserror::Error)]
#[error("none of these runs is a part of a run; rct load --part K/N makes parts")]
pub struct NoParts;

impl Parts {
    /// Sorts runs. The first one that is a part decides which run it is.
    ///
    /// # Errors
    ///
    /// [`NoParts`] if no run is a part.
    pub fn of(runs: Vec<Candidate>) -> Result<Self, NoParts> {
        let mut problems = Vec::new();
        let mut present: BTreeMap<u32, Candidate> = BTreeMap::new();
        let mut reference: Option<(PartRecord, u64, String)> = None;
        for run in runs {
            let name = run.name.display().to_string();
            let Some(part) = run.record.part.clone() else {
                problems.push(format!("{name} is no part of a run; leave it out"));
                continue;
            };
            let (wanted, seed, version) =
                reference.get_or_insert_with(|| (part.clone(), run.record.seed, run.record.rct.clone()));
            if let Some(difference) = foreign(&run.record, &part, wanted, *seed, version) {
                problems.push(format!("{name} belongs to another run: {difference}; leave it out"));
                continue;
            }
            if let Some(other) = present.get(&part.number) {
                let other = other.name.display();
                problems.push(format!("{other} and {name} are both part {}; leave one of them out", part.number));
                continue;
            }
            present.insert(part.number, run);
        }
        let Some((wanted, ..)) = reference else { return Err(NoParts) };
        problems.extend(present.iter().filter_map(|(number, run)| weakness(&run.record, *number)));
        let missing: Vec<u32> = (1..=wanted.parts).filter(|number| !present.contains_key(number)).collect();
        if !missing.is_empty() {
            let folders = if missing.len() == 1 { "the folder of that run" } else { "the folders of those runs" };
            problems.push(format!("{} missing; name {folders} too", numbers(&missing, wanted.parts)));
        }
        Ok(Self { present: present.into_values().collect(), problems })
    }
}

/// How a run differs from the run of which it should be a part.
fn foreign(record: &LoadRecord, part: &PartRecord, wanted: &PartRecord, seed: u64, version: &str) -> Option<String> {
    if record.rct != version {
        return Some(format!("rct {} made it, and not rct {version}", record.rct));
    }
    if record.seed != seed {
        return Some(format!("its seed is {}, and not {seed}", record.seed));
    }
    if part.parts != wanted.parts {
        return Some(format!("it has {} parts, and not {}", part.parts, wanted.parts));
    }
    let (option, own, others) = part.difference(wanted)?;
    Some(format!("its {option} is {own:?}, and not {others:?}"))
}

/// Why the numbers of a part cannot be trusted.
fn weakness(record: &LoadRecord, number: u32) -> Option<String> {
    let why = match &record.load {
        _ if record.ended == Ended::Interrupted => "the user stopped it".to_owned(),
        _ if record.ended == Ended::Running => "it did not end".to_owned(),
        None => record.problem.clone().unwrap_or_else(|| "it has no numbers".to_owned()),
        Some(_) if record.ended == Ended::Lost => record.problem.clone().unwrap_or_default(),
        Some(report) if !report.valid => report.invalid_because.join("; "),
        Some(_) => return None,
    };
    Some(format!("part {number} is not valid: {why}"))
}

/// Names missing parts: `part 3 of 8 is`, or `parts 3, 4 and 9 more of 20 are`.
fn numbers(missing: &[u32], all: u32) -> String {
    if let [only] = missing {
        return format!("part {only} of {all} is");
    }
    let named: Vec<String> = missing.iter().take(NAMED_MOST).map(u32::to_string).collect();
    match missing.len() - named.len() {
        0 => format!("parts {} of {all} are", named.join(", ")),
        more => format!("parts {} and {more} more of {all} are", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::record::TargetRecord;

    fn candidate(name: &str, number: u32, change: impl FnOnce(&mut LoadRecord)) -> Candidate {
        let mut record = LoadRecord::new(Timestamp::UNIX_EPOCH, 7, TargetRecord::default());
        let plan = BTreeMap::from([("--rate".to_owned(), "100".to_owned())]);
        record.part = Some(PartRecord { number, parts: 3, load_began: None, plan });
        record.ended = Ended::Complete;
        change(&mut record);
        Candidate { name: name.into(), record }
    }

    fn problems(runs: Vec<Candidate>) -> (Vec<u32>, Vec<String>) {
        let parts = Parts::of(runs).unwrap_or_else(|error| panic!("{error}"));
        let numbers = parts.present.iter().filter_map(|run| Some(run.record.part.as_ref()?.number)).collect();
        let problems = parts.problems.into_iter().filter(|problem| !problem.contains("has no numbers")).collect();
        (numbers, problems)
    }

    #[test]
    fn missing_and_double_parts_are_named() {
        let (present, found) = problems(vec![candidate("a", 1, |_| {}), candidate("b", 1, |_| {})]);
        assert_eq!(present, [1]);
        assert_eq!(
            found,
            [
                "a and b are both part 1; leave one of them out",
                "parts 2, 3 of 3 are missing; name the folders of those runs too"
            ]
        );
    }

    #[test]
    fn foreign_runs_are_left_out_with_the_reason() {
        let change = |name: &str, change: fn(&mut LoadRecord)| candidate(name, 2, change);
        let (present, found) = problems(vec![
            candidate("a", 1, |_| {}),
            change("seed", |record| record.seed = 8),
            change("version", |record| record.rct = "9.9.9".to_owned()),
            change("parts", |record| record.part.as_mut().unwrap().parts = 4),
            change("plan", |record| {
                record.part.as_mut().unwrap().plan.insert("--rate".to_owned(), "200".to_owned());
            }),
            change("alone", |record| record.part = None),
            candidate("b", 2, |_| {}),
            candidate("c", 3, |_| {}),
        ]);
        assert_eq!(present, [1, 2, 3]);
        assert_eq!(found.len(), 5, "{found:#?}");
        for (problem, wanted) in found.iter().zip([
            "seed belongs to another run: its seed is 8, and not 7; leave it out",
            "version belongs to another run: rct 9.9.9 made it, and not rct ",
            "parts belongs to another run: it has 4 parts, and not 3; leave it out",
            "plan belongs to another run: its --rate is \"200\", and not \"100\"; leave it out",
            "alone is no part of a run; leave it out",
        ]) {
            assert!(problem.starts_with(wanted), "{problem}");
        }
    }

    #[test]
    fn parts_that_are_not_valid_are_named() {
        let stopped = candidate("a", 1, |record| record.ended = Ended::Interrupted);
        let found = Parts::of(vec![stopped]).unwrap_or_else(|error| panic!("{error}")).problems;
        assert_eq!(found[0], "part 1 is not valid: the user stopped it");
        assert!(Parts::of(vec![candidate("a", 1, |record| record.part = None)]).is_err());
    }
}
