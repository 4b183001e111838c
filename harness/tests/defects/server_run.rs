//! What a run on one server has shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use defects::{Defect, Matrix};
use harness::record::Verdict;
use suites::Level;

pub(crate) struct ServerRun {
    /// The product and version of the server.
    pub(crate) server: String,
    /// What the committed matrix calls the server.
    pub(crate) label: String,
    /// How each check ended without a defect.
    pub(crate) without_defect: BTreeMap<String, Ended>,
    /// Sorted by the names of the defects.
    pub(crate) rows: Vec<Row>,
    /// The level of each selected check.
    pub(crate) levels: BTreeMap<String, Level>,
    /// Whether all defects were selected.
    pub(crate) has_all_defects: bool,
    /// Whether all checks were selected.
    pub(crate) has_all_checks: bool,
    /// How long the checks took without a defect, and with them.
    pub(crate) took: [Duration; 2],
}

/// A defect, and how the checks ended that it would affect.
pub(crate) struct Row {
    pub(crate) defect: &'static Defect,
    /// The selected checks that exist to catch the defect, that may run with it, and that pass without it.
    pub(crate) expected: BTreeSet<String>,
    pub(crate) ended: BTreeMap<String, Ended>,
}

/// How a check ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    /// Why, in a line.
    pub(crate) why: String,
    pub(crate) took: Duration,
}

impl Row {
    /// The checks that failed.
    pub(crate) fn failing(&self) -> BTreeSet<&str> {
        let failed = self.ended.iter().filter(|(_, ended)| ended.verdict == Verdict::Fail);
        failed.map(|(id, _)| id.as_str()).collect()
    }

    /// The checks that exist to catch the defect, as far as it would affect them on this server.
    fn catching(&self) -> BTreeSet<&str> {
        self.ended.keys().map(String::as_str).filter(|id| self.defect.caught_by.contains(id)).collect()
    }
}

impl ServerRun {
    /// Whether a check could be judged without a defect, and passed.
    pub(super) fn passes(&self, id: &str) -> bool {
        self.without_defect.get(id).is_some_and(|ended| ended.verdict == Verdict::Pass)
    }

    /// Why a check did not run with a defect.
    pub(crate) fn unaffected_because(&self, id: &str) -> String {
        match self.without_defect.get(id) {
            Some(ended) if ended.verdict != Verdict::Pass => {
                format!("without a defect it ended as {:?}: {}", ended.verdict, ended.why)
            }
            _ => "the defect would not change what the check sees".to_owned(),
        }
    }

    /// The checks that did not pass without a defect, although the matrix has them, a line each.
    pub(crate) fn undecided(&self, committed: &Matrix) -> Vec<String> {
        let label = &self.label;
        let selected = committed.checks_on(label).into_iter().filter(|id| self.levels.contains_key(*id));
        let undecided = selected.filter(|id| !self.passes(id));
        let line = |id: &str| {
            let why = self.unaffected_because(id);
            format!("{label}: {id}: {why}; if that is right, take {label} out of its lines in defects/matrix.tsv")
        };
        undecided.map(line).collect()
    }

    /// Whether any of these checks is more than optional.
    fn binds(&self, ids: &BTreeSet<&str>) -> bool {
        ids.iter().any(|id| self.levels.get(*id).is_some_and(|level| *level >= Level::Should))
    }

    /// The defects that could show on this server, and that none of the checks caught that exist to catch them.
    ///
    /// A check that is more than optional must be among those that caught it, if there is one to catch it. A defect that
    /// affects none of its checks, although they pass here without it, is not caught either.
    pub(crate) fn survivors(&self) -> Vec<&'static str> {
        let survives = |row: &&Row| {
            let catching = row.catching();
            let caught: BTreeSet<&str> = row.failing().intersection(&catching).copied().collect();
            let is_caught = if self.binds(&catching) { self.binds(&caught) } else { !caught.is_empty() };
            if catching.is_empty() { !row.expected.is_empty() } else { !is_caught }
        };
        self.rows.iter().filter(survives).map(|row| row.defect.name).collect()
    }

    /// The checks that failed under no defect, although they pass without one.
    pub(crate) fn never_failing(&self) -> Vec<&str> {
        let failing: BTreeSet<&str> = self.rows.iter().flat_map(Row::failing).collect();
        let ids = self.levels.keys().map(String::as_str);
        ids.filter(|id| self.passes(id) && !failing.contains(id)).collect()
    }

    /// What is wrong whatever the committed matrix says, a line each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let label = &self.label;
        let survivors = self.survivors().into_iter();
        let mut problems: Vec<String> =
            survivors.map(|name| format!("{label}: {name} survives: no check fails that exists to catch it")).collect();
        let broken = self.without_defect.iter().filter(|(_, ended)| ended.verdict == Verdict::Broken);
        problems.extend(broken.map(|(id, ended)| format!("{label}: {id} is broken without a defect: {}", ended.why)));
        if self.has_all_defects {
            problems.extend(self.never_failing().iter().map(|id| format!("{label}: {id} fails under no defect")));
        }
        problems
    }
}

#[test]
fn a_defect_that_affects_no_check_survives() {
    let ended = |verdict| Ended { verdict, why: String::new(), took: Duration::ZERO };
    let defect = defects::all().next().unwrap();
    let id = defect.caught_by[0];
    let survivors = |expected: &[&str], ended_with: Option<Verdict>| {
        let run = ServerRun {
            server: "redis 7.0.15".to_owned(),
            label: "redis-7.0".to_owned(),
            without_defect: [(id.to_owned(), ended(Verdict::Pass))].into(),
            rows: vec![Row {
                defect,
                expected: expected.iter().map(|id| (*id).to_owned()).collect(),
                ended: ended_with.map(|verdict| (id.to_owned(), ended(verdict))).into_iter().collect(),
            }],
            levels: [(id.to_owned(), Level::Must)].into(),
            has_all_defects: false,
            has_all_checks: false,
            took: [Duration::ZERO; 2],
        };
        assert_eq!(run.problems().len(), run.survivors().len());
        run.survivors().len()
    };
    assert_eq!(survivors(&[id], None), 1, "it affects nothing, although its check passes here");
    assert_eq!(survivors(&[], None), 0, "its check cannot be judged here");
    assert_eq!(survivors(&[id], Some(Verdict::Pass)), 1);
    assert_eq!(survivors(&[id], Some(Verdict::Fail)), 0);
}
