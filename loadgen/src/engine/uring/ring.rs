//! A safe interface to sockets on an `io_uring`. It owns all memory that the kernel uses, until the kernel is done.
//!
//! Each socket has one read that stays active (a multishot `recv` into shared buffers) and at most one pending write.

use std::io;
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::types::{Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use nix::libc;

use super::pool::{GROUP, Pool};

/// The most entries in one submission.
const SUBMIT_MAX: u32 = 1024;
/// The size of the completion queue. The kernel keeps further completions in memory of its own.
const COMPLETIONS: u32 = 8192;
/// How long the kernel may take to release everything at the end.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// An event on a socket.
pub(super) enum Event {
    /// Bytes arrived. [`Ring::bytes`] gives them until [`Ring::give_back`].
    Received(Buffer),
    /// All bytes of the last [`Ring::send`] were sent.
    Sent,
    /// The connection is unusable: the server closed it, or it broke.
    Broken,
    /// After [`Ring::shut`], the kernel has released the connection. Another one can take its place.
    Closed,
}

/// A filled buffer of the shared memory.
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    number: u16,
    length: usize,
}

/// The sockets of a thread.
pub(super) struct Ring {
    // This field comes first, so that it is dropped before the memory that it points to.
    ring: IoUring,
    pool: Pool,
    lines: Vec<Line>,
    completions: Vec<(u64, i32, u32)>,
    /// How many completions [`Ring::next`] has returned.
    given: usize,
    /// How many entries were added since the last submission.
    waiting: usize,
}

/// What the kernel is doing for a socket.
#[derive(Default)]
struct Line {
    stream: Option<TcpStream>,
    /// The bytes of the pending write. They must not change until it is done.
    sending: Vec<u8>,
    sent: usize,
    is_sending: bool,
    is_receiving: bool,
    is_shut: bool,
}

const SEND: u64 = 0;
const RECEIVE: u64 = 1;

impl Ring {
    pub(super) fn new(sockets: usize) -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMIT_MAX)?;
        let pool = Pool::register(&ring, sockets)?;
        ring.submitter().register_files_sparse(sockets as u32)?;
        let lines = (0..sockets).map(|_| Line::default()).collect();
        Ok(Self { ring, pool, lines, completions: Vec::new(), given: 0, waiting: 0 })
    }

    /// Takes a blocking connection and starts to read from it.
    pub(super) fn attach(&mut self, socket: usize, stream: TcpStream) -> io::Result<()> {
        self.ring.submitter().register_files_update(socket as u32, &[stream.as_raw_fd()])?;
        self.lines[socket] = Line { stream: Some(stream), ..Line::default() };
        self.receive(socket)
    }

    /// Whether a write is pending, so that the next one must wait.
    pub(super) fn is_sending(&self, socket: usize) -> bool {
        self.lines[socket].is_sending
    }

    /// Sends all of the bytes, and leaves an empty buffer in their place. No write may be pending.
    pub(super) fn send(&mut self, socket: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let line = &mut self.lines[socket];
        assert!(!line.is_sending, "one write at a time");
        mem::swap(&mut line.sending, bytes);
        bytes.clear();
        line.sent = 0;
        self.write(socket)
    }

    /// How many entries wait to be submitted.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Shuts a connection down. [`Event::Closed`] follows.
    pub(super) fn shut(&mut self, socket: usize) {
        let line = &mut self.lines[socket];
        if let Some(stream) = line.stream.as_ref().filter(|_| !line.is_shut) {
            // Shutting down fails if the connection is already gone, which is just as good.
            let _gone = stream.shutdown(Shutdown::Both);
        }
        line.is_shut = true;
        if !line.is_sending && !line.is_receiving {
            // The kernel does nothing for the socket, so no completion would cause the event.
            self.completions.push((user_data(socket, RECEIVE), 0, 0));
        }
    }

    /// Submits the waiting entries, and does not wait.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        self.waiting = 0;
        match self.ring.submit() {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Submits the waiting entries, and waits for a completion or until the limit has passed.
    pub(super) fn wait(&mut self, limit: Duration) -> io::Result<()> {
        self.waiting = 0;
        if self.given == self.completions.len() {
            self.completions.clear();
            self.given = 0;
        }
        let want = usize::from(self.completions.is_empty());
        let timespec = Timespec::from(limit);
        match self.ring.submitter().submit_with_args(want, &SubmitArgs::new().timespec(&timespec)) {
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        let completed = self.ring.completion().map(|entry| (entry.user_data(), entry.result(), entry.flags()));
        self.completions.extend(completed);
        Ok(())
    }

    /// The next event, with its socket.
    pub(super) fn next(&mut self) -> io::Result<Option<(usize, Event)>> {
        while let Some(&(user_data, result, flags)) = self.completions.get(self.given) {
            self.given += 1;
            let socket = (user_data >> 1) as usize;
            let event = match user_data & 1 {
                SEND => self.written(socket, result)?,
                _ => self.read(socket, result, flags)?,
            };
            if let Some(event) = event {
                return Ok(Some((socket, event)));
            }
        }
        Ok(None)
    }

    /// The bytes that arrived.
    pub(super) fn bytes(&self, buffer: Buffer) -> &[u8] {
        self.pool.filled(buffer.number, buffer.length)
    }

    /// Returns a buffer to the kernel.
    pub(super) fn give_back(&mut self, buffer: Buffer) {
        self.pool.give_back(buffer.number);
    }

    fn written(&mut self, socket: usize, result: i32) -> io::Result<Option<Event>> {
        let line = &mut self.lines[socket];
        line.is_sending = false;
        if line.is_shut {
            return Ok(self.closed(socket));
        }
        match usize::try_from(result) {
            Ok(count) if count > 0 => {
                line.sent += count;
                if line.sent < line.sending.len() {
                    return self.write(socket).map(|()| None);
                }
                line.sending.clear();
                if line.sending.capacity() > crate::connection::BUFFER_BYTES_KEPT {
                    line.sending = Vec::new();
                }
                Ok(Some(Event::Sent))
            }
            _ => Ok(Some(Event::Broken)),
        }
    }

    fn read(&mut self, socket: usize, result: i32, flags: u32) -> io::Result<Option<Event>> {
        let line = &mut self.lines[socket];
        line.is_receiving = cqueue::more(flags);
        let buffer = cqueue::buffer_select(flags).map(|number| Buffer { number, length: result.max(0) as usize });
        if line.is_shut {
            buffer.into_iter().for_each(|buffer| self.give_back(buffer));
            return Ok(self.closed(socket));
        }
        let is_receiving = line.is_receiving;
        match (result, buffer) {
            (1.., Some(buffer)) => {
                if !is_receiving {
                    self.receive(socket)?;
                }
                Ok(Some(Event::Received(buffer)))
            }
            (0, buffer) => {
                buffer.into_iter().for_each(|buffer| self.give_back(buffer));
                Ok(Some(Event::Broken))
            }
            // All buffers hold replies. The engine returns them before the next submission.
            (error, _) if matches!(-error, libc::ENOBUFS | libc::EINTR | libc::EAGAIN) => {
                self.receive(socket)?;
                Ok(None)
            }
            _ => Ok(Some(Event::Broken)),
        }
    }

    /// Frees the place of a connection that was shut down, once the kernel does nothing more for it.
    fn closed(&mut self, socket: usize) -> Option<Event> {
        let line = &mut self.lines[socket];
        if line.is_sending || line.is_receiving || line.stream.is_none() {
            return None;
        }
        *line = Line::default();
        // If this fails, the kernel releases the file when another connection takes the place.
        let _kept = self.ring.submitter().register_files_update(socket as u32, &[-1]);
        Some(Event::Closed)
    }

    fn receive(&mut self, socket: usize) -> io::Result<()> {
        self.lines[socket].is_receiving = true;
        let entry = opcode::RecvMulti::new(Fixed(socket as u32), GROUP).build();
        self.push(entry.user_data(user_data(socket, RECEIVE)))
    }

    fn write(&mut self, socket: usize) -> io::Result<()> {
        let line = &mut self.lines[socket];
        line.is_sending = true;
        let rest = &line.sending[line.sent..];
        let length = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        let entry = opcode::Send::new(Fixed(socket as u32), rest.as_ptr(), length).flags(libc::MSG_NOSIGNAL).build();
        self.push(entry.user_data(user_data(socket, SEND)))
    }

    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        loop {
            #[expect(unsafe_code, reason = "the memory of the entry stays in place until its completion arrives")]
            let pushed = unsafe { self.ring.submission().push(&entry) };
            if pushed.is_ok() {
                self.waiting += 1;
                return Ok(());
            }
            self.submit()?;
        }
    }
}

impl Drop for Ring {
    /// Waits until the kernel has released all memory. If it does not in time, the memory is never freed.
    fn drop(&mut self) {
        (0..self.lines.len()).for_each(|socket| self.shut(socket));
        let began = std::time::Instant::now();
        let is_used = |line: &Line| line.is_sending || line.is_receiving;
        while self.lines.iter().any(is_used) && began.elapsed() < RELEASE_LIMIT {
            if self.wait(RELEASE_LIMIT / 10).is_err() {
                break;
            }
            while let Ok(Some(_)) = self.next() {}
        }
        if self.lines.iter().any(is_used) {
            self.pool.lose();
            mem::forget(mem::take(&mut self.lines));
        }
    }
}

fn user_data(socket: usize, kind: u64) -> u64 {
    (socket as u64) << 1 | kind
}

/// Whether the error is harmless: the time is over, a signal arrived, or the kernel is busy.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN))
}
