//! `--tls`: servers that rct starts with TLS, and where that cannot be.

use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{rct, refuses, run, text};

#[test]
fn tls_is_refused_where_rct_starts_no_servers_with_it() {
    let folder = tempdir().unwrap();
    for target in ["compose", "containers", "127.0.0.1:7000"] {
        let arguments = ["conform", "--tls", "only", "--target", target];
        refuses(folder.path(), &arguments, 2, &["--tls needs --target local", "rediss://HOST:PORT"]);
    }
    let without = server("redis-6.2");
    for command in ["conform", "load", "up"] {
        let arguments = [command, "--tls", "both", "--server", without.to_str().unwrap()];
        refuses(folder.path(), &arguments, 3, &["was built without TLS", "BUILD_TLS=yes"]);
    }
}

#[test]
fn up_names_the_ports_and_the_files_that_clients_need() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    let up = |more: &[&str]| {
        let arguments = [&["up", "--once", "--shape", "1+1", "--server", server.to_str().unwrap()], more].concat();
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let both: Value = serde_json::from_str(&up(&["--tls", "both", "--format", "json"])).unwrap();
    for node in both["nodes"].as_array().unwrap() {
        let address = node["address"].as_str().unwrap();
        assert!(!address.ends_with(&node["plain_port"].as_u64().unwrap().to_string()), "{node}");
    }
    for (file, end) in [("ca", "ca.crt"), ("certificate", "client.crt"), ("key", "client.key")] {
        let path = both["tls"][file].as_str().unwrap();
        assert!(path.ends_with(end) && !std::path::Path::new(path).exists(), "{path} is left");
    }
    let only = up(&["--tls", "only"]);
    assert!(!only.contains("without TLS") && only.contains("redis-cli -c --tls --cacert "), "{only}");
    let plain: Value = serde_json::from_str(&up(&["--format", "json"])).unwrap();
    assert!(plain.get("tls").is_none() && plain["nodes"][0].get("plain_port").is_none(), "{plain}");
}

#[test]
fn checks_and_load_speak_tls_with_servers_that_have_no_other_port() {
    let folder = tempdir().unwrap();
    let server = server("redis-7.0");
    let common = ["--server", server.to_str().unwrap(), "--tls", "only", "--format", "json"];
    let record = |arguments: &[&str]| {
        let output = rct(folder.path()).args(arguments).args(common).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let checked =
        record(&["conform", "--run", "keyslot", "--run", "tls/only-tls-ports-are-listed-without-another-port"]);
    assert!(checked["checks"].as_array().unwrap().iter().all(|check| check["verdict"] == "pass"), "{checked}");
    assert!(checked["again"].as_str().unwrap().contains("--tls only"), "{}", checked["again"]);
    let loaded = record(&["load", "--clients", "6", "--requests", "2000", "--keys", "100"]);
    assert_eq!((loaded["load"]["failed"].as_u64(), loaded["load"]["operations"].as_u64()), (Some(0), Some(2000)));
}
