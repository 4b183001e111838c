//! Reads keys in batches, one connection to each node.

use std::collections::HashMap;

use futures_util::future::join_all;
use wire::{Address, Command, ConnectOptions, Connection, Redirect, Reply, Slot, WireError, command};

use super::copies::NodeCopy;
use crate::engine::StopSignal;
use crate::keys::{Distribution, KeySpace, Keys};
use crate::ledger::stamp::{self, Flaw};
use crate::ledger::{Found, Ledger, ShardReport};
use crate::plan::LoadPlan;

/// The most keys of a batch, and the most bytes of their values.
const BATCH_KEYS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// A key that could not be read yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) space: usize,
    pub(super) key: u64,
    /// The node that ASK named.
    ask: Option<Address>,
}

/// What was read of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) space: usize,
    pub(super) key: u64,
    pub(super) found: Found,
}

/// Reads the keys of a ledger.
pub(super) struct Reader<'a> {
    plan: &'a LoadPlan,
    ledger: &'a Ledger,
    stop: &'a StopSignal,
    /// By key space.
    keys: Vec<Keys>,
    batch: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a LoadPlan, ledger: &'a Ledger, stop: &'a StopSignal) -> Self {
        // The distribution does not change the names and slots of keys.
        let keys =
            |space: &KeySpace| Keys::new(&KeySpace { distribution: Distribution::Uniform, ..space.clone() }, 0, 1);
        let keys = plan.workload.spaces.iter().map(keys).collect();
        let batch = (BATCH_BYTES as u64 / plan.workload.largest_value().max(1)).clamp(1, BATCH_KEYS as u64) as usize;
        Self { plan, ledger, stop, keys, batch }
    }

    /// Whether the user stopped the run.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_raised()
    }

    /// The slot of a key.
    pub(super) fn slot(&self, space: usize, key: u64) -> Slot {
        self.keys[space].slot(key)
    }

    /// The name of a key.
    pub(super) fn name(&self, space: usize, key: u64) -> String {
        String::from_utf8_lossy(&self.bytes(space, key)).into_owned()
    }

    /// Reads keys from all nodes at a time: all that were written, or those of `only`. Gives those that are left.
    ///
    /// `take` gets what was read, with the shard to count it in; if it returns false, the key is left.
    pub(super) async fn read(
        &self,
        copies: &[NodeCopy],
        only: Option<&[Pending]>,
        shards: &mut Vec<ShardReport>,
        take: &mut dyn FnMut(&mut ShardReport, Seen) -> bool,
    ) -> Vec<Pending> {
        let has_no_copy = |pending: &Pending| {
            let slot = self.slot(pending.space, pending.key);
            !copies.iter().any(|copy| copy.has(slot))
        };
        let mut left: Vec<Pending> = match only {
            None if copies.iter().any(|copy| copy.is_replica) => Vec::new(),
            None => self.written().filter(has_no_copy).collect(),
            Some(only) => only.iter().filter(|pending| has_no_copy(pending)).cloned().collect(),
        };
        let mut nodes: Vec<Node<'_>> = copies.iter().map(|copy| Node::new(copy, self.next_of(copy, only))).collect();
        while nodes.iter().any(|node| !node.is_done) && !self.is_stopped() {
            let batches = join_all(nodes.iter_mut().map(|node| node.read(self))).await;
            for (node, seen) in nodes.iter_mut().zip(batches) {
                left.append(&mut node.left);
                let shard = shard_of(shards, &node.address);
                let refused = seen.into_iter().filter(|seen| !take(shard, *seen));
                left.extend(refused.map(|Seen { space, key, .. }| Pending { space, key, ask: None }));
            }
        }
        left
    }

    /// All keys that were written.
    fn written(&self) -> impl Iterator<Item = Pending> + '_ {
        self.ledger.verified().flat_map(move |(space, _)| {
            let mut from = 0;
            std::iter::from_fn(move || {
                let key = self.ledger.written_from(space, from)?;
                from = key + 1;
                Some(Pending { space, key, ask: None })
            })
        })
    }

    /// The keys of a copy: all that were written, or those of `only`.
    fn next_of<'b>(
        &'b self,
        copy: &'b NodeCopy,
        only: Option<&'b [Pending]>,
    ) -> Box<dyn Iterator<Item = Pending> + 'b> {
        let is_here = |pending: &Pending| copy.has(self.slot(pending.space, pending.key));
        match only {
            Some(only) => Box::new(only.iter().filter(move |pending| is_here(pending)).cloned()),
            None => Box::new(self.written().filter(is_here)),
        }
    }

    fn bytes(&self, space: usize, key: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.keys[space].write(key, 0, &mut bytes);
        bytes
    }

    /// What a reply says about a key; an error if the key must be read again, with the node that ASK names.
    fn found(&self, pending: &Pending, reply: &Reply, node: &Address) -> Result<Found, Option<Address>> {
        if let Some(error) = reply.error() {
            return match Redirect::parse(&error) {
                Some(Ok(Redirect::Ask { address, .. })) => Err(Some(self.plan.reachable(address.address(&node.host)))),
                None if error.to_string().starts_with("WRONGTYPE") => Ok(Found::Flawed(Flaw::Corrupt)),
                _ => Err(None),
            };
        }
        let value = reply.bytes_value();
        Ok(match value {
            _ if reply.is_null() => Found::Nothing,
            None => Found::Flawed(Flaw::Corrupt),
            Some(value) => {
                stamp::read(value, &self.bytes(pending.space, pending.key)).map_or_else(Found::Flawed, Found::Write)
            }
        })
    }
}

/// One node while its keys are read.
struct Node<'a> {
    address: String,
    copy: &'a NodeCopy,
    next: Box<dyn Iterator<Item = Pending> + 'a>,
    connections: HashMap<Address, Connection>,
    left: Vec<Pending>,
    is_done: bool,
}

impl<'a> Node<'a> {
    fn new(copy: &'a NodeCopy, next: Box<dyn Iterator<Item = Pending> + 'a>) -> Self {
        let (connections, left) = (HashMap::new(), Vec::new());
        Self { address: copy.address.to_string(), copy, next, connections, left, is_done: false }
    }

    /// Reads the next batch. Keys that cannot be read are left.
    async fn read(&mut self, reader: &Reader<'_>) -> Vec<Seen> {
        let batch: Vec<Pending> = self.next.by_ref().take(reader.batch).collect();
        self.is_done = batch.len() < reader.batch;
        let (asked, plain): (Vec<_>, Vec<_>) = batch.into_iter().partition(|pending| pending.ask.is_some());
        let mut seen = self.read_from(reader, &self.copy.address.clone(), plain).await;
        for pending in asked {
            let Some(address) = pending.ask.clone() else { continue };
            seen.extend(self.read_from(reader, &address, vec![pending]).await);
        }
        seen
    }

    async fn read_from(&mut self, reader: &Reader<'_>, address: &Address, keys: Vec<Pending>) -> Vec<Seen> {
        let replies = match self.replies(reader, address, &keys).await {
            Ok(replies) => replies,
            Err(_) => {
                self.connections.remove(address);
                let keys = keys.into_iter().map(|pending| Pending { ask: None, ..pending });
                self.left.extend(keys);
                if *address == self.copy.address {
                    // Further batches would wait just as long.
                    self.left.extend(self.next.by_ref());
                    self.is_done = true;
                }
                return Vec::new();
            }
        };
        let mut seen = Vec::with_capacity(keys.len());
        for (pending, reply) in keys.into_iter().zip(replies) {
            let Pending { space, key, .. } = pending;
            match reader.found(&pending, &reply, address) {
                Ok(found) => seen.push(Seen { space, key, found }),
                Err(ask) => self.left.push(Pending { ask, ..pending }),
            }
        }
        seen
    }

    /// The reply for each of the keys.
    async fn replies(
        &mut self,
        reader: &Reader<'_>,
        address: &Address,
        keys: &[Pending],
    ) -> Result<Vec<Reply>, WireError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if !self.connections.contains_key(address) {
            let connection = open(reader.plan, address, self.copy.is_replica).await?;
            self.connections.insert(address.clone(), connection);
        }
        let Some(connection) = self.connections.get_mut(address) else { return Ok(Vec::new()) };
        let mut commands: Vec<Command> = Vec::with_capacity(keys.len());
        for pending in keys {
            if pending.ask.is_some() {
                commands.push(command!["ASKING"]);
            }
            commands.push(command!["GET", reader.bytes(pending.space, pending.key)]);
        }
        let mut replies = connection.pipeline(&commands).await?;
        let is_get = |at: &usize| commands[*at].args().len() > 1;
        let gets: Vec<usize> = (0..commands.len()).filter(is_get).collect();
        if gets.len() < replies.len() {
            replies = gets.into_iter().map(|at| replies[at].clone()).collect();
        }
        Ok(replies)
    }
}

async fn open(plan: &LoadPlan, address: &Address, is_replica: bool) -> Result<Connection, WireError> {
    let options = ConnectOptions {
        access: plan.access.clone(),
        connect_timeout: plan.connect_timeout,
        reply_timeout: plan.timeout,
        ..ConnectOptions::new(address.clone())
    };
    let mut connection = Connection::open(&options).await?;
    if is_replica {
        connection.call(&command!["READONLY"]).await?;
    }
    Ok(connection)
}

/// The shard with this address, which is added if it is not there.
pub(super) fn shard_of<'a>(shards: &'a mut Vec<ShardReport>, address: &str) -> &'a mut ShardReport {
    let at = shards.iter().position(|shard| shard.address == address).unwrap_or(shards.len());
    if at == shards.len() {
        shards.push(ShardReport { address: address.to_owned(), ..ShardReport::default() });
    }
    &mut shards[at]
}
