//! The questions with which rct enters a cluster that it did not form.

use std::time::Duration;

use suites::Server;
use wire::{Access, Address, Command, ConnectOptions, Connection, Reply, parse_info};

use crate::external::entry_error::EntryError;

/// The limit on opening a connection to a node, and on each of its first answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Opens a connection to a node.
///
/// # Errors
///
/// The node cannot be reached, or does not let this user in.
pub(crate) async fn connect(address: &Address, access: &Access) -> Result<Connection, EntryError> {
    let options = ConnectOptions {
        access: access.clone(),
        connect_timeout: ANSWER_LIMIT,
        reply_timeout: ANSWER_LIMIT,
        ..ConnectOptions::new(address.clone())
    };
    let opened = Connection::open(&options).await;
    opened.map_err(|source| EntryError::Unreachable {
        at: address.clone(),
        by_tls: access.tls.is_some(),
        source: Box::new(source),
    })
}

/// Asks a node, and gives its reply, errors of the server included.
///
/// # Errors
///
/// The connection breaks, or the node says that nobody may ask: it wants a password, or takes no more clients.
pub(crate) async fn ask(connection: &mut Connection, at: &Address, command: &Command) -> Result<Reply, EntryError> {
    let reply = connection.call(command).await;
    let reply =
        reply.map_err(|source| EntryError::Unreachable { at: at.clone(), by_tls: false, source: Box::new(source) })?;
    match reply.error() {
        Some(error) if error.code == "NOAUTH" => Err(EntryError::NoPassword(at.clone())),
        Some(error) if error.text.contains("max number of clients") => Err(EntryError::TooManyClients(at.clone())),
        _ => Ok(reply),
    }
}

/// Which server a node runs; unknown where it does not tell.
///
/// # Errors
///
/// As [`connect`] and [`ask`].
pub(crate) async fn identify(at: &Address, access: &Access) -> Result<Server, EntryError> {
    let mut connection = connect(at, access).await?;
    let info = ask(&mut connection, at, &wire::command!["INFO"]).await?;
    // The last, since a server or a proxy without HELLO may close the connection.
    let hello = ask(&mut connection, at, &wire::command!["HELLO", "2"]).await.ok();
    let server = Server::identify(&parse_info(&info.text().unwrap_or_default()), hello.as_ref());
    Ok(server.unwrap_or_else(Server::unknown))
}

/// A setting of a node (CONFIG GET); `None` where the node does not show it.
///
/// # Errors
///
/// As [`ask`].
pub(crate) async fn setting(
    connection: &mut Connection,
    at: &Address,
    name: &str,
) -> Result<Option<String>, EntryError> {
    let reply = ask(connection, at, &wire::command!["CONFIG", "GET", name]).await?;
    Ok(reply.items().and_then(|items| suites::expect::text_of(items.get(1)?)))
}
