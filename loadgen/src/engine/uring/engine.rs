//! The loop of the engine: it sends what the worker has to send, and gives the worker what arrives.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc;

use super::ring::{Event, Ring};
use crate::engine::clock::Clock;
use crate::engine::link::Link;
use crate::engine::opener::{OpenRequest, Opened};
use crate::engine::worker_driver::WorkerDriver;
use crate::outcome::Outcome;
use crate::recorder::SlotCounts;
use crate::worker::{Closing, Worker};

/// After how many writes they are submitted, so that servers already work while the worker makes the rest.
const WRITES_AT_ONCE: usize = 32;
/// How long one wait may take while connections are being opened, because no completion announces those.
const OPENING_POLL_EVERY: Duration = Duration::from_millis(2);

/// Whether this kernel supports the engine for this many sockets, and allows its use.
pub(in crate::engine) fn is_available(sockets: usize) -> bool {
    Ring::new(sockets).is_ok()
}

/// Drives a worker until it is done, and returns its counts by slot.
pub(in crate::engine) fn run(
    worker: Worker,
    link: Link,
    requests: mpsc::Sender<OpenRequest>,
) -> io::Result<Vec<SlotCounts>> {
    let sockets = worker.socket_count();
    let (opened, openings) = channel();
    let mut engine = Engine {
        ring: Ring::new(sockets)?,
        worker,
        clock: link.clock,
        states: vec![State::Absent { due_ns: 0 }; sockets],
        flagged: Vec::with_capacity(sockets),
        outgoing: Vec::new(),
        requests,
        opened,
        openings,
        opening: 0,
        absent: sockets,
    };
    engine.drive(WorkerDriver::new(link))?;
    Ok(engine.worker.take_slots())
}

/// The state of a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has no connection. The engine opens one at this time.
    Absent { due_ns: u64 },
    /// Its connection is being opened.
    Opening,
    /// It is in use.
    Open,
    /// The kernel has not released it yet. The engine opens a new connection at this time.
    Closing { due_ns: u64 },
}

struct Engine {
    ring: Ring,
    worker: Worker,
    clock: Clock,
    states: Vec<State>,
    flagged: Vec<usize>,
    /// A buffer that worker and ring exchange, so that none is allocated.
    outgoing: Vec<u8>,
    requests: mpsc::Sender<OpenRequest>,
    opened: Sender<Opened>,
    openings: Receiver<Opened>,
    /// How many sockets are in state `Opening`.
    opening: usize,
    /// How many sockets are in state `Absent`.
    absent: usize,
}

impl Engine {
    fn drive(&mut self, mut driver: WorkerDriver) -> io::Result<()> {
        loop {
            self.open_due();
            self.take_opened()?;
            let step = driver.step(&mut self.worker);
            self.serve_flagged()?;
            for interval in step.intervals {
                // The receiver lives until the run ends.
                let _gone = driver.link.intervals.blocking_send(interval);
            }
            if step.is_done {
                return Ok(());
            }
            let mut limit = Duration::from_nanos(step.next_ns.saturating_sub(self.clock.now_ns()));
            if self.opening > 0 {
                limit = limit.min(OPENING_POLL_EVERY);
            }
            self.ring.wait(limit)?;
            while let Some((socket, event)) = self.ring.next()? {
                self.take(socket, event)?;
            }
        }
    }

    fn take(&mut self, socket: usize, event: Event) -> io::Result<()> {
        match event {
            Event::Received(buffer) => {
                let now_ns = self.clock.now_ns();
                let received = self.worker.received(socket, self.ring.bytes(buffer), now_ns);
                self.ring.give_back(buffer);
                if self.worker.is_pace_due(now_ns) {
                    self.worker.pace(now_ns);
                }
                if let Err(outcome) = received {
                    self.close(socket, Closing::Lost(outcome));
                }
            }
            Event::Sent => self.serve(socket)?,
            Event::Broken => self.close(socket, Closing::Lost(Outcome::Closed)),
            Event::Closed => {
                if let State::Closing { due_ns } = self.states[socket] {
                    self.states[socket] = State::Absent { due_ns };
                    self.absent += 1;
                }
            }
        }
        self.serve_flagged()
    }

    /// Serves the sockets that have something to send or must be closed.
    fn serve_flagged(&mut self) -> io::Result<()> {
        let mut flagged = std::mem::take(&mut self.flagged);
        self.worker.take_flagged(&mut flagged);
        for &socket in &flagged {
            self.serve(socket)?;
        }
        self.flagged = flagged;
        if self.ring.waiting() >= WRITES_AT_ONCE { self.ring.submit() } else { Ok(()) }
    }

    fn serve(&mut self, socket: usize) -> io::Result<()> {
        if self.states[socket] != State::Open {
            return Ok(());
        }
        if let Some(closing) = self.worker.closing(socket) {
            self.close(socket, closing);
        } else if !self.ring.is_sending(socket) {
            self.worker.take_outgoing(socket, &mut self.outgoing);
            if !self.outgoing.is_empty() {
                return self.ring.send(socket, &mut self.outgoing);
            }
        }
        Ok(())
    }

    /// Closes a socket: tells the worker, and asks the kernel to release it.
    fn close(&mut self, socket: usize, closing: Closing) {
        if self.states[socket] != State::Open {
            return;
        }
        self.ring.shut(socket);
        let due_ns = self.gone(socket, closing);
        self.states[socket] = State::Closing { due_ns };
    }

    /// Tells the worker that a socket is gone. Returns when the engine must open it again.
    fn gone(&mut self, socket: usize, closing: Closing) -> u64 {
        let now_ns = self.clock.now_ns();
        match closing {
            Closing::Left => {
                self.worker.left(socket);
                now_ns
            }
            Closing::Lost(outcome) => now_ns + self.worker.lost(socket, outcome, now_ns).as_nanos() as u64,
        }
    }

    fn open_due(&mut self) {
        let mut room = self.worker.opening_max().saturating_sub(self.opening + self.worker.introducing());
        if self.absent == 0 {
            return;
        }
        let now_ns = self.clock.now_ns();
        for socket in 0..self.states.len() {
            if room == 0 {
                return;
            }
            let State::Absent { due_ns } = self.states[socket] else { continue };
            if due_ns <= now_ns || self.worker.may_open_at_once(socket) {
                let address = self.worker.opening(socket);
                let request = OpenRequest { socket, address, reply: self.opened.clone() };
                // The channel has room for a request of every socket, and the receiver lives until the run ends.
                let _gone = self.requests.try_send(request);
                self.states[socket] = State::Opening;
                self.opening += 1;
                self.absent -= 1;
                room -= 1;
            }
        }
    }

    fn take_opened(&mut self) -> io::Result<()> {
        while let Ok((socket, opened)) = self.openings.try_recv() {
            self.opening -= 1;
            let attached = match opened {
                Ok(stream) => self.attach(socket, stream),
                Err(unopened) => {
                    self.worker.explain(unopened.outcome, &unopened.text);
                    Err(unopened.outcome)
                }
            };
            match attached {
                Ok(()) => {
                    self.states[socket] = State::Open;
                    self.worker.opened(socket, self.clock.now_ns());
                    self.serve(socket)?;
                }
                Err(outcome) => {
                    let due_ns = self.gone(socket, Closing::Lost(outcome));
                    self.states[socket] = State::Absent { due_ns };
                    self.absent += 1;
                }
            }
        }
        Ok(())
    }

    fn attach(&mut self, socket: usize, stream: TcpStream) -> Result<(), Outcome> {
        self.ring.attach(socket, stream).map_err(|_| Outcome::Refused)
    }
}
