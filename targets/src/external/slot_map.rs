//! A node's map of the cluster, from whichever of CLUSTER NODES, SLOTS and SHARDS is of use.
//!
//! rct judges servers that may get any of these replies wrong, and users may be denied any of them. CLUSTER NODES is the
//! first choice, since only that reply has flags, epochs and open slots.

use wire::{
    Access, Address, Connection, Reply, Slot, Topology, command, parse_info, parse_nodes, parse_shards, parse_slots,
};

use crate::external::entry_error::EntryError;
use crate::external::questions::ask;

/// What a node says about who is in the cluster and who serves which slot.
#[derive(Debug, Clone)]
pub(crate) struct SlotMap {
    /// The nodes and their slots.
    pub(crate) topology: Topology,
    /// Why its CLUSTER NODES is of no use, so that the map is from another reply.
    pub(crate) nodes_problem: Option<String>,
}

/// Asks a node for its map; `access` says which of a node's two ports counts, and who asks.
///
/// # Errors
///
/// None of the three replies gives a map with slots, or the connection breaks.
pub(crate) async fn read_map(
    connection: &mut Connection,
    dialled: &Address,
    access: &Access,
) -> Result<SlotMap, EntryError> {
    let nodes = ask(connection, dialled, &command!["CLUSTER", "NODES"]).await?;
    if nodes.error().is_some_and(|error| error.text.contains("cluster support disabled")) {
        return Err(EntryError::NoCluster(dialled.clone()));
    }
    let nodes = by_nodes(&nodes, dialled);
    let slots = ask(connection, dialled, &command!["CLUSTER", "SLOTS"]).await?;
    let slots = by_slots(&slots, dialled);
    match (nodes, slots) {
        (Ok(nodes), slots) if has_slots(&nodes) => {
            let lacking = slots.as_ref().ok().and_then(|slots| lacking(&nodes, slots));
            Ok(match (slots, lacking) {
                (Ok(slots), Some(problem)) => SlotMap { topology: slots, nodes_problem: Some(problem) },
                _ => SlotMap { topology: nodes, nodes_problem: None },
            })
        }
        (nodes, Ok(slots)) if has_slots(&slots) => {
            let problem = nodes.err().unwrap_or_else(|| "it shows no slot".to_owned());
            Ok(SlotMap { topology: slots, nodes_problem: Some(problem) })
        }
        (nodes, slots) => {
            let shards = ask(connection, dialled, &command!["CLUSTER", "SHARDS"]).await?;
            let shards = by_shards(&shards, dialled, access.tls.is_some());
            match (nodes, slots, shards) {
                (nodes, _, Ok(shards)) if has_slots(&shards) => {
                    let problem = nodes.err().unwrap_or_else(|| "it shows no slot".to_owned());
                    Ok(SlotMap { topology: shards, nodes_problem: Some(problem) })
                }
                (Err(_), Err(_), Err(_)) if is_standalone(connection, dialled).await? => {
                    Err(EntryError::NoCluster(dialled.clone()))
                }
                (Err(nodes), Err(slots), Err(shards)) => {
                    let denied = no_right(dialled, access, [&nodes, &slots, &shards]);
                    Err(denied.unwrap_or_else(|| EntryError::NoMap { at: dialled.clone(), nodes, slots, shards }))
                }
                _ => Err(EntryError::NoSlots(dialled.clone())),
            }
        }
    }
}

/// Whether a node says that it runs without cluster support. Some products word the error to CLUSTER in their own way.
async fn is_standalone(connection: &mut Connection, dialled: &Address) -> Result<bool, EntryError> {
    let info = ask(connection, dialled, &command!["INFO"]).await?;
    let info = parse_info(&info.text().unwrap_or_default());
    Ok(["0", "no"].contains(&info.get("cluster_enabled").map_or("", String::as_str)))
}

/// The error of a user who is refused all that was asked for; `None` if any command failed for another reason.
fn no_right(dialled: &Address, access: &Access, answers: [&String; 3]) -> Option<EntryError> {
    // Servers before 7.0 do not have SHARDS, and refuse the user first.
    let said = answers[0];
    if !answers.iter().all(|answer| answer.contains("NOPERM")) {
        return None;
    }
    // Servers before 7.0 know no rights of single subcommands, and name the command alone.
    let command = said.split('\'').nth(1).unwrap_or("cluster").to_owned();
    let user = access.username.clone().unwrap_or_else(|| "default".to_owned());
    Some(EntryError::NoRight { at: dialled.clone(), user, said: said.clone(), command })
}

fn by_nodes(reply: &Reply, dialled: &Address) -> Result<Topology, String> {
    let text = reply.text().filter(|_| reply.error().is_none()).ok_or_else(|| reply.to_string())?;
    let mut topology = parse_nodes(&text).map_err(|error| format!("not usable (failed to {error})"))?;
    for node in &mut topology.nodes {
        // A node that never met another does not know its own host yet.
        if node.is_myself() && node.address.host.is_empty() {
            node.address.host.clone_from(&dialled.host);
            node.endpoint.host.clone_from(&dialled.host);
        }
    }
    Ok(topology)
}

fn by_slots(reply: &Reply, dialled: &Address) -> Result<Topology, String> {
    if reply.error().is_some() {
        return Err(reply.to_string());
    }
    let entries = parse_slots(reply.value()).map_err(|error| format!("not usable (failed to {error})"))?;
    Ok(Topology::from_slots(&entries, dialled))
}

fn by_shards(reply: &Reply, dialled: &Address, by_tls: bool) -> Result<Topology, String> {
    if reply.error().is_some() {
        return Err(reply.to_string());
    }
    let shards = parse_shards(reply.value()).map_err(|error| format!("not usable (failed to {error})"))?;
    Ok(Topology::from_shards(&shards, dialled, by_tls))
}

fn has_slots(topology: &Topology) -> bool {
    topology.nodes.iter().any(|node| !node.slots.is_empty())
}

/// What CLUSTER NODES leaves out although CLUSTER SLOTS of the same node shows it.
fn lacking(nodes: &Topology, slots: &Topology) -> Option<String> {
    if let Some(unlisted) = slots.nodes.iter().find(|node| nodes.node(&node.id).is_none()) {
        return Some(format!("it lacks the node {}, which CLUSTER SLOTS lists", unlisted.address));
    }
    let owners = Slot::all().zip(nodes.slot_owners().into_iter().zip(slots.slot_owners()));
    let mut orphans = owners.filter(|(_, (by_nodes, by_slots))| by_nodes.is_none() && by_slots.is_some());
    orphans.next().map(|(slot, _)| format!("it shows no owner of slot {slot}, and CLUSTER SLOTS does"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn view(lines: &str) -> Topology {
        parse_nodes(&lines.replace("{A}", A).replace("{B}", B)).unwrap()
    }

    #[test]
    fn a_refused_user_is_told_the_right_that_is_enough() {
        let at = Address::new("h", 1);
        let access = Access { username: Some("some".to_owned()), ..Access::default() };
        let right = |answers: [&str; 3]| {
            let answers = answers.map(str::to_owned);
            no_right(&at, &access, [&answers[0], &answers[1], &answers[2]]).map(|error| error.to_string())
        };
        let old = "error NOPERM this user has no permissions to run the 'cluster' command or its subcommand";
        assert!(right([old; 3]).unwrap().ends_with("\nrun this on every node: ACL SETUSER some +cluster"));
        let new = "error NOPERM User some has no permissions to run the 'cluster|nodes' command";
        assert!(right([new; 3]).unwrap().ends_with("ACL SETUSER some +cluster|nodes"));
        assert_eq!(right([new, new, "error ERR unknown subcommand"]), None);
    }

    #[test]
    fn a_node_or_a_slot_that_only_slots_shows_is_found() {
        let whole = view("{A} h:1@2 master - 0 0 1 connected 0-9\n{B} h:2@3 slave {A} 0 0 1 connected\n");
        let slots = Topology::from_slots(&whole.slots_entries(), &Address::new("h", 1));
        assert_eq!(lacking(&whole, &slots), None);
        let without_replica = view("{A} h:1@2 master - 0 0 1 connected 0-9\n");
        assert!(lacking(&without_replica, &slots).unwrap().contains("h:2"));
        let without_slot = view("{A} h:1@2 master - 0 0 1 connected 0-8\n{B} h:2@3 slave {A} 0 0 1 connected\n");
        assert!(lacking(&without_slot, &slots).unwrap().contains("slot 9"));
        // What SLOTS does not list is no fault of NODES: a replica without data, for one.
        let alone = Topology::from_slots(&without_replica.slots_entries(), &Address::new("h", 1));
        assert_eq!(lacking(&whole, &alone), None);
    }
}
