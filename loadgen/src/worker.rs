//! One worker without I/O: what it sends, where each operation goes, and how each one ends.
//!
//! An engine feeds it bytes and instants, sends the bytes that it offers, and opens and closes sockets for it. The parts
//! of a worker have a file each: `fleet` has nodes and sockets, `source` the operations to send, `turns` the times
//! of the run, `routes` the owners of slots, `retries` what is sent again. `state` puts them together, and the other
//! files say what a worker does with them.

mod answers;
mod checks;
mod fleet;
mod losses;
mod nodes;
mod retries;
mod routes;
mod sending;
mod source;
mod state;
mod turns;

pub use fleet::Closing;
pub use state::Worker;
