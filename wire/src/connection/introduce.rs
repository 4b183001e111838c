//! The first commands of a connection: AUTH and HELLO.

use crate::access::{Access, Secret};
use crate::command;
use crate::command::Command;
use crate::error::WireError;
use crate::reply::Reply;
use crate::value::ErrorReply;

use super::options::{ConnectOptions, Protocol};

/// The commands that a new connection sends first, each with its name.
///
/// They are AUTH, if there is a user or a password, and HELLO 3, if the protocol is RESP3.
#[must_use]
pub fn introduction(access: &Access, protocol: Protocol) -> Vec<(&'static str, Command)> {
    let mut commands = Vec::new();
    let Access { username, password, .. } = access;
    if username.is_some() || password.is_some() {
        let auth = username.iter().fold(command!["AUTH"], |auth, user| auth.arg(user));
        // A user may need no password. The server then accepts any password, also an empty one.
        commands.push(("AUTH", auth.arg(password.as_ref().map_or("", Secret::expose))));
    }
    if protocol == Protocol::Resp3 {
        commands.push(("HELLO", command!["HELLO", "3"]));
    }
    commands
}

/// Turns an error reply to one of these commands into a [`WireError`] that contains no secret.
pub(super) fn accept(name: &'static str, reply: &Reply, options: &ConnectOptions) -> Result<(), WireError> {
    let Some(ErrorReply { text, .. }) = reply.error() else { return Ok(()) };
    // The server may repeat the password in its error.
    let text = options.access.password.as_ref().map_or_else(|| text.clone(), |secret| secret.hide_in(&text));
    Err(WireError::Refused { address: options.address.clone(), command: name, error: ErrorReply::new(text) })
}
