//! Builders of runs and checks for tests.

use std::time::Duration;

use harness::record::{
    CheckRecord, Ended, Failure, HostRecord, Level, Measured, Record, ServerRecord, Source, TargetRecord, Verdict,
};
use harness::record::{Event, Reporter};

/// A run that a test builds event by event, with fixed times.
pub(crate) struct Run {
    record: Record,
    events: Vec<Event>,
}

/// A check without its verdict yet, and its transcript.
pub(crate) struct Check {
    check: CheckRecord,
    transcript: Option<String>,
}

/// A run on one server, which started at a fixed time.
pub(crate) fn a_run() -> Run {
    let target = TargetRecord {
        kind: "local".into(),
        shape: Some("3+1".into()),
        servers: vec![ServerRecord {
            product: "redis".into(),
            version: "7.0.15".into(),
            allocator: Some("jemalloc-5.2.1".into()),
            settings: [("cluster-require-full-coverage".to_owned(), "yes".to_owned())].into(),
            ..ServerRecord::default()
        }],
        left_out: Vec::new(),
        open_slots: Vec::new(),
        addresses: vec!["127.0.0.1:7000".into(), "127.0.0.1:7001".into()],
    };
    let mut record = Record::conform("2026-08-22T10:14:03.5Z".parse().unwrap(), 42, target);
    record.rct = "0.1.0".into(); // No release changes the snapshots.
    record.host = Some(HostRecord { name: Some("ci-7".into()), cores: 2, ..HostRecord::default() });
    record.command = ["rct", "conform", "--seed", "42"].map(str::to_owned).to_vec();
    record.again = "rct conform --seed 42".into();
    Run { record, events: Vec::new() }
}

/// A check of level `must` that takes 12 ms.
pub(crate) fn check(id: &str) -> Check {
    let check = CheckRecord {
        id: id.into(),
        suite: id.split('/').next().unwrap().into(),
        title: "A server keeps this rule".into(),
        level: Level::Must,
        verdict: Verdict::Pass,
        duration_ms: 12.0,
        reason: None,
        statements: vec!["moved.slot-correct".into()],
        spec: Some("moved-redirection".into()),
        source: Some(Source { file: "suites/checks/redirect.toml".into(), line: 12 }),
        shape: Some("3+1".into()),
        failure: None,
        measured: Vec::new(),
        transcript: None,
    };
    Check { check, transcript: None }
}

/// The failure that README shows.
pub(crate) fn a_wrong_redirect() -> Check {
    check("redirect/moved-from-non-owner")
        .titled("A primary that does not own a key's slot answers MOVED with the slot and the owner's address")
        .failed("error MOVED 5081 127.0.0.1:7001", "null")
        .sent("GET rct:a91f:{6hr}foo", "127.0.0.1:7002 (does not own slot 5081)")
        .at_step("2 of 2")
        .with_transcript("> GET foo\n< null\n")
}

/// A run with one check of each verdict, and one of the failures below the run's level.
pub(crate) fn a_run_with_every_verdict() -> Run {
    a_run()
        .with(check("redirect/moved-slot").took_ms(3.4))
        .with(a_wrong_redirect())
        .with(check("redirect/moved-is-lowercase").level(Level::May).failed("error MOVED", "error moved"))
        .with(check("failover/primary-killed").took_ms(2310.25).measured("failover", 2297.5, "ms"))
        .with(check("failover/old-primary-returns").skipped("needs kill-node, which this target does not offer"))
        .with(check("failover/epochs-rise").skipped("needs kill-node, which this target does not offer"))
        .with(check("crossslot/mget").broken("127.0.0.1:7001 went away\n# Redis is now ready to exit, bye bye..."))
        .with(check("crossslot/msetex").level(Level::Should).known("valkey 9.1 does not route MSETEX by slot"))
        .with(check("crossslot/mset").verdict(Verdict::Stale).because("listed as failing, but passes: fixed in 9.2"))
        .with(check("readonly/replica-reads").flaky("1", "error MOVED 5081 127.0.0.1:7001"))
        .complete()
}

impl Run {
    pub(crate) fn with(mut self, check: Check) -> Self {
        self.events.push(Event::CheckStarted { id: check.check.id.clone() });
        self.events.push(Event::CheckFinished { check: Box::new(check.check), transcript: check.transcript });
        self
    }

    /// Replaces the server under test.
    pub(crate) fn on(mut self, product: &str, version: &str) -> Self {
        self.record.target.servers =
            vec![ServerRecord { product: product.into(), version: version.into(), ..ServerRecord::default() }];
        self
    }

    pub(crate) fn failing_at(mut self, level: Level) -> Self {
        self.record.level = level;
        self
    }

    pub(crate) fn warned(mut self, text: &str) -> Self {
        self.events.push(Event::warning(text));
        self
    }

    pub(crate) fn complete(self) -> Self {
        self.ended(Ended::Complete, None)
    }

    pub(crate) fn lost(self, problem: &str) -> Self {
        self.ended(Ended::Lost, Some(problem))
    }

    pub(crate) fn interrupted_before(mut self, ids: &[&str]) -> Self {
        let planned = self.planned().into_iter().chain(ids.iter().map(|id| (*id).to_owned())).collect();
        self.events.insert(0, Event::RunStarted { planned });
        self.events.push(Event::Interrupted);
        self.ended(Ended::Interrupted, None)
    }

    /// The events of the run, the plan first.
    pub(crate) fn events(&self) -> Vec<Event> {
        match self.events.first() {
            Some(Event::RunStarted { .. }) => self.events.clone(),
            _ => std::iter::once(Event::RunStarted { planned: self.planned() }).chain(self.events.clone()).collect(),
        }
    }

    /// The record before the first event.
    pub(crate) fn blank(&self) -> Record {
        self.record.clone()
    }

    /// The record after the last event.
    pub(crate) fn record(&self) -> Record {
        let mut record = self.record.clone();
        self.events().iter().for_each(|event| record.apply(event, Duration::from_millis(12_345)));
        record
    }

    /// Sends the events of the whole run to a reporter.
    pub(crate) fn report_to(&self, reporter: &mut dyn Reporter) {
        let mut record = self.record.clone();
        for event in self.events() {
            record.apply(&event, Duration::from_millis(12_345));
            reporter.event(&event, &record).unwrap();
        }
    }

    fn planned(&self) -> Vec<String> {
        let ids = self.events.iter().filter_map(|event| match event {
            Event::CheckFinished { check, .. } => Some(check.id.clone()),
            _ => None,
        });
        ids.collect()
    }

    fn ended(mut self, ended: Ended, problem: Option<&str>) -> Self {
        self.events.push(Event::RunFinished { ended, problem: problem.map(str::to_owned) });
        self
    }
}

impl Check {
    pub(crate) fn titled(mut self, title: &str) -> Self {
        self.check.title = title.into();
        self
    }

    pub(crate) fn level(mut self, level: Level) -> Self {
        self.check.level = level;
        self
    }

    pub(crate) fn took_ms(mut self, duration_ms: f64) -> Self {
        self.check.duration_ms = duration_ms;
        self
    }

    pub(crate) fn verdict(mut self, verdict: Verdict) -> Self {
        self.check.verdict = verdict;
        self
    }

    pub(crate) fn failed(mut self, expected: &str, received: &str) -> Self {
        self.check.failure =
            Some(Failure { expected: expected.into(), received: received.into(), ..Failure::default() });
        self.verdict(Verdict::Fail)
    }

    pub(crate) fn flaky(self, expected: &str, received: &str) -> Self {
        self.failed(expected, received).because("passed when it was run again").verdict(Verdict::Flaky)
    }

    pub(crate) fn sent(mut self, command: &str, to: &str) -> Self {
        let failure = self.check.failure.get_or_insert_default();
        failure.sent = Some(command.into());
        failure.to = Some(to.into());
        self
    }

    pub(crate) fn at_step(mut self, step: &str) -> Self {
        self.check.failure.get_or_insert_default().step = Some(step.into());
        self
    }

    pub(crate) fn skipped(self, reason: &str) -> Self {
        self.because(reason).took_ms(0.0).verdict(Verdict::Skip)
    }

    pub(crate) fn broken(self, reason: &str) -> Self {
        self.because(reason).verdict(Verdict::Broken)
    }

    pub(crate) fn known(self, reason: &str) -> Self {
        self.failed("error CROSSSLOT", "1").because(reason).verdict(Verdict::Known)
    }

    pub(crate) fn because(mut self, reason: &str) -> Self {
        self.check.reason = Some(reason.into());
        self
    }

    pub(crate) fn measured(mut self, name: &str, value: f64, unit: &str) -> Self {
        self.check.measured.push(Measured { name: name.into(), value, unit: unit.into() });
        self
    }

    pub(crate) fn with_transcript(mut self, text: &str) -> Self {
        self.transcript = Some(text.into());
        self
    }
}
