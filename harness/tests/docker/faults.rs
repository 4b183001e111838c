//! Every action on nodes in containers has its effect.

use std::rc::Rc;
use std::time::Duration;

use suites::until::until;
use suites::{Fault, LiveCluster, NodeState, Outcome, Restart, Shape, Spare, ensure};
use targets::{BringUp, Target};
use targets::{ComposeOptions, open_compose};
use wire::{Node, Role, command};

use crate::common::{RCT, image, run, with_engine};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "slow: 35 s"]
fn every_action_has_its_effect() {
    with_engine(|| {
        let image = Some(image("redis-7.0"));
        run(async {
            let options = ComposeOptions { image, rct: Some(RCT.into()), file: None };
            let target = open_compose(options).await.unwrap_or_else(|error| panic!("{error}"));
            let request =
                BringUp { shape: Shape::new(3, 1), node_timeout: Duration::from_millis(2_000), ..BringUp::default() };
            let lease = target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"));
            let live = Rc::clone(&lease.live);
            cut_off_and_healed(&live).await;
            paused_and_resumed(&live).await;
            killed_and_restarted(&live).await;
            spare(&live).await;
            drop(live);
            lease.shut_down().await;
        });
    });
}

/// Cuts a primary off: its replica takes over, clients still reach it, and it returns as a replica.
async fn cut_off_and_healed(live: &LiveCluster) {
    let (primary, replica) = pair(live);
    assert!(live.control.offers(Fault::Isolate));
    live.control.isolate(&primary.address).await.unwrap();
    assert_eq!(live.control.state(&primary.address), NodeState::CutOff);
    assert!(live.answers(&primary.address).await, "clients reach it");
    let promoted = until(LIMIT, live.limits.poll, "the replica is promoted", async || {
        let view = live.agreed_view().await?;
        let found = view.node(&replica.id).map(|node| (node.role, node.slots.len()));
        ensure!(found == Some((Role::Primary, 1)), "a primary with slots", "{found:?}");
        Ok(())
    });
    promoted.await.unwrap();
    live.control.heal(&primary.address).await.unwrap();
    replicates(live, &primary, &replica).await.unwrap();
}

async fn paused_and_resumed(live: &LiveCluster) {
    let (_, replica) = pair(live);
    live.control.pause(&replica.address).await.unwrap();
    assert_eq!(live.control.state(&replica.address), NodeState::Paused);
    live.control.resume(&replica.address).await.unwrap();
    assert!(live.answers(&replica.address).await);
}

/// Restarts a killed replica with its data and without, and waits until it is in sync again.
async fn killed_and_restarted(live: &LiveCluster) {
    let (primary, replica) = pair(live);
    for how in [Restart::WithData, Restart::WithoutData] {
        live.control.kill(&replica.address).await.unwrap();
        assert!(matches!(live.control.state(&replica.address), NodeState::Ended(_)));
        live.control.restart(&replica.address, how).await.unwrap();
        assert_eq!(live.control.state(&replica.address), NodeState::Running);
        let myself = live.ask(&replica, &command!["CLUSTER", "MYID"]).await.unwrap();
        assert_eq!(myself.text().as_deref(), Some(replica.id.to_string().as_str()), "{how:?}");
        replicates(live, &replica, &primary).await.unwrap();
        let timeout = live.ask(&replica, &command!["CONFIG", "GET", "cluster-node-timeout"]).await.unwrap();
        assert_eq!(wire::bytes_of(&timeout.items().unwrap()[1]), Some(&b"2000"[..]));
    }
    live.control.stop(&replica.address).await.unwrap();
    assert!(live.control.log_tail(&replica.address).is_some());
    live.control.restart(&replica.address, Restart::WithData).await.unwrap();
}

async fn spare(live: &LiveCluster) {
    let spare = Spare { standalone: true, settings: vec![("maxmemory".to_owned(), "7000000".to_owned())] };
    let address = live.control.start_spare(spare).await.unwrap();
    let node = Node { address, ..live.topology().nodes[0].clone() };
    let maximum = live.ask(&node, &command!["CONFIG", "GET", "maxmemory"]).await.unwrap();
    assert_eq!(wire::bytes_of(&maximum.items().unwrap()[1]), Some(&b"7000000"[..]));
    let refused = live.ask(&node, &command!["CLUSTER", "INFO"]).await.unwrap();
    assert!(refused.error().is_some(), "{refused}");
}

/// A primary that has a replica, and that replica.
fn pair(live: &LiveCluster) -> (Node, Node) {
    let topology = live.topology();
    let replica = topology.nodes.iter().find(|node| node.primary.is_some()).expect("a replica").clone();
    let primary = replica.primary.and_then(|id| topology.node(&id)).expect("its primary").clone();
    (primary, replica)
}

/// Waits until a node replicates another one in the view of all nodes, and is in sync.
async fn replicates(live: &LiveCluster, replica: &Node, primary: &Node) -> Outcome {
    until(LIMIT, live.limits.poll, "the node replicates its primary", async || {
        let view = live.agreed_view().await?;
        let copied = view.node(&replica.id).and_then(|node| node.primary);
        ensure!(copied == Some(primary.id), format!("a replica of {}", primary.id), "{copied:?}");
        let link = live.info(replica, "replication").await?;
        ensure!(link.get("master_link_status").is_some_and(|link| link == "up"), "a link", "{link:?}");
        live.set_topology(view);
        Ok(())
    })
    .await
}
