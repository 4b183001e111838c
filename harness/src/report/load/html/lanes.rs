//! What happened when: a lane for each state that the nodes showed, and one for each shard with its outages.

use std::collections::BTreeMap;

use loadgen::outage::Outage;
use loadgen::recorder::Class;
use maud::{Markup, html};

use super::sheet::{Run, Sheet};
use crate::record::{FaultRecord, Seen, Sighting};
use crate::report::chart::{Scale, Space, swatch};
use crate::report::load::events::{name, sighted};
use crate::report::load::rows::time;
use crate::text::printable;

/// The most shards of a run that get a lane.
const LANES_MOST: usize = 64;

/// The states, in the order in which a failover has them, with what a lane says about them.
const STATES: [(Seen, &str); 4] = [
    (Seen::Suspected, "a node is suspected"),
    (Seen::Failed, "a node is marked as failed"),
    (Seen::Promoted, "a replica is promoted"),
    (Seen::Agreed, "all nodes agree again"),
];

/// A lane: its name, what lies on it, and its values in words.
struct Lane {
    name: String,
    track: Markup,
    values: String,
}

/// Returns the lanes of all runs over a common axis of time.
pub(super) fn figure(sheet: &Sheet<'_>) -> Markup {
    let space = Space { x: sheet.time(), y: Scale::linear(0.0, 1.0) };
    let lanes: Vec<Lane> = sheet.runs.iter().flat_map(|run| lanes(sheet, run, space)).collect();
    html! {
        figure.lanes {
            figcaption {
                span.title { "What happened when" }
                (swatch("band reads", "outage of reads")) (swatch("band writes", "outage of writes")) (swatch("mark-line", "event"))
            }
            @for lane in &lanes {
                div.lane {
                    span.name { (lane.name) }
                    svg { (marks(sheet, space)) (lane.track) }
                    span.values { (lane.values) }
                }
            }
            div.lane.axis {
                span {}
                svg {
                    @for (at_s, label) in sheet.time_axis().ticks { (space.sign(instant(space.x.at(at_s)), (at_s, 0.5), &label)) }
                }
                span {}
            }
        }
    }
}

/// The classes of the text of an instant: at an end of the axis it must not leave the page.
fn instant(share: f64) -> &'static str {
    match share {
        share if share < 0.03 => "instant first",
        share if share > 0.97 => "instant last",
        _ => "instant",
    }
}

fn marks(sheet: &Sheet<'_>, space: Space) -> Markup {
    html! {
        @for run in &sheet.runs {
            @for fault in run.events {
                @if let Some(began_s) = fault.began_s { (space.mark(&format!("event {}", run.class), began_s, "", 0, &printable(&fault.action))) }
            }
        }
    }
}

fn lanes(sheet: &Sheet<'_>, run: &Run<'_>, space: Space) -> Vec<Lane> {
    let prefix = if run.name.is_empty() { String::new() } else { format!("{}: ", run.name) };
    let states = STATES.iter().filter_map(|(state, words)| of_state(run, space, *state, format!("{prefix}{words}")));
    let mut shards: BTreeMap<usize, Vec<&Outage>> = BTreeMap::new();
    for outage in run.report.outages.iter().filter(|outage| outage.outage_s > 0.0) {
        shards.entry(outage.shard).or_default().push(outage);
    }
    let shards = shards.into_iter().take(LANES_MOST).map(|(shard, outages)| {
        let slots = outages.first().map_or("", |outage| &outage.slots);
        let name = format!("{prefix}shard {shard} ({})", printable(slots));
        of_shard(sheet, run, space, name, &outages)
    });
    states.chain(shards).collect()
}

/// The lane of a state; `None` if no node showed it.
fn of_state(run: &Run<'_>, space: Space, state: Seen, name: String) -> Option<Lane> {
    let seen = |fault: &'_ FaultRecord| -> Vec<(usize, f64, Sighting)> {
        let from_s = fault.began_s.unwrap_or(fault.planned_s);
        let own = fault.seen.iter().filter(|sighting| sighting.state == state);
        own.map(|sighting| (fault.number, from_s, sighting.clone())).collect()
    };
    let all: Vec<(usize, f64, Sighting)> = run.events.iter().flat_map(seen).collect();
    let (number, from_s, first) = all.first()?;
    let track = html! {
        @for (_, from_s, sighting) in &all {
            g { title { (sighted(sighting, *from_s)) } (space.sign("seen", (sighting.at_s, 0.5), "●")) }
        }
    };
    let after = time((first.at_s - from_s).max(0.0) * 1e6);
    let more = if all.len() > 1 { format!(", and {} more", all.len() - 1) } else { String::new() };
    Some(Lane { name, track, values: format!("{after} after event {number}{more}") })
}

/// The lane of a shard: outages of reads above, outages of writes below.
fn of_shard(sheet: &Sheet<'_>, run: &Run<'_>, space: Space, name_of_lane: String, outages: &[&Outage]) -> Lane {
    let end_s = run.columns.last().map_or(sheet.end_s, |column| column.to_s);
    let bar = |outage: &Outage| {
        let to_s = outage.first_good_s.unwrap_or(end_s);
        let class = if outage.class == Class::Reads { "reads" } else { "writes" };
        let title = format!("{}: {}", name(outage), length(outage));
        space.band(class, outage.last_good_s.unwrap_or(to_s - outage.outage_s), to_s, &title)
    };
    let longest = |class: Class, word: &str| {
        let own = outages.iter().filter(|outage| outage.class == class);
        let longest = own.max_by(|one, other| one.outage_s.total_cmp(&other.outage_s))?;
        Some(format!("{word} {}", length(longest)))
    };
    let values = [longest(Class::Reads, "reads"), longest(Class::Writes, "writes")];
    Lane {
        name: name_of_lane,
        track: html! { @for outage in outages { (bar(outage)) } },
        values: values.into_iter().flatten().collect::<Vec<_>>().join(", "),
    }
}

fn length(outage: &Outage) -> String {
    let length = time(outage.outage_s * 1e6);
    if outage.is_open() { format!("≥ {length}") } else { length }
}
