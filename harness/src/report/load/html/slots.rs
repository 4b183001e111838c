//! The heat map of slots: how many operations, redirects and errors each group of slots had.

use loadgen::report::{SLOTS_PER_CELL, SlotCells};
use maud::{Markup, html};

use super::sheet::{Run, Sheet};
use crate::report::load::rows::grouped;

/// The cells of a row: 1,024 slots.
const ROW: usize = 64;

/// The shades of a map, apart from that of cells without a count.
const SHADES: u64 = 8;

/// Returns the section; nothing for runs that did not record their slots.
pub(super) fn section(sheet: &Sheet<'_>) -> Markup {
    let operations = |cells: &SlotCells| cells.operations.clone();
    let redirects = |cells: &SlotCells| cells.redirects.clone();
    let errors = |cells: &SlotCells| cells.errors.clone();
    html! {
        @if sheet.runs.iter().any(|run| !run.report.slots.cells.operations.is_empty()) {
            section #slots {
                h2 { "Slots" }
                p.note {
                    "Each cell is " (SLOTS_PER_CELL) " slots. The number before a row is its first slot. "
                    "A cell with a stronger colour has more."
                }
                div.pair {
                    (maps(sheet, "Good replies", operations))
                    (maps(sheet, "Redirects", redirects))
                    (maps(sheet, "Errors", errors))
                }
            }
        }
    }
}

/// A map of each run, all with the same shades; nothing if all counts are zero.
fn maps(sheet: &Sheet<'_>, title: &str, counts: fn(&SlotCells) -> Vec<u64>) -> Markup {
    let all: Vec<(&Run<'_>, Vec<u64>)> = sheet.runs.iter().map(|run| (run, counts(&run.report.slots.cells))).collect();
    let most = all.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
    html! {
        @if most > 0 {
            @for (run, counts) in &all { (map(&named(title, run), counts, most)) }
        }
    }
}

fn named(title: &str, run: &Run<'_>) -> String {
    if run.name.is_empty() { title.to_owned() } else { format!("{title}, {}", run.name) }
}

fn map(title: &str, counts: &[u64], most: u64) -> Markup {
    let rows: Vec<&[u64]> = counts.chunks(ROW).collect();
    html! {
        figure.heat {
            figcaption {
                span.title { (title) }
                span.key {
                    "0 "
                    svg.shades viewBox="0 0 9 1" preserveAspectRatio="none" aria-hidden="true" {
                        @for shade in 0..=SHADES { rect class={ "s" (shade) } x=(shade) y="0" width="1" height="1" {} }
                    }
                    " " (grouped(most))
                }
            }
            @if rows.is_empty() { p.note { "none" } } @else {
                div.grid {
                    div.rows title="first slot of the row" { @for row in 0..rows.len() { span { (row * ROW * SLOTS_PER_CELL) } } }
                    svg role="img" aria-label={ (title) " by slot" } viewBox={ "0 0 " (ROW) " " (rows.len()) } preserveAspectRatio="none" {
                        @for (row, counts) in rows.iter().enumerate() {
                            @for (column, count) in counts.iter().enumerate() { (cell(row, column, *count, most)) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(row: usize, column: usize, count: u64, most: u64) -> Markup {
    let first = (row * ROW + column) * SLOTS_PER_CELL;
    html! {
        rect class={ "s" (shade(count, most)) } x=(column) y=(row) width="1" height="1" {
            title { (first) "–" (first + SLOTS_PER_CELL - 1) ": " (grouped(count)) }
        }
    }
}

/// The shade of a count: 0 for none, and from 1 to [`SHADES`] in proportion to the largest one.
fn shade(count: u64, most: u64) -> u64 {
    (count * SHADES).div_ceil(most.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_grow_with_counts() {
        assert_eq!([0, 1, 100, 101, 799, 800].map(|count| shade(count, 800)), [0, 1, 1, 2, 8, 8]);
    }
}
