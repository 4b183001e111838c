//! Clients that write all the time. Each writes numbered values to its own key, so that a reader can tell what was lost.
//!
//! `written` decides which values a reader may see.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use wire::{Address, Command, Connection, Endpoint, Redirect, Reply, Slot, command};

use super::observe::answer;
use super::written::{Policy, WrittenValues};
use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::{Outcome, Stop};

/// The class that counts connections that broke or were refused.
pub(in crate::code) const CONNECTION: &str = "(connection)";

/// The pause of a writer after a write and a read.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause of a writer after an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);
/// The largest number of writes of one writer.
const WRITES: u64 = 200_000;

/// Several writers that run while something else happens.
pub(in crate::code) struct Writers<'a> {
    cluster: &'a Cluster,
    list: Vec<Writer<'a>>,
    stopping: Cell<bool>,
}

impl<'a> Writers<'a> {
    /// One writer in each of `slots`, with a fresh key.
    pub(in crate::code) fn new(cluster: &'a Cluster, slots: &[Slot], policy: Policy) -> Self {
        let list = slots.iter().map(|slot| Writer::new(cluster, *slot, policy)).collect();
        Self { cluster, list, stopping: Cell::new(false) }
    }

    /// Runs the writers until `meanwhile` ends, and returns its result.
    ///
    /// # Errors
    /// A mismatch, as soon as a writer reads a wrong value; else the error of `meanwhile`.
    pub(in crate::code) async fn during<T>(&self, meanwhile: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let mut writing = std::pin::pin!(try_join_all(self.list.iter().map(|writer| writer.run(&self.stopping))));
        let ended = tokio::select! {
            ended = meanwhile => ended,
            stopped = &mut writing => return Err(stopped.err().unwrap_or_else(|| Stop::broken("the writers of rct ended too early"))),
        };
        self.stopping.set(true);
        let finished = writing.await;
        for writer in &self.list {
            writer.note_counts();
        }
        let value = ended?;
        finished.map(|_| value)
    }

    /// Waits until every writer has this number of further acknowledged writes.
    pub(in crate::code) async fn acknowledged(&self, more: u64) -> Outcome {
        let count = |writer: &Writer<'_>| writer.written_values.borrow().counts().0;
        let wanted: Vec<u64> = self.list.iter().map(|writer| count(writer) + more).collect();
        self.cluster
            .until(self.cluster.limits().failover, "every writer gets its writes acknowledged", async || {
                for (writer, wanted) in self.list.iter().zip(&wanted) {
                    let found = count(writer);
                    ensure!(
                        found >= *wanted,
                        format!("{wanted} acknowledged writes of {}", writer.key),
                        "{found} acknowledged writes"
                    );
                }
                Ok(())
            })
            .await
    }

    /// Waits until the replicas have everything that was acknowledged so far; from then on it must not be lost.
    pub(in crate::code) async fn confirm(&self) -> Outcome {
        let newest: Vec<u64> = self.list.iter().map(|writer| writer.written_values.borrow().newest()).collect();
        for primary in self.cluster.primaries() {
            self.cluster.replicated(&primary).await?;
        }
        for (writer, newest) in self.list.iter().zip(newest) {
            writer.written_values.borrow_mut().confirm(newest);
        }
        Ok(())
    }

    /// The keys and their slots.
    pub(in crate::code) fn keys(&self) -> impl Iterator<Item = (Slot, &str)> {
        self.list.iter().map(|writer| (writer.slot, writer.key.as_str()))
    }

    /// The longest time between two acknowledged writes of one writer.
    pub(in crate::code) fn longest_stall(&self) -> Duration {
        self.list.iter().map(|writer| writer.stall.get()).max().unwrap_or_default()
    }

    /// Requires that the writers saw only the allowed classes of errors.
    pub(in crate::code) fn saw_only(&self, allowed: &[&str]) -> Outcome {
        for writer in &self.list {
            for (class, (count, example)) in writer.errors.borrow().iter() {
                ensure!(
                    allowed.contains(&class.as_str()),
                    format!("no errors except {} for writes and reads of {}", allowed.join(", "), writer.key),
                    "{class}, {count} times, such as: {example}"
                );
            }
        }
        Ok(())
    }

    /// Reads every key once more from the owner of its slot.
    pub(in crate::code) async fn read_back(&self) -> Outcome {
        for writer in &self.list {
            let owner = self.cluster.owner(writer.slot)?;
            let reply = answer(self.cluster, &owner, &command!["GET", &writer.key]).await?;
            writer.judge(&reply)?;
        }
        Ok(())
    }
}

/// A client that writes one key and reads it back, and follows redirects.
struct Writer<'a> {
    cluster: &'a Cluster,
    slot: Slot,
    key: String,
    written_values: RefCell<WrittenValues>,
    errors: RefCell<BTreeMap<String, (u64, String)>>,
    route: RefCell<Option<Address>>,
    stall: Cell<Duration>,
}

/// The result of a command.
enum Answer {
    /// A reply that is not an error.
    Reply(Reply),
    /// An error: the command did nothing.
    Refused,
    /// No reply, so it is unknown whether the command had an effect.
    Unknown,
}

impl<'a> Writer<'a> {
    fn new(cluster: &'a Cluster, slot: Slot, policy: Policy) -> Self {
        let key = cluster.keys().fresh(slot);
        let written_values = RefCell::new(WrittenValues::new(&key, policy));
        let route = RefCell::new(cluster.owner(slot).ok().map(|owner| owner.address));
        Self { cluster, slot, key, written_values, errors: RefCell::default(), route, stall: Cell::default() }
    }

    async fn run(&self, stopping: &Cell<bool>) -> Outcome {
        let mut connection = None;
        let mut acknowledged = Instant::now();
        while !stopping.get() {
            let (number, value) = self.written_values.borrow_mut().begin();
            if number > WRITES {
                return Err(Stop::broken(format!("the writer of {} reached its limit of {WRITES} writes", self.key)));
            }
            let written = self.send(&mut connection, &command!["SET", &self.key, value]).await;
            match written {
                Answer::Reply(_) => {
                    self.written_values.borrow_mut().acknowledge(number);
                    self.stall.set(self.stall.get().max(acknowledged.elapsed()));
                    acknowledged = Instant::now();
                }
                Answer::Refused => self.written_values.borrow_mut().refuse(number),
                Answer::Unknown => self.written_values.borrow_mut().lose_sight(),
            }
            if let Answer::Reply(reply) = self.send(&mut connection, &command!["GET", &self.key]).await {
                self.judge(&reply)?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Sends a command to the presumed owner, on a connection that no transcript records because it has so much traffic.
    async fn send(&self, connection: &mut Option<Connection>, command: &Command) -> Answer {
        let answered = async {
            let open = match connection.take() {
                Some(open) => open,
                None => Connection::open(&self.cluster.live().options(&self.address())).await?,
            };
            connection.insert(open).call(command).await
        };
        match answered.await {
            Ok(reply) => match reply.error() {
                None => Answer::Reply(reply),
                Some(error) => {
                    self.count(&error.code, &error.text);
                    match Redirect::parse(&error) {
                        Some(Ok(Redirect::Moved { address, .. })) => {
                            *self.route.borrow_mut() = Some(self.place_of(&address));
                            *connection = None;
                        }
                        Some(Ok(Redirect::Ask { address, .. })) => return self.send_asking(&address, command).await,
                        _ => {}
                    }
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    Answer::Refused
                }
            },
            Err(error) => {
                self.count(CONNECTION, &error.to_string());
                *connection = None;
                self.try_elsewhere();
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                Answer::Unknown
            }
        }
    }

    /// Sends ASKING and a command to the node that imports the slot, on a connection of its own.
    async fn send_asking(&self, target: &Endpoint, command: &Command) -> Answer {
        let options = self.cluster.live().options(&self.place_of(target));
        let answered =
            async { Connection::open(&options).await?.pipeline(&[command!["ASKING"], command.clone()]).await };
        match answered.await {
            Ok(mut replies) => match replies.pop() {
                Some(reply) if reply.error().is_none() => Answer::Reply(reply),
                Some(reply) => {
                    if let Some(error) = reply.error() {
                        self.count(&error.code, &error.text);
                    }
                    Answer::Refused
                }
                None => Answer::Unknown,
            },
            Err(error) => {
                self.count(CONNECTION, &error.to_string());
                Answer::Unknown
            }
        }
    }

    /// The address to which a redirect leads: that of a known node with this endpoint, or else the endpoint itself.
    fn place_of(&self, target: &Endpoint) -> Address {
        let named = Address::new(&target.host, target.port);
        let known = self.cluster.node_named(&self.address(), &named);
        known.map_or_else(|| target.address(&self.address().host), |node| node.address)
    }

    fn address(&self) -> Address {
        self.route.borrow().clone().unwrap_or_else(|| Address::new("", 0))
    }

    /// Chooses another node at random, which serves the key or redirects to the owner.
    fn try_elsewhere(&self) {
        let mut others: Vec<Address> = self.cluster.nodes().into_iter().map(|node| node.address).collect();
        others.retain(|address| *address != self.address());
        if let Some(other) = self.cluster.pick(others) {
            *self.route.borrow_mut() = Some(other);
        }
    }

    fn judge(&self, reply: &Reply) -> Outcome {
        let text = reply.text();
        let readable = reply.is_null() || (text.is_some() && reply.error().is_none());
        let judged = self.written_values.borrow().judge(text.as_deref());
        match judged {
            Ok(()) if readable => Ok(()),
            Ok(()) => Err(Stop::mismatch(format!("GET {} to return a string", self.key), reply.to_string())),
            Err(possible) => Err(Stop::mismatch(format!("GET {} to return {possible}", self.key), reply.to_string())),
        }
    }

    fn count(&self, class: &str, example: &str) {
        let mut errors = self.errors.borrow_mut();
        errors.entry(class.to_owned()).or_insert_with(|| (0, example.to_owned())).0 += 1;
    }

    fn note_counts(&self) {
        let (acknowledged, refused, unknown) = self.written_values.borrow().counts();
        let errors: Vec<String> =
            self.errors.borrow().iter().map(|(class, (count, _))| format!("{count} {class}")).collect();
        let text = format!(
            "the writer of {}: {acknowledged} writes acknowledged, {refused} refused, {unknown} without a reply; errors: {}",
            self.key,
            if errors.is_empty() { "none".to_owned() } else { errors.join(", ") }
        );
        self.cluster.transcript().note(&self.address(), text);
    }
}
