//! The order of a load run: the cluster comes up, keys are filled, the load runs, keys go, the cluster goes down.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use loadgen::outage::outages;
use loadgen::shards::Shards;
use loadgen::{LoadError, LoadPlan, LoadReport, Routing, StopSignal};
use suites::LiveCluster;
use tokio::sync::oneshot;

use super::bulk::touch_each_key;
use super::error::LoadRunError;
use super::events::conduct::Events;
use super::events::{FaultError, select};
use super::meeting::{Meeting, Start};
use super::observer::ReportingObserver;
use super::read_back::{read_keys_back, warn_of_unverified};
use super::results::Results;
use super::settings::LoadSettings;
use crate::record::load_event::{LoadEvent, LoadEventLine};
use crate::record::{Ended, ExitStatus, FaultRecord, TargetRecord};
use crate::runner::gate::{self, Gate};
use crate::runner::interrupt::Interrupt;
use crate::runner::inventory;
use targets::{Lease, Target};

/// A load run that is about to begin.
pub struct LoadRun<'a> {
    /// Where the cluster comes from.
    pub target: &'a dyn Target,
    /// What the user chose.
    pub settings: LoadSettings,
    /// What fails the run, beside a cluster that is lost.
    pub gates: Vec<Gate>,
    /// The user's wish to stop.
    pub interrupt: Interrupt,
    /// Where events go, and the record that grows.
    pub line: LoadEventLine,
    /// The folder of the run, if its results are to stay in the cluster.
    pub results: Option<PathBuf>,
}

impl LoadRun<'_> {
    /// Runs from the first report to the last on a cluster that is up, shuts it down, and leaves nothing running.
    ///
    /// A user who stops the run gets the reports of what ran.
    ///
    /// # Errors
    ///
    /// Why the run did not come to its end; the record and the reports say so too, if there was a cluster.
    pub async fn run(mut self, lease: Lease) -> Result<ExitStatus, LoadRunError> {
        let outcome = self.on_cluster(&lease.live).await;
        lease.shut_down().await;
        outcome
    }

    async fn on_cluster(&mut self, live: &Rc<LiveCluster>) -> Result<ExitStatus, LoadRunError> {
        let mut target = TargetRecord::of(self.target.kind(), live);
        inventory::complete(&mut target, live).await;
        self.line.record_mut().target = target;
        self.line.send(&LoadEvent::TargetReady);
        for warning in &live.findings.warnings {
            self.line.send(&LoadEvent::Warning { text: warning });
        }
        self.line.failure()?;
        let plan = self.settings.plan(live);
        let stop = StopSignal::default();
        let listening = tokio::task::spawn_local(pass_on(self.interrupt.clone(), stop.clone()));
        let mut may_have_written = false;
        let mut meeting = Meeting::new(&plan, &self.settings.together);
        let outcome = match self.events(live, &plan).await {
            Ok(events) => {
                let outcome = self.load(&plan, &stop, events.as_ref(), &mut meeting, &mut may_have_written).await;
                // The ledger has read the keys back by now, so it saw the cluster as the events left it.
                let restored = self.restore(events.as_ref()).await;
                outcome.and(restored)
            }
            Err(error) => Err(error),
        };
        // The others may still need the keys of this generator, unless the run failed.
        match &outcome {
            Ok(()) => {
                let problem = meeting.end(2 * plan.timeout, &stop).await;
                problem.iter().for_each(|text| self.line.send(&LoadEvent::Warning { text }));
            }
            Err(_) => meeting.leave().await,
        }
        listening.abort();
        if may_have_written && !self.target.brings_up_more() {
            self.delete_keys(&plan).await;
        }
        let status = self.finish(outcome)?;
        self.store(&plan).await?;
        Ok(status)
    }

    /// Leaves the results in the cluster, if the user wants that.
    async fn store(&self, plan: &LoadPlan) -> Result<(), LoadRunError> {
        let together = &self.settings.together;
        let (Some(folder), Start::Rendezvous { name, .. }) = (&self.results, &together.start) else { return Ok(()) };
        let results = Results { plan, prefix: &together.prefix, name };
        Ok(results.store(plan.share, folder).await?)
    }

    /// What the run is for: each phase after the other, until one fails or the user stops the run.
    async fn load(
        &mut self,
        plan: &LoadPlan,
        stop: &StopSignal,
        events: Option<&Events>,
        meeting: &mut Meeting<'_>,
        may_have_written: &mut bool,
    ) -> Result<(), LoadRunError> {
        let layout = loadgen::layout(plan).await?;
        loadgen::limits::check(plan, &layout).await?;
        meeting.join().await?;
        warn_of_unverified(plan, &mut self.line);
        if self.settings.preload {
            let fills = plan.workload.preload().collect();
            touch_each_key(plan, stop, fills, "filled", &mut self.line, may_have_written).await?;
        }
        if stop.is_raised() {
            return Ok(());
        }
        let plan = Arc::new(plan.clone());
        let report = self.run_load(&plan, layout, stop, events, meeting).await;
        *may_have_written |= plan.workload.writes() && report.as_ref().err().is_none_or(LoadError::may_have_sent);
        self.line.record_mut().events = events.map(Events::records).unwrap_or_default();
        let mut report = report?;
        if let Some(events) = events {
            report.outages = outages(events.shards(), &report.stalls, &self.settings.classes(), &events.spans());
        }
        if let (Some(verify), Some(copies)) = (&mut report.verify, self.settings.verify) {
            read_keys_back(&plan, copies, stop, verify, events, &mut self.line).await;
        }
        let is_answered = report.operations > 0;
        let (texts, stopped_after_s) = (report.error_texts.values().cloned().collect(), report.stopped_after_s);
        self.line.record_mut().load = Some(report);
        self.line.failure()?;
        if is_answered { Ok(()) } else { Err(LoadRunError::NothingAnswered { stopped_after_s, texts }) }
    }

    /// Plans the events, if the user wants any: rct must know before the load that it can perform all of them. Of
    /// several generators the first one performs them.
    async fn events(&self, live: &Rc<LiveCluster>, plan: &LoadPlan) -> Result<Option<Events>, LoadRunError> {
        let faults = &self.settings.faults;
        let Some(first) = faults.first().filter(|_| self.settings.share.number() == 1) else { return Ok(None) };
        let impossible = |reason| FaultError::Impossible { text: first.to_string(), reason };
        if plan.routing != Routing::Slots {
            let reason = "events need a cluster, and --routing slots, so that rct knows the shards";
            return Err(impossible(reason.to_owned()).into());
        }
        let shards = Shards::of(&loadgen::layout(plan).await?);
        let planned = select::plan(faults, live, &shards, self.settings.seed)?;
        Ok(Some(Events::prepare(planned, live, shards, self.settings.seed).await.map_err(impossible)?))
    }

    /// Drives the load, and performs the events meanwhile.
    async fn run_load(
        &mut self,
        plan: &Arc<LoadPlan>,
        layout: loadgen::layout::Layout,
        stop: &StopSignal,
        events: Option<&Events>,
        meeting: &mut Meeting<'_>,
    ) -> Result<LoadReport, LoadError> {
        let (start, started) = oneshot::channel();
        let line = RefCell::new(&mut self.line);
        let mut observer = ReportingObserver::new(&line, plan, &layout, start);
        let mut warn = |text: &str| line.borrow_mut().send(&LoadEvent::Warning { text });
        let loading = loadgen::run_from(plan, layout, stop, &mut observer, meeting.start(stop, &mut warn));
        let Some(events) = events else { return loading.await };
        let tell = |fault: &FaultRecord, news| line.borrow_mut().send(&LoadEvent::Fault { fault, news: &news });
        tokio::select! {
            report = loading => report,
            never = events.run(started, &tell) => match never {},
        }
    }

    /// Gives a cluster that goes on to run its processes, roles and slots back, also after Ctrl-C.
    async fn restore(&mut self, events: Option<&Events>) -> Result<(), LoadRunError> {
        let Some(events) = events.filter(|_| !self.target.brings_up_more()) else { return Ok(()) };
        if events.spans().is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        events.undo().await.map_err(|stop| LoadRunError::NotRestored(stop.to_string()))?;
        self.line.send(&LoadEvent::Restored { took: began.elapsed() });
        Ok(())
    }

    /// Deletes what the run wrote to somebody else's cluster, also after Ctrl-C.
    async fn delete_keys(&mut self, plan: &LoadPlan) {
        let report = self.line.record().load.as_ref();
        let sent = report.map_or(0, |report| report.operations + report.late_operations + report.failed);
        let removals = plan.workload.removal(sent.saturating_mul(plan.threads as u64)).collect();
        if let Err(error) =
            touch_each_key(plan, &StopSignal::default(), removals, "deleted", &mut self.line, &mut false).await
        {
            let prefix = &plan.workload.spaces[0].prefix;
            let text = format!("keys that begin with {prefix:?} may be left on the cluster: {error}");
            self.line.send(&LoadEvent::Warning { text: &text });
        }
    }

    /// Completes the record, and has the reports written.
    fn finish(&mut self, outcome: Result<(), LoadRunError>) -> Result<ExitStatus, LoadRunError> {
        let (ended, problem) = match &outcome {
            _ if self.interrupt.is_raised() => (Ended::Interrupted, None),
            Err(error) => (Ended::Lost, Some(error.to_string())),
            Ok(()) => (Ended::Complete, None),
        };
        let record = self.line.record_mut();
        record.ended = ended;
        record.problem = problem;
        record.gates = gate::judge_run(&self.gates, record);
        let status = match &outcome {
            _ if ended == Ended::Interrupted => ExitStatus::Interrupted,
            Err(error) => error.status(),
            Ok(()) => gate::status(&record.gates),
        };
        record.exit_status = Some(status.code());
        record.close();
        self.line.send(&LoadEvent::RunFinished);
        self.line.failure()?;
        if ended == Ended::Interrupted { Ok(status) } else { outcome.map(|()| status) }
    }
}

async fn pass_on(interrupt: Interrupt, stop: StopSignal) {
    interrupt.raised().await;
    stop.raise();
}
