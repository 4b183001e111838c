//! Clients that write all the time: one a key, each value a number, so that a reader can tell what was lost.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use wire::{Address, Command, Connection, Endpoint, Redirect, Reply, Slot, command};

use super::ledger::{Ledger, Policy};
use super::watch::answer;
use crate::cluster::Cluster;
use crate::ensure;
use crate::outcome::{Outcome, Stop};

/// The class under which connections that broke or were refused are counted.
pub(super) const CONNECTION: &str = "(connection)";

/// The pause of a writer after each write and read.
const PAUSE: Duration = Duration::from_millis(2);
/// The pause of a writer after an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);
/// The writes of one writer, at most.
const WRITES: u64 = 200_000;

/// Several writers that run beside something else.
pub(super) struct Writers<'a> {
    cluster: &'a Cluster,
    list: Vec<Writer<'a>>,
    stopping: Cell<bool>,
}

impl<'a> Writers<'a> {
    /// One writer for a fresh key in each of `slots`.
    pub(super) fn new(cluster: &'a Cluster, slots: &[Slot], policy: Policy) -> Self {
        let list = slots.iter().map(|slot| Writer::new(cluster, *slot, policy)).collect();
        Self { cluster, list, stopping: Cell::new(false) }
    }

    /// Lets the writers run until `meanwhile` has ended.
    ///
    /// # Errors
    /// A mismatch, as soon as a writer reads what it must not; else what `meanwhile` gives.
    pub(super) async fn during<T>(&self, meanwhile: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let mut writing = std::pin::pin!(try_join_all(self.list.iter().map(|writer| writer.run(&self.stopping))));
        let ended = tokio::select! {
            ended = meanwhile => ended,
            stopped = &mut writing => return Err(stopped.err().unwrap_or_else(|| Stop::broken("keep writers going"))),
        };
        self.stopping.set(true);
        let finished = writing.await;
        for writer in &self.list {
            writer.note_counts();
        }
        let value = ended?;
        finished.map(|_| value)
    }

    /// Waits until every writer had so many more writes acknowledged.
    pub(super) async fn acknowledged(&self, more: u64) -> Outcome {
        let count = |writer: &Writer<'_>| writer.ledger.borrow().counts().0;
        let wanted: Vec<u64> = self.list.iter().map(|writer| count(writer) + more).collect();
        self.cluster
            .until(self.cluster.limits().failover, "every writer goes on", async || {
                for (writer, wanted) in self.list.iter().zip(&wanted) {
                    let found = count(writer);
                    ensure!(found >= *wanted, format!("{wanted} writes acknowledged for {}", writer.key), "{found}");
                }
                Ok(())
            })
            .await
    }

    /// Waits until a replica has all that was acknowledged so far: from now on it must not be missing.
    pub(super) async fn confirm(&self) -> Outcome {
        let newest: Vec<u64> = self.list.iter().map(|writer| writer.ledger.borrow().newest()).collect();
        for primary in self.cluster.primaries() {
            self.cluster.replicated(&primary).await?;
        }
        for (writer, newest) in self.list.iter().zip(newest) {
            writer.ledger.borrow_mut().confirm(newest);
        }
        Ok(())
    }

    /// The keys and their slots.
    pub(super) fn keys(&self) -> impl Iterator<Item = (Slot, &str)> {
        self.list.iter().map(|writer| (writer.slot, writer.key.as_str()))
    }

    /// The longest time that a writer was without an acknowledgement between two.
    pub(super) fn longest_stall(&self) -> Duration {
        self.list.iter().map(|writer| writer.stall.get()).max().unwrap_or_default()
    }

    /// Holds the classes of errors that writers saw against those allowed.
    pub(super) fn saw_only(&self, allowed: &[&str]) -> Outcome {
        for writer in &self.list {
            for (class, (count, example)) in writer.errors.borrow().iter() {
                ensure!(
                    allowed.contains(&class.as_str()),
                    format!("only errors {} for {}", allowed.join(", "), writer.key),
                    "{count} times {class}: {example}"
                );
            }
        }
        Ok(())
    }

    /// Reads every key once more from the owner of its slot, by our own view.
    pub(super) async fn read_back(&self) -> Outcome {
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
    ledger: RefCell<Ledger>,
    errors: RefCell<BTreeMap<String, (u64, String)>>,
    route: RefCell<Option<Address>>,
    stall: Cell<Duration>,
}

/// What came of a command.
enum Answer {
    /// A reply that is no error.
    Reply(Reply),
    /// An error: the command did nothing.
    Refused,
    /// No reply: nobody knows what the command did.
    Unknown,
}

impl<'a> Writer<'a> {
    fn new(cluster: &'a Cluster, slot: Slot, policy: Policy) -> Self {
        let key = cluster.keys().fresh(slot);
        let ledger = RefCell::new(Ledger::new(&key, policy));
        let route = RefCell::new(cluster.owner(slot).ok().map(|owner| owner.address));
        Self { cluster, slot, key, ledger, errors: RefCell::default(), route, stall: Cell::default() }
    }

    async fn run(&self, stopping: &Cell<bool>) -> Outcome {
        let mut connection = None;
        let mut acknowledged = Instant::now();
        while !stopping.get() {
            let (number, value) = self.ledger.borrow_mut().begin();
            if number > WRITES {
                return Err(Stop::broken(format!("write {} more than {WRITES} times", self.key)));
            }
            let written = self.send(&mut connection, &command!["SET", &self.key, value]).await;
            match written {
                Answer::Reply(_) => {
                    self.ledger.borrow_mut().acknowledge(number);
                    self.stall.set(self.stall.get().max(acknowledged.elapsed()));
                    acknowledged = Instant::now();
                }
                Answer::Refused => self.ledger.borrow_mut().refuse(number),
                Answer::Unknown => self.ledger.borrow_mut().lose_sight(),
            }
            if let Answer::Reply(reply) = self.send(&mut connection, &command!["GET", &self.key]).await {
                self.judge(&reply)?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Sends a command where the key is believed to be, on a connection that no transcript sees since it is so busy.
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
                    if let Some(Ok(Redirect::Moved { address, .. })) = Redirect::parse(&error) {
                        *self.route.borrow_mut() = Some(self.place_of(&address));
                        *connection = None;
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

    /// Where a redirect leads: to a node that we know by what it names, else to where it names.
    fn place_of(&self, target: &Endpoint) -> Address {
        let named = Address::new(&target.host, target.port);
        let known = self.cluster.nodes().into_iter().find(|node| node.endpoint == named);
        known.map_or_else(|| target.address(&self.address().host), |node| node.address)
    }

    fn address(&self) -> Address {
        self.route.borrow().clone().unwrap_or_else(|| Address::new("", 0))
    }

    /// Goes to another node, by chance: it will serve the key or say who does.
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
        let judged = self.ledger.borrow().judge(text.as_deref());
        match judged {
            Ok(()) if readable => Ok(()),
            Ok(()) => Err(Stop::mismatch(format!("a value of {}", self.key), reply.to_string())),
            Err(possible) => Err(Stop::mismatch(format!("GET {} to give {possible}", self.key), reply.to_string())),
        }
    }

    fn count(&self, class: &str, example: &str) {
        let mut errors = self.errors.borrow_mut();
        errors.entry(class.to_owned()).or_insert_with(|| (0, example.to_owned())).0 += 1;
    }

    fn note_counts(&self) {
        let (acknowledged, refused, unknown) = self.ledger.borrow().counts();
        let errors: Vec<String> =
            self.errors.borrow().iter().map(|(class, (count, _))| format!("{count} {class}")).collect();
        let text = format!(
            "writer of {}: {acknowledged} acknowledged, {refused} refused, {unknown} unknown; errors: {}",
            self.key,
            if errors.is_empty() { "none".to_owned() } else { errors.join(", ") }
        );
        self.cluster.transcript().note(&self.address(), text);
    }
}
