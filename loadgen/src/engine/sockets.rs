//! The engine on tokio: one thread with its own runtime, and one task for each socket.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;
use wire::{Stream, Tls};

use super::clock::Clock;
use super::link::Link;
use super::timer::Timer;
use super::unopened::Unopened;
use super::worker_driver::WorkerDriver;
use crate::outcome::Outcome;
use crate::recorder::SlotCounts;
use crate::worker::{Closing, Worker};

/// The size of the read buffer, which all sockets of a thread share.
const READ_BYTES: usize = 128 * 1024;

/// Drives a worker until it is done, and returns its counts by slot.
pub(super) fn run(
    worker: Worker,
    link: Link,
    tls: Option<Tls>,
    connect_timeout: Duration,
) -> io::Result<Vec<SlotCounts>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sockets, opening_max) = (worker.socket_count(), worker.opening_max());
    let shared = Rc::new(Shared {
        worker: RefCell::new(worker),
        wakers: RefCell::new(vec![None; sockets]),
        flagged: RefCell::new(Vec::with_capacity(sockets)),
        buffer: RefCell::new(vec![0; READ_BYTES]),
        opening: Semaphore::new(opening_max),
        clock: link.clock,
        tls,
        connect_timeout,
    });
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, drive(Rc::clone(&shared), link))?;
    Ok(shared.worker.borrow_mut().take_slots())
}

/// What the tasks of a thread share.
struct Shared {
    worker: RefCell<Worker>,
    /// The waker of each socket's task.
    wakers: RefCell<Vec<Option<Waker>>>,
    flagged: RefCell<Vec<usize>>,
    buffer: RefCell<Vec<u8>>,
    opening: Semaphore,
    clock: Clock,
    tls: Option<Tls>,
    connect_timeout: Duration,
}

impl Shared {
    /// Wakes the tasks of the sockets that have new work, except the task that is running.
    fn wake_flagged(&self, running: Option<usize>) {
        let mut flagged = self.flagged.borrow_mut();
        self.worker.borrow_mut().take_flagged(&mut flagged);
        let wakers = self.wakers.borrow();
        for &socket in flagged.iter().filter(|&&socket| Some(socket) != running) {
            if let Some(waker) = &wakers[socket] {
                waker.wake_by_ref();
            }
        }
    }
}

/// The main task of a thread: ticks, planned instants, and the exchange with the conducting thread.
async fn drive(shared: Rc<Shared>, link: Link) -> io::Result<()> {
    let timer = Timer::new()?;
    for socket in 0..shared.worker.borrow().socket_count() {
        spawn_local(keep_open(Rc::clone(&shared), socket));
    }
    let mut driver = WorkerDriver::new(link);
    loop {
        let step = driver.step(&mut shared.worker.borrow_mut());
        shared.wake_flagged(None);
        for interval in step.intervals {
            // The receiver lives until the run ends.
            let _gone = driver.link.intervals.send(interval).await;
        }
        if step.is_done {
            return Ok(());
        }
        timer.wait(Duration::from_nanos(step.next_ns.saturating_sub(shared.clock.now_ns()))).await?;
    }
}

/// Keeps a socket connected: connects it, drives it, and starts again when it closes.
async fn keep_open(shared: Rc<Shared>, socket: usize) {
    loop {
        let Ok(permit) = shared.opening.acquire().await else { return };
        let address = shared.worker.borrow_mut().opening(socket);
        let opened = timeout(shared.connect_timeout, Stream::open(&address, shared.tls.as_ref())).await;
        let opened = match opened {
            Ok(opened) => opened.map_err(|error| Unopened::because(&error)),
            Err(_) => Err(Unopened::late(&address, shared.connect_timeout)),
        };
        let closing = match opened {
            Ok(stream) => {
                shared.worker.borrow_mut().opened(socket, shared.clock.now_ns());
                Drive { shared: &shared, socket, stream, is_unflushed: false, permit: Some(permit) }.await
            }
            Err(unopened) => {
                drop(permit);
                shared.worker.borrow_mut().explain(unopened.outcome, &unopened.text);
                Closing::Lost(unopened.outcome)
            }
        };
        let wait = match closing {
            Closing::Left => {
                shared.worker.borrow_mut().left(socket);
                Duration::ZERO
            }
            Closing::Lost(outcome) => shared.worker.borrow_mut().lost(socket, outcome, shared.clock.now_ns()),
        };
        shared.wakers.borrow_mut()[socket] = None;
        shared.wake_flagged(None);
        if !wait.is_zero() {
            rest(&shared, socket, wait).await;
        }
    }
}

/// Waits before a socket connects again, but no longer than until it gets another node.
async fn rest(shared: &Shared, socket: usize, wait: Duration) {
    let moved = poll_fn(|context| {
        if shared.worker.borrow().may_open_at_once(socket) {
            return Poll::Ready(());
        }
        shared.wakers.borrow_mut()[socket] = Some(context.waker().clone());
        Poll::Pending
    });
    // Either one ends the wait.
    let _over = timeout(wait, moved).await;
}

/// Moves the bytes of one socket until the socket must be closed.
struct Drive<'a> {
    shared: &'a Shared,
    socket: usize,
    stream: Stream,
    /// Whether the stream may still buffer bytes that were written to it, as TLS does.
    is_unflushed: bool,
    /// The permit to open a connection. It is held until the server answers for the first time.
    permit: Option<SemaphorePermit<'a>>,
}

impl Future for Drive<'_> {
    type Output = Closing;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Closing> {
        let this = self.get_mut();
        this.note_waker(context);
        loop {
            match this.read(context) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(outcome)) => return Poll::Ready(Closing::Lost(outcome)),
            }
            if this.write(context).is_err() {
                return Poll::Ready(Closing::Lost(Outcome::Closed));
            }
        }
        if this.write(context).is_err() {
            return Poll::Ready(Closing::Lost(Outcome::Closed));
        }
        if this.permit.is_some() && !this.shared.worker.borrow().is_introducing(this.socket) {
            this.permit = None;
        }
        match this.shared.worker.borrow().closing(this.socket) {
            Some(closing) => Poll::Ready(closing),
            None => Poll::Pending,
        }
    }
}

impl Drive<'_> {
    fn note_waker(&self, context: &Context<'_>) {
        let waker = &mut self.shared.wakers.borrow_mut()[self.socket];
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Reads once and gives the bytes to the worker.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        let mut buffer = self.shared.buffer.borrow_mut();
        let mut buffer = ReadBuf::new(&mut buffer);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(Err(Outcome::Closed)),
        }
        let now_ns = self.shared.clock.now_ns();
        let received = {
            let mut worker = self.shared.worker.borrow_mut();
            let received = worker.received(self.socket, buffer.filled(), now_ns);
            if worker.is_pace_due(now_ns) {
                worker.pace(now_ns);
            }
            received
        };
        self.shared.wake_flagged(Some(self.socket));
        Poll::Ready(received)
    }

    /// Writes the outgoing bytes, as many as the stream takes.
    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            let mut worker = self.shared.worker.borrow_mut();
            let outgoing = worker.outgoing(self.socket);
            if outgoing.is_empty() {
                break;
            }
            match Pin::new(&mut self.stream).poll_write(context, outgoing) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => worker.note_sent(self.socket, count),
                Poll::Ready(Err(error)) => return Err(error),
            }
            self.is_unflushed = true;
        }
        if self.is_unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            self.is_unflushed = false;
            flushed?;
        }
        Ok(())
    }
}
