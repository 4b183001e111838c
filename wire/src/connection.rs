//! One connection to one server: it opens, sends commands and receives replies.
//!
//! Every wait has a time limit, and a [`Tap`] can see every byte.

mod calls;
mod introduce;
mod link;
mod options;
mod pushes;
mod stream;

pub use calls::Connection;
pub use introduce::introduction;
pub use options::{CONNECT_TIMEOUT, ConnectOptions, Protocol, REPLY_TIMEOUT, Tap};
pub use pushes::{PUSH_BYTES_KEPT, PUSHES_KEPT};
pub use stream::Stream;
