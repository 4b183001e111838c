//! What differs between a run and the committed matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use defects::Matrix;
use defects::matrix::Pair;
use harness::record::Verdict;

use super::server_run::{Row, ServerRun};

pub(crate) struct Comparison {
    /// Pairs that the file has and the run has not, or the other way round; `--accept` writes them.
    pub(crate) changes: Vec<Change>,
    /// What no file can make right, a line each.
    pub(crate) problems: Vec<String>,
    /// The defects and checks that the file has and the catalogue has not.
    gone: BTreeSet<Pair>,
}

pub(crate) struct Change {
    server: String,
    pair: Pair,
    /// Whether the check fails now.
    fails: bool,
    why: String,
}

impl Comparison {
    pub(crate) fn of(runs: &[ServerRun], committed: &Matrix) -> Self {
        let (changes, problems) = (Vec::new(), Vec::new());
        let mut comparison = Self { changes, problems, gone: BTreeSet::new() };
        for run in runs {
            for row in &run.rows {
                comparison.compare_row(run, row, committed);
            }
            comparison.problems.extend(run.undecided(committed));
            comparison.problems.extend(run.problems());
        }
        if let Some(run) = runs.iter().find(|run| run.has_all_defects && run.has_all_checks) {
            let names: BTreeSet<&str> = defects::all().map(|defect| defect.name).collect();
            let known = |pair: &&Pair| names.contains(&*pair.defect) && run.levels.contains_key(&pair.check);
            comparison.gone = committed.pairs().map(|(pair, _)| pair).filter(|pair| !known(pair)).cloned().collect();
        }
        comparison
    }

    fn compare_row(&mut self, run: &ServerRun, row: &Row, committed: &Matrix) {
        let name = row.defect.name;
        for id in run.levels.keys() {
            let pair = Pair::new(name, id);
            let ended = row.ended.get(id);
            let (expected, verdict) = (committed.has(&pair, &run.label), ended.map(|ended| ended.verdict));
            let why = ended.map_or_else(|| run.unaffected_because(id), |ended| ended.why.clone());
            match (expected, verdict) {
                // `ServerRun::undecided` tells it once.
                (true, None) if !run.passes(id) => {}
                (false, Some(Verdict::Fail)) | (true, None | Some(Verdict::Pass)) => {
                    self.changes.push(Change { server: run.label.clone(), pair, fails: !expected, why });
                }
                (true, Some(Verdict::Skip)) | (_, Some(Verdict::Broken)) => {
                    self.problems.push(format!("{}: {id} could not be judged under {name}: {why}", run.label));
                }
                _ => {}
            }
        }
    }

    /// The committed matrix with all changes.
    pub(crate) fn accepted(&self, mut matrix: Matrix) -> Matrix {
        for change in &self.changes {
            matrix.set(change.pair.clone(), &change.server, change.fails);
        }
        let servers: BTreeMap<Pair, BTreeSet<String>> =
            matrix.pairs().map(|(pair, servers)| (pair.clone(), servers.clone())).collect();
        for pair in &self.gone {
            servers[pair].iter().for_each(|server| matrix.set(pair.clone(), server, false));
        }
        matrix
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.changes.is_empty() && self.problems.is_empty() && self.gone.is_empty()
    }
}

impl Display for Comparison {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for Change { server, pair, fails, why } in &self.changes {
            let (sign, what) = if *fails { ('+', "newly fails") } else { ('-', "no longer fails") };
            let Pair { defect, check } = pair;
            writeln!(formatter, "{sign} {server}: {check} {what} under {defect}: {why}")?;
        }
        for pair in &self.gone {
            writeln!(formatter, "- the pair {pair} has a defect or a check that does not exist")?;
        }
        for problem in &self.problems {
            writeln!(formatter, "! {problem}")?;
        }
        Ok(())
    }
}
