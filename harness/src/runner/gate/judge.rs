//! Judges gates: pure functions from the numbers of a run, or of two runs, to verdicts.

use loadgen::LoadReport;

use super::expression::{Gate, Operator};
use super::metric::Value;
use crate::record::gate::{GateRecord, GateUnit, GateVerdict};
use crate::record::{Ended, ExitStatus, LoadRecord};

/// Judges the gates of a run that has ended.
///
/// A run that did not come to its end, or is not valid, gives no verdict: its numbers describe something else. But wrong
/// values are wrong even if the generator was late.
pub fn judge_run(gates: &[Gate], record: &LoadRecord) -> Vec<GateRecord> {
    let judge = |gate: &Gate| match judgeable(record) {
        Ok(report) => gate.judge_report(report),
        Err(reason) => match record.load.as_ref().filter(|_| record.ended == Ended::Complete) {
            Some(report) if gate.metric.counts_wrong_values() => gate.judge_report(report),
            _ => gate.not_judged(gate.metric.unit, reason),
        },
    };
    gates.iter().map(judge).collect()
}

/// Judges gates over the ratios of a later run to an earlier run.
pub fn judge_comparison(gates: &[Gate], earlier: &LoadRecord, later: &LoadRecord) -> Vec<GateRecord> {
    let judge = |gate: &Gate| match (judgeable(earlier), judgeable(later)) {
        (Ok(earlier), Ok(later)) => gate.judge(GateUnit::Ratio, ratios(gate, earlier, later)),
        (Err(reason), _) => gate.not_judged(GateUnit::Ratio, format!("in the earlier run, {reason}")),
        (_, Err(reason)) => gate.not_judged(GateUnit::Ratio, format!("in the later run, {reason}")),
    };
    gates.iter().map(judge).collect()
}

/// Returns the exit status that judged gates ask for. A missed gate is certain, so it wins over one that rct cannot judge.
pub fn status(gates: &[GateRecord]) -> ExitStatus {
    let has = |verdict| gates.iter().any(|gate| gate.verdict == verdict);
    if has(GateVerdict::Missed) {
        ExitStatus::RuleBroken
    } else if has(GateVerdict::NotJudged) {
        ExitStatus::ClusterLost
    } else {
        ExitStatus::Success
    }
}

/// Returns the numbers of a run, or why gates cannot use them.
fn judgeable(record: &LoadRecord) -> Result<&LoadReport, String> {
    match &record.load {
        Some(report) if record.ended == Ended::Complete && report.valid => Ok(report),
        Some(report) if record.ended == Ended::Complete => {
            Err(format!("the run is not valid: {}", report.invalid_because.join("; ")))
        }
        _ => Err(record.problem.clone().unwrap_or_else(|| "the run did not come to its end".to_owned())),
    }
}

/// Returns the ratio of each value of the later run to that of the same node in the earlier run.
fn ratios(gate: &Gate, earlier: &LoadReport, later: &LoadReport) -> Vec<Value> {
    let before = gate.metric.values(earlier);
    let ratio = |(place, later): (usize, Value)| {
        let earlier = match later.node {
            Some(_) => before.iter().find(|value| value.node == later.node),
            // A workload may have a command several times.
            None => before.get(place),
        };
        let earlier = earlier?.value;
        // Nothing before and nothing now is no change; something after nothing exceeds every bound.
        let value = if later.value == earlier { 1.0 } else { later.value / earlier };
        Some(Value { value, no_answer: false, ..later })
    };
    gate.metric.values(later).into_iter().enumerate().filter_map(ratio).collect()
}

impl Gate {
    /// Judges the values of a report.
    fn judge_report(&self, report: &LoadReport) -> GateRecord {
        let judged = self.judge(self.metric.unit, self.metric.values(report));
        match self.metric.doubt(report) {
            Some(doubt) if judged.verdict == GateVerdict::Passed => self.not_judged(self.metric.unit, doubt),
            _ => judged,
        }
    }

    /// Judges the value that decides: of several, the one that makes the expression true if any does.
    fn judge(&self, unit: GateUnit, mut values: Vec<Value>) -> GateRecord {
        values.sort_by(|one, other| one.value.total_cmp(&other.value));
        let deciding = match self.operator {
            Operator::Less | Operator::LessOrEqual => values.first(),
            Operator::Greater | Operator::GreaterOrEqual => values.last(),
            Operator::Equal => {
                let equal = values.iter().find(|value| self.operator.holds(value.value, self.bound));
                equal.or_else(|| values.first())
            }
        };
        let Some(deciding) = deciding else {
            return self.not_judged(unit, format!("the run measured no {}", self.metric.name));
        };
        let is_missed = self.operator.holds(deciding.value, self.bound);
        GateRecord {
            expression: self.expression.clone(),
            value: Some(deciding.value),
            no_answer: deciding.no_answer,
            unit,
            node: deciding.node.clone(),
            verdict: if is_missed { GateVerdict::Missed } else { GateVerdict::Passed },
            reason: None,
        }
    }

    fn not_judged(&self, unit: GateUnit, reason: String) -> GateRecord {
        GateRecord {
            expression: self.expression.clone(),
            value: None,
            no_answer: false,
            unit,
            node: None,
            verdict: GateVerdict::NotJudged,
            reason: Some(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use loadgen::ledger::{ReadBackReport, ShardReport, VerifyReport};
    use loadgen::report::{CommandReport, NodeReport, Percentiles};

    use super::*;
    use crate::record::TargetRecord;

    fn times(p99: f64) -> Percentiles {
        Percentiles {
            count: 1_000,
            mean: 1.0,
            p50: 2.0,
            p90: 3.0,
            p95: 4.0,
            p99,
            max: 9.0 * p99,
            ..Percentiles::default()
        }
    }

    fn node(address: &str, response_us: Percentiles) -> NodeReport {
        serde_json::from_value(serde_json::json!({
            "id": null, "address": address, "role": "primary", "operations": 1, "outcomes": {}, "failed": 0,
            "not_sent": 0, "response_us": response_us, "service_us": response_us,
        }))
        .unwrap()
    }

    /// A valid run of 1,000 operations, one of which failed, with a p99 of 5 ms.
    fn record() -> LoadRecord {
        let nothing = Percentiles::default();
        let mut report: LoadReport = serde_json::from_value(serde_json::json!({
            "workload": "GET:1", "clients": 1, "threads": 1, "engine": "tokio", "pipeline": 1, "mode": "open",
            "offered_per_s": 100.0, "planned": 1_000, "operations": 999, "answered_share": 0.999,
            "operations_per_s": 20_000.0, "duration_s": 1.0, "late_operations": 0,
            "client_cpu_us_per_operation": 7.5, "client_memory_mb": 20.0, "connect_s": 0.1, "outcomes": {},
            "error_codes": {}, "failed": 1, "not_sent": 0, "hit_ratio": 0.5, "valid": true, "invalid_because": [],
            "latency_us": { "response": times(5_000.0), "answered": times(4_000.0), "service": times(3_000.0),
                            "send_lag": nothing, "failed": nothing },
            "commands": [], "nodes": [], "steps": [],
            "slots": { "used": 1, "busiest": [], "redirected": [], "redirected_count": 0 },
            "windows": [], "windows_dropped": 0,
        }))
        .unwrap();
        let command = |name: &str, p99| CommandReport {
            name: name.to_owned(),
            operations: 500,
            response_us: times(p99),
            service_us: times(p99),
        };
        report.commands = vec![command("GET", 2_000.0), command("SET", 6_000.0)];
        report.nodes = vec![node("a:1", times(1_000.0)), node("b:1", times(8_000.0)), node("idle:1", nothing)];
        let target = TargetRecord { kind: "local".to_owned(), ..TargetRecord::default() };
        let mut record = LoadRecord::new(jiff::Timestamp::UNIX_EPOCH, 1, target);
        record.ended = Ended::Complete;
        record.load = Some(report);
        record
    }

    fn judged(text: &str, record: &LoadRecord) -> GateRecord {
        let commands = ["GET", "SET"].map(str::to_owned);
        judge_run(&[Gate::of_run(text, &commands).unwrap()], record).remove(0)
    }

    #[test]
    fn each_operator_misses_when_the_expression_is_true() {
        for (text, is_missed) in [
            ("response.p99 > 4999us", true),
            ("response.p99 > 5ms", false),
            ("response.p99 >= 5ms", true),
            ("response.p99 < 5ms", false),
            ("response.p99 <= 5ms", true),
            ("response.p99 < 5.1ms", true),
            ("failed == 1", true),
            ("failed == 0", false),
        ] {
            let verdict = judged(text, &record()).verdict;
            assert_eq!(verdict == GateVerdict::Missed, is_missed, "{text}");
        }
    }

    #[test]
    fn each_class_of_metric_has_its_value() {
        for (text, value, unit) in [
            ("response.p50 > 1s", 2.0, GateUnit::Us),
            ("response.max > 1s", 45_000.0, GateUnit::Us),
            ("response.mean > 1s", 1.0, GateUnit::Us),
            ("service.p99 > 1s", 3_000.0, GateUnit::Us),
            ("GET.p99 > 1s", 2_000.0, GateUnit::Us),
            ("set.p99 > 1s", 6_000.0, GateUnit::Us),
            ("node.a:1.p99 > 1s", 1_000.0, GateUnit::Us),
            ("answered < 99.9%", 0.999, GateUnit::Share),
            ("hit_ratio < 10%", 0.5, GateUnit::Share),
            ("failed > 1", 1.0, GateUnit::Plain),
            ("not_sent > 0", 0.0, GateUnit::Plain),
            ("operations < 1", 999.0, GateUnit::Plain),
            ("operations_per_s < 20k", 20_000.0, GateUnit::Plain),
            ("client_cpu_us_per_operation > 10us", 7.5, GateUnit::Us),
            ("client_memory_mb > 50", 20.0, GateUnit::Plain),
        ] {
            let gate = judged(text, &record());
            assert_eq!((gate.value, gate.unit, gate.verdict), (Some(value), unit, GateVerdict::Passed), "{text}");
        }
    }

    #[test]
    fn one_node_is_enough_to_miss_a_gate_over_every_node() {
        let slowest = judged("node.*.p99 > 5ms", &record());
        assert_eq!((slowest.verdict, slowest.node.as_deref()), (GateVerdict::Missed, Some("b:1")));
        let fastest = judged("node.*.p99 < 2ms", &record());
        assert_eq!((fastest.verdict, fastest.node.as_deref()), (GateVerdict::Missed, Some("a:1")));
        let equal = judged("node.*.p99 == 8ms", &record());
        assert_eq!((equal.verdict, equal.node.as_deref()), (GateVerdict::Missed, Some("b:1")));
    }

    #[test]
    fn a_run_that_is_not_valid_or_has_no_such_value_is_not_judged() {
        for text in ["node.idle:1.p99 > 1s", "send_lag.p99 > 1s"] {
            let gate = judged(text, &record());
            assert_eq!((gate.verdict, gate.value), (GateVerdict::NotJudged, None), "{text}");
        }
        let mut invalid = record();
        let report = invalid.load.as_mut().unwrap();
        (report.valid, report.invalid_because) = (false, vec!["the generator was late".to_owned()]);
        let mut lost = record();
        (lost.ended, lost.problem) = (Ended::Lost, Some("no operation got a good reply".to_owned()));
        for (record, wanted) in [(invalid, "not valid: the generator was late"), (lost, "no operation got")] {
            let gate = judged("response.p99 > 1us", &record);
            assert_eq!(gate.verdict, GateVerdict::NotJudged);
            assert!(gate.reason.unwrap().contains(wanted));
        }
    }

    #[test]
    fn a_percentile_without_an_answer_is_marked() {
        let mut record = record();
        let response = &mut record.load.as_mut().unwrap().latency_us.response;
        (response.unanswered, response.no_answer) = (20, vec!["p99".to_owned(), "max".to_owned()]);
        let marked = ["response.p99 > 1s", "response.max > 1s", "response.mean > 1s", "response.p50 > 1s"];
        let marked = marked.map(|text| judged(text, &record).no_answer);
        assert_eq!(marked, [true, true, true, false]);
    }

    #[test]
    fn wrong_values_are_judged_even_if_the_generator_was_late() {
        let mut record = record();
        let verdicts = |record: &LoadRecord| {
            let texts = ["lost > 0", "stale > 0", "corrupt > 0", "in_doubt > 0", "unconfirmed > 0", "lost > 37"];
            texts.map(|text| judged(text, record).verdict)
        };
        use GateVerdict::{Missed, NotJudged, Passed};
        assert_eq!(verdicts(&record), [NotJudged; 6], "nothing was verified");
        let report = record.load.as_mut().unwrap();
        let mut verify = VerifyReport { stale: 1, in_doubt: 2, ..VerifyReport::default() };
        report.verify = Some(verify.clone());
        assert_eq!(verdicts(&record), [NotJudged, Missed, Passed, Missed, NotJudged, NotJudged]);
        let shard = ShardReport { lost: 37, corrupt: 1, ..ShardReport::default() };
        verify.add_read_back(ReadBackReport { shards: vec![shard.clone()], ..ReadBackReport::default() });
        let report = record.load.as_mut().unwrap();
        report.verify = Some(verify.clone());
        report.valid = false;
        assert_eq!(verdicts(&record), [Missed, Missed, Missed, NotJudged, NotJudged, Passed]);
        let unread = ShardReport { unread: 5, ..shard };
        verify.add_read_back(ReadBackReport { shards: vec![unread], ..ReadBackReport::default() });
        record.load.as_mut().unwrap().verify = Some(verify);
        assert_eq!((verdicts(&record)[0], verdicts(&record)[5]), (Missed, NotJudged));
        assert_eq!(judged("lost > 37", &record).reason.unwrap(), "rct could not read 5 keys back");
    }

    #[test]
    fn the_exit_status_follows_from_the_verdicts() {
        let [missed, passed] = ["failed > 0", "failed > 1"].map(|text| judged(text, &record()));
        let unknown = judged("send_lag.p99 > 1s", &record());
        assert_eq!(status(&[]), ExitStatus::Success);
        assert_eq!(status(std::slice::from_ref(&passed)), ExitStatus::Success);
        assert_eq!(status(&[passed.clone(), unknown.clone()]), ExitStatus::ClusterLost);
        assert_eq!(status(&[unknown, missed, passed]), ExitStatus::RuleBroken);
    }

    #[test]
    fn a_comparison_judges_ratios() {
        let (earlier, mut later) = (record(), record());
        let report = later.load.as_mut().unwrap();
        report.latency_us.response.p99 = 5_600.0;
        report.failed = 2;
        report.not_sent = 1;
        report.nodes[0].response_us.p99 = 3_000.0;
        for (text, verdict, ratio) in [
            ("response.p99 > 1.10x", GateVerdict::Missed, 1.12),
            ("response.p99 > 1.2x", GateVerdict::Passed, 1.12),
            ("response.p50 > 1x", GateVerdict::Passed, 1.0),
            ("SET.p99 == 1x", GateVerdict::Missed, 1.0),
            ("failed >= 2x", GateVerdict::Missed, 2.0),
            ("not_sent > 100x", GateVerdict::Missed, f64::INFINITY),
            ("node.*.p99 > 1.5x", GateVerdict::Missed, 3.0),
        ] {
            let gate = Gate::of_comparison(text, &["SET".to_owned()]).unwrap();
            let judged = judge_comparison(&[gate], &earlier, &later).remove(0);
            assert_eq!((judged.verdict, judged.value), (verdict, Some(ratio)), "{text}");
        }
        let mut invalid = record();
        invalid.load.as_mut().unwrap().valid = false;
        let gate = Gate::of_comparison("response.p99 > 1.10x", &[]).unwrap();
        let judged = judge_comparison(&[gate], &earlier, &invalid).remove(0);
        assert_eq!(judged.verdict, GateVerdict::NotJudged);
        assert!(judged.reason.unwrap().starts_with("in the later run, the run is not valid"));
    }
}
