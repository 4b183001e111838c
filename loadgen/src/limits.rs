//! What the machine and the servers allow, looked at before a run rather than found out in it.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use wire::{Address, ConnectOptions, Connection, bytes_of, command, items_of};

use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::{LoadPlan, ReadFrom};

/// The open files that a run needs beside its sockets.
const FILES_BESIDE: u64 = 128;
/// The connections of others that are left room for at a node.
const CONNECTIONS_BESIDE: u64 = 32;
/// How long a node may take to tell its own limit.
const ASK_LIMIT: Duration = Duration::from_secs(1);

/// Looks whether a plan's sockets are allowed: open files, ports of this machine, `maxclients` of each node.
///
/// The limit of open files is raised as far as the system lets us.
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
        // A server that does not tell is not asked twice.
        let Some(most) = most_clients(plan, address).await else { continue };
        if most < each + CONNECTIONS_BESIDE {
            too_few.insert(format!("{address} takes {most}"));
        }
    }
    if too_few.is_empty() {
        return Ok(());
    }
    let nodes: Vec<String> = too_few.into_iter().collect();
    refuse(format!(
        "open about {each} connections a node: {}; raise maxclients there, or lower --clients",
        nodes.join(", ")
    ))
}

fn open_files(sockets: u64) -> Result<(), LoadError> {
    let needed = sockets + FILES_BESIDE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| LoadError::System(error.into()))?;
    if soft >= needed || setrlimit(Resource::RLIMIT_NOFILE, needed.max(soft), hard).is_ok() {
        return Ok(());
    }
    refuse(format!("open {needed} files: this process may open {hard}; raise it with ulimit -n, or lower --clients"))
}

/// Each node can be reached from each port once.
fn ports(each: u64) -> Result<(), LoadError> {
    let Ok(text) = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") else { return Ok(()) };
    let mut bounds = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(last))) = (bounds.next(), bounds.next()) else { return Ok(()) };
    let ports = (last + 1).saturating_sub(first);
    if each <= ports {
        return Ok(());
    }
    refuse(format!(
        "open {each} connections to one node: this machine has {ports} ports for it (net.ipv4.ip_local_port_range); widen the range, or lower --clients"
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
    fn what_the_machine_does_not_have_is_refused_with_what_to_change() {
        let message = open_files(1 << 40).unwrap_err().to_string();
        assert!(message.contains("ulimit -n"), "{message}");
        let message = ports(1 << 20).unwrap_err().to_string();
        assert!(message.contains("ip_local_port_range"), "{message}");
        assert!(open_files(10).is_ok() && ports(10).is_ok());
    }
}
