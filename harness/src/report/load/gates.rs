//! Shows gates and their verdicts: as lines for people, and as sentences for the other reports.

use super::rows::{grouped, percentile};
use crate::record::{GateRecord, GateUnit, GateVerdict};
use crate::text::{printable, push};

/// Returns the lines of all gates, for a terminal; those that fail the run come first.
pub fn lines(gates: &[GateRecord]) -> String {
    let mut text = String::new();
    for wanted in [GateVerdict::Missed, GateVerdict::NotJudged, GateVerdict::Passed] {
        for gate in gates.iter().filter(|gate| gate.verdict == wanted) {
            push(&mut text, format_args!("\n  {}", sentence(gate)));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns a sentence for each gate that the run did not pass.
pub fn problems(gates: &[GateRecord]) -> impl Iterator<Item = String> + '_ {
    gates.iter().filter(|gate| gate.verdict != GateVerdict::Passed).map(sentence)
}

/// Returns the verdict of a gate, its expression, and the value that decided.
pub(super) fn sentence(gate: &GateRecord) -> String {
    format!("{}: {}: {}", verdict_word(gate.verdict), printable(&gate.expression), finding(gate))
}

/// Returns the value that decided, or why there is no verdict.
pub(super) fn finding(gate: &GateRecord) -> String {
    if let Some(reason) = &gate.reason {
        return printable(reason).into_owned();
    }
    let node = gate.node.as_ref().map_or(String::new(), |node| format!(" on {}", printable(node)));
    format!("the value is {}{node}", shown(gate))
}

/// Returns the word of a verdict.
pub(super) fn verdict_word(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Passed => "gate passed",
        GateVerdict::Missed => "GATE MISSED",
        GateVerdict::NotJudged => "GATE NOT JUDGED",
    }
}

fn shown(gate: &GateRecord) -> String {
    match (gate.value, gate.unit) {
        (None, _) => "unknown".to_owned(),
        (Some(us), GateUnit::Us) => percentile(us, gate.no_answer),
        (Some(share), GateUnit::Share) => format!("{:.3} %", share * 100.0),
        (Some(value), GateUnit::Plain) if value >= 1_000.0 => grouped(value as u64),
        (Some(value), GateUnit::Plain) => format!("{}", (value * 1e3).round() / 1e3),
        (Some(ratio), GateUnit::Ratio) => format!("{ratio:.3}x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_without_an_answer_says_so() {
        let mut gate = GateRecord {
            expression: "response.p99 > 5ms".to_owned(),
            value: Some(2e6),
            no_answer: true,
            unit: GateUnit::Us,
            node: None,
            verdict: GateVerdict::Missed,
            reason: None,
        };
        assert_eq!(sentence(&gate), "GATE MISSED: response.p99 > 5ms: the value is ≥ 2.00 s (no answer)");
        gate.no_answer = false;
        assert_eq!(finding(&gate), "the value is 2.00 s");
    }
}
