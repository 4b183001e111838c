//! Follows CLUSTERSCAN through the cluster; rct routes each cursor by its own hash of the cursor.

use wire::{Command, Node, Slot, command};

use crate::cluster::Cluster;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};

/// The most calls of one walk; a correct server needs some hundreds.
const STEPS: usize = 50_000;

/// One reply of CLUSTERSCAN.
pub(super) struct Page {
    pub(super) cursor: String,
    pub(super) keys: Vec<String>,
}

impl Page {
    /// The page before the first call.
    pub(super) fn start() -> Self {
        Self { cursor: "0".to_owned(), keys: Vec::new() }
    }

    /// Whether the walk is over.
    pub(super) fn is_last(&self) -> bool {
        self.cursor == "0"
    }
}

/// The command for a cursor and options.
pub(super) fn scan(cursor: &str, options: &[String]) -> Command {
    options.iter().fold(command!["CLUSTERSCAN", cursor], Command::arg)
}

/// The node to which a cursor leads: CLUSTERSCAN is routed like a command with the cursor as its key.
pub(super) fn owner(cluster: &Cluster, cursor: &str) -> Outcome<Node> {
    cluster.owner(Slot::of(cursor))
}

/// Sends CLUSTERSCAN to the node to which the cursor leads.
///
/// # Errors
/// A mismatch, if the reply is not a cursor and a list of keys.
pub(super) async fn step(cluster: &Cluster, cursor: &str, options: &[String]) -> Outcome<Page> {
    let node = owner(cluster, cursor)?;
    let form = Expect::Items(vec![Expect::Kind(Kind::Text), Expect::Kind(Kind::Array)]);
    let reply = cluster.expect(&node, scan(cursor, options), form).await?;
    let items = reply.items().unwrap_or_default();
    let keys = items.get(1).and_then(wire::items_of).unwrap_or_default().iter().filter_map(text_of).collect();
    let page = Page { cursor: items.first().and_then(text_of).unwrap_or_default(), keys };
    let tagged = page.cursor.split_once('{').is_some_and(|(_, rest)| rest.find('}').is_some_and(|end| end > 0));
    crate::ensure!(
        page.is_last() || tagged,
        format!("0 or a cursor with a hash tag in reply to {} from {}", scan(cursor, options), node.address),
        "{}",
        page.cursor
    );
    Ok(page)
}

/// Follows the cursors from a page to the end, and returns all keys.
///
/// # Errors
/// As [`step`]; a mismatch, if the walk does not end.
pub(super) async fn finish(cluster: &Cluster, from: Page, options: &[String]) -> Outcome<Vec<String>> {
    let mut page = from;
    let mut found = std::mem::take(&mut page.keys);
    for _ in 0..STEPS {
        page = step(cluster, &page.cursor, options).await?;
        found.append(&mut page.keys);
        if page.is_last() {
            return Ok(found);
        }
    }
    Err(Stop::mismatch(
        format!("the cursor 0 within {STEPS} calls of CLUSTERSCAN"),
        format!("the cursor {}", page.cursor),
    ))
}
