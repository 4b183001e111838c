//! Events of a load run on containers.

use std::rc::Rc;
use std::time::Duration;

use harness::record::Seen;
use harness::runner::settle::Baseline;
use suites::{LiveCluster, Shape};
use targets::{BringUp, ComposeOptions, Target, open_compose};

use crate::common::{RCT, image, run, with_engine};
use crate::faulted::{Faulted, perform_each};
use crate::other_client::compare;

/// What the other tests do not do to a container, and how long its run takes in seconds.
const ACTIONS: [(&str, u64); 8] = [
    ("pause primary 4s @500ms", 8),
    ("restart replica @500ms", 6),
    ("stop shard 2 500ms @500ms", 8),
    ("failover @500ms", 4),
    ("move 50 slots @500ms", 4),
    ("add node @500ms", 15),
    ("remove node @500ms", 15),
    ("rolling-restart @500ms", 40),
];

#[test]
#[ignore = "slow: 3 min, each action once"]
fn each_action_has_its_effect_on_containers_and_is_undone() {
    on_compose(async |live| perform_each(live, 300.0, &ACTIONS).await);
}

#[test]
#[ignore = "slow: 60 s"]
fn the_outage_of_a_killed_container_is_what_another_client_sees() {
    on_compose(async |live| {
        let before = Baseline::of(live).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (run, faults) = (Duration::from_secs(30), &["kill primary @10s"]);
        let run = Faulted { rate_per_s: 3_000.0, run, faults, verified_into: Some(folder.path()) };
        compare(live, &run).await;
        assert_eq!(Baseline::of(live).await.unwrap(), before);
    });
}

#[test]
#[ignore = "slow: 30 s"]
fn a_node_that_is_cut_off_loses_the_writes_that_it_still_acknowledges() {
    on_compose(async |live| {
        let before = Baseline::of(live).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (run, faults) = (Duration::from_secs(12), &["isolate primary 5s @2s"]);
        let run = Faulted { rate_per_s: 300.0, run, faults, verified_into: Some(folder.path()) };
        let record = run.load(live).await.unwrap();
        let event = &record.events[0];
        assert_eq!(event.problem, None);
        for state in [Seen::Failed, Seen::Promoted] {
            assert!(event.seen.iter().any(|sighting| sighting.state == state), "{state}: {:#?}", event.seen);
        }
        let verify = record.load.unwrap().verify.unwrap();
        assert!(verify.lost.is_some_and(|lost| lost > 0), "{verify:?}");
        let losses = verify.read_back.unwrap().lost_by_event;
        let is_own = |shard: Option<usize>| shard.is_some_and(|shard| event.shards.contains(&shard));
        assert!(losses.iter().all(|loss| loss.event == Some(1) && is_own(loss.shard)), "{losses:?}");
        assert_eq!(Baseline::of(live).await.unwrap(), before);
    });
}

/// Runs a test on a cluster of three primaries with a replica each.
fn on_compose(test: impl AsyncFnOnce(&Rc<LiveCluster>)) {
    with_engine(|| {
        let image = Some(image("redis-7.0"));
        run(async {
            let options = ComposeOptions { image, rct: Some(RCT.into()), file: None };
            let target = open_compose(options).await.unwrap_or_else(|error| panic!("{error}"));
            let node_timeout = Duration::from_millis(2_000);
            let request = BringUp { shape: Shape::new(3, 1), node_timeout, ..BringUp::default() };
            let lease = target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"));
            test(&lease.live).await;
            lease.shut_down().await;
        });
    });
}
