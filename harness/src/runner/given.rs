//! Runs checks on a cluster that belongs to somebody else. The owner may change it, and nodes may go and come back.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use suites::until::until;
use suites::{Check, LiveCluster, OwnChanges, ensure};

use super::conduct::Conductor;
use super::execute::{Finished, broken, crashed, execute, skipped};
use super::kept_cluster::judge;
use super::obstacle::obstacle;
use super::plan::CheckPlan;
use super::restore::restore;
use super::settle::{Baseline, is_alive};
use super::upset::{Upset, brings_down};
use crate::record::Event;
use targets::{Lease, TargetError};

/// How many times a node may vanish and come back before rct gives the rest of the checks up.
const RETURNS: usize = 3;

impl Conductor<'_> {
    /// Runs the plan on the one cluster that there is: first the checks that do not disturb it, then the others one by
    /// one. The cluster is restored after each.
    pub(super) async fn on_given(&self, plan: CheckPlan, lease: Lease) -> Result<(), TargetError> {
        self.announce(&lease.live).await;
        let outcome = match self.calmly(plan.shared, &lease.live).await {
            Ok(()) => self.one_by_one(plan.alone, &lease.live).await,
            lost => lost,
        };
        lease.shut_down().await;
        outcome
    }

    /// Runs the checks that do not disturb. Those that were running when a node vanished run again, each alone.
    async fn calmly(&self, checks: Vec<Rc<Check>>, live: &Rc<LiveCluster>) -> Result<(), TargetError> {
        let mut queue = VecDeque::from(checks);
        for _ in 0..=RETURNS {
            let all = queue.clone();
            let Some(undecided) = self.side_by_side(&mut queue, live).await else { return Ok(()) };
            let mut undecided = VecDeque::from(undecided);
            while let Some(first) = undecided.pop_front() {
                let check = all.iter().find(|check| check.id == first.record.id);
                if !self.has_returned(live).await {
                    undecided.push_front(first);
                    undecided.into_iter().for_each(|finished| finished.report(&self.context.line));
                    return Err(TargetError::lost(live));
                }
                let Some(check) = check else { continue };
                if let Some(second) = self.judge_unchanged(check, live).await {
                    after_a_loss(self, check, live, &first, second).report(&self.context.line);
                }
            }
        }
        for check in queue {
            broken(&check, format!("nodes of the cluster vanished {} times", RETURNS + 1)).report(&self.context.line);
        }
        Ok(())
    }

    /// Runs a check, and once more if it fails while somebody else changes the cluster.
    pub(super) async fn judge_unchanged(&self, check: &Check, live: &Rc<LiveCluster>) -> Option<Finished> {
        let first = judge(check, live, &self.context, self.may_disturb).await?;
        if !first.has_failed() || !matches!(first.upset, Some(Upset::Changed(_))) {
            return Some(first);
        }
        // If the nodes do not agree in time, the second run will show it.
        let _settled = Baseline::of(live).await;
        let second = judge(check, live, &self.context, self.may_disturb).await?;
        Some(after_a_change(check, second))
    }

    async fn one_by_one(&self, checks: Vec<Rc<Check>>, live: &Rc<LiveCluster>) -> Result<(), TargetError> {
        let mut failed_back = None;
        for check in checks {
            if self.context.is_over() {
                break;
            }
            if let Some(reason) = obstacle(&check, live, self.may_disturb).await {
                skipped(&check, reason).report(&self.context.line);
                continue;
            }
            let Some(first) = self.disturb(&check, live, &mut failed_back).await? else { break };
            let finished = match &first.upset {
                Some(Upset::Vanished(_)) => {
                    let second = self.disturb(&check, live, &mut failed_back).await?;
                    second.map(|second| after_a_loss(self, &check, live, &first, second))
                }
                Some(Upset::Changed(_)) if first.has_failed() => {
                    let second = self.disturb(&check, live, &mut failed_back).await?;
                    second.map(|second| after_a_change(&check, second))
                }
                _ => Some(first),
            };
            if let Some(finished) = finished {
                finished.report(&self.context.line);
            }
        }
        Ok(())
    }

    /// Runs a check that disturbs, and restores the cluster; `None` if the user stopped the run before the check ended.
    ///
    /// `failed_back` is when a role was given back for the last time, unless the votes for it have expired.
    async fn disturb(
        &self,
        check: &Check,
        live: &Rc<LiveCluster>,
        failed_back: &mut Option<Instant>,
    ) -> Result<Option<Finished>, TargetError> {
        if let Some(at) = failed_back.take() {
            self.let_votes_expire(live, at).await;
            if self.context.interrupt.is_raised() {
                return Ok(None);
            }
        }
        let mut before = Baseline::of(live).await.map_err(TargetError::Unsettled)?;
        // Again: somebody may have begun to move a slot meanwhile.
        if let Some(reason) = obstacle(check, live, self.may_disturb).await {
            return Ok(Some(skipped(check, reason)));
        }
        let finished = execute(check, live, &self.context).await;
        if let Some(finished) = &finished {
            if finished.has_lost_a_node() && !self.has_returned(live).await {
                broken(check, finished.record.reason.clone().unwrap_or_default()).report(&self.context.line);
                return Err(TargetError::lost(live));
            }
            before.take_over(live, &finished.own).await;
        }
        // Also after Ctrl-C, which may come between a fault and its repair.
        let roles = restore(live, &before).await.map_err(TargetError::Unsettled)?;
        *failed_back = roles.then(Instant::now);
        let announces = |own: &OwnChanges| own.settings.iter().any(|name| name.starts_with("cluster-announce"));
        if finished.as_ref().is_none_or(|finished| announces(&finished.own)) {
            before.addresses_return(live).await;
        }
        Ok(finished)
    }

    /// Waits until every node answers and all agree again; false if that takes too long, or the user stops the run.
    async fn has_returned(&self, live: &Rc<LiveCluster>) -> bool {
        let what = "every node answers again";
        self.context.line.send(Event::Notice(format!("rct waits until {what}")));
        let returned = until(live.limits.restart, live.limits.poll, what, async || {
            ensure!(is_alive(live).await, "an answer from every node", "none from one of them");
            live.set_topology(live.agreed_view().await?);
            live.serves().await
        });
        tokio::select! {
            returned = returned => returned.is_ok(),
            () = self.context.interrupt.raised() => false,
        }
    }

    /// Waits until the votes of the last election have expired. Before that, a node could win again with old votes: it
    /// would take over its shard with an old epoch, no other node would accept it, and the shard would be down.
    async fn let_votes_expire(&self, live: &LiveCluster, failed_back: Instant) {
        if live.server.is("valkey >=9.0") {
            return;
        }
        let rest = live.limits.votes.saturating_sub(failed_back.elapsed());
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = self.context.interrupt.raised() => {}
        }
    }
}

/// The verdict after a second run, where somebody else changed the cluster during the first.
fn after_a_change(check: &Check, second: Finished) -> Finished {
    match &second.upset {
        Some(Upset::Changed(what)) if second.has_failed() => broken(
            check,
            format!("the cluster changed while the check ran: {what}; it changed again when rct repeated the check"),
        ),
        _ => second,
    }
}

/// The verdict after a second run alone, where a node vanished during the first.
fn after_a_loss(
    conductor: &Conductor<'_>,
    check: &Check,
    live: &LiveCluster,
    first: &Finished,
    second: Finished,
) -> Finished {
    match &second.upset {
        Some(Upset::Vanished(what)) => crashed(check, brings_down(what), &conductor.context, live),
        _ => {
            let reason = first.record.reason.clone().unwrap_or_default();
            broken(check, format!("{reason}; this did not happen again when the check ran alone"))
        }
    }
}
