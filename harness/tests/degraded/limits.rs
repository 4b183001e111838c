//! Limits of the environment are not the server's fault.

use crate::stock::{primaries, up};
use crate::support::{ask, conform, problems};

#[test]
fn case_d1_d2_maxclients_and_maxmemory_break_checks_and_fail_none() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    for address in &cluster.addresses {
        ask(address, "CONFIG SET maxclients 20");
    }
    let address = &primaries(&cluster)[0];
    let selection = ["--calm", "--target", address, "--run", "redirect", "--run", "crossslot/m*", "--run", "slots"];
    let (status, record) = conform(folder.path(), &selection);
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");

    for address in &cluster.addresses {
        ask(address, "CONFIG SET maxclients 1000");
        ask(address, "CONFIG SET maxmemory 1");
    }
    let (status, record) = conform(folder.path(), &selection);
    assert_eq!(status, 3, "{record:#}");
    assert_eq!(problems(&record).keys().collect::<Vec<_>>(), ["broken"], "{record:#}");
    let checks = record["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["reason"].as_str().is_some_and(|reason| reason.contains("maxmemory"))));
}
