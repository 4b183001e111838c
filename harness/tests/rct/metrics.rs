//! `rct load --metrics`: what Prometheus reads during and after a run.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::servers::server;
use crate::support::{Cluster, free_ports, rct, refuses, signal, text, until};

/// The body of a page.
fn get(address: &str, path: &str) -> Result<String, String> {
    let read = || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).map(|_| reply)
    };
    let reply = read().map_err(|error: std::io::Error| error.to_string())?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or("no body")?;
    if head.starts_with("HTTP/1.1 200") { Ok(body.to_owned()) } else { Err(head.to_owned()) }
}

/// The sum of a metric over all nodes and classes of the measured time.
fn sum(page: &str, name: &str) -> u64 {
    let lines =
        page.lines().filter(|line| line.starts_with(&format!("{name}{{")) && line.contains("phase=\"measure\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}

/// Starts a load whose metrics stay until [`finish`].
fn start(folder: &Path, target: &str, address: &str, more: &[&str]) -> Child {
    let mut command = rct(folder);
    command.args(["load", "--target", target, "--clients", "10", "--quiet", "--keys", "100", "--metrics", address]);
    command.args(["--metrics-linger", "1h"]).args(more).stdout(Stdio::null()).spawn().unwrap()
}

/// The record of the only run, once it has ended.
fn ended(folder: &Path) -> Value {
    let mut record = Value::Null;
    until("the run has ended", || {
        let run = fs::read_dir(folder.join("results")).map_err(|error| error.to_string())?.next().ok_or("no run")?;
        let text = fs::read(run.unwrap().path().join("run.json")).map_err(|error| error.to_string())?;
        record = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if record["ended"] == "complete" { Ok(()) } else { Err(record["ended"].to_string()) }
    });
    record
}

fn finish(mut child: Child) {
    signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(0), "the run had ended before Ctrl-C");
}

#[test]
fn a_page_during_and_after_the_run_has_the_totals_of_run_json() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let [port] = free_ports();
    let address = format!("127.0.0.1:{port}");
    let options = ["--rate", "500", "--duration", "2s", "--warmup", "200ms"];
    let child = start(folder.path(), &cluster.addresses[0], &address, &options);
    until("a second of the load shows", || match get(&address, "/metrics") {
        Ok(page) if sum(&page, "rct_operations_answered_total") > 0 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let record = ended(folder.path());
    let page = get(&address, "/metrics").unwrap();
    let load = &record["load"];
    for (metric, field) in [
        ("rct_operations_planned_total", "planned"),
        ("rct_operations_answered_total", "operations"),
        ("rct_response_seconds_count", "operations"),
        ("rct_operations_failed_total", "failed"),
        ("rct_operations_not_sent_total", "not_sent"),
    ] {
        assert_eq!(Some(sum(&page, metric)), load[field].as_u64(), "{metric}\n{page}");
    }
    for node in load["nodes"].as_array().unwrap() {
        let wanted = format!(
            "rct_operations_answered_total{{node={},phase=\"measure\"}} {}",
            node["address"], node["operations"]
        );
        assert!(page.lines().any(|line| line == wanted), "{wanted}\n{page}");
    }
    let waiting: Vec<&str> = page.lines().filter(|line| line.starts_with("rct_operations_waiting{node=")).collect();
    assert!(!waiting.is_empty() && waiting.iter().all(|line| line.ends_with("} 0")), "{page}");
    assert!(page.contains("phase=\"warmup\""), "{page}");
    assert!(get(&address, "/other").is_err_and(|head| head.starts_with("HTTP/1.1 404")));
    finish(child);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let wanted = [&*format!("cannot serve --metrics at {taken}"), "choose another port"];
    refuses(folder.path(), &["load", "--target", &cluster.addresses[0], "--metrics", &taken], 2, &wanted);
}

/// A Prometheus that reads the page of a load.
struct Prometheus {
    child: Child,
    address: String,
}

impl Prometheus {
    fn start(folder: &Path, page: &str) -> Self {
        let [port] = free_ports();
        let config = format!(
            "global: {{scrape_interval: 200ms}}\nscrape_configs: [{{job_name: rct, static_configs: [{{targets: ['{page}']}}]}}]\n"
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .current_dir(folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address", &address])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; install it (apt-get install prometheus)"));
        Self { child, address }
    }

    /// The value of an expression.
    fn value(&self, expression: &str) -> Result<u64, String> {
        let body = get(&self.address, &format!("/api/v1/query?query={expression}"))?;
        let start = body.find('{').ok_or("no JSON")?;
        let end = body.rfind('}').ok_or("no JSON")?;
        let answer: Value = serde_json::from_str(&body[start..=end]).map_err(|error| error.to_string())?;
        let value = answer["data"]["result"][0]["value"][1].as_str().ok_or_else(|| answer.to_string())?;
        value.parse::<f64>().map(|value| value as u64).map_err(|error| error.to_string())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        signal(self.child.id(), "TERM");
        let _ended = self.child.wait();
    }
}

#[test]
#[ignore = "it needs Prometheus (apt-get install prometheus)"]
fn a_real_prometheus_reads_the_totals_of_run_json() {
    let folder = tempdir().unwrap();
    let cluster = Cluster::up(folder.path(), &server("redis-7.0"), "3+0");
    let [port] = free_ports();
    let page = format!("127.0.0.1:{port}");
    let prometheus = Prometheus::start(folder.path(), &page);
    let child = start(folder.path(), &cluster.addresses[0], &page, &["--rate", "500", "--duration", "3s"]);
    let record = ended(folder.path());
    for (metric, field) in [
        ("rct_operations_planned_total", "planned"),
        ("rct_operations_answered_total", "operations"),
        ("rct_response_seconds_count", "operations"),
    ] {
        let wanted = record["load"][field].as_u64().unwrap();
        until(metric, || match prometheus.value(&format!("sum({metric})")) {
            Ok(value) if value == wanted => Ok(()),
            other => Err(format!("{other:?} instead of {wanted}")),
        });
    }
    finish(child);
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/rct.json");
    let dashboard: Value = serde_json::from_slice(&fs::read(folder).unwrap()).unwrap();
    let known = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/load/metrics.rs")).unwrap();
    let mut count = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let names = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in names.filter_map(|name| name.strip_prefix("rct_")) {
                let name = name.trim_end_matches("_total").trim_end_matches("_bucket").trim_end_matches("_info");
                assert!(known.contains(&format!("\"{name}\"")), "{name} of {expression}");
                count += 1;
            }
        }
    }
    assert!(count > 5, "{}", text(dashboard["title"].as_str().unwrap().as_bytes()));
}
