//! The events of a run: a table of the outages after each of them.

use maud::{Markup, html};

use super::lanes;
use super::sheet::Sheet;
use crate::record::LoadRecord;
use crate::report::load::events::{HEADS, MEANINGS, cells, head, name, remarks, rows};

/// Returns the section; nothing if there was no event.
pub(super) fn section(sheet: &Sheet<'_>, record: &LoadRecord) -> Markup {
    let outages = record.load.as_ref().map_or(&[][..], |report| &report.outages);
    html! {
        @if !record.events.is_empty() {
            section #events {
                h2 { "Events and outages" }
                (lanes::figure(sheet))
                @for fault in &record.events {
                    @let (rows, rest) = rows(outages, fault);
                    h3 { (fault.number) ". " (head(fault)) }
                    @for remark in remarks(fault) { p.note { (remark) } }
                    @if !rows.is_empty() {
                        div.scroll { table {
                            thead { tr { th { "shard" } @for head in HEADS { th { (head) } } } }
                            @for outage in rows {
                                tr {
                                    th scope="row" { (name(outage)) }
                                    @for cell in cells(outage) { td.count { (cell) } }
                                }
                            }
                        } }
                    }
                    @if let Some(rest) = rest { p.note { (rest) } }
                }
                dl.rows { @for (term, meaning) in MEANINGS { dt { (term) } dd { (meaning) } } }
            }
        }
    }
}
