//! A verified load tells which event cost which acknowledged writes.

use std::fs;
use std::time::Duration;

use loadgen::ledger::LostReport;

use super::clusters::{on_cluster_of, request};
use super::faulted::Faulted;
use crate::servers::server;

/// The columns of the list of lost keys: the key, and the event.
const KEY: usize = 0;
const EVENT: usize = 7;

#[test]
fn lost_writes_are_counted_by_shard_and_event() {
    // The killed primary starts again without data before a replica could take over, so its shard loses everything.
    let mut request = request(5_000, "yes");
    request.settings.push(("appendonly".to_owned(), "no".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    on_cluster_of(&server("redis-7.0"), &request, async |live| {
        let faults = &["pause shard 1 100ms @200ms", "kill shard 2 200ms @500ms"];
        let run = Duration::from_secs(1);
        let run = Faulted { rate_per_s: 300.0, run, faults, verified_into: Some(folder.path()) };
        let record = run.load(&live).await.unwrap();
        let verify = record.load.unwrap().verify.unwrap();
        let lost = verify.lost.unwrap();
        assert!(lost > 0, "{verify:?}");
        let expected = LostReport { shard: Some(2), event: Some(2), lost };
        assert_eq!(verify.read_back.unwrap().lost_by_event, [expected]);
        let list = fs::read_to_string(folder.path().join("lost-keys.txt")).unwrap();
        let rows: Vec<Vec<&str>> = list.lines().skip(1).map(|row| row.split('\t').collect()).collect();
        assert_eq!(rows.len() as u64, lost);
        assert!(rows.iter().all(|row| row[KEY].starts_with("key:") && row[EVENT] == "2"), "{list}");
        let shown = fs::read_to_string(folder.path().join("summary.txt")).unwrap();
        assert!(shown.contains("of shard 2 were lost by event 2"), "{shown}");
    });
}
