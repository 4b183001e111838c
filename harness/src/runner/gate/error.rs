//! Why the text of a gate cannot be used.

/// A gate that cannot be used. Every message names the expression and the allowed words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The expression has no operator.
    #[error(
        "gate {expression:?} has no operator; write METRIC OPERATOR VALUE with < <= > >= or ==, such as {example:?}"
    )]
    Operator {
        /// The expression.
        expression: String,
        /// A correct expression.
        example: &'static str,
    },
    /// No metric has this name.
    #[error("gate {expression:?}: no metric is called {metric:?}; the metrics are {known}")]
    Metric {
        /// The expression.
        expression: String,
        /// The unknown name.
        metric: String,
        /// The names of all metrics.
        known: String,
    },
    /// The metric needs an option that was not given.
    #[error("gate {expression:?}: rct measures {metric} only with {option}; add it")]
    Option {
        /// The expression.
        expression: String,
        /// The metric.
        metric: String,
        /// The option.
        option: &'static str,
    },
    /// The value is not a number.
    #[error("gate {expression:?}: {value:?} is not a number of 0 or more with a unit, such as {example:?}")]
    Number {
        /// The expression.
        expression: String,
        /// What stands in place of the number.
        value: String,
        /// A correct value.
        example: &'static str,
    },
    /// The unit does not belong to the metric.
    #[error("gate {expression:?}: {metric} does not take {found}; it takes {known}")]
    Unit {
        /// The expression.
        expression: String,
        /// The metric.
        metric: String,
        /// The unit, in words.
        found: String,
        /// The units that the metric takes, in words.
        known: &'static str,
    },
}
