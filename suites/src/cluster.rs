//! The cluster as a check sees it: nodes and roles from our own view, commands, waits and faults.

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wire::{
    Command, ConnectOptions, Connection, Node, NodeId, Protocol, Reply, Slot, Tap, Topology, WireError, command,
};

use crate::commands::CommandTable;
use crate::control::NodeState;
use crate::expect::Expect;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::live_cluster::LiveCluster;
use crate::outcome::{Outcome, Stop};
use crate::server::Server;
use crate::session::{Provoked, Session};
use crate::transcript::Transcript;

mod acts;
mod faults;
mod links;
mod setting;
mod tidy;
mod views;
mod waits;

/// What one execution of one check is given.
pub struct ClusterSettings {
    /// The cluster.
    pub live: Rc<LiveCluster>,
    /// The keys that the check may use.
    pub keys: Keys,
    /// The seed of all that the check draws by chance.
    pub seed: u64,
}

/// The cluster as one check sees it.
///
/// Roles and owners come from the harness's own view, which is read and agreed before the check starts and again
/// after [`Cluster::refresh`], never from the reply under test.
pub struct Cluster {
    live: Rc<LiveCluster>,
    keys: Keys,
    random: RefCell<StdRng>,
    transcript: Rc<Transcript>,
    sessions: RefCell<BTreeMap<(NodeId, String), Session>>,
    provoked: Provoked,
    changed: RefCell<Vec<setting::Setting>>,
    measures: RefCell<Vec<Measure>>,
    spares: Cell<u32>,
    slow: RefCell<Vec<String>>,
}

/// A value that a check measured on its way, such as the time of a failover.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// The value in milliseconds.
    pub milliseconds: f64,
}

impl Cluster {
    /// The cluster for one execution of one check.
    #[must_use]
    pub fn new(settings: ClusterSettings) -> Self {
        Self {
            live: settings.live,
            keys: settings.keys,
            random: RefCell::new(StdRng::seed_from_u64(settings.seed)),
            transcript: Rc::new(Transcript::new()),
            sessions: RefCell::default(),
            provoked: Provoked::default(),
            changed: RefCell::default(),
            measures: RefCell::default(),
            spares: Cell::new(0),
            slow: RefCell::default(),
        }
    }

    /// The server under test; where nodes differ, the oldest.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.live.server
    }

    /// The limits on waiting.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.live.limits
    }

    /// The keys of this check.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What went over the wire.
    #[must_use]
    pub fn transcript(&self) -> &Rc<Transcript> {
        &self.transcript
    }

    /// The cluster behind this handle.
    #[must_use]
    pub fn live(&self) -> &Rc<LiveCluster> {
        &self.live
    }

    /// Notes a measured time for the reports.
    pub fn measure(&self, name: &str, time: Duration) {
        self.measures.borrow_mut().push(Measure { name: name.to_owned(), milliseconds: time.as_secs_f64() * 1e3 });
    }

    /// What was measured.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        self.measures.borrow().clone()
    }

    /// A number drawn by chance from the check's seed, below `bound`.
    #[must_use]
    pub fn random_below(&self, bound: usize) -> usize {
        self.random.borrow_mut().random_range(0..bound.max(1))
    }

    /// Bytes drawn by chance from the check's seed.
    #[must_use]
    pub fn random_bytes(&self, length: usize) -> Vec<u8> {
        let mut random = self.random.borrow_mut();
        (0..length).map(|_| random.random()).collect()
    }
}

/// Who is who, by our own view.
impl Cluster {
    /// The view: nodes, roles, slots.
    #[must_use]
    pub fn topology(&self) -> Rc<Topology> {
        self.live.topology()
    }

    /// All nodes of the view that are fit for use.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.topology().nodes.iter().filter(|node| node.is_usable()).cloned().collect()
    }

    /// Whether a node works among the others, as far as the target can see: the check itself may have killed it, paused
    /// it or cut it off.
    #[must_use]
    pub fn runs(&self, node: &Node) -> bool {
        matches!(self.live.control.state(&node.address), NodeState::Running | NodeState::Unknown)
    }

    /// All nodes of the view that are fit for use and whose process runs.
    #[must_use]
    pub fn running(&self) -> Vec<Node> {
        self.nodes().into_iter().filter(|node| self.runs(node)).collect()
    }

    /// The primaries that own slots.
    #[must_use]
    pub fn primaries(&self) -> Vec<Node> {
        let mut primaries: Vec<Node> = self.topology().primaries().filter(|node| node.is_usable()).cloned().collect();
        primaries.retain(|node| !node.slots.is_empty());
        primaries
    }

    /// The replicas of a primary.
    #[must_use]
    pub fn replicas_of(&self, primary: &Node) -> Vec<Node> {
        self.topology().replicas_of(&primary.id).filter(|node| node.is_usable()).cloned().collect()
    }

    /// The primary that owns a slot.
    ///
    /// # Errors
    /// Broken, where the view has no owner.
    pub fn owner(&self, slot: Slot) -> Outcome<Node> {
        self.topology().owner(slot).cloned().ok_or_else(|| Stop::broken(format!("find an owner of slot {slot}")))
    }

    /// A primary that does not own a slot.
    ///
    /// # Errors
    /// Skip, where one primary owns all.
    pub fn non_owner(&self, slot: Slot) -> Outcome<Node> {
        let owner = self.owner(slot)?.id;
        let others: Vec<Node> = self.primaries().into_iter().filter(|node| node.id != owner).collect();
        self.pick(others).ok_or_else(|| Stop::skip("needs a second primary"))
    }

    /// A replica of a primary.
    ///
    /// # Errors
    /// Skip, where it has none.
    pub fn replica_of(&self, primary: &Node) -> Outcome<Node> {
        self.pick(self.replicas_of(primary)).ok_or_else(|| Stop::skip("needs a replica"))
    }

    /// One of the primaries.
    ///
    /// # Errors
    /// Broken, where the view has none.
    pub fn some_primary(&self) -> Outcome<Node> {
        self.pick(self.primaries()).ok_or_else(|| Stop::broken("find a primary with slots"))
    }

    /// One of the slots of a primary.
    ///
    /// # Errors
    /// Broken, where it has none.
    pub fn slot_of(&self, primary: &Node) -> Outcome<Slot> {
        let slots = self.slots_of(primary);
        self.pick(slots).ok_or_else(|| Stop::broken(format!("find a slot of {}", primary.address)))
    }

    /// Two different slots of a primary.
    ///
    /// # Errors
    /// Skip, where it owns fewer.
    pub fn two_slots_of(&self, primary: &Node) -> Outcome<(Slot, Slot)> {
        let first = self.slot_of(primary)?;
        let rest: Vec<Slot> = self.slots_of(primary).into_iter().filter(|slot| *slot != first).collect();
        let second = self.pick(rest).ok_or_else(|| Stop::skip("needs a primary with two slots"))?;
        Ok((first, second))
    }

    /// All slots of a primary, by our view.
    #[must_use]
    pub fn slots_of(&self, primary: &Node) -> Vec<Slot> {
        let topology = self.topology();
        let ranges = topology.node(&primary.id).map(|node| node.slots.clone()).unwrap_or_default();
        ranges.iter().flat_map(|range| (range.start.number()..=range.end.number()).filter_map(Slot::new)).collect()
    }

    /// One of many, by the check's seed.
    pub fn pick<T>(&self, mut from: Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(self.random_below(from.len())))
    }
}

/// Commands.
impl Cluster {
    /// Sends a command to a node, on this check's own connection to it, and gives the reply.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn call(&self, node: &Node, command: impl Borrow<Command>) -> Outcome<Reply> {
        let mut session = self.take_session(node, "").await?;
        let reply = session.call(command).await;
        self.keep_session(node, "", session, reply.is_ok());
        reply
    }

    /// Sends a command to a node and holds the reply against an expectation.
    ///
    /// # Errors
    /// As [`Session::expect`].
    pub async fn expect(&self, node: &Node, command: impl Borrow<Command>, expect: Expect) -> Outcome<Reply> {
        let command = command.borrow();
        let mut session = self.take_session(node, "").await?;
        let reply = session.call(command).await;
        let held = reply.and_then(|reply| session.require(command, &expect, &reply).map(|()| reply));
        self.keep_session(node, "", session, !matches!(held, Err(Stop::Broken(_))));
        held
    }

    /// Sends commands to a node in one go.
    ///
    /// # Errors
    /// As [`Session::pipeline`].
    pub async fn pipeline(&self, node: &Node, commands: &[Command]) -> Outcome<Vec<Reply>> {
        let mut session = self.take_session(node, "").await?;
        let replies = session.pipeline(commands).await;
        self.keep_session(node, "", session, replies.is_ok());
        replies
    }

    /// Sends commands to a node, many in one go, and holds the reply to each against its expectation.
    ///
    /// # Errors
    /// As [`Session::expect_all`].
    pub async fn expect_all(&self, node: &Node, sent: &[(Command, Expect)]) -> Outcome<Vec<Reply>> {
        let mut session = self.take_session(node, "").await?;
        let held = session.expect_all(sent).await;
        self.keep_session(node, "", session, held.is_ok());
        held
    }

    /// Opens a new connection to a node, speaking RESP2.
    ///
    /// # Errors
    /// A mismatch, where a node that is alive refuses it; broken, where the node is lost.
    pub async fn session(&self, node: &Node) -> Outcome<Session> {
        self.session_in(node, Protocol::Resp2).await
    }

    /// Opens a new connection to a node in the given protocol.
    ///
    /// # Errors
    /// As [`Cluster::session`].
    pub async fn session_in(&self, node: &Node, protocol: Protocol) -> Outcome<Session> {
        match self.try_session(node, protocol).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.live.judge(&node.address, error, "(opening a connection)").await),
        }
    }

    /// Opens a new connection to a node and puts it into READONLY mode.
    ///
    /// # Errors
    /// As [`Cluster::session`]; a mismatch, where READONLY is not answered OK.
    pub async fn readonly_session(&self, node: &Node) -> Outcome<Session> {
        let mut session = self.session(node).await?;
        session.expect(command!["READONLY"], Expect::Ok).await?;
        Ok(session)
    }

    /// Opens a new connection to a node that may be down.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn try_session(&self, node: &Node, protocol: Protocol) -> Result<Session, WireError> {
        let options = ConnectOptions { protocol, tap: Some(self.tap()), ..self.live.options(&node.address) };
        self.open(node, &options).await
    }

    /// Opens a new connection with settings of the check's own, such as another user.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn open(&self, node: &Node, options: &ConnectOptions) -> Result<Session, WireError> {
        let connection = Connection::open(options).await?;
        Ok(Session::new(Rc::clone(&self.live), Rc::clone(&self.provoked), node.address.clone(), connection))
    }

    /// The settings of a connection of this check to a node.
    #[must_use]
    pub fn options(&self, node: &Node) -> ConnectOptions {
        ConnectOptions { tap: Some(self.tap()), ..self.live.options(&node.address) }
    }

    /// The session of a name to a node, opened at first use; give it back with [`Cluster::keep_session`].
    pub(crate) async fn take_session(&self, node: &Node, name: &str) -> Outcome<Session> {
        self.take_session_in(node, name, Protocol::Resp2).await
    }

    /// As [`Cluster::take_session`]; `protocol` matters where the session is opened now.
    pub(crate) async fn take_session_in(&self, node: &Node, name: &str, protocol: Protocol) -> Outcome<Session> {
        let kept = self.sessions.borrow_mut().remove(&(node.id, name.to_owned()));
        match kept {
            Some(session) => Ok(session),
            None => self.session_in(node, protocol).await,
        }
    }

    pub(crate) fn keep_session(&self, node: &Node, name: &str, session: Session, usable: bool) {
        if usable {
            self.sessions.borrow_mut().insert((node.id, name.to_owned()), session);
        }
    }

    fn tap(&self) -> Rc<dyn Tap> {
        Rc::clone(&self.transcript) as Rc<dyn Tap>
    }

    /// The server's own table of commands, read once a cluster.
    ///
    /// # Errors
    /// As [`Cluster::call`]; a mismatch where the table cannot be read.
    pub async fn commands(&self) -> Outcome<Rc<CommandTable>> {
        self.live.commands().await
    }
}
