//! What drives a worker: sockets and timers.

mod clock;
mod link;
mod sockets;
mod timer;

pub(crate) use clock::Clock;
pub(crate) use link::Link;
pub use link::Stop;
pub(crate) use sockets::run;
