//! One worker without I/O: what it knows, what goes where, and what becomes of it.
//!
//! An engine feeds it bytes and instants, sends what it says, and opens and closes what it asks for.

mod flow;
mod nodes;
mod routes;
mod state;
mod trouble;

pub use state::{Closing, Worker};
