//! How operations reach sockets: the worker draws or plans them, queues them for a node, and sends them.

use super::nodes::Phase;
use super::state::Worker;
use crate::operation::Operation;

/// How often one search for an operation of a node may draw.
const DRAWS_MAX: usize = 1_024;
/// How many drawn operations may wait for each other node in closed loop.
const LOOKAHEAD: usize = 256;
/// How many planned operations may wait for a node in open loop.
const QUEUE_MAX: usize = 1 << 20;
/// How many planned instants one call of [`Worker::pace`] may catch up with.
const CATCH_UP_MAX: usize = 10_000;

const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

impl Worker {
    /// Plans what is due, in open loop, and gives the next planned instant.
    pub fn pace(&mut self, now_ns: u64) -> u64 {
        let Some(start_ns) = self.turns.start_ns() else { return u64::MAX };
        for _ in 0..CATCH_UP_MAX {
            let is_spent = self.source.is_spent();
            let Some(schedule) = &mut self.source.schedule else { return u64::MAX };
            let planned_ns = start_ns + schedule.next_ns();
            if planned_ns >= self.turns.end_ns() || is_spent {
                return u64::MAX;
            }
            if planned_ns > now_ns {
                self.fill_all(now_ns);
                return planned_ns;
            }
            schedule.advance();
            self.plan_one(planned_ns, now_ns);
        }
        self.fill_all(now_ns);
        now_ns
    }

    /// Draws the operation of a planned instant and queues it for its node.
    #[inline]
    fn plan_one(&mut self, planned_ns: u64, now_ns: u64) {
        // The interval of the planned instant must have begun.
        self.turn_if_due(planned_ns);
        let operation = self.source.generator.draw(planned_ns);
        if self.turns.is_measured(planned_ns) {
            self.recorder.send_lag(now_ns - planned_ns);
            self.source.spend();
        }
        let node = self.route(&operation, None);
        self.recorder.planned(usize::from(node), &operation);
        if self.fleet.nodes[usize::from(node)].queue.len() >= QUEUE_MAX {
            self.recorder.failed(usize::from(node), &operation, now_ns);
        } else {
            self.fleet.enqueue(node, operation);
        }
    }

    /// Up to when open loop has planned all operations; at the latest up to the end of the run's time.
    pub(super) fn planned_until_ns(&self) -> u64 {
        match (&self.source.schedule, self.turns.start_ns()) {
            (Some(schedule), Some(start_ns)) => start_ns + schedule.next_ns(),
            _ => u64::MAX,
        }
    }

    /// Whether open loop has not reached all planned instants of the run's time.
    pub(super) fn is_behind(&self) -> bool {
        !self.source.is_spent() && self.turns.start_ns().is_some() && self.planned_until_ns() < self.turns.end_ns()
    }

    /// Counts the operations of the planned instants that the worker did not reach.
    pub(super) fn count_not_sent(&mut self) {
        while self.source.is_open_loop() && self.is_behind() {
            let planned_ns = self.planned_until_ns();
            self.turn_if_due(planned_ns);
            let operation = self.source.generator.draw(planned_ns);
            if self.turns.is_measured(planned_ns) {
                self.source.spend();
            }
            let node = self.route(&operation, None);
            self.recorder.not_sent(usize::from(node), &operation);
            if let Some(schedule) = &mut self.source.schedule {
                schedule.advance();
            }
        }
    }

    /// Whether the next planned instant of open loop has come.
    #[must_use]
    pub fn is_pace_due(&self, now_ns: u64) -> bool {
        match (&self.source.schedule, self.turns.start_ns()) {
            (Some(schedule), Some(start_ns)) => start_ns + schedule.next_ns() <= now_ns,
            _ => false,
        }
    }

    /// Draws the next operations of clients that share their connections, and queues them for their nodes.
    ///
    /// A client has `--pipeline` operations, and gets the next ones when all are answered. The worker does not tell its
    /// clients apart: it draws for one of them as soon as as many operations have ended.
    fn draw_for_clients(&mut self, now_ns: u64) {
        let batch = self.plan.pipeline;
        let mut free = self.source.most_of_clients().saturating_sub(self.fleet.outstanding() + self.retries.len());
        while free >= batch && self.turns.has_started(now_ns) {
            for _ in 0..batch {
                if !self.may_draw(now_ns) {
                    return;
                }
                if self.source.is_sequential() || self.turns.is_measured(now_ns) {
                    self.source.spend();
                }
                let operation = self.source.generator.draw(now_ns);
                let node = self.route(&operation, None);
                self.fleet.enqueue(node, operation);
            }
            free -= batch;
        }
    }

    /// Gives operations to all sockets that may take some.
    pub(super) fn fill_all(&mut self, now_ns: u64) {
        if self.source.draws_for_clients() {
            self.draw_for_clients(now_ns);
        }
        while let Some(socket) = self.fleet.take_to_fill() {
            self.fill(socket, now_ns);
        }
    }

    /// Gives a socket as many operations as it may have in flight.
    pub(super) fn fill(&mut self, socket: usize, now_ns: u64) {
        let entry = &self.fleet.sockets[socket];
        let is_usable =
            entry.phase == Phase::Ready && entry.next_node.is_none() && entry.doomed.is_none() && !entry.is_stuck;
        if !is_usable || !self.turns.has_started(now_ns) {
            let (is_to_move, stuck_at) = (entry.next_node.is_some(), entry.is_stuck.then_some(entry.node));
            if is_to_move {
                self.fleet.flag(socket);
            }
            if let Some(node) = stuck_at {
                // What waits for the node can go by another socket.
                self.fleet.wake(node);
            }
            return;
        }
        let in_flight = entry.connection.in_flight().len();
        let node = entry.node;
        for _ in 0..self.source.room(in_flight) {
            match self.next_for(node, now_ns) {
                Some(operation) => self.send(socket, operation, now_ns),
                None => return self.fleet.rest(socket, node),
            }
        }
    }

    fn send(&mut self, socket: usize, mut operation: Operation, now_ns: u64) {
        operation.sent_ns = now_ns;
        if self.source.is_open_loop() {
            // The recorder tells open loop from closed loop by different instants.
            operation.sent_ns = now_ns.max(operation.planned_ns + 1);
        } else if operation.attempts == 0 {
            operation.planned_ns = now_ns;
            if !self.source.is_sequential() && !self.source.draws_for_clients() && self.turns.is_measured(now_ns) {
                self.source.spend();
            }
        }
        let generator = &self.source.generator;
        let template = &generator.workload().templates[usize::from(operation.template)];
        if let Some(checks) = &mut self.checks {
            checks.sending(&mut operation, template);
        }
        operation.replies = template.replies + u8::from(operation.asking);
        // By value, so that the operation itself need not be in memory.
        let Operation { template, key, seed, asking, .. } = operation;
        self.fleet.sockets[socket].connection.push(operation, |out| {
            if asking {
                out.extend_from_slice(ASKING);
            }
            generator.write(template, key, seed, out);
        });
        self.fleet.flag(socket);
    }

    /// The next operation for a node: one that waits for it, or in closed loop a new one.
    fn next_for(&mut self, node: u16, now_ns: u64) -> Option<Operation> {
        while let Some(operation) = self.fleet.nodes[usize::from(node)].queue.pop_front() {
            let is_planned = self.source.is_planned(&operation);
            if is_planned && now_ns > operation.planned_ns.saturating_add(self.timeout_ns) {
                self.give_up(node, &operation, now_ns);
            } else if !is_planned && !self.source.is_sequential() && !self.may_draw(now_ns) {
                // The worker drew it ahead, and the run ends without it.
            } else if operation.attempts == 0
                && !self.routes.may_serve(node, operation.slot, self.source.is_read(&operation))
            {
                let other = self.route(&operation, Some(node));
                if other == node {
                    return Some(operation);
                }
                self.fleet.enqueue_again(other, operation);
            } else {
                return Some(operation);
            }
        }
        let is_drawn_elsewhere = self.source.is_open_loop() || self.source.draws_for_clients();
        if is_drawn_elsewhere { None } else { self.draw_for(node, now_ns) }
    }

    /// Draws until an operation is for this node; those for other nodes are queued there.
    fn draw_for(&mut self, node: u16, now_ns: u64) -> Option<Operation> {
        for _ in 0..DRAWS_MAX {
            let operation = if let Some(held) = self.source.held {
                self.source.held = None;
                held
            } else if self.may_draw(now_ns) {
                if self.source.is_sequential() {
                    self.source.spend();
                }
                self.source.generator.draw(now_ns)
            } else {
                return None;
            };
            let other = self.route(&operation, Some(node));
            if other == node {
                return Some(operation);
            }
            if self.fleet.nodes[usize::from(other)].queue.len() < LOOKAHEAD {
                self.fleet.enqueue(other, operation);
            } else if self.source.is_sequential() {
                // The sequence must have every key, so all nodes wait for the slowest one.
                self.source.held = Some(operation);
                return None;
            }
        }
        None
    }

    /// Whether closed loop may draw another operation.
    #[inline]
    fn may_draw(&self, now_ns: u64) -> bool {
        now_ns < self.turns.end_ns() && !self.source.is_spent()
    }

    /// The node for an operation. If no node is known to serve its slot, it is `asker`, or any node.
    #[inline]
    pub(super) fn route(&mut self, operation: &Operation, asker: Option<u16>) -> u16 {
        match self.routes.primary(operation.slot) {
            Some(node) => node,
            None => self.route_by_policy(operation, asker),
        }
    }

    fn route_by_policy(&mut self, operation: &Operation, asker: Option<u16>) -> u16 {
        let is_read = self.source.is_read(operation);
        let known = self.routes.node(operation.slot, is_read).or(asker);
        known.or_else(|| self.fleet.random_ready_node()).unwrap_or(0)
    }
}
