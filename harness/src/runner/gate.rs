//! Gates: expressions such as `response.p99 > 5ms` that fail a load run, or a comparison of two, if they are true.
//!
//! [`expression`] reads what the user typed, [`metric`] finds values in a report, and [`judge`] gives the verdicts.

pub mod error;
pub mod expression;
pub mod judge;
mod metric;

pub use error::GateError;
pub use expression::Gate;
pub use judge::{judge_comparison, judge_run, status};
