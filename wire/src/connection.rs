//! One connection to one server: opening it, commands and replies, each wait with a limit, and a tap on every byte.

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
