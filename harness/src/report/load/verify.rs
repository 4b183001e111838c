//! What `--verify` and `--wait` found, as lines and rows that the reports share.

use loadgen::ledger::{BadRead, ReadReport, VerifyReport};
use loadgen::report::LoadReport;
use loadgen::waits::WaitReport;

use super::rows::{grouped, time};
use crate::text::printable;

/// The most bad reads that the table shows.
const EXAMPLES_SHOWN: usize = 3;

/// Returns the lines about verification, the most important first.
pub(super) fn lines(report: &LoadReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(verify) = &report.verify {
        lines.push(at_the_end(verify));
        lines.push(of_reads("primaries", &verify.primaries));
        if verify.replicas.checked > 0 {
            lines.push(of_reads("replicas", &verify.replicas));
        }
        lines.extend(in_doubt(verify));
        lines.extend(shards_of(verify));
        lines.extend(events_of(verify));
        lines.extend(replicas_of(verify));
        lines.extend(verify.examples.iter().take(EXAMPLES_SHOWN).map(example));
    }
    lines.extend(report.wait.as_ref().map(confirmed));
    lines
}

/// Returns the counts that decide, by name.
pub(super) fn sums(report: &LoadReport) -> Vec<(&'static str, String)> {
    let mut sums = Vec::new();
    if let Some(verify) = &report.verify {
        let lost = verify.lost.map_or("unknown".to_owned(), grouped);
        sums.push(("lost", format!("{lost} of {} acknowledged writes", grouped(verify.acknowledged))));
        sums.push((
            "stale",
            format!("{} of {} reads of primaries", grouped(verify.stale), grouped(verify.primaries.checked)),
        ));
        sums.push(("corrupt", grouped(verify.corrupt)));
        sums.push(("in doubt", grouped(verify.in_doubt)));
    }
    if let Some(wait) = &report.wait {
        sums.push((
            "unconfirmed",
            format!("{} of {}", grouped(wait.unconfirmed), grouped(wait.confirmed + wait.unconfirmed)),
        ));
    }
    sums
}

fn at_the_end(verify: &VerifyReport) -> String {
    let (Some(lost), Some(read_back)) = (verify.lost, &verify.read_back) else {
        return format!("{} acknowledged writes; rct did not read them back", grouped(verify.acknowledged));
    };
    let sum = |of: fn(&loadgen::ledger::ShardReport) -> u64| read_back.shards.iter().map(of).sum::<u64>();
    let mut line = format!(
        "lost {} of {} acknowledged writes; rct read {} keys back",
        grouped(lost),
        grouped(verify.acknowledged),
        grouped(read_back.keys)
    );
    for (count, what) in [
        (sum(|shard| shard.corrupt), "corrupt"),
        (sum(|shard| shard.absent), "absent after a removal or expiry"),
        (sum(|shard| shard.unread), "could not be read"),
    ] {
        if count > 0 {
            line += &format!(", {} {what}", grouped(count));
        }
    }
    line
}

fn of_reads(nodes: &str, reads: &ReadReport) -> String {
    let counts = [
        (reads.stale, "stale"),
        (reads.missing, "missing"),
        (reads.wrong_key, "with the value of another key"),
        (reads.corrupt, "corrupt"),
        (reads.never_sent, "never sent"),
    ];
    let wrong: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(count)))
        .collect();
    let wrong = if wrong.is_empty() { "all up to date".to_owned() } else { wrong.join(", ") };
    let age = reads.stale_age_us.as_ref().map_or(String::new(), |age| {
        format!(
            "; they were out of date for {} at p50, {} at p99, {} at most",
            time(age.p50),
            time(age.p99),
            time(age.max)
        )
    });
    format!("{} reads of {nodes}: {wrong}{age}", grouped(reads.checked))
}

fn in_doubt(verify: &VerifyReport) -> Option<String> {
    let mut line = format!("{} writes in doubt, neither acknowledged nor refused", grouped(verify.in_doubt));
    if let Some(read_back) = &verify.read_back {
        let sum = |of: fn(&loadgen::ledger::ShardReport) -> u64| grouped(read_back.shards.iter().map(of).sum::<u64>());
        line += &format!(
            ": {} took effect, {} did not, {} were overwritten",
            sum(|shard| shard.in_doubt_applied),
            sum(|shard| shard.in_doubt_not_applied),
            sum(|shard| shard.in_doubt_unknown)
        );
    }
    (verify.in_doubt > 0).then_some(line)
}

/// The shards that lost something or could not be read.
fn shards_of(verify: &VerifyReport) -> impl Iterator<Item = String> + '_ {
    let shards = verify.read_back.iter().flat_map(|read_back| &read_back.shards);
    shards.filter(|shard| shard.lost + shard.corrupt + shard.unread > 0).map(|shard| {
        let name = match &*shard.address {
            "" => "slots that no node serves".to_owned(),
            address => format!("shard of {}", printable(address)),
        };
        let counts = [(shard.lost, "lost"), (shard.corrupt, "corrupt"), (shard.unread, "could not be read")];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(count)))
            .collect();
        format!("{name}: {} of {} keys", counts.join(", "), grouped(shard.keys + shard.unread))
    })
}

/// What each event cost.
fn events_of(verify: &VerifyReport) -> impl Iterator<Item = String> + '_ {
    let losses = verify.read_back.iter().flat_map(|read_back| &read_back.lost_by_event);
    losses.map(|loss| {
        let keys = if loss.lost == 1 { "1 key".to_owned() } else { format!("{} keys", grouped(loss.lost)) };
        let shard = loss.shard.map_or("other shards".to_owned(), |shard| format!("shard {shard}"));
        let were = if loss.lost == 1 { "was" } else { "were" };
        match loss.event {
            Some(event) => format!("{keys} of {shard} {were} lost by event {event}"),
            None => format!("{keys} of {shard} {were} lost, and no event aimed at it"),
        }
    })
}

fn replicas_of(verify: &VerifyReport) -> impl Iterator<Item = String> + '_ {
    let replicas = verify.read_back.iter().flat_map(|read_back| &read_back.replicas);
    replicas.map(|replica| {
        format!(
            "replica {}: {} keys, {} stale, {} corrupt, {} could not be read",
            printable(&replica.address),
            grouped(replica.keys),
            grouped(replica.stale),
            grouped(replica.corrupt),
            grouped(replica.unread)
        )
    })
}

fn example(read: &BadRead) -> String {
    let found = read.found.map_or("no write".to_owned(), |counter| format!("write {counter}"));
    let expected = read.expected.map_or(String::new(), |counter| format!(", expected write {counter} or later"));
    let (node, key) = (printable(&read.node), printable(&read.key));
    format!("at {:.3} s {node} answered GET {key} with {found}{expected} ({})", read.at_s, printable(&read.what))
}

fn confirmed(wait: &WaitReport) -> String {
    let by_replicas: Vec<String> =
        wait.by_replicas.iter().map(|(replicas, count)| format!("{} by {replicas}", grouped(*count))).collect();
    let replicas = if wait.replicas == 1 { "1 replica".to_owned() } else { format!("{} replicas", wait.replicas) };
    let all = wait.confirmed + wait.unconfirmed;
    let detail = if by_replicas.is_empty() { String::new() } else { format!(": {}", by_replicas.join(", ")) };
    format!("{} of {} writes were confirmed by {replicas} in time{detail}", grouped(wait.confirmed), grouped(all))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use loadgen::ledger::{LostReport, ReadBackReport, ReplicaReport, ShardReport};

    use super::*;

    #[test]
    fn what_was_lost_is_told_first() {
        let mut verify = VerifyReport { acknowledged: 2_000, in_doubt: 3, ..VerifyReport::default() };
        assert_eq!(at_the_end(&verify), "2,000 acknowledged writes; rct did not read them back");
        assert_eq!(of_reads("primaries", &verify.primaries), "0 reads of primaries: all up to date");
        verify.primaries = ReadReport { checked: 1_000, stale: 2, missing: 1, ..ReadReport::default() };
        assert_eq!(of_reads("primaries", &verify.primaries), "1,000 reads of primaries: 2 stale, 1 missing");
        let lossy = ShardReport { address: "a:1".to_owned(), keys: 90, lost: 37, unread: 10, ..ShardReport::default() };
        let right = ShardReport { address: "b:1".to_owned(), keys: 100, in_doubt_applied: 3, ..ShardReport::default() };
        let replica = ReplicaReport { address: "c:1".to_owned(), keys: 90, stale: 1, ..ReplicaReport::default() };
        let (shards, replicas) = (vec![lossy, right], vec![replica]);
        let loss = |event, lost| LostReport { shard: Some(2), event, lost };
        let lost_by_event = vec![loss(Some(3), 36), loss(None, 1)];
        let read_back = ReadBackReport { keys: 190, shards, replicas, lost_by_event, ..ReadBackReport::default() };
        verify.add_read_back(read_back);
        assert_eq!(
            at_the_end(&verify),
            "lost 37 of 2,000 acknowledged writes; rct read 190 keys back, 10 could not be read"
        );
        let named: Vec<String> = shards_of(&verify).collect();
        assert_eq!(named, ["shard of a:1: 37 lost, 10 could not be read of 100 keys"]);
        let by_event: Vec<String> = events_of(&verify).collect();
        let expected =
            ["36 keys of shard 2 were lost by event 3", "1 key of shard 2 was lost, and no event aimed at it"];
        assert_eq!(by_event, expected);
        assert_eq!(
            in_doubt(&verify).unwrap(),
            "3 writes in doubt, neither acknowledged nor refused: 3 took effect, 0 did not, 0 were overwritten"
        );
        let replica: Vec<String> = replicas_of(&verify).collect();
        assert_eq!(replica, ["replica c:1: 90 keys, 1 stale, 0 corrupt, 0 could not be read"]);
    }

    #[test]
    fn confirmed_writes_are_counted_by_replicas() {
        let by_replicas = BTreeMap::from([(0, 12), (1, 1_988)]);
        let wait = WaitReport { replicas: 1, confirmed: 1_988, unconfirmed: 12, by_replicas };
        assert_eq!(confirmed(&wait), "1,988 of 2,000 writes were confirmed by 1 replica in time: 12 by 0, 1,988 by 1");
    }

    #[test]
    fn a_bad_read_is_shown_with_what_was_expected() {
        let read = BadRead {
            at_s: 1.5,
            key: "key:7".to_owned(),
            node: "a:1".to_owned(),
            what: "stale".to_owned(),
            expected: Some(5),
            found: Some(4),
        };
        assert_eq!(example(&read), "at 1.500 s a:1 answered GET key:7 with write 4, expected write 5 or later (stale)");
    }
}
