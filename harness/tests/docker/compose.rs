//! Clusters of the target `compose`.

use std::time::Duration;

use suites::Shape;
use targets::{BringUp, Target};
use targets::{ComposeOptions, open_compose};

use crate::common::{RCT, image, run, with_engine};
use crate::servers::RELEASES;

#[test]
fn clusters_are_as_planned_on_every_release() {
    with_engine(|| {
        for release in RELEASES {
            let image = Some(image(release));
            run(async {
                let options = ComposeOptions { image, rct: Some(RCT.into()), file: None };
                let target = open_compose(options).await.unwrap_or_else(|error| panic!("{error}"));
                as_planned(&target, release).await;
            });
        }
    });
}

/// Brings a cluster up and checks it: nodes announce addresses of their network, and rct reaches them on 127.0.0.1.
pub(crate) async fn as_planned(target: &dyn Target, release: &str) {
    let request = BringUp { shape: Shape::new(2, 1), node_timeout: Duration::from_millis(2_500), ..BringUp::default() };
    let lease = target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"));
    let live = &lease.live;
    assert!(live.server.to_string().starts_with(&release.replace('-', " ")), "{}", live.server);
    let agreed = live.agreed_view().await.unwrap();
    assert_eq!(agreed.signature(), live.topology().signature());
    for node in &live.topology().nodes {
        let reachable = live.map.reachable(&node.address);
        assert_eq!((node.address.port, reachable.host.as_str()), (6379, "127.0.0.1"));
        assert!(node.address.host.starts_with("10."), "{}", node.address);
        let timeout = live.ask(node, &wire::command!["CONFIG", "GET", "cluster-node-timeout"]).await.unwrap();
        assert_eq!(wire::bytes_of(&timeout.items().unwrap()[1]), Some(&b"2500"[..]));
    }
    lease.shut_down().await;
}
