//! One client's connection to one node: bytes through both ways, requests and replies matched up, and the lie told.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::{Access, Address, Command, ConnectOptions, Connection, Framer, Reply};

use crate::defect::{Defect, Instead, Lie};
use crate::pending::{Frames, Owed, Pending};
use crate::request::{self, Found, Request};
use crate::scene::{Notes, Place, Scene, State};

/// Requests that are under way at a time; further ones wait in the client's socket.
const PENDING_MAX: usize = 100_000;
/// Bytes asked of the system at once.
const READ_BYTES: usize = 64 * 1024;

/// A defect as one connection sees it.
pub(crate) struct Act {
    pub(crate) defect: &'static Defect,
    pub(crate) own: Notes,
    pub(crate) shared: Rc<RefCell<Notes>>,
}

/// What is done on a connection.
pub(crate) enum Role {
    /// Everything passes through.
    Honest,
    /// One lie is told.
    Lying(Act),
    /// Everything passes through, and it is noted which defects would have changed anything.
    Watching(Vec<Act>, Rc<dyn Fn(&'static Defect)>),
}

/// What a connection is made of.
pub(crate) struct Line {
    pub(crate) client: TcpStream,
    pub(crate) node: TcpStream,
    pub(crate) role: Role,
    /// The addresses that all nodes announce, the ports behind them, which of them this is, and which began as replicas.
    pub(crate) nodes: Rc<[String]>,
    pub(crate) ports: Rc<[u16]>,
    pub(crate) number: usize,
    pub(crate) replicas: Range<usize>,
    pub(crate) access: Access,
}

/// What the bytes still mean.
enum Meaning {
    Requests,
    /// Replication, or what cannot be read: bytes are passed on as they are.
    Raw,
}

struct Talk {
    role: Role,
    nodes: Rc<[String]>,
    ports: Rc<[u16]>,
    number: usize,
    replicas: Range<usize>,
    access: Access,
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
pub(crate) async fn serve(line: Line) -> io::Result<()> {
    let Line { mut client, mut node, role, nodes, ports, number, replicas, access } = line;
    let mut talk = Talk {
        role,
        nodes,
        ports,
        number,
        replicas,
        access,
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
    let (mut client_read, mut client_write) = client.split();
    let (mut node_read, mut node_write) = node.split();
    loop {
        from_client.reserve(READ_BYTES);
        from_node.reserve(READ_BYTES);
        tokio::select! {
            read = client_read.read_buf(&mut from_client), if talk.pending.len() < PENDING_MAX => {
                if read? == 0 {
                    return Ok(());
                }
                talk.hear_client(&mut from_client);
            }
            read = node_read.read_buf(&mut from_node) => {
                if read? == 0 {
                    client_write.write_all(&talk.to_client).await?;
                    return Ok(());
                }
                talk.hear_node(&mut from_node, &mut framer).await;
            }
        }
        talk.pay();
        if !talk.to_node.is_empty() {
            node_write.write_all(&talk.to_node.split()).await?;
        }
        if !talk.to_client.is_empty() {
            client_write.write_all(&talk.to_client.split()).await?;
        }
        if talk.hang_up {
            return Ok(());
        }
    }
}

impl Talk {
    fn hear_client(&mut self, bytes: &mut BytesMut) {
        while matches!(self.meaning, Meaning::Requests) {
            match request::take(bytes) {
                Found::Part => return,
                Found::Garbage => self.hear_garbage(bytes),
                Found::Whole(request) if request.words().is_empty() => self.to_node.extend_from_slice(request.bytes()),
                Found::Whole(request) => self.hear_request(request),
            }
        }
        self.to_node.extend_from_slice(&bytes.split());
    }

    /// What is no request is passed on with all that follows, unless a lie takes it.
    fn hear_garbage(&mut self, bytes: &mut BytesMut) {
        let instead = self.lie_before(&Request::malformed(bytes.clone().freeze()), self.state);
        match instead {
            None | Some(Instead::Send { .. } | Instead::Ask { .. } | Instead::SayAndAsk { .. }) => {
                return self.meaning = Meaning::Raw;
            }
            Some(Instead::Say(said)) => self.pending.push(Owed::Said(said)),
            Some(Instead::Silence) => self.pending.push(Owed::Silence),
            Some(Instead::HangUp) => self.hang_up = true,
        }
        bytes.clear();
    }

    fn hear_request(&mut self, request: Request) {
        let state = self.state;
        let instead = self.lie_before(&request, state);
        self.follow(&request);
        match instead {
            None => {
                self.to_node.extend_from_slice(request.bytes());
                self.owe(request, state);
            }
            Some(Instead::Say(bytes)) => self.pending.push(Owed::Said(bytes)),
            Some(Instead::Send { commands, shown }) => {
                for (position, command) in commands.iter().enumerate() {
                    self.to_node.extend_from_slice(&command.pack());
                    match position == shown {
                        true => self.owe(request.clone(), state),
                        false => self.pending.push(Owed::Nothing),
                    }
                }
            }
            Some(Instead::Silence | Instead::Ask { .. } | Instead::SayAndAsk { .. }) => {
                self.pending.push(Owed::Silence)
            }
            Some(Instead::HangUp) => self.hang_up = true,
        }
    }

    fn owe(&mut self, request: Request, state: State) {
        if self.mute || std::mem::take(&mut self.skip) {
            return;
        }
        if request.is_any(&["SYNC", "PSYNC"]) {
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

    /// Keeps what a request does to the connection.
    fn follow(&mut self, request: &Request) {
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

    async fn hear_node(&mut self, bytes: &mut BytesMut, framer: &mut Framer) {
        while matches!(self.meaning, Meaning::Requests) {
            match framer.scan(bytes) {
                Ok(None) => return,
                Ok(Some(end)) => {
                    let frame = bytes.split_to(end).freeze();
                    self.hear_frame(frame).await;
                }
                Err(_) => self.meaning = Meaning::Raw,
            }
        }
        self.to_client.extend_from_slice(&bytes.split());
    }

    async fn hear_frame(&mut self, frame: Bytes) {
        self.pay();
        let (request, state, last) = match self.pending.belongs(&frame) {
            // A push, or what MONITOR shows.
            None => return self.to_client.extend_from_slice(&frame),
            Some((Owed::Answer { request, state, .. }, last)) => (request.clone(), *state, last),
            Some((Owed::Nothing, _)) => return self.pending.pop(),
            Some(_) => return,
        };
        if last {
            self.pending.pop();
        }
        match self.lie_after(&request, state, &frame) {
            None | Some(Instead::Send { .. }) => self.to_client.extend_from_slice(&frame),
            Some(Instead::Say(bytes)) => self.to_client.extend_from_slice(&bytes),
            Some(Instead::Ask { node, commands }) => {
                let reply = self.ask(&node, &commands).await;
                self.to_client.extend_from_slice(reply.as_deref().unwrap_or(&frame));
            }
            Some(Instead::SayAndAsk { say, node, commands }) => {
                let _unseen = self.ask(&node, &commands).await;
                self.to_client.extend_from_slice(&say);
            }
            Some(Instead::Silence) => self.pending.fall_silent(),
            Some(Instead::HangUp) => self.hang_up = true,
        }
    }

    /// Gives the client what is there already and comes next.
    fn pay(&mut self) {
        while let Some(said) = self.pending.pop_said() {
            self.to_client.extend_from_slice(&said);
        }
    }

    /// Asks a node itself, not its listener, which would lie to the proxy, too.
    async fn ask(&self, node: &str, commands: &[Command]) -> Option<Vec<u8>> {
        let mut address: Address = node.parse().ok()?;
        if let Some(number) = self.nodes.iter().position(|known| known == node) {
            address.port = self.ports[number];
        }
        let options = ConnectOptions { access: self.access.clone(), ..ConnectOptions::new(address) };
        let mut connection = Connection::open(&options).await.ok()?;
        let replies = connection.pipeline(commands).await.ok()?;
        Some(replies.last()?.bytes().to_vec())
    }

    fn lie_before(&mut self, request: &Request, state: State) -> Option<Instead> {
        let place = Place { nodes: &self.nodes, number: self.number, replicas: &self.replicas };
        let lie = |act: &mut Act| match act.defect.lie {
            Lie::Request(lie) | Lie::Across(lie) => lie(&mut act.scene(place, state), request),
            Lie::Reply(_) | Lie::Calm(_) => None,
        };
        match &mut self.role {
            Role::Honest => None,
            Role::Lying(act) => lie(act),
            Role::Watching(acts, tell) => {
                acts.iter_mut().filter_map(|act| lie(act).map(|_| act.defect)).for_each(|defect| tell(defect));
                None
            }
        }
    }

    fn lie_after(&mut self, request: &Request, state: State, frame: &Bytes) -> Option<Instead> {
        if matches!(self.role, Role::Honest) {
            return None;
        }
        let reply = Reply::parse(frame.clone()).ok()?;
        let place = Place { nodes: &self.nodes, number: self.number, replicas: &self.replicas };
        let lie = |act: &mut Act| match act.defect.lie {
            Lie::Reply(lie) | Lie::Calm(lie) => lie(&mut act.scene(place, state), request, &reply),
            Lie::Request(_) | Lie::Across(_) => None,
        };
        let differs = |instead: &Instead| !matches!(instead, Instead::Say(bytes) if bytes[..] == frame[..]);
        match &mut self.role {
            Role::Honest => None,
            Role::Lying(act) => lie(act),
            Role::Watching(acts, tell) => {
                acts.iter_mut()
                    .filter_map(|act| lie(act).filter(differs).map(|_| act.defect))
                    .for_each(|defect| tell(defect));
                None
            }
        }
    }
}

impl Act {
    fn scene<'a>(&'a mut self, place: Place<'a>, state: State) -> Scene<'a> {
        Scene { place, state, own: &mut self.own, shared: &self.shared }
    }
}
