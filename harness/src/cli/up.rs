//! `rct up`: brings up a cluster for the user, until Ctrl-C.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use suites::LiveCluster;

use super::args::{Format, Up};
use super::failure::Failure;
use super::runtime::on_this_thread;
use super::target_spec::TargetSpec;
use super::{out, signals, target};
use crate::record::ExitStatus;
use crate::runner::bring_up::{UNDISTURBED_NODE_TIMEOUT, bring_up};
use crate::runner::interrupt::Interrupt;
use targets::{BringUp, Target};
use wire::TlsSettings;

/// Runs the command.
pub(super) fn run(arguments: &Up) -> Result<ExitStatus, Failure> {
    on_this_thread(up(arguments, signals::listen()?))?
}

async fn up(arguments: &Up, interrupt: Interrupt) -> Result<ExitStatus, Failure> {
    let spec = TargetSpec::parse(&arguments.target, None)?;
    spec.check_standalone(arguments.alone.standalone)?;
    let target = target::open(&spec).await?;
    show(arguments, target.as_ref(), &interrupt).await
}

async fn show(arguments: &Up, target: &dyn Target, interrupt: &Interrupt) -> Result<ExitStatus, Failure> {
    let node_timeout = arguments.target.node_timeout().unwrap_or(UNDISTURBED_NODE_TIMEOUT);
    let is_standalone = arguments.alone.standalone;
    let request = BringUp { shape: arguments.target.shape, node_timeout, is_standalone, ..BringUp::default() };
    let started = Instant::now();
    let Some(lease) = bring_up(target, &request, interrupt).await? else { return Ok(ExitStatus::Interrupted) };
    let took = started.elapsed();
    match arguments.format {
        Format::Human => out::text(&table(&lease.live, took)),
        Format::Json => out::data(&json(&lease.live, took)?),
    }
    if !arguments.once {
        out::message(match (target.brings_up_more(), is_standalone) {
            (false, _) => "the cluster is up; Ctrl-C ends rct, and the cluster runs on",
            (true, false) => "the cluster is up; Ctrl-C stops it",
            (true, true) => "the server is up; Ctrl-C stops it",
        });
        interrupt.raised().await;
    }
    lease.shut_down().await;
    Ok(ExitStatus::Success)
}

#[derive(Serialize)]
struct UpRecord {
    shape: String,
    bring_up_ms: f64,
    server: String,
    nodes: Vec<NodeRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<TlsRecord>,
}

/// The files that a client with TLS needs, in PEM.
#[derive(Serialize)]
struct TlsRecord {
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Serialize)]
struct NodeRecord {
    address: String,
    id: String,
    role: String,
    primary: Option<String>,
    slots: String,
    /// The port without TLS, where `address` has the one for TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    plain_port: Option<u16>,
}

fn nodes(live: &LiveCluster) -> Vec<NodeRecord> {
    let topology = live.topology();
    let record = |node: &wire::Node| NodeRecord {
        address: live.map.reachable(&node.address).to_string(),
        id: if live.findings.is_standalone { String::new() } else { node.id.to_string() },
        role: node.role.to_string(),
        primary: node.primary.map(|id| id.to_string()),
        slots: node.slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        plain_port: live.control.plain_port(&node.address),
    };
    topology.nodes.iter().map(record).collect()
}

fn tls(live: &LiveCluster) -> Option<TlsRecord> {
    let TlsSettings { ca_file: ca, certificate_file: certificate, key_file: key, .. } =
        live.access.tls.as_ref()?.settings().clone();
    Some(TlsRecord { ca, certificate, key })
}

fn json(live: &LiveCluster, took: Duration) -> Result<String, Failure> {
    let record = UpRecord {
        shape: live.shape_name(),
        bring_up_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
        server: live.server.to_string(),
        nodes: nodes(live),
        tls: tls(live),
    };
    Ok(serde_json::to_string_pretty(&record)? + "\n")
}

fn table(live: &LiveCluster, took: Duration) -> String {
    let mut text = format!("{} {} up in {:.2} s\n\n", live.server, live.shape_name(), took.as_secs_f64());
    let nodes = nodes(live);
    for node in &nodes {
        let id = node.id.get(..8).unwrap_or(&node.id);
        let what = match node.primary.as_deref().and_then(|id| nodes.iter().find(|other| other.id == id)) {
            Some(primary) => format!("of {}", primary.address),
            None => format!("slots {}", node.slots),
        };
        let plain = node.plain_port.map_or(String::new(), |port| format!(", port {port} without TLS"));
        let _ = writeln!(text, "  {:<21}  {:<7}  {id}  {what}{plain}", node.address, node.role);
    }
    let mut options = String::new();
    if let Some(TlsRecord { ca, certificate, key }) = tls(live) {
        let files = [("ca", "--cacert", ca), ("certificate", "--cert", certificate), ("key", "--key", key)];
        options.push_str(" --tls");
        text.push('\n');
        for (what, option, file) in files {
            let Some(file) = file else { continue };
            let _ = writeln!(text, "  {what:<11}  {}", file.display());
            let _ = write!(options, " {option} {}", file.display());
        }
    }
    if let Some((host, port)) = nodes.first().and_then(|node| node.address.rsplit_once(':')) {
        let follow = if live.findings.is_standalone { "" } else { " -c" };
        let _ = writeln!(text, "\n  redis-cli{follow}{options} -h {host} -p {port}");
    }
    text
}
