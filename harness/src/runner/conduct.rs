//! Conducts a run of checks: brings clusters up, decides where each check runs, and ends with everything stopped.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use suites::{Check, LiveCluster, Shape};

use super::bring_up::{UNDISTURBED_NODE_TIMEOUT, bring_up};
use super::execute::{Context, Finished, broken, skipped};
use super::interrupt::Interrupt;
use super::inventory;
use super::kept_cluster::{KeptCluster, Reuse, judge};
use super::obstacle::obstacle_before;
use super::plan::CheckPlan;
use super::settle::is_alive;
use super::suspects::Suspects;
use crate::record::{Ended, Event, EventLine, ExitStatus, TargetRecord};
use targets::{BringUp, Lease, Target, TargetError};

/// The connections to one node that one check may open at the same time.
const CONNECTIONS_PER_CHECK: usize = 8;
/// How many times rct brings up the shared cluster again after it was lost.
const REBUILDS: usize = 3;
/// When a cluster that one check has disturbed is good enough for the next.
const REUSE: Reuse = Reuse { limit: Duration::from_millis(1_500), may_be_larger: true, is_restored: false };

/// Why a run with `--fail-fast` ended early.
const FAIL_FAST: &str = "--fail-fast stopped the run";

/// Everything that a run of checks needs.
pub struct Conductor<'a> {
    /// Where clusters come from.
    pub target: &'a dyn Target,
    /// What every check shares.
    pub context: Context,
    /// The shape of the shared cluster.
    pub shape: Shape,
    /// How many checks run, and how many clusters are up, at the same time.
    pub jobs: usize,
    /// The node timeouts of the shared clusters and of those that are disturbed.
    pub node_timeouts: NodeTimeouts,
    /// Whether a cluster that belongs to somebody else may be disturbed.
    pub may_disturb: bool,
    /// Checks that ran when a server of the shared cluster crashed.
    pub suspects: Suspects,
}

/// The node timeouts of clusters that rct starts.
#[derive(Debug, Clone, Copy)]
pub struct NodeTimeouts {
    /// For clusters on which no check stops a node: long, so that a busy machine does not look like a dead node.
    pub shared: Duration,
    /// For clusters on which checks wait for failovers: short.
    pub alone: Duration,
}

impl NodeTimeouts {
    /// Returns the timeouts for clusters of a target: the one that the user named, or what suits the target.
    pub fn of(target: &dyn Target, named: Option<Duration>) -> Self {
        Self {
            shared: named.unwrap_or(UNDISTURBED_NODE_TIMEOUT),
            alone: named.unwrap_or_else(|| target.disturbed_node_timeout()),
        }
    }
}

impl Conductor<'_> {
    /// Runs the plan to its end, or until the user stops the run, and has the reports written.
    ///
    /// `entered` is the cluster of somebody else that rct has entered; without one, the target brings up clusters.
    /// Returns the exit status. The target may still have to clear up when it is dropped: that can take long, and a
    /// second Ctrl-C cuts it short, so the reports come first.
    pub async fn run(&self, plan: CheckPlan, entered: Option<Lease>) -> ExitStatus {
        let line = &self.context.line;
        let telling = tokio::task::spawn_local(tell_of_interruption(line.clone(), self.context.interrupt.clone()));
        let (ended, problem) = self.run_checks(plan, entered).await;
        telling.abort();
        line.send(Event::RunFinished { ended, problem });
        line.record().status()
    }

    async fn run_checks(&self, plan: CheckPlan, entered: Option<Lease>) -> (Ended, Option<String>) {
        let planned = plan.shared.iter().chain(&plan.alone).map(|check| check.id.clone()).collect();
        self.context.line.send(Event::RunStarted { planned });
        let result = match entered {
            Some(lease) => self.on_given(plan, lease).await,
            None => self.on_own(plan).await,
        };
        match result {
            _ if self.context.interrupt.is_raised() => (Ended::Interrupted, None),
            Ok(()) if self.context.stopped_by_failure() => (Ended::Complete, Some(FAIL_FAST.to_owned())),
            Ok(()) => (Ended::Complete, None),
            Err(error) => (Ended::Lost, Some(error.to_string())),
        }
    }

    /// Runs the plan on clusters that rct starts: one that is shared, and one for each check that disturbs.
    async fn on_own(&self, plan: CheckPlan) -> Result<(), TargetError> {
        let alone = RefCell::new(VecDeque::from(plan.alone));
        let workers = join_all((0..self.jobs).map(|_| self.work_alone(&alone)));
        let (shared, ()) = tokio::join!(self.run_shared(plan.shared, &alone), async {
            workers.await;
        });
        // If the shared cluster was lost, the checks that it left undecided are in the queue now.
        self.work_alone(&alone).await;
        shared
    }

    /// Runs the checks that do not disturb on a cluster that they share, and on a new one if that is lost. Checks that
    /// were running at that moment run again, each alone: one of them may have brought the cluster down.
    async fn run_shared(
        &self,
        checks: Vec<Rc<Check>>,
        alone: &RefCell<VecDeque<Rc<Check>>>,
    ) -> Result<(), TargetError> {
        let mut queue = VecDeque::from(checks);
        for _ in 0..=REBUILDS {
            if queue.is_empty() || self.context.is_over() {
                return Ok(());
            }
            let all = queue.clone();
            let request = BringUp { is_calm: true, ..self.request(self.shape, self.node_timeouts.shared) };
            let what = format!("bringing up {}, {} nodes", request.shape, request.shape.nodes());
            self.context.line.send(Event::BringUp { what, done: 0, total: 0 });
            let Some(lease) = bring_up(self.target, &request, &self.context.interrupt).await? else { return Ok(()) };
            self.announce(&lease.live).await;
            if let Some(undecided) = self.side_by_side(&mut queue, &lease.live).await {
                let ids: Vec<&str> = undecided.iter().map(|finished| finished.record.id.as_str()).collect();
                if let Some(crash) = undecided.iter().find_map(Finished::crash) {
                    self.suspects.add(crash.clone(), &ids);
                }
                self.context
                    .line
                    .send(Event::warning("the shared cluster was lost; the checks that were running on it run again, each on a cluster of its own"));
                alone.borrow_mut().extend(all.into_iter().filter(|check| ids.contains(&check.id.as_str())));
            }
            lease.shut_down().await;
        }
        for check in queue {
            broken(&check, format!("the shared cluster was lost {} times", REBUILDS + 1)).report(&self.context.line);
        }
        Ok(())
    }

    /// Runs checks at the same time until none is left. If the cluster is lost, returns the checks that this broke.
    pub(super) async fn side_by_side(
        &self,
        queue: &mut VecDeque<Rc<Check>>,
        live: &Rc<LiveCluster>,
    ) -> Option<Vec<Finished>> {
        let jobs = self.jobs_on(live);
        let mut running = FuturesUnordered::new();
        let mut undecided: Option<Vec<Finished>> = None;
        loop {
            while undecided.is_none() && running.len() < jobs && !self.context.is_over() {
                let Some(check) = queue.pop_front() else { break };
                running.push(async move { self.judge_unchanged(&check, live).await });
            }
            match running.next().await {
                None => return undecided,
                Some(None) => {}
                Some(Some(finished)) if finished.has_lost_a_node() => {
                    undecided.get_or_insert_default().push(finished);
                }
                Some(Some(finished)) if finished.is_broken() && (undecided.is_some() || !is_alive(live).await) => {
                    undecided.get_or_insert_default().push(finished);
                }
                Some(Some(finished)) => finished.report(&self.context.line),
            }
        }
    }

    /// How many checks run at a time on a cluster whose nodes may take few connections.
    fn jobs_on(&self, live: &LiveCluster) -> usize {
        let left = live.findings.connections_left.and_then(|left| usize::try_from(left).ok());
        left.map_or(self.jobs, |left| self.jobs.min(left / CONNECTIONS_PER_CHECK)).max(1)
    }

    /// Takes checks that need a cluster of their own, one after the other, from a queue that other workers share.
    async fn work_alone(&self, queue: &RefCell<VecDeque<Rc<Check>>>) {
        let request_for =
            |check: &Check| BringUp { tls: check.tls_ports(), ..self.request(check.shape, self.node_timeouts.alone) };
        let cluster = KeptCluster::new(self.target, &self.context, REUSE, &request_for);
        cluster.work(queue, |check| check, async |cluster, check| self.alone(&check, cluster).await).await;
    }

    /// Runs one check on a cluster of its own, and keeps the cluster if it is as good as new.
    async fn alone(&self, check: &Check, cluster: &mut KeptCluster<'_>) {
        let finished = self.run_alone(check, cluster).await;
        let has_passed = finished.as_ref().is_some_and(|finished| !finished.has_failed() && !finished.is_broken());
        if let Some(mut finished) = finished {
            if let Some(mismatch) = self.suspects.ran_alone(&check.id, finished.has_crashed()) {
                finished.fail(mismatch);
            }
            finished.report(&self.context.line);
        }
        match has_passed {
            true => cluster.settle().await,
            false => cluster.shut_down().await,
        }
    }

    /// Runs one check on the kept cluster or a new one; `None` if the user stopped the run.
    async fn run_alone(&self, check: &Check, cluster: &mut KeptCluster<'_>) -> Option<Finished> {
        let known_server = cluster.lease().map(|lease| lease.live.server.clone()).or_else(|| self.target.server());
        if let Some(reason) = known_server.and_then(|server| obstacle_before(check, None, &server)) {
            return Some(skipped(check, reason));
        }
        if let Some(reason) = cluster.obstacle_to(check).await {
            return Some(skipped(check, reason));
        }
        let live = match cluster.lease_for(check).await {
            Ok(lease) => Rc::clone(&lease?.live),
            Err(error) => {
                return Some(broken(check, format!("rct could not bring up a cluster for this check: {error}")));
            }
        };
        if self.context.line.record().target.servers.is_empty() {
            self.announce(&live).await;
        }
        judge(check, &live, &self.context, true).await
    }

    fn request(&self, shape: Shape, node_timeout: Duration) -> BringUp {
        BringUp { shape, node_timeout, ..BringUp::default() }
    }

    pub(super) async fn announce(&self, live: &LiveCluster) {
        let mut target = TargetRecord::of(self.target.kind(), live);
        inventory::complete(&mut target, live).await;
        self.context.line.send(Event::TargetReady(target));
        for warning in &live.findings.warnings {
            self.context.line.send(Event::warning(warning));
        }
        if let Some(warning) = live.abilities().await.warning() {
            self.context.line.send(Event::warning(warning));
        }
    }
}

/// Has the reports written as soon as the user stops the run: a second Ctrl-C ends rct at once.
async fn tell_of_interruption(line: EventLine, interrupt: Interrupt) {
    interrupt.raised().await;
    line.send(Event::Interrupted);
}
