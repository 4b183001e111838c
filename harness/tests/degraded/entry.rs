//! Nodes that do not serve are left out, named, and no reason to refuse the rest.

use serde_json::Value;

use crate::degraded_cluster::degrade;
use crate::stock::{primaries, up};
use crate::support::{conform, problems, rct, text};

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
    let (primaries, degraded) = (primaries(&cluster), degrade(folder.path(), &cluster));

    let selection = ["--calm", "--run", "consistency", "--run", "topology", "--run", "redirect"];
    let (status, record) = conform(folder.path(), &[&["--target", &primaries[0]], &selection[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    assert_eq!(record["target"]["shape"], "3+0");
    let left_out = left_out(&record);
    for part in [format!("{}: CLUSTER NODES marks it as fail", degraded.dead), format!("{}: ", degraded.nobody)] {
        assert!(left_out.iter().any(|line| line.starts_with(&part)), "{part:?} is not in {left_out:?}");
    }
    assert!(left_out.iter().any(|line| line.contains("noaddr")), "{left_out:?}");

    let load = ["load", "--clients", "4", "--requests", "1000", "--target", &primaries[1]];
    let output = rct(folder.path()).args(load).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains(&format!("leaves out {}", degraded.dead)), "{told}");
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
