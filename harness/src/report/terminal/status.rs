//! The line that each check ends with.

use unicode_width::UnicodeWidthStr;

use super::paint::Paint;
use super::style::Style;
use crate::record::{CheckRecord, Verdict};
use crate::report::digest;
use crate::text::{clip_columns, pad, printable, wrap_columns};

/// On screens up to this width, a line names the level and leaves out the rule.
const NARROW: usize = 100;

/// What reasons on lines of their own begin with.
const REASON_INDENT: &str = "         ";

/// The most lines of such a reason.
const REASON_LINES: usize = 6;

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
///
/// Where that is wider than the screen, ids get less room, and a reason follows on lines of its own.
pub(super) fn lines(check: &CheckRecord, position: Position, id_columns: usize, style: Style) -> Vec<String> {
    let verdict = format!("{:>8}", check.verdict.word());
    let room = style.columns.saturating_sub(verdict.len());
    let why = printable(why(check));
    let padded = rest(check, position, id_columns);
    let whole = format!("{padded} {why}");
    // The level must not leave the screen, so ids get less room on a narrow one.
    let narrow = || rest(check, position, id_columns.saturating_sub(padded.width().saturating_sub(room)));
    let (first, further) = match (whole.trim_end().width() <= room, is_plain(check.verdict)) {
        (true, _) => (whole, Vec::new()),
        (false, true) if style.columns > NARROW => (whole, Vec::new()),
        (false, true) => (narrow(), Vec::new()),
        (false, false) => {
            let lines = wrap_columns(&why, style.columns.saturating_sub(REASON_INDENT.len()), REASON_LINES);
            (narrow(), lines.into_iter().map(|line| format!("{REASON_INDENT}{line}")).collect())
        }
    };
    let paint = Paint { enabled: style.colour };
    let first = format!("{}{}", paint.verdict(check.verdict, &verdict), clip_columns(first.trim_end(), room));
    std::iter::once(first).chain(further).collect()
}

/// What follows the verdict, without the reason.
fn rest(check: &CheckRecord, position: Position, id_columns: usize) -> String {
    let digits = position.total.to_string().len();
    format!(
        " [{:>7.3}s] ({:>digits$}/{}) {} {:<6}",
        check.duration_ms / 1000.0,
        position.number,
        position.total,
        pad(&printable(&check.id), id_columns),
        check.level.name(),
    )
}

/// Whether the verdict needs no reason.
fn is_plain(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Fail)
}

/// The rule's section if the verdict speaks for itself, the reason if it does not.
fn why(check: &CheckRecord) -> &str {
    if is_plain(check.verdict) { check.spec.as_deref().unwrap_or_default() } else { digest::brief_reason(check) }
}
