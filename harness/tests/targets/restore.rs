//! rct restores a cluster that a check has changed, and notices what it cannot restore.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use harness::runner::restore::restore;
use harness::runner::settle::{Baseline, fit_again};
use suites::until::until;
use suites::{Cluster, ClusterSettings, Expect, Keys, LiveCluster, Shape, ensure};
use targets::{BringUp, Target};
use wire::command;

use crate::common::{local, run};
use crate::servers::{RELEASES, server};

/// Runs a test on a new cluster of every release.
fn on_every_release(test: impl AsyncFn(&Rc<LiveCluster>, &Cluster, &str)) {
    for release in RELEASES {
        run(async {
            let target = local(server(release)).await;
            let request =
                BringUp { shape: Shape::new(3, 1), node_timeout: Duration::from_secs(2), ..BringUp::default() };
            let lease = target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"));
            let live = Rc::clone(&lease.live);
            let keys = Keys::new("test", "restore", 0);
            let cluster = Cluster::new(ClusterSettings { live: Rc::clone(&live), keys, seed: 1 });
            test(&live, &cluster, release).await;
            lease.shut_down().await;
        });
    }
}

#[test]
fn roles_slots_and_keys_are_restored_wherever_a_check_stopped() {
    on_every_release(async |live, cluster, release| {
        let before = Baseline::of(live).await.unwrap();
        let [one, two, three]: [_; 3] = cluster.primaries().try_into().unwrap();
        let slots = cluster.slots_of(&one);
        let keys = [slots[0], slots[1]].map(|slot| cluster.keys().fresh(slot));
        for key in &keys {
            cluster.expect(&one, command!["SET", key, "v"], Expect::Ok).await.unwrap();
        }
        // A shard with its roles changed, a slot that is another's, one that is half way, and one that is nobody's.
        cluster.failover(&cluster.replica_of(&three).unwrap(), None).await.unwrap();
        cluster.move_slot(slots[0], &one, &two).await.unwrap();
        cluster.open_slot(slots[1], &one, &two).await.unwrap();
        cluster.move_keys(slots[1], &one, &two).await.unwrap();
        cluster.expect(&one, command!["CLUSTER", "DELSLOTS", slots[2].to_string()], Expect::Ok).await.unwrap();

        restore(live, &before).await.unwrap_or_else(|stop| panic!("{release}: {stop}"));
        assert_eq!(Baseline::of(live).await.unwrap(), before);
        // Also where the next check looks.
        assert_eq!(Baseline::of_view(&live.topology()), before);
        assert!(live.agreed_view().await.unwrap().nodes.iter().all(|node| node.open.is_empty()));
        for key in &keys {
            cluster.expect(&one, command!["GET", key], Expect::text("v")).await.unwrap();
        }
    });
}

/// A check may lend a replica to another shard, and that one may win the election there: its old primary and its sister
/// then copy a node that must become a replica of a third one.
#[test]
fn a_replica_that_was_moved_and_promoted_returns() {
    on_every_release(async |live, cluster, release| {
        let before = Baseline::of(live).await.unwrap();
        let [one, two, _]: [_; 3] = cluster.primaries().try_into().unwrap();
        let lent = cluster.replica_of(&two).unwrap();
        cluster.expect(&lent, command!["CLUSTER", "REPLICATE", &one.id], Expect::Ok).await.unwrap();
        let is_lent = async || {
            let view = live.agreed_view().await?;
            let found = view.node(&lent.id).and_then(|node| node.primary);
            ensure!(found == Some(one.id), format!("a replica of {}", one.id), "{found:?}");
            live.set_topology(view);
            cluster.replicated(&one).await
        };
        until(live.limits.failover, live.limits.poll, "the replica is lent", is_lent).await.unwrap();
        cluster.failover(&lent, None).await.unwrap();

        restore(live, &before).await.unwrap_or_else(|stop| panic!("{release}: {stop}"));
        assert_eq!(Baseline::of(live).await.unwrap(), before);
    });
}

/// Redis 7.0 brings this about by itself; see `LiveCluster::forget_gaps`.
#[test]
fn a_promoted_replica_takes_back_a_slot_that_only_itself_lost() {
    on_every_release(async |live, cluster, release| {
        let before = Baseline::of(live).await.unwrap();
        let primary = cluster.some_primary().unwrap();
        let (slot, replica) = (cluster.slot_of(&primary).unwrap(), cluster.replica_of(&primary).unwrap());
        cluster.failover(&replica, None).await.unwrap();
        cluster.expect(&replica, command!["CLUSTER", "DELSLOTS", slot.to_string()], Expect::Ok).await.unwrap();

        restore(live, &before).await.unwrap_or_else(|stop| panic!("{release}: {stop}"));
        assert_eq!(Baseline::of(live).await.unwrap(), before);
    });
}

#[test]
fn nodes_of_redis_7_0_learn_a_slot_anew_that_its_owner_took_back() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let request = BringUp { shape: Shape::new(3, 1), node_timeout: Duration::from_secs(2), ..BringUp::default() };
        let lease = target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"));
        let live = Rc::clone(&lease.live);
        let keys = Keys::new("test", "gaps", 0);
        let cluster = Cluster::new(ClusterSettings { live: Rc::clone(&live), keys, seed: 1 });
        let before = Baseline::of(&live).await.unwrap();
        let primary = cluster.some_primary().unwrap();
        let (slot, replica) = (cluster.slot_of(&primary).unwrap(), cluster.replica_of(&primary).unwrap());
        let other = cluster.primaries().into_iter().find(|other| other.id != primary.id).unwrap();
        let owned_by_other =
            BTreeMap::from([(primary.address.clone(), BTreeSet::from([cluster.slot_of(&other).unwrap()]))]);
        live.forget_gaps(&owned_by_other).await;
        assert_eq!(live.agreed_view().await.unwrap().slot_owners(), before.owners, "nothing is deleted");
        let mut was_unknown = [false; 2];
        // The next message of the primary brings the slot back, and may be faster than the test.
        for _ in 0..10 {
            for change in ["DELSLOTS", "ADDSLOTS"] {
                cluster.expect(&primary, command!["CLUSTER", change, slot.to_string()], Expect::Ok).await.unwrap();
            }
            cluster.tidy().await.unwrap();
            live.forget_gaps(&cluster.own_changes().added).await;
            for (was_unknown, node) in was_unknown.iter_mut().zip([&other, &replica]) {
                *was_unknown |= live.view_of(node).await.unwrap().owner(slot).is_none();
            }
            let is_as_before = async || {
                ensure!(Baseline::of(&live).await? == before, "every node as before", "differences");
                Ok(())
            };
            until(live.limits.failover, live.limits.poll, "all nodes know the slot again", is_as_before).await.unwrap();
        }
        assert_eq!(was_unknown, [true; 2]);
        lease.shut_down().await;
    });
}

#[test]
fn rct_waits_until_every_node_knows_an_address_as_before() {
    on_every_release(async |live, cluster, release| {
        let before = Baseline::of(live).await.unwrap();
        let node = cluster.some_primary().unwrap();
        let known_as = async || {
            let views = live.own_views().await?;
            Ok(views.iter().filter_map(|(_, view)| Some(view.node(&node.id)?.address.clone())).collect::<Vec<_>>())
        };
        let setting = |value: &str| command!["CONFIG", "SET", "cluster-announce-ip", value];
        cluster.expect(&node, setting("::ffff:127.0.0.1"), Expect::Ok).await.unwrap();
        let is_spread = async || {
            let known = known_as().await?;
            ensure!(known.iter().all(|address| *address != node.address), "the new address", "{known:?}");
            Ok(())
        };
        until(live.limits.converge, live.limits.poll, "the new address spreads", is_spread).await.unwrap();
        cluster.expect(&node, setting(""), Expect::Ok).await.unwrap();
        before.addresses_return(live).await;
        assert_eq!(known_as().await.unwrap(), vec![node.address.clone(); 6], "{release}");
    });
}

#[test]
fn an_open_slot_of_any_node_is_noticed() {
    const SHORT: Duration = Duration::from_millis(300);
    on_every_release(async |live, cluster, release| {
        fit_again(live, 6, live.limits.failover).await.unwrap_or_else(|stop| panic!("{release}: {stop}"));
        let [one, _, three]: [_; 3] = cluster.primaries().try_into().unwrap();
        let slot = cluster.slot_of(&one).unwrap().to_string();
        let import = command!["CLUSTER", "SETSLOT", &slot, "IMPORTING", &one.id];
        cluster.expect(&three, import, Expect::Ok).await.unwrap();
        assert!(fit_again(live, 6, SHORT).await.is_err(), "{release}");
        cluster.expect(&three, command!["CLUSTER", "SETSLOT", &slot, "STABLE"], Expect::Ok).await.unwrap();
        fit_again(live, 6, live.limits.failover).await.unwrap_or_else(|stop| panic!("{release}: {stop}"));
    });
}
