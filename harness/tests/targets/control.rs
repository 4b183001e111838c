//! Every action on nodes of the target `local` has its effect.

use std::rc::Rc;
use std::time::{Duration, Instant};

use suites::{ControlError, Fault, LiveCluster, NodeState, Restart, Shape, Spare};
use targets::{BringUp, Lease, Target};
use wire::{Address, Connection, Node, command};

use crate::common::{local, run};
use crate::servers::{RELEASES, server};

const PATIENCE: Duration = Duration::from_secs(30);

async fn up(target: &impl Target) -> Lease {
    // Long enough for no replica to take over while a test looks.
    let request = BringUp { shape: Shape::new(3, 0), node_timeout: Duration::from_secs(60), ..BringUp::default() };
    target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"))
}

fn first(live: &LiveCluster) -> Node {
    live.topology().nodes[0].clone()
}

async fn connect(live: &LiveCluster, address: &Address) -> Connection {
    Connection::open(&live.options(address)).await.unwrap()
}

/// Writes a key of a node's own slots as soon as the node takes it.
async fn write(live: &LiveCluster, node: &Node) {
    let mut connection = connect(live, &node.address).await;
    let key = format!("{{{}}}", node.slots[0].start.tag(0));
    let started = Instant::now();
    loop {
        let reply = connection.call(&command!["SET", &key, "1"]).await.unwrap();
        if reply.is_ok() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{reply}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn keys(live: &LiveCluster, node: &Node) -> Option<i64> {
    connect(live, &node.address).await.call(&command!["DBSIZE"]).await.unwrap().integer()
}

#[test]
fn a_killed_node_comes_back_with_its_data_or_without_on_every_release() {
    for release in RELEASES {
        run(async {
            let target = local(server(release)).await;
            let lease = up(&target).await;
            let (live, node) = (Rc::clone(&lease.live), first(&lease.live));
            write(&live, &node).await;

            live.control.kill(&node.address).await.unwrap();
            assert!(matches!(live.control.state(&node.address), NodeState::Ended(how) if how.contains("9")));
            assert!(!live.answers(&node.address).await);
            live.control.restart(&node.address, Restart::WithData).await.unwrap();
            assert_eq!(live.control.state(&node.address), NodeState::Running);
            assert_eq!(keys(&live, &node).await, Some(1));

            live.control.stop(&node.address).await.unwrap();
            live.control.restart(&node.address, Restart::WithoutData).await.unwrap();
            assert_eq!(keys(&live, &node).await, Some(0));
            let myself = connect(&live, &node.address).await.call(&command!["CLUSTER", "MYID"]).await.unwrap();
            assert_eq!(myself.text().unwrap(), node.id.as_str());
            write(&live, &node).await;
            assert!(live.control.log_tail(&node.address).unwrap().lines().count() > 1);
            lease.shut_down().await;
            assert!(matches!(live.control.state(&node.address), NodeState::Ended(_)));
        });
    }
}

#[test]
fn a_paused_node_stands_still_until_it_is_resumed() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let lease = up(&target).await;
        let (live, node) = (&lease.live, first(&lease.live));
        let mut connection = connect(live, &node.address).await;
        live.control.pause(&node.address).await.unwrap();
        assert_eq!(live.control.state(&node.address), NodeState::Paused);
        connection.send(&command!["PING"]).await.unwrap();
        assert!(connection.next_push(Duration::from_millis(200)).await.unwrap().is_none());
        live.control.resume(&node.address).await.unwrap();
        assert_eq!(connection.receive().await.unwrap().text().unwrap(), "PONG");
        assert_eq!(live.control.state(&node.address), NodeState::Running);

        // A paused process cannot handle SIGTERM, so stopping it must also resume it.
        live.control.pause(&node.address).await.unwrap();
        live.control.stop(&node.address).await.unwrap();
        assert!(matches!(live.control.pause(&node.address).await, Err(ControlError::Failed(_))));
        lease.shut_down().await;
    });
}

#[test]
fn spare_servers_start_beside_the_cluster_and_end_with_it() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let lease = up(&target).await;
        let live = Rc::clone(&lease.live);
        let settings = vec![("maxmemory".to_owned(), "32mb".to_owned())];
        for (standalone, cluster_enabled) in [(false, "cluster_enabled:1"), (true, "cluster_enabled:0")] {
            let spare = Spare { standalone, settings: settings.clone() };
            let address = live.control.start_spare(spare).await.unwrap();
            let mut connection = connect(&live, &address).await;
            let info = connection.call(&command!["INFO", "cluster"]).await.unwrap();
            assert!(info.text().unwrap().contains(cluster_enabled));
            let maxmemory = connection.call(&command!["CONFIG", "GET", "maxmemory"]).await.unwrap();
            assert_eq!(wire::bytes_of(&maxmemory.items().unwrap()[1]), Some(&b"33554432"[..]));
            assert_eq!(live.control.state(&address), NodeState::Running);
        }
        assert_eq!(live.agreed_view().await.unwrap().nodes.len(), 3);
        assert!(!live.control.offers(Fault::Isolate));
        let unknown = Address::new("127.0.0.1", 1);
        assert!(matches!(live.control.kill(&unknown).await, Err(ControlError::UnknownNode(_))));
        let nonsense = Spare { standalone: true, settings: vec![("no-such-setting".to_owned(), "1".to_owned())] };
        let refused = live.control.start_spare(nonsense).await.unwrap_err().to_string();
        assert!(refused.contains("no-such-setting"), "{refused}");
        lease.shut_down().await;
    });
}
