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
/// AUTH is sent if a user or a password is given, and HELLO 3 if RESP3 is wanted.
#[must_use]
pub fn introduction(access: &Access, protocol: Protocol) -> Vec<(&'static str, Command)> {
    let mut commands = Vec::new();
    let Access { username, password, .. } = access;
    if username.is_some() || password.is_some() {
        let auth = username.iter().fold(command!["AUTH"], |auth, user| auth.arg(user));
        // A user without a password may be one that needs none; the server then takes any password.
        commands.push(("AUTH", auth.arg(password.as_ref().map_or("", Secret::expose))));
    }
    if protocol == Protocol::Resp3 {
        commands.push(("HELLO", command!["HELLO", "3"]));
    }
    commands
}

/// Turns the error that a server answers one of these commands with into an error that holds no secret.
pub(super) fn accept(name: &'static str, reply: &Reply, options: &ConnectOptions) -> Result<(), WireError> {
    let Some(ErrorReply { text, .. }) = reply.error() else { return Ok(()) };
    // The server may repeat what it was sent.
    let text = options.access.password.as_ref().map_or_else(|| text.clone(), |secret| secret.hide_in(&text));
    Err(WireError::Refused { address: options.address.clone(), command: name, error: ErrorReply::new(text) })
}
