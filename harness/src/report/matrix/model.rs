//! The columns and rows of a matrix.

use std::collections::BTreeMap;

use suites::Version;

use crate::record::{CheckRecord, Level, Record, Verdict};
use crate::report::digest;
use crate::text::printable;

/// A run that becomes a column.
pub struct Run {
    /// Its record.
    pub record: Record,
    /// The link to its own page, relative to the page of the matrix.
    pub report: Option<String>,
}

/// A product and version.
pub(super) struct Column {
    pub(super) run: Run,
    pub(super) product: String,
    pub(super) version: String,
}

/// All checks of all runs.
pub(super) struct Matrix<'a> {
    pub(super) columns: &'a [Column],
    /// The rows of each suite, by id.
    pub(super) suites: BTreeMap<&'a str, Vec<Row<'a>>>,
}

/// A check, and how it ended in each column.
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) level: Level,
    pub(super) cells: Vec<Option<&'a CheckRecord>>,
}

impl Column {
    /// Orders runs by product and version.
    pub(super) fn ordered(runs: Vec<Run>) -> Vec<Self> {
        let mut columns: Vec<Self> = runs.into_iter().map(Self::of).collect();
        let number = |column: &Self| column.version.parse::<Version>().unwrap_or(Version::UNRELEASED);
        columns.sort_by(|one, other| {
            let by_product = one.product.cmp(&other.product).then_with(|| number(one).cmp(&number(other)));
            by_product.then_with(|| one.run.record.started.cmp(&other.run.record.started))
        });
        columns
    }

    fn of(run: Run) -> Self {
        let servers = &run.record.target.servers;
        let (product, version) = match &servers[..] {
            [server] => (server.product.clone(), server.version.clone()),
            [] => ("unknown".to_owned(), String::new()),
            _ => (digest::servers(&run.record), String::new()),
        };
        Self { product: printable(&product).into_owned(), version: printable(&version).into_owned(), run }
    }

    /// The product and version: `valkey 9.1.0`.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.product, self.version).trim_end().to_owned()
    }
}

impl<'a> Matrix<'a> {
    pub(super) fn of(columns: &'a [Column]) -> Self {
        let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
        for (at, column) in columns.iter().enumerate() {
            for check in &column.run.record.checks {
                let row = rows.entry(&check.id).or_insert_with(|| Row {
                    id: &check.id,
                    title: &check.title,
                    level: check.level,
                    cells: vec![None; columns.len()],
                });
                (row.title, row.level) = (&check.title, check.level);
                row.cells[at] = Some(check);
            }
        }
        let mut suites: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
        for (id, row) in rows {
            suites.entry(id.split('/').next().unwrap_or(id)).or_default().push(row);
        }
        Self { columns, suites }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.suites.values().flatten()
    }
}

impl Row<'_> {
    /// The verdicts of the row, each once, in their order.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        Verdict::ALL
            .into_iter()
            .filter(|verdict| self.cells.iter().flatten().any(|it| it.verdict == *verdict))
            .collect()
    }

    /// Whether any server did something else than pass, where rct judged it.
    pub(super) fn deviates(&self) -> bool {
        self.verdicts().iter().any(|verdict| !matches!(verdict, Verdict::Pass | Verdict::Skip))
    }

    /// Whether the servers on which the check was judged behave differently.
    pub(super) fn differs(&self) -> bool {
        let mut verdicts = self.verdicts();
        verdicts.retain(|verdict| *verdict != Verdict::Skip);
        verdicts.len() > 1
    }
}
