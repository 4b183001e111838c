//! The nodes that a worker knows, its sockets, and which socket is at which node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use wire::Address;

use super::nodes::{Node, Phase, Socket, spread};
use super::retries::{BACKOFF_FIRST, BACKOFF_MAX};
use crate::layout::NODES_MAX;
use crate::operation::{ABANDONED, Operation};
use crate::outcome::Outcome;
use crate::plan::nanoseconds;
use crate::recorder::Waiting;

/// The share of a node that serves no slot while operations wait for it: enough for one socket.
const SHARE_MIN: f64 = 1e-6;

/// After how long without a reply rct asks the cluster whether its layout has changed.
const SILENT: Duration = Duration::from_millis(250);

/// How often the sockets of a node together try to connect again.
const RECONNECT_EVERY: Duration = Duration::from_millis(5);

/// Why the engine must close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// It is broken or silent.
    Lost(Outcome),
    /// It is to connect to another node.
    Left,
}

/// The nodes and sockets of a worker.
pub(super) struct Fleet {
    pub(super) nodes: Vec<Node>,
    pub(super) sockets: Vec<Socket>,
    by_address: HashMap<Address, u16>,
    /// How many sockets are connected and have not had their first answer.
    introducing: usize,
    /// Sockets that the engine has to look at: they have something to send, or are to be closed.
    flagged: Vec<usize>,
    /// Sockets that may take operations.
    to_fill: Vec<usize>,
    wants_spread: bool,
    rng: SmallRng,
}

impl Fleet {
    /// A fleet of unconnected sockets, without nodes yet. Its random choices follow from the seed, and `keeps_replies`
    /// says that replies are checked.
    pub(super) fn new(sockets: usize, seed: u64, keeps_replies: bool) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            nodes: Vec::new(),
            sockets: (0..sockets).map(|_| Socket::new(0, keeps_replies)).collect(),
            by_address: HashMap::new(),
            introducing: 0,
            flagged: Vec::new(),
            to_fill: Vec::new(),
            wants_spread: false,
        }
    }

    /// The number of the node at an address, if it is known.
    pub(super) fn find(&self, address: &Address) -> Option<u16> {
        self.by_address.get(address).copied()
    }

    /// Adds a node and gives its number; `None` once there are too many.
    pub(super) fn add(&mut self, address: &Arc<Address>) -> Option<u16> {
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        let number = self.nodes.len() as u16;
        self.nodes.push(Node::new(Arc::clone(address)));
        self.by_address.insert(Address::clone(address), number);
        self.wants_spread = true;
        Some(number)
    }

    /// Queues an operation for a node behind the others, and lets an idle socket take it.
    #[inline]
    pub(super) fn enqueue(&mut self, node: u16, operation: Operation) {
        self.nodes[usize::from(node)].queue.push_back(operation);
        self.wake(node);
    }

    /// Queues an operation again: before all that were planned later, and lets an idle socket take it.
    ///
    /// So the first operation of a queue is always the one whose `--timeout` ends first.
    pub(super) fn enqueue_again(&mut self, node: u16, operation: Operation) {
        let queue = &mut self.nodes[usize::from(node)].queue;
        let at = queue.partition_point(|other| other.planned_ns < operation.planned_ns);
        queue.insert(at, operation);
        self.wake(node);
    }

    /// Lets an idle socket of a node look for operations.
    #[inline]
    pub(super) fn wake(&mut self, node: u16) {
        while let Some(socket) = self.nodes[usize::from(node)].idle.pop_front() {
            let entry = &mut self.sockets[socket];
            if entry.listed_at == Some(node) {
                entry.listed_at = None;
                self.to_fill.push(socket);
                return;
            }
        }
    }

    /// Notes that a socket of a node has nothing to send.
    #[inline]
    pub(super) fn rest(&mut self, socket: usize, node: u16) {
        let entry = &mut self.sockets[socket];
        if entry.listed_at != Some(node) {
            entry.listed_at = Some(node);
            self.nodes[usize::from(node)].idle.push_back(socket);
        }
    }

    /// Takes a socket that may take operations.
    #[inline]
    pub(super) fn take_to_fill(&mut self) -> Option<usize> {
        self.to_fill.pop()
    }

    /// Lets all sockets look for operations.
    pub(super) fn wake_all(&mut self) {
        self.to_fill.extend(0..self.sockets.len());
    }

    /// Tells the engine to look at a socket.
    #[inline]
    pub(super) fn flag(&mut self, socket: usize) {
        if !self.sockets[socket].is_flagged {
            self.sockets[socket].is_flagged = true;
            self.flagged.push(socket);
        }
    }

    /// Exchanges the sockets that the engine has to look at for an empty list.
    pub(super) fn take_flagged(&mut self, flagged: &mut Vec<usize>) {
        flagged.clear();
        std::mem::swap(flagged, &mut self.flagged);
        for &socket in flagged.iter() {
            self.sockets[socket].is_flagged = false;
        }
    }

    /// Starts to connect a socket, and gives the address.
    pub(super) fn open(&mut self, socket: usize) -> Arc<Address> {
        let entry = &mut self.sockets[socket];
        entry.node = entry.home();
        entry.next_node = None;
        entry.phase = Phase::Opening;
        Arc::clone(&self.nodes[usize::from(entry.node)].address)
    }

    /// Notes that a socket is connected, and gives the operation `setup` to it.
    pub(super) fn introduce(&mut self, socket: usize, setup: Operation, write: impl FnOnce(&mut Vec<u8>)) {
        let entry = &mut self.sockets[socket];
        entry.phase = Phase::Setup;
        entry.connection.push(setup, write);
        self.introducing += 1;
        self.flag(socket);
    }

    /// Notes that a socket has had its first answer and can be used.
    pub(super) fn make_ready(&mut self, socket: usize) {
        let entry = &mut self.sockets[socket];
        entry.phase = Phase::Ready;
        entry.failures = 0;
        self.introducing -= 1;
        self.nodes[usize::from(entry.node)].ready += 1;
    }

    /// Notes that a socket is not connected any more, and gives its node and the operations that were in flight.
    pub(super) fn take_down(&mut self, socket: usize) -> (u16, Vec<Operation>) {
        let entry = &mut self.sockets[socket];
        let node = entry.node;
        match entry.phase {
            Phase::Ready => self.nodes[usize::from(node)].ready -= 1,
            Phase::Setup => self.introducing -= 1,
            Phase::Down | Phase::Opening => {}
        }
        entry.phase = Phase::Down;
        entry.doomed = None;
        entry.is_stuck = false;
        entry.listed_at = None;
        entry.node = entry.home();
        entry.next_node = None;
        let connection = entry.connection.take();
        let in_flight = connection.in_flight().iter().filter(|operation| operation.template < ABANDONED);
        (node, in_flight.copied().collect())
    }

    /// Notes which nodes the last layout has.
    pub(super) fn list(&mut self, listed: &[Option<u16>]) {
        self.nodes.iter_mut().for_each(|node| node.is_listed = false);
        listed.iter().flatten().for_each(|&node| self.nodes[usize::from(node)].is_listed = true);
    }

    /// Marks sockets as lost that have been silent for [`SILENT`] at a node which has left the layout: another node
    /// serves its slots, and needs them. Returns whether any socket has been silent for so long.
    pub(super) fn leave_silent(&mut self, now_ns: u64) -> bool {
        let mut is_any_silent = false;
        for number in 0..self.sockets.len() {
            let entry = &mut self.sockets[number];
            let head = entry.connection.in_flight().front();
            let is_silent = head.is_some_and(|head| now_ns > head.sent_ns.saturating_add(nanoseconds(SILENT)));
            is_any_silent |= is_silent;
            if is_silent && !self.nodes[usize::from(entry.node)].is_listed && entry.doomed.is_none() {
                entry.doomed = Some(Outcome::Timeout);
                self.flag(number);
            }
        }
        is_any_silent
    }

    /// Gives up the operations that were sent longer ago than the limit, and returns them with their nodes.
    ///
    /// A socket is lost once this is true of all its operations. As long as it is not, the server may still answer the
    /// younger ones in time. The socket then gets no further operations until its oldest reply has come.
    pub(super) fn give_up_silent(&mut self, now_ns: u64, limit_ns: u64) -> Vec<(u16, Operation)> {
        let is_late = |operation: &Operation| now_ns > operation.sent_ns.saturating_add(limit_ns);
        let mut given_up = Vec::new();
        for number in 0..self.sockets.len() {
            let entry = &mut self.sockets[number];
            let in_flight = entry.connection.in_flight();
            if entry.doomed.is_some() || !in_flight.front().is_some_and(is_late) {
                continue;
            }
            if in_flight.back().is_some_and(is_late) {
                entry.doomed = Some(Outcome::Timeout);
                self.flag(number);
            } else {
                let node = entry.node;
                given_up.extend(entry.connection.abandon(is_late).into_iter().map(|operation| (node, operation)));
                entry.is_stuck = true;
            }
        }
        given_up
    }

    /// Whether the engine must close a socket, and why.
    pub(super) fn closing(&self, socket: usize) -> Option<Closing> {
        let socket = &self.sockets[socket];
        match (socket.doomed, socket.next_node) {
            (Some(outcome), _) => Some(Closing::Lost(outcome)),
            (None, Some(_)) if socket.connection.in_flight().is_empty() => Some(Closing::Left),
            _ => None,
        }
    }

    /// How many sockets are connected and have not had their first answer.
    pub(super) fn introducing(&self) -> usize {
        self.introducing
    }

    /// How many sockets can send.
    pub(super) fn ready_count(&self) -> usize {
        self.nodes.iter().map(|node| node.ready).sum()
    }

    /// One of the nodes that have a socket which can send.
    pub(super) fn random_ready_node(&mut self) -> Option<u16> {
        let is_ready = |node: &usize| self.nodes[*node].ready > 0;
        let count = (0..self.nodes.len()).filter(is_ready).count();
        let chosen = self.rng.random_range(0..count.max(1));
        (0..self.nodes.len()).filter(is_ready).nth(chosen).map(|node| node as u16)
    }

    /// Whether operations wait for a node: in flight, or in its queue if it still serves the first of them.
    pub(super) fn is_awaited(&self, node: u16, is_served: impl Fn(&Operation) -> bool) -> bool {
        let is_busy = |socket: &Socket| {
            socket.node == node && socket.phase == Phase::Ready && !socket.connection.in_flight().is_empty()
        };
        self.nodes[usize::from(node)].queue.front().is_some_and(is_served) || self.sockets.iter().any(is_busy)
    }

    /// Counts the operations in queues and in flight.
    pub(super) fn outstanding(&self) -> usize {
        let in_flight = |socket: &Socket| {
            socket.connection.in_flight().iter().filter(|operation| operation.template < ABANDONED).count()
        };
        let queued: usize = self.nodes.iter().map(|node| node.queue.len()).sum();
        queued + self.sockets.iter().map(in_flight).sum::<usize>()
    }

    /// Counts the operations in queues and in flight, in all and by the number of their node, and finds the oldest one.
    pub(super) fn add_waiting(&self, waiting: &mut Waiting, by_node: &mut [u64]) {
        for (node, of_node) in self.nodes.iter().zip(by_node.iter_mut()) {
            waiting.add(node.queue.len() as u64, node.queue.front().map(|first| first.planned_ns));
            *of_node += node.queue.len() as u64;
        }
        for socket in self.sockets.iter().filter(|socket| socket.phase == Phase::Ready) {
            let waits = socket.connection.in_flight().iter().filter(|operation| operation.template < ABANDONED);
            let (first, count) = (waits.clone().next(), waits.count() as u64);
            waiting.add(count, first.map(|first| first.planned_ns));
            by_node[usize::from(socket.node)] += count;
        }
    }

    /// The longest wait before a socket connects again: the fewer sockets a node has, the sooner each of them tries, so
    /// that one of them soon finds that the node is back.
    pub(super) fn longest_reconnect(&self) -> Duration {
        let sockets_per_node = self.sockets.len() / self.nodes.len().max(1);
        let longest = RECONNECT_EVERY.saturating_mul(sockets_per_node.try_into().unwrap_or(u32::MAX));
        longest.clamp(2 * BACKOFF_FIRST, BACKOFF_MAX)
    }

    /// Whether a socket has an operation in flight.
    pub(super) fn has_in_flight(&self) -> bool {
        let is_counted = |operation: &Operation| operation.template < ABANDONED;
        self.sockets.iter().any(|socket| socket.connection.in_flight().iter().any(is_counted))
    }

    /// Asks for a new spread if a node has no socket that can send.
    pub(super) fn want_socket_at(&mut self, node: u16) {
        self.wants_spread |= self.nodes[usize::from(node)].ready == 0;
    }

    /// Whether the sockets are to be spread anew, since the last call.
    pub(super) fn take_spread_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_spread)
    }

    /// Spreads the sockets over the nodes by their shares of the operations.
    ///
    /// `turn` decides which nodes get the rest of a division. A socket that is in use moves once it has its answers.
    pub(super) fn spread(&mut self, mut shares: Vec<f64>, turn: usize) {
        for (share, node) in shares.iter_mut().zip(&self.nodes) {
            if *share <= 0.0 && !node.queue.is_empty() {
                *share = SHARE_MIN;
            }
        }
        if shares.iter().all(|share| *share <= 0.0) {
            shares.fill(1.0);
        }
        let wanted = spread(&shares, self.sockets.len(), turn);
        let mut have = vec![0; self.nodes.len()];
        let mut spare = Vec::new();
        for (number, socket) in self.sockets.iter().enumerate() {
            let home = usize::from(socket.home());
            have[home] += 1;
            if have[home] > wanted[home] {
                spare.push(number);
            }
        }
        for (node, &wanted) in wanted.iter().enumerate() {
            for _ in have[node]..wanted {
                let Some(socket) = spare.pop() else { return };
                self.sockets[socket].move_to(node as u16);
                self.flag(socket);
            }
        }
    }
}
