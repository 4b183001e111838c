//! Keys of a check on every primary, and how a node lists those that it has.

use std::collections::BTreeSet;

use wire::{Command, Node, Reply, Slot, bytes_of, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::{list, or};

/// The most keys that a node may have for a check that lists all of them.
const KEYS_OF_NODE: i64 = 1_000_000;
/// The most calls of SCAN on one node; with the count that rct sends, a correct node needs some hundreds.
const STEPS: usize = 20_000;
/// The most keys that a mismatch names.
const NAMED: usize = 3;

/// A primary with the keys that the check has written there.
pub(in crate::code) struct Home {
    pub(in crate::code) primary: Node,
    pub(in crate::code) keys: BTreeSet<String>,
}

/// Writes this number of keys to every primary, each in a random slot that is not among `except`.
///
/// # Errors
/// Skip, if a node has so many keys that listing them would burden it; a mismatch, if the server refuses a write.
pub(in crate::code) async fn populate(cluster: &Cluster, keys: usize, except: &[Slot]) -> Outcome<Vec<Home>> {
    let mut homes = Vec::new();
    for primary in cluster.visited_primaries() {
        let size = cluster.expect(&primary, command!["DBSIZE"], Expect::Kind(Kind::Integer)).await?.integer();
        if size.is_some_and(|size| size > KEYS_OF_NODE) {
            return Err(Stop::skip(format!("{} has more than {KEYS_OF_NODE} keys", primary.address)));
        }
        let mut slots = cluster.slots_of(&primary);
        slots.retain(|slot| !except.contains(slot));
        if slots.is_empty() {
            return Err(Stop::skip(format!("{} has no slot for the keys of the check", primary.address)));
        }
        let fresh = || cluster.keys().fresh(slots[cluster.random_below(slots.len())]);
        let keys: BTreeSet<String> = (0..keys).map(|_| fresh()).collect();
        let writes: Vec<_> = keys.iter().map(|key| (command!["SET", key, "v"], Expect::Ok)).collect();
        cluster.expect_all(&primary, &writes).await?;
        homes.push(Home { primary, keys });
    }
    Ok(homes)
}

/// The pattern that all keys of the check match, and no others.
pub(in crate::code) fn pattern(cluster: &Cluster) -> String {
    format!("{}{{*}}{}:*", cluster.keys().run_prefix(), cluster.keys().check())
}

/// The keys of the check that KEYS of a node lists.
///
/// # Errors
/// A mismatch, if the reply is not a list.
pub(in crate::code) async fn listed(cluster: &Cluster, node: &Node) -> Outcome<Vec<String>> {
    let reply = cluster.expect(node, command!["KEYS", pattern(cluster)], Expect::Kind(Kind::Array)).await?;
    Ok(texts(reply.items().unwrap_or_default()))
}

fn texts(items: &[wire::Value]) -> Vec<String> {
    items.iter().filter_map(bytes_of).map(|key| String::from_utf8_lossy(key).into_owned()).collect()
}

/// One reply of SCAN.
pub(in crate::code) struct Page {
    pub(in crate::code) cursor: String,
    pub(in crate::code) keys: Vec<String>,
}

/// A walk over the keys of one node with SCAN.
pub(in crate::code) struct Walk {
    session: Session,
    node: Node,
    options: Vec<String>,
}

impl Walk {
    /// A walk on a connection of its own. It looks for the keys of the check that are of the type, if there is one.
    ///
    /// # Errors
    /// As [`Cluster::session`].
    pub(in crate::code) async fn on(cluster: &Cluster, node: &Node, kind: Option<&str>) -> Outcome<Self> {
        let mut session = cluster.session(node).await?;
        let size = session.expect(command!["DBSIZE"], Expect::Kind(Kind::Integer)).await?.integer().unwrap_or_default();
        // Small pages, so that the walk has some dozens of them.
        let count = (size / 50).max(10).to_string();
        let mut options = vec!["MATCH".to_owned(), pattern(cluster), "COUNT".to_owned(), count];
        options.extend(kind.map(|kind| ["TYPE".to_owned(), kind.to_owned()]).into_iter().flatten());
        Ok(Self { session, node: node.clone(), options })
    }

    /// Sends SCAN with a cursor.
    ///
    /// # Errors
    /// A mismatch, if the reply is not a cursor and a list of keys.
    pub(in crate::code) async fn step(&mut self, cursor: &str) -> Outcome<Page> {
        let command = self.options.iter().fold(command!["SCAN", cursor], Command::arg);
        let form = Expect::Items(vec![Expect::Kind(Kind::Text), Expect::Kind(Kind::Array)]);
        let reply = self.session.expect(command, form).await?;
        page(&reply).ok_or_else(|| Stop::mismatch("a cursor and a list of keys in reply to SCAN", reply.to_string()))
    }

    /// Follows the cursors from this one to the end, and returns all keys.
    ///
    /// # Errors
    /// As [`Walk::step`]; a mismatch, if the walk does not end.
    pub(in crate::code) async fn finish(&mut self, cursor: &str) -> Outcome<Vec<String>> {
        self.finish_with(cursor, async |_| Ok(())).await
    }

    /// As [`Walk::finish`]; `between` runs after each page with its number.
    ///
    /// # Errors
    /// As [`Walk::finish`], and those of `between`.
    pub(in crate::code) async fn finish_with(
        &mut self,
        cursor: &str,
        mut between: impl AsyncFnMut(usize) -> Outcome,
    ) -> Outcome<Vec<String>> {
        let mut page = Page { cursor: cursor.to_owned(), keys: Vec::new() };
        let mut found = Vec::new();
        for number in 0..STEPS {
            page = self.step(&page.cursor).await?;
            found.append(&mut page.keys);
            if page.cursor == "0" {
                return Ok(found);
            }
            between(number).await?;
        }
        Err(Stop::mismatch(
            format!("the cursor 0 within {STEPS} calls of SCAN on {}", self.node.address),
            format!("the cursor {}", page.cursor),
        ))
    }
}

fn page(reply: &Reply) -> Option<Page> {
    let [cursor, keys] = reply.items()? else { return None };
    Some(Page { cursor: text_of(cursor)?, keys: texts(wire::items_of(keys)?) })
}

/// Requires that a node lists all of these keys.
///
/// # Errors
/// A mismatch that names some of the missing keys.
pub(in crate::code) fn has_all(wanted: &BTreeSet<String>, found: &[String], command: &str, node: &Node) -> Outcome {
    let found: BTreeSet<&String> = found.iter().collect();
    let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(key)).collect();
    ensure!(
        missing.is_empty(),
        format!("all {} keys of the check on {} in its {command}", wanted.len(), node.address),
        "{} of them; these are missing: {}",
        wanted.len() - missing.len(),
        list(missing.iter().take(NAMED))
    );
    Ok(())
}

/// Requires that a node lists none but these keys.
///
/// # Errors
/// A mismatch that names the first other key.
pub(in crate::code) fn has_only(allowed: &BTreeSet<String>, found: &[String], command: &str, node: &Node) -> Outcome {
    let other = found.iter().find(|key| !allowed.contains(*key));
    ensure!(
        other.is_none(),
        format!("only keys of {} in its {command}", node.address),
        "the key {}",
        or(other, "none")
    );
    Ok(())
}

/// Requires that a node lists exactly these keys, each once.
///
/// # Errors
/// A mismatch that names keys.
pub(in crate::code) fn has_exactly(wanted: &BTreeSet<String>, found: &[String], command: &str, node: &Node) -> Outcome {
    has_all(wanted, found, command, node)?;
    has_only(wanted, found, command, node)?;
    ensure!(
        found.len() == wanted.len(),
        format!("each of the {} keys once in {command} of {}", wanted.len(), node.address),
        "{} keys",
        found.len()
    );
    Ok(())
}
