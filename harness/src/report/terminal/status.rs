//! The line that each check ends with.

use super::paint::Paint;
use super::style::Style;
use crate::record::{CheckRecord, Verdict};
use crate::report::digest;
use crate::text::{clip_columns, pad, printable};

/// Where a check stands among the checks of its run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    /// The check's place, from 1, in the order in which checks end.
    pub(super) number: usize,
    /// How many checks the run has.
    pub(super) total: usize,
}

/// Returns the line: verdict, seconds, place, id, level, and what the verdict makes worth knowing.
///
/// ```text
///     PASS [  0.012s] (  7/118) redirect/moved-from-non-owner        must   moved-redirection
/// ```
pub(super) fn line(check: &CheckRecord, position: Position, id_columns: usize, style: Style) -> String {
    let paint = Paint { enabled: style.colour };
    let digits = position.total.to_string().len();
    let verdict = format!("{:>8}", check.verdict.word());
    let rest = format!(
        " [{:>7.3}s] ({:>digits$}/{}) {} {:<6} {}",
        check.duration_ms / 1000.0,
        position.number,
        position.total,
        pad(&printable(&check.id), id_columns),
        check.level.name(),
        printable(why(check)),
    );
    let room = style.columns.saturating_sub(verdict.len());
    format!("{}{}", paint.verdict(check.verdict, &verdict), clip_columns(rest.trim_end(), room))
}

/// The rule's section if the verdict speaks for itself, the reason if it does not.
fn why(check: &CheckRecord) -> &str {
    match check.verdict {
        Verdict::Pass | Verdict::Fail => check.spec.as_deref().unwrap_or_default(),
        _ => digest::brief_reason(check),
    }
}
