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
use wire::Access;

use crate::catalogue::all;
use crate::connection::{ActiveDefect, ClusterLayout, Endpoints, Role, serve};
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

enum Order {
    Listen { listener: TcpListener, announced: String, port: u16 },
    Switch { mode: Mode, done: StdSender<()> },
    Noted(StdSender<BTreeSet<&'static str>>),
}

impl Proxy {
    /// Starts a proxy that has no listeners yet and passes everything through.
    ///
    /// The proxy logs in with `access` on connections of its own. `replicas` are the positions of the nodes that begin
    /// as replicas.
    ///
    /// # Errors
    ///
    /// The system cannot start a thread or its runtime.
    pub fn start(access: Access, replicas: Range<usize>) -> Result<Self, ProxyError> {
        let (orders, received) = unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, SharedState::new(access, replicas).run(received));
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Listens for a node that announces the address of the listener, and whose server has the loopback port `port`.
    ///
    /// # Errors
    ///
    /// The system cannot use the listener.
    pub fn listen(&self, listener: TcpListener, port: u16) -> Result<(), ProxyError> {
        listener.set_nonblocking(true)?;
        let announced = listener.local_addr()?.to_string();
        self.order(Order::Listen { listener, announced, port });
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
    replicas: Range<usize>,
    mode: Mode,
    nodes: Vec<String>,
    ports: Vec<u16>,
    /// What each defect of the catalogue remembers for the whole cluster.
    shared: Vec<Rc<RefCell<Notes>>>,
    /// What the one defect remembers that the proxy applies, which need not be in the catalogue.
    of_defect: Rc<RefCell<Notes>>,
    noted: Rc<RefCell<BTreeSet<&'static str>>>,
}

impl SharedState {
    fn new(access: Access, replicas: Range<usize>) -> Self {
        let (nodes, ports) = (Vec::new(), Vec::new());
        let (shared, of_defect, noted) = (Vec::new(), Rc::default(), Rc::default());
        Self { access, replicas, mode: Mode::PassThrough, nodes, ports, shared, of_defect, noted }
    }

    async fn run(self, mut orders: UnboundedReceiver<Order>) {
        let state = Rc::new(RefCell::new(self));
        let mut listening = JoinSet::new();
        while let Some(order) = orders.recv().await {
            match order {
                Order::Listen { listener, announced, port } => {
                    let mut own = state.borrow_mut();
                    own.nodes.push(announced);
                    own.ports.push(port);
                    let number = own.nodes.len() - 1;
                    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                        listening.spawn_local(accept(listener, port, number, Rc::clone(&state)));
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

async fn accept(listener: tokio::net::TcpListener, port: u16, number: usize, state: Rc<RefCell<SharedState>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                spawn_local(connect(client, port, number, Rc::clone(&state)));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connect(client: TcpStream, port: u16, number: usize, state: Rc<RefCell<SharedState>>) {
    let Ok(node) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        // A server that is gone refuses connections; a reset is what comes closest.
        let _set = client.set_zero_linger();
        return;
    };
    let _set = client.set_nodelay(true).and(node.set_nodelay(true));
    let endpoints = {
        let state = state.borrow();
        Endpoints { client, node, role: state.role(), cluster: state.layout(), number }
    };
    // What breaks a connection breaks both sides of it, as it would without the proxy.
    let _ended = serve(endpoints).await;
}
