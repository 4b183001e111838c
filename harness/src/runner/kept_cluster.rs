//! Keeps a cluster from one check to the next, so that most checks find one that is up and as good as new.
//!
//! `conduct` uses it for the checks that need a cluster of their own, and the matrix of defects for all checks.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use suites::{Check, LiveCluster, Need};
use targets::{BringUp, Lease, Target, TargetError};
use wire::{Topology, command};

use super::execute::{Context, Finished, execute, skipped};
use super::obstacle::{obstacle, obstacle_of_target};
use super::settle::{Baseline, fit_again, is_alive};

/// At most one cluster at a time, which stays up while it suits the next check.
pub struct KeptCluster<'a> {
    target: &'a dyn Target,
    context: &'a Context,
    reuse: Reuse,
    request_for: &'a dyn Fn(&Check) -> BringUp,
    kept: Option<Kept>,
}

/// When a used cluster is good enough for the next check.
#[derive(Debug, Clone, Copy)]
pub struct Reuse {
    /// How long the cluster may take to be fit again.
    pub limit: Duration,
    /// Whether it may have more nodes than a check needs, unless the check changes roles or slots.
    pub may_be_larger: bool,
    /// Whether every node must own and copy what it did at first; keys that checks left behind are deleted then.
    pub is_restored: bool,
}

struct Kept {
    lease: Lease,
    request: BringUp,
    /// The view of the cluster before any check used it.
    first_view: Rc<Topology>,
}

impl<'a> KeptCluster<'a> {
    /// Returns a keeper without a cluster yet; `request_for` says which cluster a check needs.
    pub fn new(
        target: &'a dyn Target,
        context: &'a Context,
        reuse: Reuse,
        request_for: &'a dyn Fn(&Check) -> BringUp,
    ) -> Self {
        Self { target, context, reuse, request_for, kept: None }
    }

    /// Works on the jobs of a queue until it is empty or the run is over. Then it shuts the cluster down.
    ///
    /// Jobs whose check the kept cluster suits come first, so that the cluster need not be thrown away.
    pub async fn work<J>(
        mut self,
        queue: &RefCell<VecDeque<J>>,
        check_of: impl Fn(&J) -> &Check,
        run: impl AsyncFn(&mut Self, J),
    ) {
        while !self.context.is_over() {
            let next = {
                let mut queue = queue.borrow_mut();
                let suited = queue.iter().position(|job| self.suits(check_of(job)));
                queue.remove(suited.unwrap_or(0))
            };
            let Some(job) = next else { break };
            run(&mut self, job).await;
        }
        self.shut_down().await;
    }

    /// Returns why the target cannot bring up a cluster for a check, or `None` if it can.
    pub async fn obstacle_to(&self, check: &Check) -> Option<String> {
        obstacle_of_target(check, self.target).await
    }

    /// Returns the cluster that is up, if any.
    pub fn lease(&self) -> Option<&Lease> {
        self.kept.as_ref().map(|kept| &kept.lease)
    }

    /// Returns a cluster for a check: the kept one if it suits, or a new one; `None` if the user wished to stop meanwhile.
    ///
    /// # Errors
    ///
    /// The target could not bring up a cluster.
    pub async fn lease_for(&mut self, check: &Check) -> Result<Option<&Lease>, TargetError> {
        if !self.suits(check) {
            self.shut_down().await;
            let request = (self.request_for)(check);
            let lease = tokio::select! {
                lease = self.target.bring_up(&request) => lease?,
                () = self.context.interrupt.raised() => return Ok(None),
            };
            let first_view = lease.live.topology();
            self.kept = Some(Kept { lease, request, first_view });
        }
        Ok(self.lease())
    }

    /// Waits until the cluster is fit for the next check, or shuts it down.
    pub async fn settle(&mut self) {
        let is_fit = match &self.kept {
            Some(kept) => kept.is_fit_again(self.reuse).await,
            None => false,
        };
        if !is_fit {
            self.shut_down().await;
        }
    }

    /// Shuts the cluster down, if there is one.
    pub async fn shut_down(&mut self) {
        if let Some(kept) = self.kept.take() {
            kept.lease.shut_down().await;
        }
    }

    /// Whether a check can be judged on the kept cluster as on one that is brought up for it.
    ///
    /// A check that changes roles or slots gets exactly its shape: one more replica or primary may take over where
    /// the check expects that none does.
    fn suits(&self, check: &Check) -> bool {
        let Some(Kept { request, .. }) = &self.kept else { return false };
        if check.needs.contains(&Need::NewCluster) {
            return false;
        }
        let wanted = (self.request_for)(check);
        let may_be_larger = self.reuse.may_be_larger && !check.needs.iter().any(Need::breaks);
        let shape = request.shape;
        let suits = shape == wanted.shape || (may_be_larger && shape.holds(wanted.shape));
        suits && BringUp { shape, ..wanted } == *request
    }
}

/// Runs a check on a cluster, or says why it cannot be judged there; `None` if the user wished to stop before it ended.
pub async fn judge(check: &Check, live: &Rc<LiveCluster>, context: &Context, may_disturb: bool) -> Option<Finished> {
    match obstacle(check, live, may_disturb).await {
        Some(reason) => Some(skipped(check, reason)),
        None => execute(check, live, context).await,
    }
}

impl Kept {
    async fn is_fit_again(&self, reuse: Reuse) -> bool {
        let live = &self.lease.live;
        let nodes = usize::from(live.shape.nodes());
        if !reuse.is_restored {
            return fit_again(live, nodes, reuse.limit).await.is_ok();
        }
        // A dead node does not come back, whatever the limit.
        if !is_alive(live).await {
            return false;
        }
        for node in live.topology().nodes.iter().filter(|node| node.primary.is_none()) {
            // A check that saw wrong replies cannot always delete its keys. A node that refuses this is not fit.
            live.ask(node, &command!["FLUSHALL"]).await.ok();
        }
        let is_fit = fit_again(live, nodes, reuse.limit).await.is_ok();
        let is_restored = Baseline::of_view(&live.topology()) == Baseline::of_view(&self.first_view);
        // Checks draw nodes in the order in which the view lists them.
        live.set_topology(self.first_view.as_ref().clone());
        is_fit && is_restored
    }
}
