//! Every defect against every check: who fails, and who should.
//!
//! First every check runs alone on an honest cluster, while the proxy notes which defects would have changed a byte of what
//! the check saw. A check whose traffic a defect would not have changed ends as it did then, so only the others are run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use defects::{Defect, Lie, Mode};
use futures_util::future::join_all;
use harness::record::Verdict;
use harness::runner::pattern::Pattern;
use suites::{Check, Level};
use targets::{LocalOptions, LocalTarget};
use tokio::task::LocalSet;

use super::honest::HONEST;
use super::lane::{Ended, Lane};
use super::selection::Selection;
use super::table;

/// Checks that disturb nobody, run one after the other by one lane while the proxy notes.
const WATCHED_AT_A_TIME: usize = 60;
/// Checks that disturb nobody, lied to side by side.
const LIED_TO_AT_A_TIME: usize = 12;
/// How often a check is asked again that found the machine too slow, and on how many clusters at a time.
const TRIES_MORE: usize = 2;
const LANES_AGAIN: usize = 2;

pub(crate) struct Matrix {
    pub(crate) server: String,
    /// How each check ended without a defect.
    pub(crate) honestly: BTreeMap<String, Ended>,
    pub(crate) rows: Vec<Row>,
    pub(crate) checks: Vec<Rc<Check>>,
    pub(crate) is_whole: bool,
    pub(crate) took: [Duration; 2],
}

/// A defect, and how the checks ended that could see it.
pub(crate) struct Row {
    pub(crate) defect: &'static Defect,
    pub(crate) ended: BTreeMap<String, Ended>,
}

/// What a lane does at a time.
struct Task {
    mode: Mode,
    checks: Vec<Rc<Check>>,
}

type Noted = BTreeMap<String, BTreeSet<&'static str>>;

/// Runs the matrix on one server.
pub(crate) fn run(server: &Path, selection: &Selection) -> Matrix {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let options = LocalOptions {
            server: Some(server.to_owned()),
            rct: Some(env!("CARGO_BIN_EXE_rct").into()),
            proxy: Some(Mode::Honest),
            ..LocalOptions::default()
        };
        let target = LocalTarget::open(options).await.unwrap();
        let began = Instant::now();
        let (honestly, noted) = watch(&target, selection).await;
        let watched = began.elapsed();
        let rows = lie(&target, selection, &honestly, &noted).await;
        let server = targets::Target::server(&target).map_or_else(String::new, |server| server.to_string());
        Matrix {
            server,
            honestly,
            rows,
            checks: selection.checks.clone(),
            is_whole: selection.is_whole,
            took: [watched, began.elapsed() - watched],
        }
    })
}

/// Runs every check honestly, and notes which defects it would see.
async fn watch(target: &LocalTarget, selection: &Selection) -> (BTreeMap<String, Ended>, Noted) {
    let (alone, shared): (Vec<_>, Vec<_>) = selection.checks.iter().cloned().partition(|check| check.disturbs());
    let mut tasks: Vec<Task> =
        alone.into_iter().map(|check| Task { mode: Mode::Watching, checks: vec![check] }).collect();
    tasks.extend(shared.chunks(WATCHED_AT_A_TIME).map(|some| Task { mode: Mode::Watching, checks: some.to_vec() }));
    let (honestly, noted) = (RefCell::new(BTreeMap::new()), RefCell::new(Noted::new()));
    on_lanes(target, selection.lanes, tasks, async |lane, task| {
        for check in &task.checks {
            let (mut ended, seen) = lane.run(std::slice::from_ref(check), task.mode).await;
            honestly.borrow_mut().insert(check.id.clone(), ended.remove(0));
            noted.borrow_mut().insert(check.id.clone(), seen);
        }
    })
    .await;
    (honestly.into_inner(), noted.into_inner())
}

/// Tells every defect to the checks that can see it and were fine without.
async fn lie(
    target: &LocalTarget,
    selection: &Selection,
    honestly: &BTreeMap<String, Ended>,
    noted: &Noted,
) -> Vec<Row> {
    let mut tasks = Vec::new();
    for defect in &selection.defects {
        let sees =
            |check: &&Rc<Check>| noted[&check.id].contains(defect.name) && honestly[&check.id].verdict == Verdict::Pass;
        let (mut alone, shared): (Vec<_>, Vec<_>) =
            selection.checks.iter().filter(sees).cloned().partition(|check| check.disturbs());
        alone.retain(|_| defect.lie.is_told_always());
        let mode = Mode::Lying(defect);
        tasks.extend(alone.into_iter().map(|check| Task { mode, checks: vec![check] }));
        let at_a_time = if matches!(defect.lie, Lie::Across(_)) { 1 } else { LIED_TO_AT_A_TIME };
        tasks.extend(shared.chunks(at_a_time).map(|some| Task { mode, checks: some.to_vec() }));
    }
    let alone = tasks.iter().filter(|task| task.checks[0].disturbs()).count();
    table::announce(tasks.iter().map(|task| task.checks.len()).sum(), alone);
    let rows = selection.defects.iter().map(|defect| (defect.name, Row { defect, ended: BTreeMap::new() }));
    let rows: RefCell<BTreeMap<&str, Row>> = RefCell::new(rows.collect());
    lie_on(target, selection.lanes, tasks, &rows).await;
    again(target, selection, &rows).await;
    let mut rows = rows.into_inner();
    selection.defects.iter().filter_map(|defect| rows.remove(defect.name)).collect()
}

async fn lie_on(target: &LocalTarget, lanes: usize, tasks: Vec<Task>, rows: &RefCell<BTreeMap<&str, Row>>) {
    on_lanes(target, lanes, tasks, async |lane, task| {
        let (ended, _) = lane.run(&task.checks, task.mode).await;
        let Mode::Lying(defect) = task.mode else { return };
        if let Some(row) = rows.borrow_mut().get_mut(defect.name) {
            row.ended.extend(task.checks.iter().map(|check| check.id.clone()).zip(ended));
        }
    })
    .await;
}

/// Checks may say that a busy machine was too slow for them: where a defect names such a check, it is asked again, with
/// little beside it.
async fn again(target: &LocalTarget, selection: &Selection, rows: &RefCell<BTreeMap<&str, Row>>) {
    for _ in 0..TRIES_MORE {
        let skipped = |row: &Row, check: &Rc<Check>| match row.ended.get(&check.id).map(|ended| ended.verdict) {
            Some(Verdict::Skip) => row.defect.fails.iter().any(|pattern| Pattern::new(*pattern).fits(&check.id)),
            verdict => verdict == Some(Verdict::Broken),
        };
        let mut tasks = Vec::new();
        for row in rows.borrow().values() {
            let mode = Mode::Lying(row.defect);
            let checks = selection.checks.iter().filter(|check| skipped(row, check));
            tasks.extend(checks.map(|check| Task { mode, checks: vec![Rc::clone(check)] }));
        }
        lie_on(target, LANES_AGAIN, tasks, rows).await;
    }
}

/// Has lanes take tasks until none is left: first what takes long, and of these what the lane's cluster will do for.
async fn on_lanes(target: &LocalTarget, lanes: usize, mut tasks: Vec<Task>, work: impl AsyncFn(&mut Lane<'_>, Task)) {
    tasks.sort_by_key(|task| std::cmp::Reverse(harness::runner::plan::weight(&task.checks[0])));
    let tasks = RefCell::new(tasks);
    join_all((0..lanes).map(async |_| {
        let mut lane = Lane::new(target);
        loop {
            let next = {
                let mut tasks = tasks.borrow_mut();
                let suited = tasks.iter().position(|task| lane.suits(&task.checks[0]));
                (!tasks.is_empty()).then(|| tasks.remove(suited.unwrap_or(0)))
            };
            let Some(task) = next else { break };
            work(&mut lane, task).await;
        }
        lane.drop_cluster().await;
    }))
    .await;
}

impl Row {
    /// The checks that failed.
    pub(crate) fn failing(&self) -> BTreeSet<&str> {
        let failed = self.ended.iter().filter(|(_, ended)| ended.verdict == Verdict::Fail);
        failed.map(|(id, _)| id.as_str()).collect()
    }
}

impl Matrix {
    /// Whether a check could be judged without a defect, and held.
    fn holds(&self, id: &str) -> bool {
        self.honestly.get(id).is_some_and(|ended| ended.verdict == Verdict::Pass)
    }

    /// The checks that a defect names and that hold without it on this server.
    fn named(&self, defect: &Defect) -> BTreeSet<&str> {
        let patterns: Vec<Pattern> = defect.fails.iter().map(|pattern| Pattern::new(*pattern)).collect();
        let named = self.checks.iter().filter(|check| patterns.iter().any(|pattern| pattern.fits(&check.id)));
        named.map(|check| check.id.as_str()).filter(|id| self.holds(id)).collect()
    }

    /// Those of them that the defect would have told anything: servers differ in what they say to a check.
    fn judged(&self, row: &Row) -> BTreeSet<&str> {
        self.named(row.defect).into_iter().filter(|id| row.ended.contains_key(*id)).collect()
    }

    /// Each defect with each check that it names and that holds without it, and whether the check could see it.
    pub(crate) fn sights(&self) -> impl Iterator<Item = (&'static str, &str, bool)> {
        self.rows.iter().flat_map(|row| {
            let named = self.named(row.defect);
            named.into_iter().map(|id| (row.defect.name, id, row.ended.contains_key(id)))
        })
    }

    /// Whether any of these checks is more than optional.
    fn binds(&self, ids: &BTreeSet<&str>) -> bool {
        self.checks.iter().any(|check| check.level >= Level::Should && ids.contains(check.id.as_str()))
    }

    /// Whether a defect is noticed as it should be: by a check that is more than optional, unless it breaks nothing but
    /// what is optional.
    fn is_noticed(&self, row: &Row) -> bool {
        let (judged, failing) = (self.judged(row), row.failing());
        if self.binds(&judged) { self.binds(&failing) } else { !failing.is_empty() }
    }

    /// The defects that no check notices that has to hold, of those that can show on this server.
    pub(crate) fn survivors(&self) -> Vec<&'static str> {
        let survives = |row: &&Row| !self.judged(row).is_empty() && !self.is_noticed(row);
        self.rows.iter().filter(survives).map(|row| row.defect.name).collect()
    }

    /// The checks that no defect made fail.
    pub(crate) fn unshown(&self) -> Vec<&str> {
        let shown: BTreeSet<&str> = self.rows.iter().flat_map(Row::failing).collect();
        let ids = self.checks.iter().map(|check| check.id.as_str());
        ids.filter(|id| self.holds(id) && !shown.contains(id)).collect()
    }

    /// Everything that is not as it should be, a line each.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let server = &self.server;
        let mut wrong = Vec::new();
        for row in &self.rows {
            let (name, named, failing) = (row.defect.name, self.judged(row), row.failing());
            if !self.is_noticed(row) && !named.is_empty() {
                wrong.push(format!("{server}: {name} survives"));
            }
            wrong.extend(
                named.difference(&failing).map(|id| format!("{server}: {name} names {id}, which does not fail")),
            );
            wrong.extend(
                failing
                    .difference(&named)
                    .map(|id| format!("{server}: {name} does not name {id}, which fails: {}", row.ended[*id].why)),
            );
            wrong.extend(
                row.ended
                    .iter()
                    .filter(|(_, ended)| ended.verdict == Verdict::Broken)
                    .map(|(id, ended)| format!("{server}: {name} breaks {id}: {}", ended.why)),
            );
        }
        let lost = self.honestly.iter().filter(|(_, ended)| ended.verdict == Verdict::Broken);
        wrong.extend(lost.map(|(id, ended)| format!("{server}: {id} is broken without a defect: {}", ended.why)));
        if self.is_whole {
            let excused: BTreeSet<&str> = HONEST.iter().map(|(id, _)| *id).collect();
            let unshown: BTreeSet<&str> = self.unshown().into_iter().collect();
            wrong.extend(unshown.difference(&excused).map(|id| format!("{server}: no defect makes {id} fail")));
            let stale = excused.difference(&unshown).filter(|id| self.holds(id));
            wrong.extend(stale.map(|id| format!("{server}: {id} is excused, but a defect makes it fail")));
        }
        wrong
    }
}
