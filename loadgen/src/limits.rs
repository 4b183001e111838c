//! Checks before a run that this machine and the servers allow the connections and the values of the plan.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use wire::{Address, ConnectOptions, Connection, bytes_of, command, items_of};

use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::{LoadPlan, ReadFrom};

/// How many open files a run needs in addition to its sockets.
const FILES_BESIDE: u64 = 128;
/// How many connections of other clients a node must have room for.
const CONNECTIONS_BESIDE: u64 = 32;
/// The least `proto-max-bulk-len` that a server can have, in bytes.
const BULK_BYTES_LEAST: u64 = 1 << 20;
/// How long a node may take to answer the question for its limit.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// Checks that a plan's sockets are allowed: open files and ports of this machine, and `maxclients` of each node. Also
/// checks that large values fit into the memory of this machine, and below `proto-max-bulk-len` of each node.
///
/// It raises the process's limit on open files if necessary and possible.
///
/// # Errors
///
/// [`LoadError::Plan`] says which limit is too low and what to change.
pub async fn check(plan: &LoadPlan, layout: &Layout) -> Result<(), LoadError> {
    let sockets = plan.sockets(layout) as u64;
    open_files(sockets)?;
    let used: Vec<&Address> = layout
        .nodes
        .iter()
        .filter(|node| node.primary.is_none() || plan.read_from != ReadFrom::Primary)
        .map(|node| &node.address)
        .collect();
    let each = sockets.div_ceil(used.len().max(1) as u64);
    ports(each)?;
    memory(plan.workload.largest_operation().saturating_mul(sockets * plan.pipeline as u64), available_memory())?;
    values(plan, &used).await?;
    let mut too_few = BTreeSet::new();
    for address in used {
        // A server that does not give its limit is assumed to have none.
        let Some(most) = setting(plan, address, "maxclients").await else { continue };
        if most < each + CONNECTIONS_BESIDE {
            too_few.insert(format!("{address} takes at most {most}"));
        }
    }
    if too_few.is_empty() {
        return Ok(());
    }
    let nodes: Vec<String> = too_few.into_iter().collect();
    refuse(format!(
        "each node must take {} connections ({each} of the load and {CONNECTIONS_BESIDE} of other clients), but {}; raise maxclients there, or lower --clients",
        each + CONNECTIONS_BESIDE,
        nodes.join(", ")
    ))
}

fn open_files(sockets: u64) -> Result<(), LoadError> {
    let needed = sockets + FILES_BESIDE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| LoadError::System(error.into()))?;
    if soft >= needed || setrlimit(Resource::RLIMIT_NOFILE, needed.max(soft), hard).is_ok() {
        return Ok(());
    }
    refuse(format!(
        "cannot open {needed} files: this process may open {hard}; raise it with ulimit -n, or lower --clients"
    ))
}

/// Checks that there are enough local ports: each connection to the same node needs its own.
fn ports(each: u64) -> Result<(), LoadError> {
    let Ok(text) = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else { return Ok(()) };
    let mut bounds = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(last))) = (bounds.next(), bounds.next()) else { return Ok(()) };
    let ports = (last + 1).saturating_sub(first);
    if each <= ports {
        return Ok(());
    }
    refuse(format!(
        "cannot open {each} connections to one node: this machine has {ports} local ports; widen net.ipv4.ip_local_port_range, or lower --clients"
    ))
}

/// Checks that the values which wait to be sent fit into the memory that is available, in bytes.
fn memory(needed: u64, available: Option<u64>) -> Result<(), LoadError> {
    const MB: u64 = 1 << 20;
    match available {
        Some(available) if needed > available => refuse(format!(
            "cannot keep values of {} MB in memory for all clients: this machine has {} MB available; lower --clients, --pipeline or --value-size",
            needed / MB,
            available / MB
        )),
        _ => Ok(()),
    }
}

/// The memory that new programs can use without swapping, in bytes, if the system tells.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1 << 10)
}

/// Checks that each node takes the largest value.
async fn values(plan: &LoadPlan, used: &[&Address]) -> Result<(), LoadError> {
    let largest = plan.workload.largest_value();
    if largest <= BULK_BYTES_LEAST {
        return Ok(());
    }
    for address in used {
        if let Some(most) = setting(plan, address, "proto-max-bulk-len").await.filter(|&most| largest > most) {
            return refuse(format!(
                "{address} takes values of at most {most} bytes (proto-max-bulk-len), but the load has values of {largest} bytes; lower --value-size, or raise the setting"
            ));
        }
    }
    Ok(())
}

/// A setting of a node that is a number, if the node tells.
async fn setting(plan: &LoadPlan, address: &Address, name: &str) -> Option<u64> {
    let options = ConnectOptions {
        access: plan.access.clone(),
        connect_timeout: ASK_LIMIT,
        reply_timeout: ASK_LIMIT,
        ..ConnectOptions::new(address.clone())
    };
    let reply = Connection::open(&options).await.ok()?.call(&command!["CONFIG", "GET", name]).await.ok()?;
    let value = bytes_of(items_of(reply.value())?.get(1)?)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn refuse(text: String) -> Result<(), LoadError> {
    Err(LoadError::Plan(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_the_machine_is_named_with_what_to_change() {
        let message = open_files(1 << 40).unwrap_err().to_string();
        assert!(message.contains("ulimit -n"), "{message}");
        let message = ports(1 << 20).unwrap_err().to_string();
        assert!(message.contains("ip_local_port_range"), "{message}");
        let message = memory(200 << 30, Some(8 << 30)).unwrap_err().to_string();
        assert!(message.contains("204800 MB") && message.contains("8192 MB available"), "{message}");
        assert!(open_files(10).is_ok() && ports(10).is_ok() && memory(1, available_memory()).is_ok());
    }
}
