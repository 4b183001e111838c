//! The target `local` on real servers: its clusters are as requested, and it leaves nothing behind.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use suites::Shape;
use targets::{BringUp, Lease, Target};
use targets::{LocalOptions, LocalTarget};
use wire::{Access, Connection, Secret, command};

use crate::common::{RCT, local, run};
use crate::servers::{RELEASES, server};

fn request(primaries: u16, replicas: u16) -> BringUp {
    BringUp { shape: Shape::new(primaries, replicas), node_timeout: Duration::from_secs(2), ..BringUp::default() }
}

async fn up(target: &LocalTarget, request: &BringUp) -> Lease {
    target.bring_up(request).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The current value of a setting of a node.
async fn setting(lease: &Lease, node: &wire::Node, name: &str) -> String {
    let mut connection = Connection::open(&lease.live.options(&node.address)).await.unwrap();
    let reply = connection.call(&command!["CONFIG", "GET", name]).await.unwrap();
    let value = reply.items().and_then(|items| items.get(1)).and_then(wire::bytes_of).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

fn processes_in(folder: &Path) -> usize {
    let cwds =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.path().join("cwd").read_link().ok());
    cwds.filter(|cwd| cwd.starts_with(folder)).count()
}

#[test]
fn clusters_of_several_shapes_are_as_planned_on_every_release() {
    for release in RELEASES {
        run(async {
            let target = local(server(release)).await;
            for (primaries, replicas) in [(3, 1), (1, 0), (5, 2)] {
                let lease = up(&target, &request(primaries, replicas)).await;
                let live = &lease.live;
                assert!(live.server.to_string().starts_with(&release.replace('-', " ")), "{}", live.server);
                assert_eq!(live.topology().nodes.len(), usize::from(primaries * (1 + replicas)));
                let agreed = live.agreed_view().await.unwrap();
                assert_eq!(agreed.signature(), live.topology().signature());
                for node in &live.topology().nodes {
                    assert_eq!(setting(&lease, node, "cluster-node-timeout").await, "2000");
                    assert_eq!(setting(&lease, node, "cluster-require-full-coverage").await, "yes");
                    let mut connection = Connection::open(&live.options(&node.address)).await.unwrap();
                    assert_eq!(connection.call(&command!["DBSIZE"]).await.unwrap().integer(), Some(0));
                }
                lease.shut_down().await;
            }
        });
    }
}

#[test]
fn many_clusters_run_side_by_side_and_leave_nothing() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let folder = target.folder().to_owned();
        let request = request(3, 1);
        let leases = join_all((0..4).map(|_| up(&target, &request))).await;
        let ports: BTreeSet<u16> = leases
            .iter()
            .flat_map(|lease| lease.live.topology().nodes.iter().map(|node| node.address.port).collect::<Vec<_>>())
            .collect();
        assert_eq!((ports.len(), processes_in(&folder)), (24, 24));
        let mut leases = leases.into_iter();
        leases.next().unwrap().shut_down().await;
        assert_eq!(processes_in(&folder), 18);
        // One cluster is dropped and the others are not shut down: dropping the target must end them.
        drop(leases.next());
        drop(target);
        for lease in leases {
            drop(lease);
        }
        assert_eq!(processes_in(&folder), 0);
        assert!(!folder.exists());
    });
}

#[test]
fn an_abandoned_bring_up_leaves_nothing() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let folder = target.folder().to_owned();
        let given_up = tokio::time::timeout(Duration::from_millis(150), target.bring_up(&request(5, 1))).await;
        assert!(given_up.is_err(), "a cluster of ten nodes needs longer");
        drop(given_up);
        drop(target);
        assert_eq!(processes_in(&folder), 0);
        assert!(!folder.exists());
    });
}

#[test]
fn settings_of_the_request_take_precedence() {
    run(async {
        let target = local(server("redis-7.0")).await;
        let settings = [("cluster-require-full-coverage", "no"), ("maxmemory-policy", "allkeys-lru")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let lease = up(&target, &BringUp { settings: settings.clone(), ..request(3, 1) }).await;
        for node in &lease.live.topology().nodes {
            for (name, value) in &settings {
                assert_eq!(setting(&lease, node, name).await, *value);
            }
        }
        lease.shut_down().await;

        let nonsense = vec![("no-such-setting".to_owned(), "1".to_owned())];
        let refused = target.bring_up(&BringUp { settings: nonsense, ..request(3, 1) }).await.err().unwrap();
        assert!(!refused.is_usage() && refused.to_string().contains("no-such-setting"), "{refused}");
    });
}

#[test]
fn servers_require_the_password_and_no_command_line_shows_it() {
    run(async {
        let password = "hush \"quoted\" # \\";
        let access = Access { password: Some(Secret::new(password)), ..Access::default() };
        let options = LocalOptions {
            server: Some(server("redis-7.0")),
            access,
            rct: Some(RCT.into()),
            ..LocalOptions::default()
        };
        let target = LocalTarget::open(options).await.unwrap();
        let lease = up(&target, &request(3, 1)).await;
        let node = lease.live.topology().nodes[4].clone();
        let mut without_password = Connection::open(&wire::ConnectOptions::new(node.address.clone())).await.unwrap();
        assert_eq!(without_password.call(&command!["DBSIZE"]).await.unwrap().error().unwrap().code, "NOAUTH");
        let lines = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        assert!(lines.into_iter().all(|line| !String::from_utf8_lossy(&line).contains("hush \"quoted")));
        lease.shut_down().await;
    });
}
