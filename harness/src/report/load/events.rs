//! Shows the events of a load run, and the outage of each shard after each of them.

use loadgen::outage::Outage;
use loadgen::recorder::Class;

use super::rows::{grouped, time};
use crate::record::{FaultRecord, Seen, Sighting};
use crate::text::{pad, printable, push, wrap_columns};

/// The shortest outage of a shard at which the event did not aim that gets a row, in seconds.
const SHOWN_S: f64 = 0.1;
/// The columns of the lines above a table.
const COLUMNS: usize = 69;
/// The most lines of such a text.
const LINES_MOST: usize = 12;
/// The columns of the name of a row, and of its cells.
const NAME_COLUMNS: usize = 9;
const CELL_COLUMNS: [usize; 8] = [9, 8, 8, 9, 8, 9, 9, 8];

/// The heads of the table of outages.
pub(super) const HEADS: [&str; 8] = ["outage", "from s", "to s", "planned", "late", "refused", "no reply", "failed"];
/// What the heads of the table mean.
pub(super) const MEANINGS: [(&str, &str); 6] = [
    ("outage", "how long operations of a shard waited without a good reply"),
    ("planned", "operations planned in this time: the sum of the columns after it"),
    ("late", "answered in the end"),
    ("refused", "a server said no"),
    ("no reply", "none within --timeout"),
    ("failed", "lost connections and other errors"),
];

/// What the heads of the table mean, in one paragraph.
pub(super) fn note() -> String {
    MEANINGS.map(|(term, meaning)| format!("{term}: {meaning}.")).join(" ")
}

/// Returns the lines of all events, for a terminal of 80 columns.
pub(super) fn lines(events: &[FaultRecord], outages: &[Outage]) -> String {
    let mut text = String::new();
    for fault in events {
        push(&mut text, format_args!("\n  event {}  {}\n", fault.number, head(fault)));
        for line in remarks(fault).iter().flat_map(|remark| wrap_columns(remark, COLUMNS, LINES_MOST)) {
            push(&mut text, format_args!("           {line}\n"));
        }
        let (rows, rest) = rows(outages, fault);
        if !rows.is_empty() {
            row(&mut text, "shard", &HEADS.map(str::to_owned));
            rows.iter().for_each(|outage| row(&mut text, &name(outage), &cells(outage)));
        }
        if let Some(rest) = rest {
            push(&mut text, format_args!("  {rest}\n"));
        }
    }
    if !text.is_empty() {
        text.push('\n');
        for (term, meaning) in MEANINGS {
            push(&mut text, format_args!("  {}  {meaning}\n", pad(term, NAME_COLUMNS)));
        }
    }
    text
}

/// What the event was, and when.
pub(super) fn head(fault: &FaultRecord) -> String {
    let action = printable(&fault.action);
    match (fault.began_s, fault.ended_s) {
        (None, _) => format!("{action}, planned at {:.2} s, did not begin", fault.planned_s),
        (Some(began_s), Some(ended_s)) if ended_s - began_s >= SHOWN_S => {
            format!("{action}, at {began_s:.2} s, done at {ended_s:.2} s")
        }
        (Some(began_s), Some(_)) => format!("{action}, at {began_s:.2} s"),
        (Some(began_s), None) => format!("{action}, at {began_s:.2} s, not done at the end of the load"),
    }
}

/// Why it failed, and what the nodes saw.
pub(super) fn remarks(fault: &FaultRecord) -> Vec<String> {
    let problem = fault.problem.iter().map(|problem| format!("PROBLEM: {}", printable(problem)));
    let from_s = fault.began_s.unwrap_or(fault.planned_s);
    let seen: Vec<String> = fault.seen.iter().map(|sighting| sighted(sighting, from_s)).collect();
    let seen = if seen.is_empty() { None } else { Some(format!("the nodes: {}", seen.join("; "))) };
    problem.chain(seen).collect()
}

/// A sighting, such as `127.0.0.1:7001 failed after 1.06 s`.
pub(super) fn sighted(sighting: &Sighting, from_s: f64) -> String {
    let after = time((sighting.at_s - from_s).max(0.0) * 1e6);
    match (&sighting.node, sighting.state) {
        (Some(node), state) => format!("{} {state} after {after}", printable(node)),
        (None, Seen::Agreed) => format!("all agreed after {after}"),
        (None, state) => format!("{state} after {after}"),
    }
}

/// The outages of an event that get a row, and a sentence about the others.
pub(super) fn rows<'a>(outages: &'a [Outage], fault: &FaultRecord) -> (Vec<&'a Outage>, Option<String>) {
    let all = outages.iter().filter(|outage| outage.event == fault.number);
    let (rows, rest): (Vec<&Outage>, Vec<&Outage>) =
        all.partition(|outage| outage.is_target || outage.outage_s >= SHOWN_S);
    let longest = rest.iter().max_by(|one, other| one.outage_s.total_cmp(&other.outage_s));
    let rest = longest.map(|longest| match longest.outage_s {
        0.0 => "no other shard stalled for 2 ms or longer".to_owned(),
        s => format!("longest stall of the other shards: {} ({})", time(s * 1e6), name(longest)),
    });
    (rows, rest)
}

/// The shard and the class of an outage, such as `2 writes`.
pub(super) fn name(outage: &Outage) -> String {
    let class = if outage.class == Class::Reads { "reads" } else { "writes" };
    format!("{} {class}", outage.shard)
}

/// The cells of an outage, one for each of [`HEADS`].
pub(super) fn cells(outage: &Outage) -> [String; 8] {
    let instant = |at_s: Option<f64>| at_s.map_or_else(|| "-".to_owned(), |at_s| format!("{at_s:.2}"));
    let length = match outage.outage_s {
        0.0 => "none".to_owned(),
        s if outage.is_open() => format!("≥ {}", time(s * 1e6)),
        s => time(s * 1e6),
    };
    let counts = [outage.planned, outage.answered_late, outage.refused, outage.timed_out, outage.failed].map(grouped);
    let [planned, late, refused, timed_out, failed] = counts;
    let from_s = outage.last_good_s.filter(|_| outage.outage_s > 0.0);
    [length, instant(from_s), instant(outage.first_good_s), planned, late, refused, timed_out, failed]
}

fn row(text: &mut String, name: &str, cells: &[String; 8]) {
    push(text, format_args!("  {}", pad(name, NAME_COLUMNS)));
    for (cell, columns) in cells.iter().zip(CELL_COLUMNS) {
        push(text, format_args!("{}{cell}", " ".repeat(columns.saturating_sub(cell.chars().count()))));
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ([FaultRecord; 1], [Outage; 5]) {
        let outage = |shard, is_target, class, outage_s, first_good_s| Outage {
            event: 1,
            shard,
            slots: "0-5460".to_owned(),
            is_target,
            class,
            outage_s,
            last_good_s: Some(2.998),
            first_good_s,
            planned: 1_557,
            answered_late: 1_500,
            refused: 0,
            timed_out: 50,
            failed: 7,
        };
        let outages = [
            outage(1, false, Class::Reads, 0.0, None),
            outage(1, false, Class::Writes, 0.012, Some(3.1)),
            outage(2, true, Class::Reads, 1.73, Some(4.73)),
            outage(2, true, Class::Writes, 9.0, None),
            outage(3, false, Class::Reads, 0.4, Some(4.1)),
        ];
        let sighting = |at_s, state, node: Option<&str>| Sighting {
            at_s,
            state,
            node: node.map(str::to_owned),
            by: node.map(|_| "127.0.0.1:7000".to_owned()),
        };
        let event = FaultRecord {
            number: 1,
            fault: "kill primary @3s".to_owned(),
            action: "kill 127.0.0.1:7001, a primary of shard 2".to_owned(),
            nodes: vec!["127.0.0.1:7001".to_owned()],
            shards: vec![2],
            planned_s: 3.0,
            began_s: Some(3.001),
            ended_s: Some(3.004),
            problem: None,
            seen: vec![
                sighting(4.05, Seen::Suspected, Some("127.0.0.1:7001")),
                sighting(4.07, Seen::Failed, Some("127.0.0.1:7001")),
                sighting(4.7, Seen::Promoted, Some("127.0.0.1:7004")),
                sighting(4.74, Seen::Agreed, None),
            ],
        };
        ([event], outages)
    }

    #[test]
    fn an_event_shows_what_nodes_and_clients_saw() {
        let (events, outages) = example();
        let text = lines(&events, &outages);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let wanted = "
  event 1  kill 127.0.0.1:7001, a primary of shard 2, at 3.00 s
           the nodes: 127.0.0.1:7001 suspected after 1.05 s; 127.0.0.1:7001
           failed after 1.07 s; 127.0.0.1:7004 promoted after 1.70 s; all agreed
           after 1.74 s
  shard       outage  from s    to s  planned    late  refused no reply  failed
  2 reads     1.73 s    3.00    4.73    1,557   1,500        0       50       7
  2 writes  ≥ 9.00 s    3.00       -    1,557   1,500        0       50       7
  3 reads   400.0 ms    3.00    4.10    1,557   1,500        0       50       7
  longest stall of the other shards: 12.0 ms (1 writes)
";
        assert!(text.starts_with(wanted), "{text}");
    }
}
