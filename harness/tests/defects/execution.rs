//! Runs all selected checks against all selected defects on one server.
//!
//! First every check runs alone without a defect, while the proxy notes which defects would have changed a byte of what
//! the check saw. Two kinds of pairs then run with the defect: those in which the defect would have changed something, and
//! those of the committed matrix. A check need not send the same bytes twice, since a server may keep a connection to
//! another one for the next MIGRATE. All other checks end as they did without a defect.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use defects::matrix::Pair;
use defects::{Defect, Matrix, Mode, Tampering};
use futures_util::future::join_all;
use harness::record::Verdict;
use harness::runner::kept_cluster::KeptCluster;
use harness::runner::plan::weight;
use suites::{Check, Server};
use targets::{LocalOptions, LocalTarget, Target};
use tokio::task::LocalSet;

use super::proxied;
use super::selection::Selection;
use super::server_run::{Ended, Row, ServerRun};
use super::table;

/// The checks that disturb nobody and that one cluster runs one after the other while the proxy watches.
const WATCHED_AT_A_TIME: usize = 60;
/// The checks that disturb nobody and that run side by side under a defect.
const DEFECTIVE_AT_A_TIME: usize = 12;
/// How often checks run again that ended otherwise than expected, how many of them, and on how many clusters at a time.
const DIFFERING_MAX: usize = 40;
const TRIES_MORE: usize = 2;
const CLUSTERS_AGAIN: usize = 2;

/// Checks that run side by side on one cluster while its proxy is in a mode.
struct Task {
    mode: Mode,
    checks: Vec<Rc<Check>>,
}

/// The defects that would have changed what each check saw.
type Noted = BTreeMap<String, BTreeSet<&'static str>>;

/// Whether a check ended in some way: whether it fails by the committed matrix, and its verdict.
type Ending = fn((bool, Verdict)) -> bool;

/// The rows by the names of their defects.
type Rows = BTreeMap<&'static str, Row>;

/// Runs the selection on one server.
pub(crate) fn run(server: &Path, selection: &Selection) -> ServerRun {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let options = LocalOptions {
            server: Some(server.to_owned()),
            rct: Some(env!("CARGO_BIN_EXE_rct").into()),
            proxy: Some(Mode::PassThrough),
            ..LocalOptions::default()
        };
        let target = LocalTarget::open(options).await.unwrap();
        let server = target.server().unwrap();
        let label = label(&server);
        let began = Instant::now();
        let committed = Matrix::committed().unwrap();
        let (without_defect, noted) = watch_all(&target, selection, &committed, &label).await;
        let watched = began.elapsed();
        let rows = RefCell::new(empty_rows(selection, &without_defect));
        let is_recorded = |defect: &Defect, check: &Check| committed.has(&Pair::new(defect.name, &check.id), &label);
        let tasks = tasks(selection, &without_defect, &noted, is_recorded);
        run_tasks(&target, selection.clusters, tasks, &rows).await;
        run_again(&target, selection, &label, &rows).await;
        ServerRun {
            server: server.to_string(),
            label,
            without_defect,
            rows: rows.into_inner().into_values().collect(),
            levels: selection.checks.iter().map(|check| (check.id.clone(), check.level)).collect(),
            has_all_defects: selection.has_all_defects,
            has_all_checks: selection.has_all_checks,
            took: [watched, began.elapsed() - watched],
        }
    })
}

/// What the committed matrix calls a server: its product, and its version without the patch level.
fn label(server: &Server) -> String {
    format!("{}-{}.{}", server.product, server.version.0, server.version.1)
}

/// Watches every check, and once more, with nothing beside them, those that did not pass although the matrix has them:
/// the machine may have been too busy.
async fn watch_all(
    target: &LocalTarget,
    selection: &Selection,
    committed: &Matrix,
    label: &str,
) -> (BTreeMap<String, Ended>, Noted) {
    let (mut without_defect, mut noted) = watch(target, &selection.checks, selection.clusters).await;
    let recorded = committed.checks_on(label);
    let is_undecided = |id: &str| without_defect[id].verdict != Verdict::Pass && recorded.contains(id);
    let undecided: Vec<_> = selection.checks.iter().filter(|check| is_undecided(&check.id)).cloned().collect();
    let (ended, seen) = watch(target, &undecided, 1).await;
    without_defect.extend(ended);
    noted.extend(seen);
    (without_defect, noted)
}

/// Runs every check without a defect, and notes which defects would affect it.
async fn watch(target: &LocalTarget, checks: &[Rc<Check>], clusters: usize) -> (BTreeMap<String, Ended>, Noted) {
    let (alone, shared): (Vec<_>, Vec<_>) = checks.iter().cloned().partition(|check| check.disturbs());
    let task = |checks| Task { mode: Mode::Watching, checks };
    let mut tasks: Vec<Task> = alone.into_iter().map(|check| task(vec![check])).collect();
    tasks.extend(shared.chunks(WATCHED_AT_A_TIME).map(|some| task(some.to_vec())));
    let (without_defect, noted) = (RefCell::new(BTreeMap::new()), RefCell::new(Noted::new()));
    on_clusters(target, clusters, tasks, async |cluster, task| {
        for check in &task.checks {
            let (mut ended, seen) = proxied::run(cluster, std::slice::from_ref(check), task.mode).await;
            without_defect.borrow_mut().insert(check.id.clone(), ended.remove(0));
            noted.borrow_mut().insert(check.id.clone(), seen);
        }
    })
    .await;
    (without_defect.into_inner(), noted.into_inner())
}

fn empty_rows(selection: &Selection, without_defect: &BTreeMap<String, Ended>) -> Rows {
    let row = |defect: &'static Defect| {
        let expected = selection.checks.iter().filter(|check| {
            defect.caught_by.contains(&check.id.as_str())
                && without_defect[&check.id].verdict == Verdict::Pass
                && (!check.disturbs() || defect.tampering.applies_to_disturbed_clusters())
        });
        Row { defect, expected: expected.map(|check| check.id.clone()).collect(), ended: BTreeMap::new() }
    };
    selection.defects.iter().map(|defect| (defect.name, row(defect))).collect()
}

/// Every defect with the checks that it would affect, and that passed without it.
///
/// A check that needs a cluster of its own runs only with the defects that it exists to catch and those that it is
/// recorded to fail under, unless the selection has all pairs.
fn tasks(
    selection: &Selection,
    without_defect: &BTreeMap<String, Ended>,
    noted: &Noted,
    is_recorded: impl Fn(&Defect, &Check) -> bool,
) -> Vec<Task> {
    let (mut tasks, mut left_out) = (Vec::new(), 0);
    for defect in &selection.defects {
        let is_affected = |check: &&Rc<Check>| {
            let affects = noted[&check.id].contains(defect.name) || is_recorded(defect, check);
            affects && without_defect[&check.id].verdict == Verdict::Pass
        };
        let (mut alone, shared): (Vec<_>, Vec<_>) =
            selection.checks.iter().filter(is_affected).cloned().partition(|check| check.disturbs());
        alone.retain(|_| defect.tampering.applies_to_disturbed_clusters());
        let affected = alone.len();
        alone.retain(|check| {
            selection.has_all_pairs || defect.caught_by.contains(&check.id.as_str()) || is_recorded(defect, check)
        });
        left_out += affected - alone.len();
        let mode = Mode::Defective(defect);
        tasks.extend(alone.into_iter().map(|check| Task { mode, checks: vec![check] }));
        let is_exclusive = matches!(defect.tampering, Tampering::ExclusiveRequest(_));
        let at_a_time = if is_exclusive { 1 } else { DEFECTIVE_AT_A_TIME };
        tasks.extend(shared.chunks(at_a_time).map(|some| Task { mode, checks: some.to_vec() }));
    }
    let alone = tasks.iter().filter(|task| task.checks[0].disturbs()).count();
    table::announce(tasks.iter().map(|task| task.checks.len()).sum(), alone, left_out);
    tasks
}

async fn run_tasks(target: &LocalTarget, clusters: usize, tasks: Vec<Task>, rows: &RefCell<Rows>) {
    on_clusters(target, clusters, tasks, async |cluster, task| {
        let (ended, _) = proxied::run(cluster, &task.checks, task.mode).await;
        let Mode::Defective(defect) = task.mode else { return };
        if let Some(row) = rows.borrow_mut().get_mut(defect.name) {
            row.ended.extend(task.checks.iter().map(|check| check.id.clone()).zip(ended));
        }
    })
    .await;
}

/// Runs checks again that ended otherwise than the committed matrix says, with little beside them; the last run counts.
///
/// On a busy machine a check may run into a limit, or find the machine too slow. Where too many differ in the same way,
/// the matrix is out of date, and they do not run again.
async fn run_again(target: &LocalTarget, selection: &Selection, label: &str, rows: &RefCell<Rows>) {
    let committed = Matrix::committed().unwrap();
    let ended_as = |row: &Row, check: &Check| {
        let fails = committed.has(&Pair::new(row.defect.name, &check.id), label);
        row.ended.get(&check.id).map(|ended| (fails, ended.verdict))
    };
    let undecided: Ending = |ended| matches!(ended, (true, Verdict::Skip) | (_, Verdict::Broken));
    let lost: Ending = |ended| matches!(ended, (true, Verdict::Pass));
    let new: Ending = |ended| matches!(ended, (false, Verdict::Fail));
    for _ in 0..TRIES_MORE {
        let tasks_where = |is_wanted: Ending| -> Vec<Task> {
            let mut tasks = Vec::new();
            for row in rows.borrow().values() {
                let mode = Mode::Defective(row.defect);
                let checks = selection.checks.iter().filter(|check| ended_as(row, check).is_some_and(is_wanted));
                tasks.extend(checks.map(|check| Task { mode, checks: vec![Rc::clone(check)] }));
            }
            tasks
        };
        let mut tasks = tasks_where(undecided);
        for different in [lost, new].map(tasks_where) {
            if different.len() <= DIFFERING_MAX {
                tasks.extend(different);
            }
        }
        run_tasks(target, CLUSTERS_AGAIN, tasks, rows).await;
    }
}

/// Has workers with a cluster each take tasks until none is left, the longest first.
async fn on_clusters(
    target: &LocalTarget,
    workers: usize,
    mut tasks: Vec<Task>,
    run: impl AsyncFn(&mut KeptCluster<'_>, Task),
) {
    tasks.sort_by_key(|task| std::cmp::Reverse(weight(&task.checks[0])));
    let (queue, context) = (RefCell::new(VecDeque::from(tasks)), proxied::context());
    let work = || {
        let cluster = KeptCluster::new(target, &context, proxied::REUSE, &proxied::request_for);
        cluster.work(&queue, |task| &task.checks[0], &run)
    };
    join_all((0..workers).map(|_| work())).await;
}
