//! The engine on `io_uring`: a thread, and many sockets' reads and writes in one call of the kernel.

mod engine;
mod pool;
mod ring;

pub(super) use engine::{is_available, run};
