//! The nodes and sockets of a worker, and how sockets are spread over nodes.

use std::collections::VecDeque;
use std::sync::Arc;

use wire::Address;

use crate::connection::Connection;
use crate::operation::Operation;
use crate::outcome::Outcome;

/// A node, and what waits for it.
pub(super) struct Node {
    pub(super) address: Arc<Address>,
    /// Operations that no socket has taken yet, the next first.
    pub(super) queue: VecDeque<Operation>,
    /// Sockets that have nothing to send; some may have gone since, see [`Socket::listed_at`].
    pub(super) idle: VecDeque<usize>,
    /// Its sockets that can send.
    pub(super) ready: usize,
    /// Whether the last layout has it.
    pub(super) is_listed: bool,
}

impl Node {
    pub(super) fn new(address: Arc<Address>) -> Self {
        Self { address, queue: VecDeque::new(), idle: VecDeque::new(), ready: 0, is_listed: true }
    }
}

/// How far a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not connected.
    Down,
    /// The engine connects it to its node.
    Opening,
    /// Connected, and introducing itself.
    Setup,
    /// In use.
    Ready,
}

/// A socket: its node, and the state of its connection.
pub(super) struct Socket {
    pub(super) node: u16,
    pub(super) phase: Phase,
    pub(super) connection: Connection,
    /// Failures since it was last ready.
    pub(super) failures: u32,
    /// The node in whose list of idle sockets it stands.
    pub(super) listed_at: Option<u16>,
    /// The node that it goes to once it has its answers.
    pub(super) next_node: Option<u16>,
    /// Whether its oldest operation was given up, so that it gets no more operations until it has the reply.
    pub(super) is_stuck: bool,
    /// Why it is to be closed at once.
    pub(super) doomed: Option<Outcome>,
    /// Whether the engine has been told that it has something to send or is to be closed.
    pub(super) is_flagged: bool,
}

impl Socket {
    pub(super) fn new(node: u16, keeps_replies: bool) -> Self {
        Self {
            node,
            phase: Phase::Down,
            connection: Connection::new(keeps_replies),
            failures: 0,
            listed_at: None,
            next_node: None,
            is_stuck: false,
            doomed: None,
            is_flagged: false,
        }
    }

    /// The node that it is at, or on its way to.
    pub(super) fn home(&self) -> u16 {
        self.next_node.unwrap_or(self.node)
    }

    /// Sends it to another node: at once if it is not connected, else once it has its answers.
    pub(super) fn move_to(&mut self, node: u16) {
        match self.phase {
            Phase::Down => {
                self.node = node;
                self.next_node = None;
                self.failures = 0;
            }
            _ if self.node == node => self.next_node = None,
            _ => self.next_node = Some(node),
        }
    }
}

/// How many of `sockets` each node gets for its share; each with a share gets one while there are enough.
///
/// `turn` decides who gets the rest of a division, so that workers do not all favour the same node.
pub(super) fn spread(shares: &[f64], sockets: usize, turn: usize) -> Vec<usize> {
    let sum: f64 = shares.iter().sum();
    let mut counts = vec![0; shares.len()];
    if sum <= 0.0 {
        return counts;
    }
    let mut order: Vec<usize> = (0..shares.len()).filter(|&node| shares[node] > 0.0).collect();
    let active = order.len();
    order.rotate_left(turn % active);
    let exact = |node: usize| shares[node] / sum * sockets as f64;
    for &node in &order {
        counts[node] = (exact(node) as usize).max(1);
    }
    // What is too much goes from the fullest, what is too little to those that are furthest behind.
    while counts.iter().sum::<usize>() > sockets {
        let Some(&fullest) = order.iter().rev().max_by_key(|&&node| (counts[node], node)) else { break };
        counts[fullest] -= 1;
    }
    while counts.iter().sum::<usize>() < sockets {
        let behind = |node: usize| exact(node) - counts[node] as f64;
        let mut furthest = order[0];
        for &node in &order {
            if behind(node) > behind(furthest) + 1e-9 {
                furthest = node;
            }
        }
        counts[furthest] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_spread_by_share() {
        let third = 1.0 / 3.0;
        assert_eq!(spread(&[third, third, third, 0.0], 200, 0), [67, 67, 66, 0]);
        assert_eq!(spread(&[third, third, third, 0.0], 200, 1), [66, 67, 67, 0]);
        assert_eq!(spread(&[0.9, 0.1, 0.000_01], 10, 0), [8, 1, 1]);
        assert_eq!(spread(&[0.5, 0.5], 1, 0).iter().sum::<usize>(), 1);
        assert_eq!(spread(&[0.0], 5, 0), [0]);
        assert_eq!(spread(&[], 5, 3), Vec::<usize>::new());
    }
}
