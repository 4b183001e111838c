//! `rct report --format csv`: the run as a table for spreadsheets and scripts, as RFC 4180 describes it.

use super::digest;
use crate::record::Record;
use crate::text::printable;

/// The columns of the table of checks.
const COLUMNS: [&str; 11] =
    ["id", "suite", "level", "verdict", "duration_ms", "title", "sent", "expected", "received", "reason", "measured"];

/// Returns a line for each check, below a line with the names of the columns.
pub fn render(record: &Record) -> String {
    let mut table = line(COLUMNS.map(str::to_owned));
    for check in &record.checks {
        let failure = check.failure.as_ref();
        table += &line([
            check.id.clone(),
            check.suite().to_owned(),
            check.level.name().to_owned(),
            check.verdict.name().to_owned(),
            check.duration_ms.to_string(),
            check.title.clone(),
            failure.and_then(|failure| failure.sent.clone()).unwrap_or_default(),
            failure.map(|failure| failure.expected.clone()).unwrap_or_default(),
            failure.map(|failure| failure.received.clone()).unwrap_or_default(),
            check.reason.clone().unwrap_or_default(),
            digest::measured(check).unwrap_or_default(),
        ]);
    }
    table
}

/// Returns a line of cells. A cell with a comma or a quote stands in quotes, and a line end in a cell is `\\n`.
pub fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells = cells.into_iter().map(|cell| match printable(&cell) {
        cell if cell.contains([',', '"']) => format!("\"{}\"", cell.replace('"', "\"\"")),
        cell => cell.into_owned(),
    });
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_stays_a_line_whatever_its_cells_hold() {
        let cells = ["plain", "a,b", "say \"x\"", "two\nlines", ""].map(str::to_owned);
        assert_eq!(line(cells), "plain,\"a,b\",\"say \"\"x\"\"\",two\\nlines,\r\n");
    }
}
