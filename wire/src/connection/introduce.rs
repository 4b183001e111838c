//! What a connection says first: AUTH and HELLO.

use crate::access::{Access, Secret};
use crate::command::Command;
use crate::error::WireError;
use crate::reply::ErrorReply;

use super::calls::Connection;
use super::options::{ConnectOptions, Protocol};

/// Authenticates if a user or password is given, then asks for RESP3 if that is wanted.
pub(super) async fn introduce(connection: &mut Connection, options: &ConnectOptions) -> Result<(), WireError> {
    let Access { username, password, .. } = &options.access;
    if username.is_some() || password.is_some() {
        // A user without a password may be one that needs none, which any password satisfies.
        let words = username.as_deref().into_iter().chain([password.as_ref().map_or("", Secret::expose)]);
        say(connection, "AUTH", words, options).await?;
    }
    if options.protocol == Protocol::Resp3 {
        say(connection, "HELLO", ["3"], options).await?;
    }
    Ok(())
}

async fn say(
    connection: &mut Connection,
    command: &'static str,
    words: impl IntoIterator<Item = &str>,
    options: &ConnectOptions,
) -> Result<(), WireError> {
    let reply = connection.call(&words.into_iter().fold(Command::new([command]), Command::arg)).await?;
    let Some(ErrorReply { text, .. }) = reply.error() else { return Ok(()) };
    // The server may repeat what it was sent.
    let text = options.access.password.as_ref().map_or_else(|| text.clone(), |secret| secret.hide_in(&text));
    Err(WireError::Refused { address: options.address.clone(), command, error: ErrorReply::new(text) })
}
