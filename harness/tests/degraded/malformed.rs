//! A malformed CLUSTER NODES is a finding: the checks that own the rule fail, and all others are judged.

use crate::proxy::{Change, before};
use crate::stock::{until_nodes_show, up};
use crate::support::{conform, problems};

/// Cuts a digit off every id.
fn short_ids(nodes: &str) -> String {
    nodes.lines().map(|line| format!("{}\n", &line[1..])).collect()
}

/// Leaves out the slots.
fn no_slots(nodes: &str) -> String {
    let cut = |line: &str| line.split(' ').take(8).collect::<Vec<_>>().join(" ") + "\n";
    nodes.lines().map(cut).collect()
}

/// Leaves out a line about another node.
fn one_node_less(nodes: &str) -> String {
    let other = nodes.lines().position(|line| !line.contains("myself")).unwrap();
    nodes.lines().enumerate().filter(|(at, _)| *at != other).map(|(_, line)| format!("{line}\n")).collect()
}

fn fails_in_topology_alone(change: Change) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let proxied: Vec<String> = cluster.addresses.iter().map(|address| before(address, change)).collect();
    for address in &cluster.addresses {
        until_nodes_show(address, &proxied.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let selection = ["--calm", "--run", "topology/nodes*", "--run", "consistency", "--run", "redirect"];
    let (status, record) = conform(folder.path(), &[&["--target", &proxied[0]], &selection[..]].concat());
    let problems = problems(&record);
    assert_eq!(status, 1, "{record:#}");
    assert_eq!(problems.keys().collect::<Vec<_>>(), ["fail"], "{record:#}");
    let owners = ["topology/", "consistency/"];
    let is_owner = |id: &String| owners.iter().any(|owner| id.starts_with(owner));
    assert!(problems["fail"].iter().all(is_owner), "{problems:?}");
    assert!(
        problems["fail"].iter().any(|id| id.starts_with("topology/nodes")) || problems["fail"].len() > 1,
        "{problems:?}"
    );
    let passed = record["counts"]["pass"].as_u64().unwrap();
    assert!(passed > 0, "{record:#}");
}

#[test]
fn case_a4_malformed_cluster_nodes_fails_in_topology_alone() {
    // Side by side: each waits for most of its time until the nodes agree, which they never do.
    std::thread::scope(|scope| {
        for change in [short_ids, no_slots, one_node_less] {
            scope.spawn(move || fails_in_topology_alone(change));
        }
    });
}
