//! The GitHub Action with a rehearsed release and a real cluster.

use std::path::{Path, PathBuf};

use crate::release::{Runner, published};
use crate::servers::server;
use crate::support::{Cluster, text};

/// The folders of runs in the folder that the step names to the runner.
fn runs(runner: &Runner<'_>) -> Vec<PathBuf> {
    let output = runner.written("output");
    let results = output.trim_end().strip_prefix("results=").unwrap_or_else(|| panic!("no folder in {output:?}"));
    std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_action_judges_a_cluster_with_a_released_rct() {
    let folder = tempfile::tempdir().unwrap();
    let url = published(&folder.path().join("releases"));
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let runner = Runner { folder: folder.path(), variables: &[] };
    let target = cluster.addresses.join(",");
    let args = "--run slots\n--skip 'slots/tag-*' --calm";
    let judged =
        runner.conform(&[("base-url", &url), ("target", target.as_str()), ("level", "should"), ("args", args)]);
    let printed = text(&judged.stdout) + &text(&judged.stderr);
    assert_eq!(judged.status.code(), Some(0), "{printed}");
    assert!(printed.contains("PASS: "), "{printed}");
    assert!(!printed.contains("slots/tag-"), "the step passes quoted arguments on: {printed}");
    let runs = runs(&runner);
    assert!(runs.len() == 1 && runs[0].join("run.json").is_file(), "{runs:?}");
    assert!(runner.written("summary").contains("PASS"), "{}", runner.written("summary"));
    assert!(Path::new(runner.written("path").trim_end()).join("rct").is_file(), "{}", runner.written("path"));
}

#[test]
fn the_action_annotates_a_broken_rule_and_keeps_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let url = published(&folder.path().join("releases"));
    let runner = Runner { folder: folder.path(), variables: &[] };
    let server = server("redis-7.0");
    let defect = "--run crossslot/mget-third-key --defect only-the-first-two-keys-are-compared";
    let args = format!("--server '{}' {defect}", server.display());
    let broken = runner.conform(&[("base-url", &url), ("args", &args)]);
    let printed = text(&broken.stdout) + &text(&broken.stderr);
    assert_eq!(broken.status.code(), Some(1), "{printed}");
    assert!(printed.contains("::error") && printed.contains("crossslot/mget-third-key"), "{printed}");
    assert_eq!(runs(&runner).len(), 1);

    let known = "[[known]]\ncheck = 'crossslot/mget-third-key'\nreason = 'a test'\n";
    std::fs::write(folder.path().join("known.toml"), known).unwrap();
    let accepted = runner.conform(&[("base-url", &url), ("args", &args), ("known", "known.toml")]);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stdout) + &text(&accepted.stderr));
}
