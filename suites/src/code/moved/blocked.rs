//! Clients that are blocked on a key while its slot moves to another node.

use wire::{Command, Node, Slot, command};

use crate::cluster::Cluster;
use crate::code::blocked::{blocked, wait_for_blocked};
use crate::code::state::wait_for_state;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("moved/blocked-clients")
    .title("A node redirects clients that are blocked on a key when the key's slot moves to another node")
    .must("BLPOP")
    .covers(&["moved.blocked-client"])
    .shape(2, 0)
    .needs(&[Need::MoveSlot])
    .body(|cluster| Box::pin(blocked_clients(cluster)))];

/// How often the check moves slots if the cluster goes down by itself meanwhile, as on a machine that stalls.
const ATTEMPTS: usize = 3;

async fn blocked_clients(cluster: &Cluster) -> Outcome {
    let mut outcome = Ok(());
    for _ in 0..ATTEMPTS {
        outcome = move_under_clients(cluster).await;
        let went_down = matches!(&outcome, Err(Stop::Mismatch(mismatch)) if mismatch.received.contains("CLUSTERDOWN"));
        if !went_down {
            break;
        }
        for node in cluster.primaries() {
            wait_for_state(cluster, &node, "ok").await?;
        }
        cluster.refresh().await?;
    }
    outcome
}

/// Moves two slots while clients are blocked on keys of theirs. Other keys in these slots would be lost.
///
/// Both nodes get SETSLOT for the first slot. Only the new owner gets it for the second one, whose old owner still has a
/// key: otherwise XREADGROUP, which needs an existing stream, could not be blocked any more.
async fn move_under_clients(cluster: &Cluster) -> Outcome {
    let from = cluster.some_primary()?;
    let (told, claimed) = cluster.two_empty_slots_of(&from).await?;
    let to = cluster.non_owner(told)?;
    let before = blocked(cluster, &from).await?;
    let mut clients = Vec::new();
    for slot in [told, claimed] {
        clients.extend(waiting(cluster, &from, slot).await?);
    }
    clients.push(waiting_group(cluster, &from, claimed).await?);
    wait_for_blocked(cluster, &from, before + clients.len() as u64).await?;

    give(cluster, told, &from, &to, &[&to, &from]).await?;
    give(cluster, claimed, &from, &to, &[&to]).await?;
    for client in clients {
        client.expect_redirect(cluster, &to).await?;
    }
    cluster.refresh().await?;
    Ok(())
}

/// A blocked client.
struct Client {
    session: Session,
    command: Command,
    slot: Slot,
    /// Another error that the server may send, because it noticed the loss of the key before that of the slot.
    instead: Option<&'static str>,
}

async fn waiting(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<Vec<Client>> {
    let key = |name: &str| cluster.keys().named(slot, name);
    let commands = [
        command!["BLPOP", key("list"), "0"],
        command!["BRPOP", key("other-list"), key("list"), "0"],
        command!["BLMOVE", key("list"), key("target"), "LEFT", "LEFT", "0"],
        command!["BZPOPMIN", key("zset"), "0"],
        command!["XREAD", "BLOCK", "0", "STREAMS", key("stream"), "$"],
    ];
    let mut clients = Vec::new();
    for command in commands {
        if !cluster.may_have(&command.name()).await? {
            continue;
        }
        clients.push(Client::start(cluster, node, command, slot, None).await?);
    }
    Ok(clients)
}

/// Starts a client that reads as a consumer of a group.
///
/// Redis 7.0 unblocks it when the key of the stream is deleted, before it looks at the slot.
async fn waiting_group(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<Client> {
    let stream = cluster.keys().named(slot, "group-stream");
    cluster.expect(node, command!["XGROUP", "CREATE", &stream, "g", "$", "MKSTREAM"], Expect::Ok).await?;
    let command = command!["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", &stream, ">"];
    let instead = cluster.server().is("redis >=7.0 <7.2").then_some("UNBLOCKED");
    Client::start(cluster, node, command, slot, instead).await
}

impl Client {
    async fn start(
        cluster: &Cluster,
        node: &Node,
        command: Command,
        slot: Slot,
        instead: Option<&'static str>,
    ) -> Outcome<Self> {
        let mut session = cluster.session(node).await?;
        session.send(&command).await?;
        Ok(Self { session, command, slot, instead })
    }

    async fn expect_redirect(mut self, cluster: &Cluster, to: &Node) -> Outcome {
        let moved = Expect::error(format!("MOVED {} {}", self.slot, to.endpoint));
        let others = self.instead.map(Expect::error);
        let expect = match others {
            Some(other) => Expect::AnyOf(vec![moved, other]),
            None => moved,
        };
        match self.session.try_receive(cluster.limits().converge).await {
            Ok(reply) => self.session.require(self.command.to_string(), &expect, &reply),
            Err(error) if error.is_timeout() => Err(Stop::Mismatch(Box::new(Mismatch {
                sent: Some(self.command.to_string()),
                to: Some(format!(
                    "{} (owned slot {} and gave it to {})",
                    self.session.address(),
                    self.slot,
                    to.address
                )),
                expected: expect.to_string(),
                received: format!(
                    "nothing within {:.1} s; the client is still blocked",
                    cluster.limits().converge.as_secs_f64()
                ),
                ..Mismatch::default()
            }))),
            Err(error) => Err(self.session.judge(error, &self.command.to_string()).await),
        }
    }
}

/// Opens a slot and sends SETSLOT NODE only to the nodes `told`.
async fn give(cluster: &Cluster, slot: Slot, from: &Node, to: &Node, told: &[&Node]) -> Outcome {
    cluster.open_slot(slot, from, to).await?;
    for node in told {
        cluster.expect(node, command!["CLUSTER", "SETSLOT", slot.to_string(), "NODE", to.id], Expect::Ok).await?;
    }
    Ok(())
}
