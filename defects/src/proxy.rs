//! The proxy: a thread with a listener for each node, which can be told what to lie about.

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
use crate::defect::Defect;
use crate::line::{Act, Line, Role, serve};
use crate::scene::Notes;

/// The pause after the system refused a connection for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What connections that are opened from now on do.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// Pass everything through.
    Honest,
    /// Tell one lie.
    Lying(&'static Defect),
    /// Pass everything through, and note which defects would have changed anything: see [`Proxy::noted`].
    Watching,
}

impl Mode {
    /// What is done of it on a cluster that is calm or not: not every lie is told where checks disturb.
    #[must_use]
    pub fn on(self, is_calm: bool) -> Self {
        match self {
            Self::Lying(defect) if !is_calm && !defect.lie.is_told_always() => Self::Honest,
            mode => mode,
        }
    }
}

/// The proxy could not be started.
#[derive(Debug, thiserror::Error)]
#[error("start a proxy: {0}")]
pub struct ProxyError(#[from] io::Error);

/// The listeners of one cluster's nodes, on a thread of their own. Dropping it closes every connection.
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
    /// Starts a proxy without listeners, which passes everything through. `access` is for connections of its own;
    /// `replicas` are the numbers of the nodes that begin as such.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn start(access: Access, replicas: Range<usize>) -> Result<Self, ProxyError> {
        let (orders, received) = unbounded_channel();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, Switchboard::new(access, replicas).run(received));
        })?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Listens for a node, which announces the listener's address, for a server on the loopback port `port`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn listen(&self, listener: TcpListener, port: u16) -> Result<(), ProxyError> {
        listener.set_nonblocking(true)?;
        let announced = listener.local_addr()?.to_string();
        self.order(Order::Listen { listener, announced, port });
        Ok(())
    }

    /// Says what connections do that are opened from now on; what a lie has kept is forgotten.
    pub fn switch(&self, mode: Mode) {
        let (done, answer) = channel();
        self.order(Order::Switch { mode, done });
        // An error means that the thread is gone, and nobody lies any more.
        let _done = answer.recv();
    }

    /// The names of the defects that would have changed anything since the last [`Proxy::switch`] to watching.
    #[must_use]
    pub fn noted(&self) -> BTreeSet<&'static str> {
        let (tell, answer) = channel();
        self.order(Order::Noted(tell));
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
struct Switchboard {
    access: Access,
    replicas: Range<usize>,
    mode: Mode,
    nodes: Vec<String>,
    ports: Vec<u16>,
    shared: Vec<Rc<RefCell<Notes>>>,
    noted: Rc<RefCell<BTreeSet<&'static str>>>,
}

impl Switchboard {
    fn new(access: Access, replicas: Range<usize>) -> Self {
        let (nodes, ports) = (Vec::new(), Vec::new());
        Self { access, replicas, mode: Mode::Honest, nodes, ports, shared: Vec::new(), noted: Rc::default() }
    }

    async fn run(self, mut orders: UnboundedReceiver<Order>) {
        let board = Rc::new(RefCell::new(self));
        let mut listening = JoinSet::new();
        while let Some(order) = orders.recv().await {
            match order {
                Order::Listen { listener, announced, port } => {
                    let mut own = board.borrow_mut();
                    own.nodes.push(announced);
                    own.ports.push(port);
                    let number = own.nodes.len() - 1;
                    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                        listening.spawn_local(accept(listener, port, number, Rc::clone(&board)));
                    }
                }
                Order::Switch { mode, done } => {
                    board.borrow_mut().switch(mode);
                    let _told = done.send(());
                }
                Order::Noted(tell) => {
                    let _told = tell.send(board.borrow().noted.borrow().clone());
                }
            }
        }
    }

    fn switch(&mut self, mode: Mode) {
        self.mode = mode;
        self.shared = all().map(|_| Rc::default()).collect();
        self.noted = Rc::default();
    }

    fn role(&self) -> Role {
        match self.mode {
            Mode::Honest => Role::Honest,
            Mode::Lying(defect) => {
                let shared = all().zip(&self.shared).find(|(other, _)| other.name == defect.name);
                let shared = shared.map_or_else(Rc::default, |(_, shared)| Rc::clone(shared));
                Role::Lying(Act { defect, own: Notes::new(), shared })
            }
            Mode::Watching => {
                let acts = all().zip(&self.shared);
                let acts = acts.map(|(defect, shared)| Act { defect, own: Notes::new(), shared: Rc::clone(shared) });
                let noted = Rc::clone(&self.noted);
                Role::Watching(
                    acts.collect(),
                    Rc::new(move |defect: &'static Defect| {
                        noted.borrow_mut().insert(defect.name);
                    }),
                )
            }
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, port: u16, number: usize, board: Rc<RefCell<Switchboard>>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                spawn_local(connect(client, port, number, Rc::clone(&board)));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connect(client: TcpStream, port: u16, number: usize, board: Rc<RefCell<Switchboard>>) {
    let Ok(node) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        // A server that is gone refuses connections; a reset is what comes closest.
        let _set = client.set_zero_linger();
        return;
    };
    let _set = client.set_nodelay(true).and(node.set_nodelay(true));
    let line = {
        let board = board.borrow();
        let (nodes, ports) = (Rc::from(board.nodes.as_slice()), Rc::from(board.ports.as_slice()));
        let (role, replicas, access) = (board.role(), board.replicas.clone(), board.access.clone());
        Line { client, node, role, nodes, ports, number, replicas, access }
    };
    // What breaks a connection breaks both sides of it, as it would without the proxy.
    let _ended = serve(line).await;
}
