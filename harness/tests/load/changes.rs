//! No change of the cluster ends a load run early.

use std::rc::Rc;
use std::time::{Duration, Instant};

use loadgen::{LoadPlan, LoadReport, StopSignal, Until};
use suites::{Cluster, ClusterSettings, Keys, LiveCluster, Restart, Spare};
use tokio::time::sleep;
use wire::{Node, Slot, command};

use super::common::{ask, at_rate, load, on_cluster, plan};

const RATE_PER_S: f64 = 1_000.0;

/// How many times the test tries to move keys that a node refuses.
const TRIES: u32 = 100;
/// The number of slots that move at a time.
const MOVED: usize = 500;

fn cluster(live: &Rc<LiveCluster>) -> Cluster {
    Cluster::new(ClusterSettings { live: Rc::clone(live), keys: Keys::new("load", "changes", 0), seed: 1 })
}

/// Moves slots with their keys. Only source and target hear of it, so clients must learn it from their redirects.
async fn move_slots(live: &Rc<LiveCluster>, slots: &[Slot], from: &Node, to: &Node) {
    let cluster = cluster(live);
    for &slot in slots {
        cluster.open_slot(slot, from, to).await.unwrap();
    }
    // While the slots are open, the source answers ASK for keys that have moved.
    sleep(Duration::from_millis(500)).await;
    for &slot in slots {
        // A node that has just lost its primary refuses keys for a moment.
        let mut tries = 0;
        while let Err(stop) = cluster.move_keys(slot, from, to).await {
            tries += 1;
            assert!(tries < TRIES, "{stop:?}");
            sleep(Duration::from_millis(100)).await;
        }
        for node in [to, from] {
            let assign = command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", to.id];
            // A source without slots may already be a replica of the new owner, and then refuses SETSLOT.
            let reply = ask(live, &node.address, &assign).await;
            assert!(reply.error().is_none() || node.id == from.id, "{}: {reply}", node.address);
        }
    }
    if let Some(&slot) = slots.last() {
        cluster.owned(slot, to).await.unwrap();
    }
}

fn assert_whole(report: &LoadReport) {
    let sum: u64 = report.windows.iter().map(|window| window.operations + window.failed + window.not_sent).sum();
    assert_eq!(sum, report.operations + report.failed + report.not_sent, "windows hold everything");
}

#[test]
fn a_killed_primary_affects_only_its_own_shard() {
    on_cluster(1_000, async |live| {
        let stop = StopSignal::default();
        let run = Duration::from_secs(9);
        let plan = LoadPlan { pace: at_rate(RATE_PER_S), until: Until::Elapsed(run), ..plan(&live, "GET:1,SET:1") };
        let killed = live.topology().owner(Slot::of("killed")).unwrap().address.clone();
        let killing = async {
            sleep(Duration::from_secs(2)).await;
            live.control.kill(&killed).await.unwrap();
        };
        let began = Instant::now();
        let (report, ()) = tokio::join!(load(plan, &stop), killing);
        let took = began.elapsed();
        assert!(took >= run && took < run + Duration::from_secs(5), "it ends at its time: {took:?}");
        assert_whole(&report);
        let all = report.operations + report.failed + report.not_sent;
        assert_eq!(all as f64, RATE_PER_S * run.as_secs_f64(), "all that was planned is accounted for");
        let problems = |from_s: f64, to_s: f64| -> u64 {
            let within = report.windows.iter().filter(|window| (from_s..to_s).contains(&window.at_s));
            within.map(|window| window.errors).sum()
        };
        assert_eq!(problems(0.0, 1.0), 0);
        assert!(problems(1.0, 9.0) > 0, "the timeline shows the loss: {:?}", report.outcomes);
        assert!(report.outcomes["closed"] + report.outcomes["refused"] > 0);
        let dead = report.nodes.iter().find(|node| node.address == killed.to_string()).unwrap();
        assert_eq!(dead.role, "gone");
        let promoted = report.nodes.iter().filter(|node| node.role == "primary" && node.operations > 0).count();
        assert_eq!(promoted, 3, "the promoted replica got sockets and operations");
        let last = report.windows.iter().rev().find(|window| window.length_s > 0.9).unwrap();
        assert!(last.operations as f64 > RATE_PER_S * 0.9, "it serves again: {last:?}");
    });
}

#[test]
fn a_run_continues_through_every_change() {
    on_cluster(1_000, async |live| {
        let stop = StopSignal::default();
        let plan = LoadPlan {
            pace: at_rate(RATE_PER_S),
            until: Until::Elapsed(Duration::from_secs(300)),
            ..plan(&live, "GET:1,SET:1")
        };
        let changing = async {
            let cluster = cluster(&live);
            sleep(Duration::from_secs(1)).await;
            let (first, second) = (cluster.primaries()[0].clone(), cluster.primaries()[1].clone());
            cluster.failover(&cluster.replica_of(&first).unwrap(), None).await.unwrap();
            let slots: Vec<Slot> = cluster.slots_of(&second).into_iter().take(MOVED).collect();
            let third = cluster.primaries().into_iter().find(|node| node.id != second.id).unwrap();
            move_slots(&live, &slots, &second, &third).await;
            let spare = cluster.start_spare(Spare::default()).await.unwrap();
            cluster.meet(&spare).await.unwrap();
            move_slots(&live, &slots, &third, &spare).await;
            sleep(Duration::from_secs(1)).await;
            move_slots(&live, &slots, &spare, &second).await;
            live.control.kill(&spare.address).await.unwrap();
            for node in live.topology().nodes.iter().filter(|node| node.id != spare.id) {
                live.control.restart(&node.address, Restart::WithData).await.unwrap();
                sleep(Duration::from_millis(500)).await;
            }
            sleep(Duration::from_secs(4)).await;
            stop.raise();
            spare
        };
        let (report, spare) = tokio::join!(load(plan, &stop), changing);
        assert_whole(&report);
        assert!(report.outcomes["moved"] > 0 && report.outcomes["ask"] > 0, "{:?}", report.outcomes);
        let newcomer = report.nodes.iter().find(|node| node.address == spare.address.to_string()).unwrap();
        assert!(newcomer.operations > 0, "a new node gets sockets: {newcomer:?}");
        let redirected = report.windows.iter().filter(|window| window.redirects > 0).count();
        assert!(redirected > 1, "the timeline shows the redirects");
        let serving = report.windows.iter().rev().filter(|window| window.length_s > 0.9).take(2);
        for window in serving {
            assert!(window.operations as f64 > RATE_PER_S * 0.9, "it serves to the end: {window:?}");
        }
    });
}
