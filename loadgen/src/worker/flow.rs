//! The way of operations: drawn or planned, filed by node, sent, answered.

use wire::{Access, Protocol, Secret, Slot, command};

use super::nodes::Phase;
use super::state::Worker;
use crate::connection::Answer;
use crate::operation::{Operation, SETUP};
use crate::outcome::Outcome;
use crate::plan::ReadFrom;

/// How many draws one search for an operation of a node may take.
const DRAWS_MAX: usize = 1_024;
/// How many drawn operations may wait for each other node in closed loop.
const LOOKAHEAD: usize = 256;
/// How many planned operations may wait for a node in open loop.
const QUEUE_MAX: usize = 1 << 20;
/// How many planned instants are caught up with at a time.
const CATCH_UP: usize = 10_000;

const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

impl Worker {
    /// A socket is connected: it introduces itself.
    pub fn opened(&mut self, socket: usize, now_ns: u64) {
        let mut words = Vec::new();
        let Access { username, password, .. } = &self.plan.access;
        if username.is_some() || password.is_some() {
            let auth = username.iter().fold(command!["AUTH"], |auth, user| auth.arg(user));
            words.push(auth.arg(password.as_ref().map_or("", Secret::expose)));
        }
        if self.plan.protocol == Protocol::Resp3 {
            words.push(command!["HELLO", "3"]);
        }
        if self.plan.read_from != ReadFrom::Primary {
            words.push(command!["READONLY"]);
        }
        if words.is_empty() {
            // An answer shows that the server has taken the connection, not only its kernel.
            words.push(command!["PING"]);
        }
        let setup = Operation {
            planned_ns: now_ns,
            sent_ns: now_ns,
            key: 0,
            seed: 0,
            slot: Slot::MAX,
            template: SETUP,
            attempts: 0,
            replies: words.len() as u8,
            asking: false,
        };
        let entry = &mut self.sockets[socket];
        entry.phase = Phase::Setup;
        self.introducing += 1;
        entry.connection.push(setup, |out| words.iter().for_each(|word| out.extend(word.pack())));
        self.flag(socket);
    }

    /// Bytes came on a socket.
    ///
    /// # Errors
    ///
    /// The class of outcome for which the socket is to be closed; then the engine calls [`Worker::lost`].
    pub fn received(&mut self, socket: usize, bytes: &[u8], now_ns: u64) -> Result<(), Outcome> {
        self.turn_if_due(now_ns);
        let mut rest = bytes;
        loop {
            let entry = &mut self.sockets[socket];
            let node = entry.node;
            while let Some((operation, is_found)) = entry.connection.next_plain_answer(&mut rest) {
                let template = &self.generator.workload().templates[usize::from(operation.template)];
                let found = Some(is_found).filter(|_| template.is_read);
                self.recorder.ok(usize::from(node), &operation, now_ns, found);
            }
            match entry.connection.next_answer(&mut rest) {
                Ok(Some((operation, answer))) if operation.template == SETUP => self.introduced(socket, answer)?,
                Ok(Some((operation, answer))) => self.answered(socket, operation, answer, now_ns),
                Ok(None) => break,
                Err(_) => return Err(Outcome::Protocol),
            }
        }
        self.fill(socket, now_ns);
        self.fill_all(now_ns);
        Ok(())
    }

    /// Plans what is due, in open loop, and gives the next planned instant.
    pub fn pace(&mut self, now_ns: u64) -> u64 {
        let Some(start_ns) = self.start_ns else { return u64::MAX };
        for _ in 0..CATCH_UP {
            let Some(schedule) = &mut self.schedule else { return u64::MAX };
            let planned_ns = start_ns + schedule.next_ns();
            if planned_ns >= self.end_ns || self.budget == Some(0) {
                return u64::MAX;
            }
            if planned_ns > now_ns {
                self.fill_all(now_ns);
                return planned_ns;
            }
            schedule.advance();
            let operation = self.generator.draw(planned_ns);
            if planned_ns >= self.measured_from_ns {
                self.recorder.send_lag(now_ns - planned_ns);
                self.budget = self.budget.map(|budget| budget - 1);
            }
            let node = self.route(&operation, None);
            if self.nodes[usize::from(node)].queue.len() >= QUEUE_MAX {
                self.recorder.not_sent(usize::from(node), &operation);
            } else {
                self.nodes[usize::from(node)].queue.push_back(operation);
                self.wake(node);
            }
        }
        self.fill_all(now_ns);
        now_ns
    }

    /// The next planned instant of open loop, if it has come.
    #[must_use]
    pub fn is_pace_due(&self, now_ns: u64) -> bool {
        match (&self.schedule, self.start_ns) {
            (Some(schedule), Some(start_ns)) => start_ns + schedule.next_ns() <= now_ns,
            _ => false,
        }
    }

    /// Gives operations to all sockets that may take some.
    pub(super) fn fill_all(&mut self, now_ns: u64) {
        while let Some(socket) = self.to_fill.pop() {
            self.fill(socket, now_ns);
        }
    }

    /// Gives a socket as many operations as it may have in flight.
    fn fill(&mut self, socket: usize, now_ns: u64) {
        let entry = &self.sockets[socket];
        let is_usable = entry.phase == Phase::Ready && entry.next_node.is_none() && entry.doomed.is_none();
        if !is_usable || self.start_ns.is_none_or(|start_ns| now_ns < start_ns) {
            if entry.next_node.is_some() {
                self.flag(socket);
            }
            return;
        }
        let in_flight = entry.connection.in_flight().len();
        let room = match self.schedule {
            Some(_) => self.plan.pipeline.saturating_sub(in_flight),
            // The next go together when all are answered.
            None if in_flight > 0 => 0,
            None => self.plan.pipeline,
        };
        let node = entry.node;
        for _ in 0..room {
            match self.next_for(node, now_ns) {
                Some(operation) => self.send(socket, operation, now_ns),
                None => {
                    let entry = &mut self.sockets[socket];
                    if entry.listed_at != Some(node) {
                        entry.listed_at = Some(node);
                        self.nodes[usize::from(node)].idle.push_back(socket);
                    }
                    return;
                }
            }
        }
    }

    fn send(&mut self, socket: usize, mut operation: Operation, now_ns: u64) {
        operation.sent_ns = now_ns;
        if operation.attempts == 0 && self.schedule.is_none() {
            operation.planned_ns = now_ns;
            if !self.is_sequential() && now_ns >= self.measured_from_ns {
                self.budget = self.budget.map(|budget| budget - 1);
            }
        }
        let template = &self.generator.workload().templates[usize::from(operation.template)];
        operation.replies = template.replies + u8::from(operation.asking);
        // By value, so that the operation itself need not be in memory.
        let Operation { template, key, seed, asking, .. } = operation;
        self.sockets[socket].connection.push(operation, |out| {
            if asking {
                out.extend_from_slice(ASKING);
            }
            self.generator.write(template, key, seed, out);
        });
        self.flag(socket);
    }

    /// The next operation for a node: what waits for it, or in closed loop a new one.
    fn next_for(&mut self, node: u16, now_ns: u64) -> Option<Operation> {
        while let Some(operation) = self.nodes[usize::from(node)].queue.pop_front() {
            let is_planned = operation.attempts > 0 || self.schedule.is_some();
            if is_planned && now_ns > operation.planned_ns.saturating_add(self.timeout_ns) {
                self.expire(node, operation, now_ns);
            } else if !is_planned && !self.is_sequential() && !self.may_draw(now_ns) {
                // It was drawn ahead, and the run ends without it.
            } else if operation.attempts == 0 && !self.routes.may_serve(node, operation.slot, self.is_read(&operation))
            {
                let other = self.route(&operation, Some(node));
                if other == node {
                    return Some(operation);
                }
                self.nodes[usize::from(other)].queue.push_back(operation);
                self.wake(other);
            } else {
                return Some(operation);
            }
        }
        if self.schedule.is_some() { None } else { self.draw_for(node, now_ns) }
    }

    /// Draws until an operation is the node's; those of other nodes wait for these.
    fn draw_for(&mut self, node: u16, now_ns: u64) -> Option<Operation> {
        for _ in 0..DRAWS_MAX {
            let operation = if let Some(held) = self.held {
                self.held = None;
                held
            } else if self.may_draw(now_ns) {
                if self.is_sequential() {
                    self.budget = self.budget.map(|budget| budget - 1);
                }
                self.generator.draw(now_ns)
            } else {
                return None;
            };
            let other = self.route(&operation, Some(node));
            if other == node {
                return Some(operation);
            }
            let waiting = &mut self.nodes[usize::from(other)];
            if waiting.queue.len() < LOOKAHEAD {
                waiting.queue.push_back(operation);
                self.wake(other);
            } else if self.is_sequential() {
                // None may be left out: all wait for the slowest node.
                self.held = Some(operation);
                return None;
            }
        }
        None
    }

    /// Whether closed loop goes on.
    fn may_draw(&self, now_ns: u64) -> bool {
        now_ns < self.end_ns && self.budget != Some(0)
    }

    /// The node for an operation; where nobody is known to serve its slot, `asker`, or any.
    #[inline]
    pub(super) fn route(&mut self, operation: &Operation, asker: Option<u16>) -> u16 {
        match self.routes.primary(operation.slot) {
            Some(node) => node,
            None => self.route_by_policy(operation, asker),
        }
    }

    fn route_by_policy(&mut self, operation: &Operation, asker: Option<u16>) -> u16 {
        let is_read = self.is_read(operation);
        let known = self.routes.node(operation.slot, is_read);
        known.or(asker).unwrap_or_else(|| {
            let ready: Vec<u16> =
                (0..self.nodes.len()).filter(|&node| self.nodes[node].ready > 0).map(|node| node as u16).collect();
            ready.get(operation.key as usize % ready.len().max(1)).copied().unwrap_or(0)
        })
    }

    /// Lets an idle socket of the node look for work.
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

    fn introduced(&mut self, socket: usize, answer: Answer) -> Result<(), Outcome> {
        if let Answer::Error(line) = answer {
            self.recorder.code(first_word(&line));
            return Err(Outcome::Refused);
        }
        let entry = &mut self.sockets[socket];
        entry.phase = Phase::Ready;
        self.introducing -= 1;
        entry.failures = 0;
        self.nodes[usize::from(entry.node)].ready += 1;
        Ok(())
    }

    fn answered(&mut self, socket: usize, operation: Operation, answer: Answer, now_ns: u64) {
        let node = self.sockets[socket].node;
        let found = match answer {
            Answer::Value => true,
            Answer::Nothing => false,
            Answer::Error(line) => return self.refused(node, operation, &line, now_ns),
        };
        let found = Some(found).filter(|_| self.is_read(&operation));
        self.recorder.ok(usize::from(node), &operation, now_ns, found);
    }

    pub(super) fn is_read(&self, operation: &Operation) -> bool {
        self.generator.workload().templates[usize::from(operation.template)].is_read
    }

    /// Whether an operation drawn ahead must not be dropped.
    pub(super) fn is_sequential(&self) -> bool {
        self.generator.is_sequential()
    }
}

/// The first word of an error: what clients branch on.
pub(super) fn first_word(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}
