//! The jobs of atomic slot migration, as CLUSTER GETSLOTMIGRATIONS lists them.

use std::collections::BTreeMap;
use std::fmt;

use wire::{Command, Node, Slot, Value, command, items_of};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};

/// The states in which a job ends.
pub(in crate::code) const TERMINAL: [&str; 3] = ["success", "failed", "cancelled"];

/// One job.
#[derive(Debug, Clone)]
pub(in crate::code) struct Job {
    pub(in crate::code) name: String,
    pub(in crate::code) operation: String,
    pub(in crate::code) state: String,
    /// All fields by their names; integers are written in decimal.
    pub(in crate::code) fields: BTreeMap<String, String>,
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, operation, state, fields } = self;
        write!(formatter, "{operation} {name} in state {state}, message {:?}", fields.get("message"))
    }
}

/// The command that moves these slots to a node.
pub(in crate::code) fn migrate_slots_command(slots: &[Slot], target: &Node) -> Command {
    let mut command = command!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"];
    for slot in slots {
        command = command.arg(slot.to_string()).arg(slot.to_string());
    }
    command.arg("NODE").arg(target.id.as_str())
}

/// Starts a job, and returns its name.
///
/// # Errors
/// A mismatch, if the source refuses it or lists no new job.
pub(in crate::code) async fn migrate_slots(
    cluster: &Cluster,
    slots: &[Slot],
    source: &Node,
    target: &Node,
) -> Outcome<String> {
    let before: Vec<String> = jobs(cluster, source).await?.into_iter().map(|job| job.name).collect();
    cluster.expect(source, migrate_slots_command(slots, target), Expect::Ok).await?;
    let newest = jobs(cluster, source).await?.into_iter().find(|job| !before.contains(&job.name));
    newest
        .map(|job| job.name)
        .ok_or_else(|| Stop::mismatch(format!("a new job in CLUSTER GETSLOTMIGRATIONS of {}", source.address), "none"))
}

/// The jobs of a node in the order of its reply.
///
/// # Errors
/// A mismatch, if the reply is not a list of maps.
pub(in crate::code) async fn jobs(cluster: &Cluster, node: &Node) -> Outcome<Vec<Job>> {
    let list = command!["CLUSTER", "GETSLOTMIGRATIONS"];
    let reply = cluster.expect(node, list, Expect::Kind(Kind::Array)).await?;
    reply.items().unwrap_or_default().iter().map(parse).collect()
}

/// Waits until a job of a node has ended, and returns it.
///
/// # Errors
/// A mismatch after the limit `failover`.
pub(in crate::code) async fn ended(cluster: &Cluster, node: &Node, name: &str) -> Outcome<Job> {
    let what = format!("the job {name} ends on {}", node.address);
    cluster
        .until(cluster.limits().failover, &what, async || {
            let found = job(cluster, node, name).await?;
            ensure!(TERMINAL.contains(&found.state.as_str()), "success, failed or cancelled", "{found}");
            Ok(found)
        })
        .await
}

/// The job of a node with this name.
///
/// # Errors
/// A mismatch, if there is none.
pub(in crate::code) async fn job(cluster: &Cluster, node: &Node, name: &str) -> Outcome<Job> {
    let all = jobs(cluster, node).await?;
    let found = all.into_iter().find(|job| job.name == name);
    found.ok_or_else(|| {
        Stop::mismatch(format!("the job {name} in CLUSTER GETSLOTMIGRATIONS of {}", node.address), "no such job")
    })
}

fn parse(value: &Value) -> Outcome<Job> {
    let text = |value: &Value| match value {
        Value::Int(number) => Some(number.to_string()),
        other => text_of(other),
    };
    let pairs: Vec<(&Value, &Value)> = match value {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        other => items_of(other).unwrap_or_default().chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
    };
    let fields: BTreeMap<String, String> =
        pairs.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
    let field = |name: &str| {
        fields.get(name).cloned().ok_or_else(|| {
            Stop::mismatch(format!("the field {name} in an entry of CLUSTER GETSLOTMIGRATIONS"), format!("{fields:?}"))
        })
    };
    Ok(Job { name: field("name")?, operation: field("operation")?, state: field("state")?, fields: fields.clone() })
}
