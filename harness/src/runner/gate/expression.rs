//! Reads gates as typed: `response.p99 > 5ms`, `answered < 99.9%`, and for comparisons `response.p99 > 1.10x`.

use super::error::GateError;
use super::metric::Metric;
use crate::record::gate::GateUnit;

/// Values that differ by less than this share count as equal, since 99.9 % has no exact binary form.
const EQUAL_WITHIN: f64 = 1e-9;

/// An expression that fails a run if it is true.
#[derive(Debug, Clone)]
pub struct Gate {
    pub(super) expression: String,
    pub(super) metric: Metric,
    pub(super) operator: Operator,
    /// The bound, in the unit of the metric, or as a ratio.
    pub(super) bound: f64,
}

/// How a gate compares a value with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

/// Every operator; those of two characters come first, since the others are their beginning.
const OPERATORS: [(&str, Operator); 5] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Operator {
    /// Returns whether a value compares with a bound in this way.
    pub(super) fn holds(self, value: f64, bound: f64) -> bool {
        let is_equal = value == bound || (value - bound).abs() <= EQUAL_WITHIN * bound.abs();
        match self {
            Self::Less => value < bound && !is_equal,
            Self::LessOrEqual => value < bound || is_equal,
            Self::Greater => value > bound && !is_equal,
            Self::GreaterOrEqual => value > bound || is_equal,
            Self::Equal => is_equal,
        }
    }
}

impl Gate {
    /// Reads a gate of one load run; `commands` are the commands of its workload.
    ///
    /// # Errors
    ///
    /// [`GateError`] names the known metrics or units.
    pub fn of_run(text: &str, commands: &[String]) -> Result<Self, GateError> {
        let example = "response.p99 > 5ms";
        let (metric, operator, value) = split(text, example)?;
        let metric = metric_of(text, metric, commands)?;
        let (number, unit) = number(text, value, example)?;
        let Some(bound) = in_unit_of(&metric, number, unit) else {
            return Err(wrong_unit(text, &metric, unit, units(metric.unit)));
        };
        Ok(Self { expression: text.trim().to_owned(), metric, operator, bound })
    }

    /// Returns the gate if the options of the run, such as `--verify`, let rct measure its metric.
    ///
    /// # Errors
    ///
    /// [`GateError::Option`] names the option that is missing.
    pub fn measured_with(self, given: &[&str]) -> Result<Self, GateError> {
        match self.metric.needed_option().filter(|option| !given.contains(option)) {
            None => Ok(self),
            Some(option) => Err(GateError::Option { expression: self.expression, metric: self.metric.name, option }),
        }
    }

    /// Adds the gates of a verified run: nothing may be lost, stale or corrupt. A gate on the same metric replaces each.
    pub fn add_those_of_verification(gates: &mut Vec<Self>) {
        for expression in ["lost > 0", "stale > 0", "corrupt > 0"] {
            if let Ok(gate) = Self::of_run(expression, &[])
                && !gates.iter().any(|other| other.metric.name == gate.metric.name)
            {
                gates.push(gate);
            }
        }
    }

    /// Reads a gate of the comparison of two load runs, whose value is a ratio.
    ///
    /// # Errors
    ///
    /// As [`Self::of_run`]; the only unit is `x`.
    pub fn of_comparison(text: &str, commands: &[String]) -> Result<Self, GateError> {
        let example = "response.p99 > 1.10x";
        let (metric, operator, value) = split(text, example)?;
        let metric = metric_of(text, metric, commands)?;
        let (bound, unit) = number(text, value, example)?;
        if unit != "x" {
            let known = "a ratio of the later run to the earlier run with the unit x, such as 1.10x";
            return Err(wrong_unit(text, &metric, unit, known));
        }
        Ok(Self { expression: text.trim().to_owned(), metric, operator, bound })
    }
}

/// Splits an expression into metric, operator and value.
fn split<'a>(text: &'a str, example: &'static str) -> Result<(&'a str, Operator, &'a str), GateError> {
    let at = text.find(['<', '>', '=']).unwrap_or(text.len());
    let (metric, rest) = text.split_at(at);
    let found = OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)));
    let (operator, value) = found.ok_or_else(|| GateError::Operator { expression: text.to_owned(), example })?;
    Ok((metric.trim(), operator, value.trim()))
}

fn metric_of(text: &str, name: &str, commands: &[String]) -> Result<Metric, GateError> {
    Metric::find(name, commands).ok_or_else(|| GateError::Metric {
        expression: text.to_owned(),
        metric: name.to_owned(),
        known: Metric::names(commands),
    })
}

/// Splits a value into its number and its unit.
fn number<'a>(text: &str, value: &'a str, example: &'static str) -> Result<(f64, &'a str), GateError> {
    let end = value.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(value.len());
    let (digits, unit) = value.split_at(end);
    let example = example.rsplit(' ').next().unwrap_or(example);
    let wrong = |_| GateError::Number { expression: text.to_owned(), value: value.to_owned(), example };
    Ok((digits.parse().map_err(wrong)?, unit.trim()))
}

/// Converts a number to the unit of a metric; `None` if the metric does not take the unit.
fn in_unit_of(metric: &Metric, number: f64, unit: &str) -> Option<f64> {
    let bound = match (metric.unit, unit) {
        (GateUnit::Us, "us") | (GateUnit::Plain, "") => number,
        (GateUnit::Us, "ms") | (GateUnit::Plain, "k") => number * 1e3,
        (GateUnit::Us, "s") => number * 1e6,
        (GateUnit::Share, "%") => number / 100.0,
        (GateUnit::Share, "") if number <= 1.0 => number,
        _ => return None,
    };
    Some(bound)
}

fn units(unit: GateUnit) -> &'static str {
    match unit {
        GateUnit::Us => "a time with the unit us, ms or s",
        GateUnit::Share => "a share such as 99.9% or 0.999",
        GateUnit::Plain | GateUnit::Ratio => "a number, or thousands with the unit k",
    }
}

fn wrong_unit(text: &str, metric: &Metric, unit: &str, known: &'static str) -> GateError {
    let found = if unit.is_empty() { "a number without a unit".to_owned() } else { format!("the unit {unit:?}") };
    GateError::Unit { expression: text.to_owned(), metric: metric.name.clone(), found, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<Gate, GateError> {
        Gate::of_run(text, &["GET".to_owned(), "MULTI+SET+EXEC".to_owned()])
    }

    #[test]
    fn every_operator_and_unit_is_read() {
        for (text, operator, bound) in [
            ("response.p99 > 5ms", Operator::Greater, 5e3),
            ("service.p9999>=1.5s", Operator::GreaterOrEqual, 1.5e6),
            ("node.*.p50 < 80 us", Operator::Less, 80.0),
            ("node.127.0.0.1:7000.max > 1s", Operator::Greater, 1e6),
            ("answered < 99%", Operator::Less, 0.99),
            ("hit_ratio <= 0.5", Operator::LessOrEqual, 0.5),
            ("failed == 0", Operator::Equal, 0.0),
            ("operations_per_s < 20k", Operator::Less, 20e3),
            ("get.mean > 1ms", Operator::Greater, 1e3),
            ("MULTI+SET+EXEC.p99 > 1ms", Operator::Greater, 1e3),
            ("client_cpu_us_per_operation > 10us", Operator::Greater, 10.0),
        ] {
            let gate = run(text).unwrap();
            assert_eq!((gate.operator, gate.bound), (operator, bound), "{text}");
            assert_eq!(gate.expression, text);
        }
    }

    #[test]
    fn mistakes_are_named_with_what_is_allowed() {
        for (text, wanted) in [
            ("response.p99", "no operator; write METRIC OPERATOR VALUE"),
            ("response.p99 = 5ms", "no operator"),
            ("responce.p99 > 5ms", "no metric is called \"responce.p99\"; the metrics are answered, failed"),
            ("response.p98 > 5ms", "p99 p999 p9999 max mean for each of response"),
            ("SET.p99 > 5ms", "send_lag, GET, MULTI+SET+EXEC, node.*"),
            ("losses > 0", "no metric is called \"losses\""),
            ("response.p99 > fast", "\"fast\" is not a number"),
            ("response.p99 > -5ms", "is not a number of 0 or more"),
            ("response.p99 > 5", "does not take a number without a unit; it takes a time with the unit us, ms or s"),
            ("response.p99 > 5min", "does not take the unit \"min\""),
            ("response.p99 > 1.1x", "does not take the unit \"x\""),
            ("answered < 99.9", "a share such as 99.9%"),
            ("failed > 1%", "thousands with the unit k"),
        ] {
            let message = run(text).unwrap_err().to_string();
            assert!(message.contains(wanted), "{text}: {message}");
        }
    }

    #[test]
    fn a_metric_of_an_option_needs_that_option() {
        for (text, option) in [("lost > 0", "--verify"), ("in_doubt > 9", "--verify"), ("unconfirmed > 0", "--wait")] {
            let message = run(text).unwrap().measured_with(&[]).unwrap_err().to_string();
            assert!(message.ends_with(&format!("only with {option}; add it")), "{message}");
            assert!(run(text).unwrap().measured_with(&[option]).is_ok());
        }
        assert!(run("failed > 0").unwrap().measured_with(&[]).is_ok());
    }

    #[test]
    fn a_gate_on_what_verification_finds_replaces_the_rule() {
        let mut gates = vec![run("lost > 100").unwrap(), run("failed > 0").unwrap()];
        Gate::add_those_of_verification(&mut gates);
        let expressions: Vec<&str> = gates.iter().map(|gate| &*gate.expression).collect();
        assert_eq!(expressions, ["lost > 100", "failed > 0", "stale > 0", "corrupt > 0"]);
    }

    #[test]
    fn a_comparison_takes_ratios_only() {
        assert_eq!(Gate::of_comparison("response.p99 > 1.10x", &[]).unwrap().bound, 1.10);
        let message = Gate::of_comparison("response.p99 > 5ms", &[]).unwrap_err().to_string();
        assert!(message.contains("with the unit x, such as 1.10x"), "{message}");
    }

    #[test]
    fn values_that_only_rounding_separates_are_equal() {
        let bound = run("answered < 99.9%").unwrap().bound;
        assert!(!Operator::Less.holds(0.999, bound) && Operator::Equal.holds(0.999, bound));
        assert!(Operator::Less.holds(0.998_999, bound) && Operator::Greater.holds(0.999_001, bound));
        assert!(Operator::LessOrEqual.holds(0.999, bound) && Operator::GreaterOrEqual.holds(0.999, bound));
        assert!(Operator::Greater.holds(f64::INFINITY, 1.1) && !Operator::Less.holds(f64::INFINITY, 1.1));
    }
}
