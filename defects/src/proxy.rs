//! The proxy: a thread that listens for every node of a cluster, and applies the defect that it is switched to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::rc::Rc;
use std::sync::mpsc::{Sender as StdSender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, LocalSet, spawn_local};
use wire::{Access, Address, Stream, TlsServer, WireError};

use crate::catalogue::all;
use crate::connection::{ActiveDefect, Channel, ClusterLayout, Endpoints, Role, serve};
use crate::defect::Defect;
use crate::scene::Notes;

/// The pause after the system could not accept a connection, since it lacked files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What the proxy does on connections that are opened after the switch to a mode.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// It passes everything through.
    PassThrough,
    /// It applies one defect.
    Defective(&'static Defect),
    /// It passes everything through, and notes which defects would have changed anything: see [`Proxy::noted`].
    Watching,
}

impl Mode {
    /// Returns the mode for a cluster that no check disturbs, or for one that checks do disturb.
    ///
    /// Some defects do not apply to disturbed clusters.
    #[must_use]
    pub fn on(self, is_calm: bool) -> Self {
        match self {
            Self::Defective(defect) if !is_calm && !defect.tampering.applies_to_disturbed_clusters() => {
                Self::PassThrough
            }
            mode => mode,
        }
    }
}

/// The proxy could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the proxy that applies defects: {0}")]
pub struct ProxyError(#[from] io::Error);

/// The listeners for the nodes of one cluster, on a thread of their own; dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// A port that a node announces, and the server's own port behind it.
#[derive(Debug)]
pub struct Listening {
    /// The listener on the port that the node announces.
    pub listener: TcpListener,
    /// The loopback port of the server.
    pub port: u16,
}

enum Order {
    Listen { main: Listening, plain: Option<Listening>, announced: String, announced_plain: Option<u16> },
    Switch { mode: Mode, done: StdSender<()> },
    Noted(StdSender<BTreeSet<&'static str>>),
}

impl Proxy {
    /// Starts a proxy that has no listeners yet and passes everything through.
    ///
    /// The proxy logs in with `access` on connections of its own. With `tls` it is the end of the TLS connections of
    /// clients, and speaks TLS by `access` with the servers. `replicas` are the positions of the nodes that begin as
    /// replicas.
    ///
    /// # Errors
    ///
    /// The system cannot start a thread or its runtime.
    pub fn start(access: Access, tls: Option<TlsServer>, replicas: Range<usize>) -> Result<Self, ProxyError> {
        let (orders, received) = unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, SharedState::new(access, tls, replicas).run(received));
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Listens for a node, which announces the address of `main`. A node with TLS may have a port without TLS besides.
    ///
    /// # Errors
    ///
    /// The system cannot use a listener.
    pub fn listen(&self, main: Listening, plain: Option<Listening>) -> Result<(), ProxyError> {
        for listening in [Some(&main), plain.as_ref()].into_iter().flatten() {
            listening.listener.set_nonblocking(true)?;
        }
        let announced = main.listener.local_addr()?.to_string();
        let announced_plain = match &plain {
            Some(plain) => Some(plain.listener.local_addr()?.port()),
            None => None,
        };
        self.order(Order::Listen { main, plain, announced, announced_plain });
        Ok(())
    }

    /// Switches the mode for connections that are opened from now on; defects forget what they remembered.
    pub fn switch(&self, mode: Mode) {
        let (done, answer) = channel();
        self.order(Order::Switch { mode, done });
        // An error means that the thread has ended, and with it every connection.
        let _switched = answer.recv();
    }

    /// Returns the names of the defects that would have changed anything since the last switch to [`Mode::Watching`].
    #[must_use]
    pub fn noted(&self) -> BTreeSet<&'static str> {
        let (reply_to, answer) = channel();
        self.order(Order::Noted(reply_to));
        answer.recv().unwrap_or_default()
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends after this, not before.
            let _sent = orders.send(order);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders.take();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// What all connections share.
struct SharedState {
    access: Access,
    tls: Option<TlsServer>,
    replicas: Range<usize>,
    mode: Mode,
    nodes: Vec<String>,
    plain_ports: Vec<Option<u16>>,
    ports: Vec<u16>,
    /// What each defect of the catalogue remembers for the whole cluster.
    shared: Vec<Rc<RefCell<Notes>>>,
    /// What the one defect remembers that the proxy applies, which need not be in the catalogue.
    of_defect: Rc<RefCell<Notes>>,
    noted: Rc<RefCell<BTreeSet<&'static str>>>,
}

impl SharedState {
    fn new(access: Access, tls: Option<TlsServer>, replicas: Range<usize>) -> Self {
        let (nodes, plain_ports, ports) = (Vec::new(), Vec::new(), Vec::new());
        let (shared, of_defect, noted) = (Vec::new(), Rc::default(), Rc::default());
        let mode = Mode::PassThrough;
        Self { access, tls, replicas, mode, nodes, plain_ports, ports, shared, of_defect, noted }
    }

    async fn run(self, mut orders: UnboundedReceiver<Order>) {
        let state = Rc::new(RefCell::new(self));
        let mut listening = JoinSet::new();
        while let Some(order) = orders.recv().await {
            match order {
                Order::Listen { main, plain, announced, announced_plain } => {
                    let mut own = state.borrow_mut();
                    own.nodes.push(announced);
                    own.plain_ports.push(announced_plain);
                    own.ports.push(main.port);
                    let (number, by_tls) = (own.nodes.len() - 1, own.tls.is_some());
                    for (listening_at, by_tls) in [(Some(main), by_tls), (plain, false)] {
                        let Some(Listening { listener, port }) = listening_at else { continue };
                        if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                            let behind = Behind { port, by_tls, number };
                            listening.spawn_local(accept(listener, behind, Rc::clone(&state)));
                        }
                    }
                }
                Order::Switch { mode, done } => {
                    state.borrow_mut().switch(mode);
                    // Nobody waits for the answer once the proxy is dropped.
                    done.send(()).ok();
                }
                Order::Noted(reply_to) => {
                    reply_to.send(state.borrow().noted.borrow().clone()).ok();
                }
            }
        }
    }

    fn switch(&mut self, mode: Mode) {
        self.mode = mode;
        self.shared = all().map(|_| Rc::default()).collect();
        self.of_defect = Rc::default();
        self.noted = Rc::default();
    }

    fn layout(&self) -> ClusterLayout {
        ClusterLayout {
            nodes: Rc::from(self.nodes.as_slice()),
            plain_ports: Rc::from(self.plain_ports.as_slice()),
            ports: Rc::from(self.ports.as_slice()),
            replicas: self.replicas.clone(),
            access: self.access.clone(),
        }
    }

    fn role(&self) -> Role {
        match self.mode {
            Mode::PassThrough => Role::PassThrough,
            Mode::Defective(defect) => {
                Role::Defective(ActiveDefect { defect, own: Notes::new(), shared: Rc::clone(&self.of_defect) })
            }
            Mode::Watching => {
                let actives = all().zip(&self.shared);
                let actives = actives.map(|(defect, shared)| ActiveDefect {
                    defect,
                    own: Notes::new(),
                    shared: Rc::clone(shared),
                });
                let noted = Rc::clone(&self.noted);
                Role::Watching(
                    actives.collect(),
                    Rc::new(move |defect: &'static Defect| {
                        noted.borrow_mut().insert(defect.name);
                    }),
                )
            }
        }
    }
}

/// What is behind a listener.
#[derive(Clone, Copy)]
struct Behind {
    /// The loopback port of the server.
    port: u16,
    /// Whether both sides speak TLS.
    by_tls: bool,
    /// The position of the node among those of the cluster.
    number: usize,
}

async fn accept(listener: tokio::net::TcpListener, behind: Behind, state: Rc<RefCell<SharedState>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                spawn_local(connect(client, behind, Rc::clone(&state)));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connect(client: TcpStream, behind: Behind, state: Rc<RefCell<SharedState>>) {
    let _set = client.set_nodelay(true);
    let (access, tls) = {
        let state = state.borrow();
        (state.access.clone(), state.tls.clone().filter(|_| behind.by_tls))
    };
    let Ok(node) = server(behind, &access).await else {
        // A server that is gone refuses connections; a reset is what comes closest.
        let _set = client.set_zero_linger();
        return;
    };
    let client: Box<dyn Channel> = match tls {
        None => Box::new(client),
        Some(tls) => match tls.accept(client).await {
            Ok(client) => Box::new(client),
            // The handshake has told the client why.
            Err(_) => return,
        },
    };
    let endpoints = {
        let state = state.borrow();
        let (role, cluster) = (state.role(), state.layout());
        Endpoints { client, node, role, cluster, number: behind.number, by_tls: behind.by_tls }
    };
    // What breaks a connection breaks both sides of it, as it would without the proxy.
    let _ended = serve(endpoints).await;
}

/// Connects to the server itself.
async fn server(behind: Behind, access: &Access) -> Result<Box<dyn Channel>, WireError> {
    let address = Address::new(Ipv4Addr::LOCALHOST.to_string(), behind.port);
    let tls = access.tls.as_ref().filter(|_| behind.by_tls);
    Ok(Box::new(Stream::open(&address, tls).await?))
}
