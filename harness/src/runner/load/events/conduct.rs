//! Performs the events of a run at their instants, and records what came of them.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use loadgen::outage::EventSpan;
use loadgen::shards::Shards;
use suites::LiveCluster;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, sleep_until};
use wire::{Address, Slot};

use super::observe::{Viewers, Watched};
use super::perform::Chosen;
use super::performer::Performer;
use super::select::{Planned, slot_of};
use super::undo;
use crate::record::{FaultNews, FaultRecord};
use crate::runner::settle::Baseline;

/// How long before an event rct chooses its nodes, which takes some questions to all nodes.
const CHOOSE_BEFORE: Duration = Duration::from_millis(300);
/// How often rct asks the nodes for their views after an event.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often it asks once all agree, or once this has gone on for long.
const LOOK_SELDOM: Duration = Duration::from_millis(200);
const LOOK_OFTEN_FOR: Duration = Duration::from_secs(20);

/// The events of one run.
pub struct Events {
    planned: Vec<Planned>,
    performer: Performer,
    /// The roles and slots before the first event.
    before: Baseline,
    view_before: Rc<wire::Topology>,
    records: RefCell<Vec<FaultRecord>>,
    /// What the nodes showed since the last event that began, and its place among the records.
    watched: RefCell<Option<(usize, Watched)>>,
    has_begun: Notify,
}

/// Tells the reports what happens, as it happens.
pub type Tell<'a> = &'a dyn Fn(&FaultRecord, FaultNews);

impl Events {
    /// Prepares events that are planned, and notes how the cluster is before them.
    ///
    /// # Errors
    /// Why the nodes do not agree on the cluster, as a sentence.
    pub async fn prepare(
        planned: Vec<Planned>,
        live: &Rc<LiveCluster>,
        shards: Shards,
        seed: u64,
    ) -> Result<Self, String> {
        let before = Baseline::of(live).await.map_err(|stop| stop.to_string())?;
        let records = planned.iter().map(record).collect();
        Ok(Self {
            planned,
            performer: Performer::new(live, &Rc::new(shards), seed),
            before,
            view_before: live.topology(),
            records: RefCell::new(records),
            watched: RefCell::default(),
            has_begun: Notify::new(),
        })
    }

    /// Performs each event at its instant. It never ends: the load decides when the run ends.
    pub async fn run(&self, start: oneshot::Receiver<Instant>, tell: Tell<'_>) -> Infallible {
        if let Ok(start) = start.await {
            let all = join_all((0..self.planned.len()).map(|at| self.perform(at, start, tell)));
            tokio::join!(all, self.watch(start, tell));
        }
        std::future::pending().await
    }

    async fn perform(&self, at: usize, start: Instant, tell: Tell<'_>) {
        let planned = &self.planned[at];
        sleep_until((start + planned.fault.at.saturating_sub(CHOOSE_BEFORE)).into()).await;
        let chosen = match self.performer.choose(planned).await {
            Ok(chosen) => chosen,
            Err(stop) => {
                self.note(at, tell, FaultNews::Ended, |record| record.problem = Some(stop.to_string()));
                return;
            }
        };
        sleep_until((start + planned.fault.at).into()).await;
        let shards = &self.performer.shards;
        let slots: Vec<Slot> =
            planned.shards.iter().filter_map(|&shard| slot_of(&chosen.view, shards, shard)).collect();
        *self.watched.borrow_mut() = Some((at, Watched::new(&chosen.view, &chosen.nodes, &slots)));
        self.note(at, tell, FaultNews::Began, |record| began(record, &chosen, start));
        self.has_begun.notify_one();
        let outcome = self.performer.perform(&planned.fault.action, &chosen).await;
        self.note(at, tell, FaultNews::Ended, |record| {
            record.ended_s = Some(seconds(start.elapsed()));
            record.problem = outcome.err().map(|stop| stop.to_string());
        });
    }

    /// Asks the nodes for their views as soon as an event has begun.
    async fn watch(&self, start: Instant, tell: Tell<'_>) {
        let live = &self.performer.live;
        let mut viewers = Viewers::default();
        self.has_begun.notified().await;
        let mut since = Instant::now();
        loop {
            let views = viewers.views(live, &self.addresses()).await;
            let at_s = seconds(start.elapsed());
            let mut is_quiet = true;
            if let Some((at, watched)) = self.watched.borrow_mut().as_mut() {
                let news = watched.look(at_s, &views, &mut self.records.borrow_mut()[*at].seen);
                let records = self.records.borrow();
                news.into_iter().for_each(|sighting| tell(&records[*at], FaultNews::Seen(sighting)));
                is_quiet = watched.is_agreed() && records[*at].ended_s.is_some();
            }
            let is_often = !is_quiet && since.elapsed() < LOOK_OFTEN_FOR;
            tokio::select! {
                () = sleep(if is_often { LOOK_EVERY } else { LOOK_SELDOM }) => {}
                () = self.has_begun.notified() => since = Instant::now(),
            }
        }
    }

    /// All nodes that belong to the cluster, those included that joined.
    fn addresses(&self) -> Vec<Address> {
        let removed = self.performer.removed.borrow();
        let nodes = self.view_before.nodes.iter().chain(&*self.performer.added.borrow()).cloned().collect::<Vec<_>>();
        let stays = nodes.iter().filter(|node| !removed.iter().any(|gone| gone.id == node.id));
        stays.map(|node| node.address.clone()).collect()
    }

    fn note(&self, at: usize, tell: Tell<'_>, news: FaultNews, change: impl FnOnce(&mut FaultRecord)) {
        change(&mut self.records.borrow_mut()[at]);
        tell(&self.records.borrow()[at], news);
    }

    /// The records, as far as the events have come.
    #[must_use]
    pub fn records(&self) -> Vec<FaultRecord> {
        self.records.borrow().clone()
    }

    /// The events that have begun, as far as the outages depend on them.
    #[must_use]
    pub fn spans(&self) -> Vec<EventSpan> {
        let records = self.records.borrow();
        let begun = self.planned.iter().zip(&*records).filter_map(|(planned, record)| {
            let ms = |at_s: f64| (at_s * 1e3) as u64;
            let (from_ms, to_ms) = (ms(record.began_s?), record.ended_s.map(ms));
            Some(EventSpan { number: planned.number, from_ms, to_ms, shards: planned.shards.clone() })
        });
        begun.collect()
    }

    /// The shards at the start of the run.
    #[must_use]
    pub fn shards(&self) -> &Shards {
        &self.performer.shards
    }

    /// Gives the cluster its processes, roles and slots back.
    ///
    /// # Errors
    /// What rct could not restore.
    pub async fn undo(&self) -> suites::Outcome {
        undo::undo(&self.performer, &self.before, &self.view_before).await
    }
}

fn record(planned: &Planned) -> FaultRecord {
    FaultRecord {
        number: planned.number,
        fault: planned.fault.to_string(),
        action: planned.fault.to_string(),
        nodes: Vec::new(),
        shards: planned.shards.iter().map(|shard| shard + 1).collect(),
        planned_s: seconds(planned.fault.at),
        began_s: None,
        ended_s: None,
        problem: None,
        seen: Vec::new(),
    }
}

fn began(record: &mut FaultRecord, chosen: &Chosen, start: Instant) {
    record.action.clone_from(&chosen.action);
    record.nodes = chosen.nodes.iter().map(|node| node.address.to_string()).collect();
    record.began_s = Some(seconds(start.elapsed()));
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
