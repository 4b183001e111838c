//! The target `local` on real servers.

use std::time::Duration;

use crate::common::{RELEASES, local, run, server};
use harness::target::{BringUp, Target};
use suites::Shape;
use wire::{Connection, command};

fn request(primaries: u16, replicas: u16) -> BringUp {
    BringUp { shape: Shape::new(primaries, replicas), node_timeout: Duration::from_secs(2), settings: Vec::new() }
}

#[test]
fn clusters_of_several_shapes_are_as_planned_on_every_release() {
    for release in &RELEASES {
        run(async {
            let target = local(server(release)).await;
            for (primaries, replicas) in [(3, 1), (1, 0), (5, 2)] {
                let lease =
                    target.bring_up(&request(primaries, replicas)).await.unwrap_or_else(|error| panic!("{error}"));
                let live = &lease.live;
                assert!(live.server.to_string().starts_with(release.2), "{}", live.server);
                assert_eq!(live.topology().nodes.len(), usize::from(primaries * (1 + replicas)));
                let agreed = live.agreed_view().await.unwrap();
                assert_eq!(agreed.signature(), live.topology().signature());
                for node in &live.topology().nodes {
                    let mut connection = Connection::open(&live.options(&node.address)).await.unwrap();
                    for (setting, value) in [("cluster-node-timeout", "2000"), ("cluster-require-full-coverage", "yes")]
                    {
                        let reply = connection.call(&command!["CONFIG", "GET", setting]).await.unwrap();
                        assert_eq!(wire::bytes_of(&reply.items().unwrap()[1]), Some(value.as_bytes()));
                    }
                    let size = connection.call(&command!["DBSIZE"]).await.unwrap();
                    assert_eq!(size.integer(), Some(0));
                }
                lease.shut_down().await;
            }
            let folder = target.folder().to_owned();
            assert!(folder.is_dir());
            drop(target);
            assert!(!folder.exists());
        });
    }
}
