//! Checks before a run that this machine and the servers allow as many connections as the plan needs.

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
/// How long a node may take to answer the question for its limit.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// Checks that a plan's sockets are allowed: open files and ports of this machine, and `maxclients` of each node.
///
/// It raises the process's limit on open files if necessary and possible.
///
/// # Errors
///
/// [`LoadError::Plan`] says which limit is too low and what to change.
pub async fn check(plan: &LoadPlan, layout: &Layout) -> Result<(), LoadError> {
    open_files(plan.clients as u64)?;
    let used: Vec<&Address> = layout
        .nodes
        .iter()
        .filter(|node| node.primary.is_none() || plan.read_from != ReadFrom::Primary)
        .map(|node| &node.address)
        .collect();
    let each = (plan.clients as u64).div_ceil(used.len().max(1) as u64);
    ports(each)?;
    let mut too_few = BTreeSet::new();
    for address in used {
        // A server that does not give its limit is assumed to have none.
        let Some(most) = most_clients(plan, address).await else { continue };
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

async fn most_clients(plan: &LoadPlan, address: &Address) -> Option<u64> {
    let options = ConnectOptions {
        access: plan.access.clone(),
        connect_timeout: ASK_LIMIT,
        reply_timeout: ASK_LIMIT,
        ..ConnectOptions::new(address.clone())
    };
    let reply = Connection::open(&options).await.ok()?.call(&command!["CONFIG", "GET", "maxclients"]).await.ok()?;
    let most = bytes_of(items_of(reply.value())?.get(1)?)?;
    std::str::from_utf8(most).ok()?.parse().ok()
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
        assert!(open_files(10).is_ok() && ports(10).is_ok());
    }
}
