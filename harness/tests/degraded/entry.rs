//! Nodes that do not serve are left out, named, and no reason to refuse the rest.

use serde_json::Value;

use crate::stock::{Server, kill, primaries, replicas, until_nodes_show, up};
use crate::support::{ask, conform, free_ports, problems, rct, text};

/// The nodes that a record says were left out.
fn left_out(record: &Value) -> Vec<String> {
    let nodes = record["target"]["left_out"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| format!("{}: {}", node["node"].as_str().unwrap(), node["reason"].as_str().unwrap()))
        .collect()
}

#[test]
fn case_a1_a2_a3_dead_and_half_known_nodes_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let (primaries, replicas) = (primaries(&cluster), replicas(&cluster));
    // A2: a replica that lost its files, and joined as another node.
    let primary = ask(&replicas[0], "INFO replication");
    let primary = primary.lines().find_map(|line| line.trim().strip_prefix("master_port:")).unwrap().to_owned();
    let primary = format!("127.0.0.1:{primary}");
    kill(&replicas[0]);
    until_nodes_show(&primaries[0], &["fail"]);
    let _replacement = Server::start(folder.path(), &replicas[0]);
    let meet = |to: &str| format!("CLUSTER MEET 127.0.0.1 {}", to.rsplit(':').next().unwrap());
    ask(&replicas[0], &meet(&primary));
    until_nodes_show(&replicas[0], &[&primary, "connected 0-"]);
    let id = ask(&primary, "CLUSTER MYID");
    let id = id.lines().nth(1).unwrap().to_owned();
    crate::support::until("it copies its primary", || match ask(&replicas[0], &format!("CLUSTER REPLICATE {id}")) {
        reply if reply.starts_with("+OK") => Ok(()),
        reply => Err(reply),
    });
    // A1: a dead replica. A3: a node that nobody reaches.
    kill(&replicas[1]);
    let [nobody] = free_ports();
    until_nodes_show(&primaries[0], &["noaddr", "slave,fail "]);
    ask(&primaries[0], &meet(&format!("127.0.0.1:{nobody}")));
    until_nodes_show(&primaries[0], &["handshake"]);

    let selection = ["--calm", "--run", "consistency", "--run", "topology", "--run", "redirect"];
    let (status, record) = conform(folder.path(), &[&["--target", &primaries[0]], &selection[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    assert_eq!(record["target"]["shape"], "3+0");
    let left_out = left_out(&record);
    for part in [format!("{}: CLUSTER NODES marks it as fail", replicas[1]), format!("127.0.0.1:{nobody}: ")] {
        assert!(left_out.iter().any(|line| line.starts_with(&part)), "{part:?} is not in {left_out:?}");
    }
    assert!(left_out.iter().any(|line| line.contains("noaddr")), "{left_out:?}");

    let load = ["load", "--clients", "4", "--requests", "1000", "--target", &primaries[1]];
    let output = rct(folder.path()).args(load).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains(&format!("leaves out {}", replicas[1])), "{told}");
}

#[test]
fn case_g_a_cluster_that_cannot_be_entered_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["conform", "load"] {
        let output = rct(folder.path()).args([command, "--target", "127.0.0.1:1"]).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("127.0.0.1:1") && !told.contains("\\n"), "{told}");
    }
    assert!(!folder.path().join("results").exists());
}
