//! Nodes of somebody else's cluster that end, and that a supervisor starts again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::servers::server;
use crate::stock::{kill, up};
use crate::suites::{WAITING, check, suite};
use crate::support::{Cluster, ask, conform, try_ask, until};

/// A check that ends its node.
const ENDING: &str = r#"
[[check]]
id = "end"
title = "A node survives SHUTDOWN, which it does not"
level = "must"
spec = "SHUTDOWN"
steps = [{ send = { command = "SHUTDOWN NOSAVE", to = "owner", expect = "ok" } }]
"#;

/// Starts every node of a cluster again as soon as it has ended, until it is dropped.
struct Supervisor {
    is_over: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Supervisor {
    fn of(cluster: &Cluster) -> Self {
        let place = |address: &String| (address.clone(), PathBuf::from(config(address, "dir")));
        let places: BTreeMap<String, PathBuf> = cluster.addresses.iter().map(place).collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let children = Arc::new(Mutex::new(Vec::new()));
        let (over, started) = (Arc::clone(&is_over), Arc::clone(&children));
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                for (address, folder) in &places {
                    if std::net::TcpStream::connect(address).is_err() {
                        started.lock().unwrap().push(start(folder));
                        until("it listens again", || {
                            std::net::TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
                        });
                    }
                }
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
        });
        Self { is_over, children, thread: Some(thread) }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        for child in self.children.lock().unwrap().iter_mut() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

fn start(folder: &Path) -> Child {
    let mut server = Command::new(server("redis-7.0"));
    server.arg("node.conf").current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().unwrap()
}

fn config(address: &str, name: &str) -> String {
    ask(address, &format!("CONFIG GET {name}")).lines().nth(4).unwrap().to_owned()
}

#[test]
fn case_e1_by_address_a_node_that_vanishes_twice_is_a_failure_and_once_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let suite = suite(folder.path(), &format!("{ENDING}{WAITING}"));
    let target = ["--target", &cluster.addresses[0], "--suite", &suite];
    let _supervisor = Supervisor::of(&cluster);

    let (status, record) = conform(folder.path(), &[&target[..], &["--run", "mine/end"]].concat());
    let failure = &check(&record, "mine/end")["failure"];
    assert_eq!(status, 1, "{record:#}");
    assert!(failure["received"].as_str().unwrap().starts_with("the server crashed: the node "), "{record:#}");

    let addresses = cluster.addresses.clone();
    let killer = std::thread::spawn(move || {
        until("a client waits", || {
            // The supervisor may not have started a node yet.
            let clients = |address: &&String| try_ask(address, "INFO clients").unwrap_or_default();
            let blocks = |address: &&String| clients(address).contains("blocked_clients:1");
            addresses.iter().find(blocks).map(|address| kill(address)).ok_or_else(|| "nobody waits".to_owned())
        });
    });
    let (status, record) = conform(folder.path(), &[&target[..], &["--run", "mine/wait"]].concat());
    assert!(killer.join().is_ok(), "{record:#}");
    let broken = check(&record, "mine/wait");
    assert_eq!((status, &broken["verdict"]), (3, &"broken".into()), "{record:#}");
    assert!(broken["reason"].as_str().unwrap().contains("did not happen again when the check ran alone"), "{record:#}");
}

#[test]
fn case_e1_by_address_a_node_that_does_not_return_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let suite = suite(folder.path(), ENDING);
    let (status, record) =
        conform(folder.path(), &["--target", &cluster.addresses[0], "--suite", &suite, "--run", "mine/end"]);
    let broken = check(&record, "mine/end");
    assert_eq!((status, &broken["verdict"]), (3, &"broken".into()), "{record:#}");
    assert!(broken["reason"].as_str().unwrap().contains("no longer answers"), "{record:#}");
}
