//! Clusters of local servers for the tests of faults.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use suites::{LiveCluster, Shape};
use targets::{BringUp, LocalOptions, LocalTarget, Target};
use tokio::task::LocalSet;

/// Runs a test on a cluster of local servers with these settings.
pub(crate) fn on_cluster_of(server: &Path, request: &BringUp, test: impl AsyncFnOnce(Rc<LiveCluster>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let rct = Some(env!("CARGO_BIN_EXE_rct").into());
        let options = LocalOptions { server: Some(server.to_owned()), rct, ..LocalOptions::default() };
        let target = LocalTarget::open(options).await.unwrap();
        let lease = target.bring_up(request).await.unwrap();
        test(Rc::clone(&lease.live)).await;
        lease.shut_down().await;
    });
}

/// A request for three primaries with a replica each.
pub(crate) fn request(node_timeout_ms: u64, full_coverage: &str) -> BringUp {
    BringUp {
        shape: Shape::new(3, 1),
        node_timeout: Duration::from_millis(node_timeout_ms),
        settings: vec![("cluster-require-full-coverage".to_owned(), full_coverage.to_owned())],
        ..BringUp::default()
    }
}
