//! What servers answer: first answers of new connections, replies, redirects, and errors.

use wire::{Command, ErrorReply, Redirect, Slot, command, introduction};

use super::state::Worker;
use crate::connection::{Answer, Content, content, is_null};
use crate::operation::{ABANDONED, Operation, SETUP};
use crate::outcome::{Outcome, first_word};
use crate::plan::{ReadFrom, Retry, Routing};

/// How many redirects an operation follows at once; then it waits before the next one.
const REDIRECTS_AT_ONCE: u8 = 5;

impl Worker {
    /// Introduces a socket that is connected: user, protocol and mode.
    pub fn opened(&mut self, socket: usize, now_ns: u64) {
        let first = introduction(&self.plan.access, self.plan.protocol);
        let mut commands: Vec<Command> = first.into_iter().map(|(_, command)| command).collect();
        if self.plan.read_from != ReadFrom::Primary {
            commands.push(command!["READONLY"]);
        }
        if commands.is_empty() {
            // Only an answer shows that the server has accepted the connection, and not just its kernel.
            commands.push(command!["PING"]);
        }
        let setup = Operation {
            planned_ns: now_ns,
            sent_ns: now_ns,
            key: 0,
            seed: 0,
            slot: Slot::MAX,
            template: SETUP,
            attempts: 0,
            replies: commands.len() as u8,
            asking: false,
            problem: None,
        };
        self.fleet.introduce(socket, setup, |out| commands.iter().for_each(|command| out.extend(command.pack())));
    }

    /// Takes bytes that came on a socket.
    ///
    /// # Errors
    ///
    /// The class of outcome for which the engine must close the socket; then it calls [`Worker::lost`].
    pub fn received(&mut self, socket: usize, bytes: &[u8], now_ns: u64) -> Result<(), Outcome> {
        self.turn_if_due(now_ns);
        let mut rest = bytes;
        loop {
            let entry = &mut self.fleet.sockets[socket];
            let node = entry.node;
            while let Some((operation, reply)) = entry.connection.next_plain_answer(&mut rest) {
                if let Some(checks) = &mut self.checks {
                    let is_primary = self.routes.is_primary(node, operation.slot);
                    let generator = &self.source.generator;
                    checks.answered(generator, &operation, (node, is_primary), content(reply), now_ns);
                }
                let found = Some(!is_null(reply)).filter(|_| self.source.is_read(&operation));
                self.recorder.ok(usize::from(node), &operation, now_ns, found);
                if operation.attempts > 0 {
                    self.retries.release();
                }
            }
            match entry.connection.next_answer(&mut rest) {
                Ok(Some((operation, answer))) if operation.template == SETUP => self.introduced(socket, answer)?,
                // rct gave the operation up, and it counts as timed out.
                Ok(Some((operation, _))) if operation.template == ABANDONED => {
                    entry.is_stuck = entry.connection.is_stuck();
                }
                Ok(Some((operation, answer))) => self.answered(node, operation, answer, now_ns),
                Ok(None) => break,
                Err(_) => return Err(Outcome::Protocol),
            }
        }
        self.send_due_again(now_ns);
        self.fill(socket, now_ns);
        self.fill_all(now_ns);
        Ok(())
    }

    fn introduced(&mut self, socket: usize, answer: Answer) -> Result<(), Outcome> {
        if let Answer::Error(line) = answer {
            self.recorder.code(first_word(&line), &line);
            let address = &self.fleet.nodes[usize::from(self.fleet.sockets[socket].node)].address;
            self.trouble = Some(format!("{address} answered {line}"));
            return Err(Outcome::Refused);
        }
        self.fleet.make_ready(socket);
        Ok(())
    }

    fn answered(&mut self, node: u16, operation: Operation, answer: Answer, now_ns: u64) {
        let (is_found, content) = match &answer {
            Answer::Value => (true, Content::Other),
            Answer::Text(text) => (true, Content::Text(text)),
            Answer::Number(number) => (true, Content::Number(*number)),
            Answer::Nothing => (false, Content::Nothing),
            Answer::Error(line) => return self.refused(node, operation, line, now_ns),
        };
        if let Some(checks) = &mut self.checks {
            let is_primary = self.routes.is_primary(node, operation.slot);
            checks.answered(&self.source.generator, &operation, (node, is_primary), content, now_ns);
        }
        let found = Some(is_found).filter(|_| self.source.is_read(&operation));
        self.recorder.ok(usize::from(node), &operation, now_ns, found);
        if operation.attempts > 0 {
            self.retries.release();
        }
    }

    /// Handles an error of a server: the operation goes to another node, waits for a retry, or has failed.
    fn refused(&mut self, node: u16, mut operation: Operation, line: &str, now_ns: u64) {
        let code = first_word(line);
        let outcome = Outcome::of_code(code);
        self.recorder.problem(usize::from(node), Some(operation.slot), outcome);
        operation.asking = false;
        operation.problem = Some(outcome);
        operation.attempts = operation.attempts.saturating_add(1);
        if outcome != Outcome::Error {
            self.recorder.text(outcome, code, line);
        }
        let may_retry = self.plan.retry != Retry::None;
        match outcome {
            Outcome::Moved | Outcome::Ask => {
                let to = self.redirected_to(node, line);
                match to.filter(|_| may_retry) {
                    Some(to) => self.follow(outcome, node, to, operation, now_ns),
                    None => self.give_up(node, &operation, now_ns),
                }
            }
            Outcome::TryAgain | Outcome::ClusterDown | Outcome::Loading if may_retry => {
                self.wants_refresh = true;
                self.send_later(node, operation, now_ns);
            }
            // A primary that became a replica, or a replica that lost its primary: the layout has changed.
            Outcome::Error if may_retry && matches!(code, "READONLY" | "MASTERDOWN") => {
                self.recorder.code(code, line);
                self.wants_refresh = true;
                self.send_later(node, operation, now_ns);
            }
            _ => {
                self.recorder.code(code, line);
                if let Some(checks) = &mut self.checks {
                    checks.failed(&self.source.generator, &operation, code);
                }
                self.give_up(node, &operation, now_ns);
            }
        }
    }

    /// Sends an operation to the node that a redirect names. MOVED also changes the owner of the slot at once, unless the
    /// worker is to learn nothing.
    fn follow(&mut self, outcome: Outcome, from: u16, to: u16, mut operation: Operation, now_ns: u64) {
        if outcome == Outcome::Moved && self.plan.routing != Routing::Redirect {
            self.routes.set_owner(operation.slot, to);
            self.wants_refresh = true;
        }
        if operation.attempts.is_multiple_of(REDIRECTS_AT_ONCE) {
            return self.send_later(from, operation, now_ns);
        }
        operation.asking = outcome == Outcome::Ask;
        self.fleet.enqueue_again(to, operation);
        self.fleet.want_socket_at(to);
    }

    /// The node that the line of a redirect names; `None` if it names none.
    fn redirected_to(&mut self, from: u16, line: &str) -> Option<u16> {
        let parsed = Redirect::parse(&ErrorReply::new(line))?;
        let (Redirect::Moved { address, .. } | Redirect::Ask { address, .. }) = parsed.ok()? else { return None };
        let host = &self.fleet.nodes[usize::from(from)].address.host;
        let address = self.plan.reachable(address.address(host));
        self.node_at(&address)
    }
}
