//! The order of a load run: the cluster comes up, keys are filled, the load runs, keys go, the cluster goes down.

use std::sync::Arc;

use loadgen::{LoadError, LoadPlan, StopSignal};
use suites::LiveCluster;

use super::bulk::touch_each_key;
use super::error::LoadRunError;
use super::observer::ReportingObserver;
use super::settings::LoadSettings;
use crate::record::load_event::{LoadEvent, LoadEventLine};
use crate::record::{Ended, ExitStatus, TargetRecord};
use crate::runner::gate::{self, Gate};
use crate::runner::interrupt::Interrupt;
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

    async fn on_cluster(&mut self, live: &LiveCluster) -> Result<ExitStatus, LoadRunError> {
        self.line.record_mut().target = TargetRecord::of(self.target.kind(), live);
        self.line.send(&LoadEvent::TargetReady);
        for warning in &live.findings.warnings {
            self.line.send(&LoadEvent::Warning { text: warning });
        }
        self.line.failure()?;
        let plan = self.settings.plan(live);
        let stop = StopSignal::default();
        let listening = tokio::task::spawn_local(pass_on(self.interrupt.clone(), stop.clone()));
        let mut may_have_written = false;
        let outcome = self.load(&plan, &stop, &mut may_have_written).await;
        listening.abort();
        if may_have_written && !self.target.brings_up_more() {
            self.delete_keys(&plan).await;
        }
        self.finish(outcome)
    }

    /// What the run is for: each phase after the other, until one fails or the user stops the run.
    async fn load(
        &mut self,
        plan: &LoadPlan,
        stop: &StopSignal,
        may_have_written: &mut bool,
    ) -> Result<(), LoadRunError> {
        let layout = loadgen::layout(plan).await?;
        loadgen::limits::check(plan, &layout).await?;
        if self.settings.preload {
            let fills = plan.workload.preload().collect();
            touch_each_key(plan, stop, fills, "filled", &mut self.line, may_have_written).await?;
        }
        if stop.is_raised() {
            return Ok(());
        }
        let plan = Arc::new(plan.clone());
        let mut observer = ReportingObserver::new(&mut self.line, &plan, &layout);
        let report = loadgen::run(&plan, layout, stop, &mut observer).await;
        *may_have_written |= plan.workload.writes() && report.as_ref().err().is_none_or(LoadError::may_have_sent);
        let report = report?;
        let is_answered = report.operations > 0;
        let (texts, stopped_after_s) = (report.error_texts.values().cloned().collect(), report.stopped_after_s);
        self.line.record_mut().load = Some(report);
        self.line.failure()?;
        if is_answered { Ok(()) } else { Err(LoadRunError::NothingAnswered { stopped_after_s, texts }) }
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
