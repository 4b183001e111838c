//! The engine on `io_uring`: one thread, which submits the reads and writes of many sockets in one system call.

mod engine;
mod pool;
mod ring;

pub(super) use engine::{is_available, run};
