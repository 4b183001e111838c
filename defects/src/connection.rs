//! One client's connection to one node: passes bytes both ways, matches replies to requests, and applies the defect.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use wire::{Access, Address, Command, ConnectOptions, Connection, Framer, Reply};

use crate::defect::{Defect, Replacement, Tampering};
use crate::pending::{Frames, Owed, Pending};
use crate::request::{self, Found, Request};
use crate::scene::{Notes, Place, Scene, State};

/// The most requests without a reply; further ones wait in the client's socket.
const PENDING_MAX: usize = 100_000;
/// The most bytes that one read takes from a socket.
const READ_BYTES: usize = 64 * 1024;

/// A defect, with what it remembers for one connection and for the cluster.
pub(crate) struct ActiveDefect {
    pub(crate) defect: &'static Defect,
    pub(crate) own: Notes,
    pub(crate) shared: Rc<RefCell<Notes>>,
}

/// What the proxy does on a connection.
pub(crate) enum Role {
    /// It passes everything through.
    PassThrough,
    /// It applies one defect.
    Defective(ActiveDefect),
    /// It passes everything through, and reports each defect that would have changed anything.
    Watching(Vec<ActiveDefect>, Rc<dyn Fn(&'static Defect)>),
}

/// A stream of bytes both ways, with or without TLS.
pub(crate) trait Channel: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Channel for T {}

/// The two streams of a connection, and what the connection needs to know.
pub(crate) struct Endpoints {
    pub(crate) client: Box<dyn Channel>,
    pub(crate) node: Box<dyn Channel>,
    pub(crate) role: Role,
    pub(crate) cluster: ClusterLayout,
    /// The position of the node among those of the cluster.
    pub(crate) number: usize,
    /// Whether the client speaks TLS.
    pub(crate) by_tls: bool,
}

/// What every connection knows about the nodes of the cluster.
#[derive(Clone)]
pub(crate) struct ClusterLayout {
    /// The addresses that the nodes announce, in the order in which they were started.
    pub(crate) nodes: Rc<[String]>,
    /// The ports without TLS that nodes with TLS announce besides.
    pub(crate) plain_ports: Rc<[Option<u16>]>,
    /// The loopback ports of the servers behind them.
    pub(crate) ports: Rc<[u16]>,
    /// The positions of the nodes that began as replicas.
    pub(crate) replicas: Range<usize>,
    /// How the proxy logs in on connections of its own.
    pub(crate) access: Access,
}

/// What the bytes of a connection are, as far as the proxy can tell.
enum Meaning {
    /// Requests and their replies.
    Requests,
    /// Replication, or bytes that the proxy cannot read: it passes them on as they are.
    Raw,
}

struct ProxiedConnection {
    role: Role,
    cluster: ClusterLayout,
    number: usize,
    by_tls: bool,
    state: State,
    pending: Pending,
    meaning: Meaning,
    /// Set by CLIENT REPLY OFF, and for one more request by CLIENT REPLY SKIP.
    mute: bool,
    skip: bool,
    hang_up: bool,
    to_node: BytesMut,
    to_client: BytesMut,
}

/// Serves the connection until either side closes it.
pub(crate) async fn serve(endpoints: Endpoints) -> io::Result<()> {
    let Endpoints { client, node, role, cluster, number, by_tls } = endpoints;
    let mut connection = ProxiedConnection {
        role,
        cluster,
        number,
        by_tls,
        state: State::default(),
        pending: Pending::default(),
        meaning: Meaning::Requests,
        mute: false,
        skip: false,
        hang_up: false,
        to_node: BytesMut::new(),
        to_client: BytesMut::new(),
    };
    let (mut from_client, mut from_node) = (BytesMut::new(), BytesMut::new());
    let mut framer = Framer::default();
    let (mut client_read, mut client_write) = split(client);
    let (mut node_read, mut node_write) = split(node);
    loop {
        from_client.reserve(READ_BYTES);
        from_node.reserve(READ_BYTES);
        tokio::select! {
            read = client_read.read_buf(&mut from_client), if connection.pending.len() < PENDING_MAX => {
                if read? == 0 {
                    return Ok(());
                }
                connection.take_from_client(&mut from_client);
            }
            read = node_read.read_buf(&mut from_node) => {
                if read? == 0 {
                    client_write.write_all(&connection.to_client).await?;
                    return client_write.flush().await;
                }
                connection.take_from_node(&mut from_node, &mut framer).await;
            }
        }
        connection.send_ready_answers();
        if !connection.to_node.is_empty() {
            node_write.write_all(&connection.to_node.split()).await?;
            node_write.flush().await?;
        }
        if !connection.to_client.is_empty() {
            client_write.write_all(&connection.to_client.split()).await?;
            client_write.flush().await?;
        }
        if connection.hang_up {
            return Ok(());
        }
    }
}

impl ProxiedConnection {
    fn take_from_client(&mut self, bytes: &mut BytesMut) {
        while matches!(self.meaning, Meaning::Requests) {
            match request::take(bytes) {
                Found::Part => return,
                Found::Garbage => self.take_garbage(bytes),
                Found::Whole(request) if request.words().is_empty() => self.to_node.extend_from_slice(request.bytes()),
                Found::Whole(request) => self.take_request(request),
            }
        }
        self.to_node.extend_from_slice(&bytes.split());
    }

    /// Passes on what is not a request with all bytes that follow, unless the defect replaces it.
    fn take_garbage(&mut self, bytes: &mut BytesMut) {
        let replacement = self.replace_request(&Request::malformed(bytes.clone().freeze()), self.state);
        match replacement {
            None | Some(Replacement::Send { .. } | Replacement::Ask { .. } | Replacement::AnswerAndAsk { .. }) => {
                return self.meaning = Meaning::Raw;
            }
            Some(Replacement::Answer(answer)) => self.pending.push(Owed::Ready(answer)),
            Some(Replacement::Silence) => self.pending.push(Owed::Silence),
            Some(Replacement::HangUp) => self.hang_up = true,
        }
        bytes.clear();
    }

    fn take_request(&mut self, request: Request) {
        let state = self.state;
        let replacement = self.replace_request(&request, state);
        self.follow_state(&request);
        match replacement {
            None => {
                self.to_node.extend_from_slice(request.bytes());
                self.expect_reply(request, state);
            }
            Some(Replacement::Answer(bytes)) => self.pending.push(Owed::Ready(bytes)),
            Some(Replacement::Send { commands, shown }) => {
                for (position, command) in commands.iter().enumerate() {
                    self.to_node.extend_from_slice(&command.pack());
                    match position == shown {
                        true => self.expect_reply(request.clone(), state),
                        false => self.pending.push(Owed::Nothing),
                    }
                }
            }
            Some(Replacement::Silence | Replacement::Ask { .. } | Replacement::AnswerAndAsk { .. }) => {
                self.pending.push(Owed::Silence)
            }
            Some(Replacement::HangUp) => self.hang_up = true,
        }
    }

    fn expect_reply(&mut self, request: Request, state: State) {
        if self.mute || std::mem::take(&mut self.skip) {
            return;
        }
        // After these, the two servers speak to each other.
        if request.is_any(&["SYNC", "PSYNC", "CLUSTER SYNCSLOTS"]) {
            self.meaning = Meaning::Raw;
            return;
        }
        if request.is("CLIENT REPLY OFF") {
            self.mute = true;
        } else if request.is("CLIENT REPLY SKIP") {
            self.skip = true;
        } else {
            let frames = if state.in_transaction { Frames::One } else { Frames::of(&request) };
            self.pending.push(Owed::Answer { request, state, frames });
        }
    }

    /// Remembers what a request does to the state of the connection.
    fn follow_state(&mut self, request: &Request) {
        self.state.asking = request.is("ASKING");
        match request.name() {
            "MULTI" => self.state.in_transaction = true,
            "EXEC" | "DISCARD" => self.state.in_transaction = false,
            "RESET" => self.state = State::default(),
            "READONLY" => self.state.readonly = true,
            "READWRITE" => self.state.readonly = false,
            "HELLO" if request.word(1) == b"3" => self.state.resp3 = true,
            "HELLO" if request.word(1) == b"2" => self.state.resp3 = false,
            "CLIENT" if request.is("CLIENT REPLY ON") => self.mute = false,
            _ => {}
        }
    }

    async fn take_from_node(&mut self, bytes: &mut BytesMut, framer: &mut Framer) {
        while matches!(self.meaning, Meaning::Requests) {
            match framer.scan(bytes) {
                Ok(None) => return,
                Ok(Some(end)) => {
                    let frame = bytes.split_to(end).freeze();
                    self.take_frame(frame).await;
                }
                Err(_) => self.meaning = Meaning::Raw,
            }
        }
        self.to_client.extend_from_slice(&bytes.split());
    }

    async fn take_frame(&mut self, frame: Bytes) {
        self.send_ready_answers();
        let (request, state, last) = match self.pending.belongs(&frame) {
            // A push, or what MONITOR shows.
            None => {
                let shown = self.replace_push(&frame);
                return self.to_client.extend_from_slice(shown.as_deref().unwrap_or(&frame));
            }
            Some((Owed::Answer { request, state, .. }, last)) => (request.clone(), *state, last),
            Some((Owed::Nothing, _)) => return self.pending.pop(),
            Some(_) => return,
        };
        if last {
            self.pending.pop();
        }
        match self.replace_reply(&request, state, &frame) {
            None | Some(Replacement::Send { .. }) => self.to_client.extend_from_slice(&frame),
            Some(Replacement::Answer(bytes)) => self.to_client.extend_from_slice(&bytes),
            Some(Replacement::Ask { node, commands }) => {
                let reply = self.ask(&node, &commands).await;
                self.to_client.extend_from_slice(reply.as_deref().unwrap_or(&frame));
            }
            Some(Replacement::AnswerAndAsk { answer, node, commands }) => {
                let _unseen = self.ask(&node, &commands).await;
                self.to_client.extend_from_slice(&answer);
            }
            Some(Replacement::Silence) => self.pending.fall_silent(),
            Some(Replacement::HangUp) => self.hang_up = true,
        }
    }

    /// Sends the client the answers that are ready and come next.
    fn send_ready_answers(&mut self) {
        while let Some(answer) = self.pending.pop_ready() {
            self.to_client.extend_from_slice(&answer);
        }
    }

    /// Sends commands to a node itself; its listener would apply the defect to them, too.
    async fn ask(&self, node: &str, commands: &[Command]) -> Option<Vec<u8>> {
        let mut address: Address = node.parse().ok()?;
        if let Some(number) = self.cluster.nodes.iter().position(|known| known == node) {
            address.port = self.cluster.ports[number];
        }
        let options = ConnectOptions { access: self.cluster.access.clone(), ..ConnectOptions::new(address) };
        let mut connection = Connection::open(&options).await.ok()?;
        let replies = connection.pipeline(commands).await.ok()?;
        Some(replies.last()?.bytes().to_vec())
    }

    fn replace_request(&mut self, request: &Request, state: State) -> Option<Replacement> {
        let place = self.cluster.place(self.number, self.by_tls);
        let replace = |active: &mut ActiveDefect| match active.defect.tampering {
            Tampering::Request(tamper) | Tampering::ExclusiveRequest(tamper) => {
                tamper(&mut active.scene(place, state), request)
            }
            Tampering::Reply(_) | Tampering::CalmReply(_) | Tampering::Push(_) => None,
        };
        self.role.apply(replace)
    }

    fn replace_reply(&mut self, request: &Request, state: State, frame: &Bytes) -> Option<Replacement> {
        if matches!(self.role, Role::PassThrough) {
            return None;
        }
        let reply = Reply::parse(frame.clone()).ok()?;
        let place = self.cluster.place(self.number, self.by_tls);
        let changes = |replacement: &Replacement| match replacement {
            Replacement::Answer(bytes) => bytes[..] != frame[..],
            _ => true,
        };
        let replace = |active: &mut ActiveDefect| match active.defect.tampering {
            Tampering::Reply(tamper) | Tampering::CalmReply(tamper) => {
                tamper(&mut active.scene(place, state), request, &reply).filter(changes)
            }
            Tampering::Request(_) | Tampering::ExclusiveRequest(_) | Tampering::Push(_) => None,
        };
        self.role.apply(replace)
    }

    fn replace_push(&mut self, frame: &Bytes) -> Option<Vec<u8>> {
        if matches!(self.role, Role::PassThrough) {
            return None;
        }
        let push = Reply::parse(frame.clone()).ok()?;
        let (place, state) = (self.cluster.place(self.number, self.by_tls), self.state);
        self.role.apply(|active| match active.defect.tampering {
            Tampering::Push(tamper) => {
                tamper(&mut active.scene(place, state), &push).filter(|bytes| bytes[..] != frame[..])
            }
            _ => None,
        })
    }
}

impl Role {
    /// Returns what the one defect wants; reports, without applying them, all defects that want anything.
    fn apply<T>(&mut self, replace: impl Fn(&mut ActiveDefect) -> Option<T>) -> Option<T> {
        match self {
            Self::PassThrough => None,
            Self::Defective(active) => replace(active),
            Self::Watching(actives, report) => {
                for active in actives {
                    if replace(active).is_some() {
                        report(active.defect);
                    }
                }
                None
            }
        }
    }
}

impl ClusterLayout {
    fn place(&self, number: usize, by_tls: bool) -> Place<'_> {
        Place { nodes: &self.nodes, plain_ports: &self.plain_ports, number, by_tls, replicas: &self.replicas }
    }
}

impl ActiveDefect {
    fn scene<'a>(&'a mut self, place: Place<'a>, state: State) -> Scene<'a> {
        Scene { place, state, own: &mut self.own, shared: &self.shared }
    }
}
