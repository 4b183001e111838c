//! Each node is held to its own settings.

use crate::stock::{field, primaries, replicas, up};
use crate::support::{ask, conform, problems, until};

#[test]
fn case_g_nodes_that_prefer_different_names_and_one_replica_less() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let (primaries, replicas) = (primaries(&cluster), replicas(&cluster));
    for address in &cluster.addresses {
        ask(address, "CONFIG SET cluster-announce-hostname localhost");
    }
    ask(&primaries[0], "CONFIG SET cluster-preferred-endpoint-type hostname");
    ask(&primaries[1], "CONFIG SET cluster-preferred-endpoint-type unknown-endpoint");
    // A replica that is gone leaves its primary with none, and the others with one each.
    crate::stock::kill(&replicas[0]);
    for address in cluster.addresses.iter().filter(|address| **address != replicas[0]) {
        until("all nodes know the names and the dead replica", || {
            let nodes = ask(address, "CLUSTER NODES");
            let is_known = nodes.contains("slave,fail ") && nodes.matches(",localhost ").count() >= 5;
            if is_known && field(address, "CLUSTER INFO", "cluster_state") == "ok" { Ok(()) } else { Err(nodes) }
        });
    }
    let selection = ["--calm", "--run", "moved", "--run", "topology/slots*", "--run", "readonly", "--run", "redirect"];
    let (status, record) = conform(folder.path(), &[&["--target", &primaries[2]], &selection[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    assert_eq!(record["target"]["shape"], "3+0", "{record:#}");
    let passed = |suite: &str| {
        let checks = record["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["suite"] == suite && check["verdict"] == "pass").count()
    };
    assert!(passed("readonly") > 5, "checks that need a replica run: {record:#}");
    // Its writers follow redirects of all three kinds.
    let disturb = ["--allow-disruption", "--run", "failover/manual-loses-no-write"];
    let (status, record) = conform(folder.path(), &[&["--target", &primaries[2]], &disturb[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    assert_eq!(record["counts"]["pass"], 1, "{record:#}");
}
