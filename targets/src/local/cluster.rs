//! A cluster of processes on this machine, and the actions on its nodes.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use defects::{Listening, Proxy};
use futures_util::future::join_all;
use suites::control::ControlFuture;
use suites::{ControlError, Crash, Fault, NodeControl, NodeState, Restart, Spare, TlsPorts};
use wire::Address;

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::member::answering;
use crate::cleanup::run_folder::RunFolder;
use crate::local::config_file::Settings;
use crate::local::ports::{self, Port};
use crate::local::process::Process;
use crate::local::settings::{ClientPorts, ServerSetup, behind_proxy, node_settings, port_settings, server_settings};
use crate::target::BringUp;

/// The host that all nodes listen on and announce.
const HOST: &str = "127.0.0.1";
/// How many ports rct tries for a spare server.
const SPARE_TRIES: u32 = 5;
/// The pause between two tries to remove the folder of servers that are still ending, and the number of tries.
const REMOVE_PAUSE: Duration = Duration::from_millis(5);
const REMOVE_TRIES: u32 = 100;

/// A node of a cluster, or a spare server beside it.
pub(crate) struct LocalNode {
    pub(crate) address: Address,
    pub(crate) process: Process,
    /// Its port without TLS, if the other one is for TLS.
    plain_port: Option<u16>,
    _ports: Vec<Port>,
}

/// The servers of one cluster. Dropping it kills them without waiting.
pub(crate) struct LocalCluster {
    setup: ServerSetup,
    request: BringUp,
    proxy: Option<Rc<Proxy>>,
    folder: PathBuf,
    nodes: RefCell<Vec<Rc<LocalNode>>>,
    spares: Cell<u32>,
    // Dropped last, because it ends all processes that are left.
    _run_folder: Rc<RunFolder>,
}

impl LocalCluster {
    /// Makes the folder of a cluster without servers. With a proxy, clients reach each server only through it.
    pub(crate) fn new(
        run_folder: Rc<RunFolder>,
        name: &str,
        setup: ServerSetup,
        request: BringUp,
        proxy: Option<Rc<Proxy>>,
    ) -> Result<Self, BringUpError> {
        let folder = run_folder.folder().join(name);
        fs::create_dir(&folder)?;
        let (nodes, spares) = (RefCell::default(), Cell::new(0));
        Ok(Self { setup, request, proxy, folder, nodes, spares, _run_folder: run_folder })
    }

    /// What its servers have in common.
    pub(crate) fn setup(&self) -> &ServerSetup {
        &self.setup
    }

    /// Starts more servers and returns all nodes; `overrides` are settings that hold until a server starts again.
    pub(crate) fn start(&self, count: usize, overrides: &[(&str, String)]) -> Result<Vec<Rc<LocalNode>>, BringUpError> {
        let settings = node_settings(&self.request, &self.setup);
        for port in ports::claim(count)? {
            let name = self.nodes.borrow().len().to_string();
            let node = self.launch(&name, port, settings.clone(), overrides)?;
            self.nodes.borrow_mut().push(node);
        }
        Ok(self.nodes.borrow().clone())
    }

    /// Starts one server without cluster support, with the same settings as a node otherwise.
    pub(crate) fn start_standalone(&self) -> Result<Rc<LocalNode>, BringUpError> {
        let mut settings = server_settings(&self.setup);
        settings.extend(self.request.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let node = self.launch("0", ports::claim_any()?, settings, &[])?;
        self.nodes.borrow_mut().push(Rc::clone(&node));
        Ok(node)
    }

    /// Starts a server that is not one of the cluster's nodes.
    pub(crate) fn launch(
        &self,
        name: &str,
        port: Port,
        mut settings: Settings,
        overrides: &[(&str, String)],
    ) -> Result<Rc<LocalNode>, BringUpError> {
        let address = Address::new(HOST, port.number());
        let mut claimed = vec![port];
        let announced = ClientPorts { main: address.port, plain: self.claim_plain(&mut claimed)? };
        let tls = self.setup.tls_ports();
        let port_settings = match &self.proxy {
            None => port_settings(tls, announced),
            Some(proxy) => {
                claimed.push(ports::claim_any()?);
                let main = claimed.last().map_or(0, Port::number);
                let hidden = ClientPorts { main, plain: self.claim_plain(&mut claimed)? };
                listen(proxy, announced, hidden)?;
                behind_proxy(tls, announced, hidden, &settings)
            }
        };
        settings.extend(port_settings.iter().map(|(name, value)| (*name, value.as_str())));
        let process = Process::new(&self.setup.program, self.folder.join(name), &settings)?;
        process.start(overrides)?;
        Ok(Rc::new(LocalNode { address, process, plain_port: announced.plain, _ports: claimed }))
    }

    /// Claims a port without TLS, if servers have one besides the port for TLS.
    fn claim_plain(&self, claimed: &mut Vec<Port>) -> Result<Option<u16>, BringUpError> {
        if self.setup.tls_ports() != Some(TlsPorts::Both) {
            return Ok(None);
        }
        let port = ports::claim_any()?;
        let number = port.number();
        claimed.push(port);
        Ok(Some(number))
    }

    /// Kills all servers, waits until they have ended, and removes their folders.
    pub(crate) async fn shut_down(&self) {
        let nodes = self.nodes.borrow().clone();
        // The guard kills a server that does not end in time.
        let _killed = join_all(nodes.iter().map(|node| node.process.kill())).await;
        for _ in 0..REMOVE_TRIES {
            if fs::remove_dir_all(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            tokio::time::sleep(REMOVE_PAUSE).await;
        }
    }

    fn node(&self, address: &Address) -> Result<Rc<LocalNode>, ControlError> {
        let nodes = self.nodes.borrow();
        let found = nodes.iter().find(|node| node.address == *address).cloned();
        found.ok_or_else(|| ControlError::UnknownNode(address.clone()))
    }

    async fn start_again(&self, node: &LocalNode, how: Restart) -> Result<(), ControlError> {
        if node.process.end().is_none() {
            node.process.stop().await?;
        }
        if how == Restart::WithoutData {
            node.process.forget_data().map_err(|error| failed("cannot remove the data of a node", &error))?;
        }
        node.process.start(&[]).map_err(|error| failed("cannot start a node again", &error))?;
        let answered = self.wait_until_it_answers(node).await;
        if answered.is_err() {
            node.process.note_refusal();
        }
        answered
    }

    async fn wait_until_it_answers(&self, node: &LocalNode) -> Result<(), ControlError> {
        let answered = answering(&node.address, &node.process, &self.setup.access).await;
        answered.map(drop).map_err(|error| ControlError::Failed(error.to_string()))
    }

    async fn start_spare_server(&self, spare: &Spare) -> Result<Address, ControlError> {
        let mut tries = 1;
        loop {
            match self.try_spare_server(spare).await {
                Err(error) if error.is_port_taken() && tries < SPARE_TRIES => tries += 1,
                done => return done.map_err(|error| ControlError::Failed(error.to_string())),
            }
        }
    }

    async fn try_spare_server(&self, spare: &Spare) -> Result<Address, BringUpError> {
        let mut settings = match spare.standalone {
            true => server_settings(&self.setup),
            false => node_settings(&self.request, &self.setup),
        };
        settings.extend(spare.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let name = format!("spare-{}", self.spares.replace(self.spares.get() + 1));
        let node = self.launch(&name, ports::claim_any()?, settings, &[])?;
        answering(&node.address, &node.process, &self.setup.access).await?;
        let address = node.address.clone();
        self.nodes.borrow_mut().push(node);
        Ok(address)
    }
}

impl NodeControl for LocalCluster {
    fn offers(&self, fault: Fault) -> bool {
        match fault {
            Fault::Kill | Fault::Restart | Fault::Pause | Fault::Spare | Fault::Discard => true,
            // The nodes share the loopback interface. Cutting one off takes privileges that rct does not ask for.
            Fault::Isolate => false,
        }
    }

    fn kill<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.process.kill().await })
    }

    fn stop<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.process.stop().await })
    }

    fn restart<'a>(&'a self, node: &'a Address, how: Restart) -> ControlFuture<'a> {
        Box::pin(async move { self.start_again(self.node(node)?.as_ref(), how).await })
    }

    fn pause<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.process.pause().await })
    }

    fn resume<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.process.resume().await })
    }

    fn isolate<'a>(&'a self, _node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async { Err(ControlError::NotOffered(Fault::Isolate)) })
    }

    fn heal<'a>(&'a self, _node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async { Err(ControlError::NotOffered(Fault::Isolate)) })
    }

    fn start_spare<'a>(&'a self, spare: Spare) -> ControlFuture<'a, Address> {
        Box::pin(async move { self.start_spare_server(&spare).await })
    }

    fn state(&self, node: &Address) -> NodeState {
        self.node(node).map_or(NodeState::Unknown, |node| node.process.state())
    }

    fn log_tail(&self, node: &Address) -> Option<String> {
        self.node(node).ok()?.process.log_tail()
    }

    fn tls_ports(&self) -> Option<TlsPorts> {
        self.setup.tls_ports()
    }

    fn plain_port(&self, node: &Address) -> Option<u16> {
        self.node(node).ok()?.plain_port
    }

    fn crashes(&self, in_logs: bool) -> Vec<Crash> {
        let nodes = self.nodes.borrow();
        let crashed = nodes.iter().filter_map(|node| Some((node.address.clone(), node.process.crash(in_logs)?)));
        crashed.map(|(node, (how, log))| Crash { node, how, log }).collect()
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        // Dropping a server kills it. The end of the run removes what it writes until then.
        self.nodes.borrow_mut().clear();
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// Has the proxy listen on the ports that a server announces.
fn listen(proxy: &Proxy, announced: ClientPorts, hidden: ClientPorts) -> Result<(), BringUpError> {
    let listening = |announced: u16, hidden: u16| -> Result<Listening, BringUpError> {
        Ok(Listening { listener: TcpListener::bind((HOST, announced))?, port: hidden })
    };
    let plain =
        announced.plain.zip(hidden.plain).map(|(announced, hidden)| listening(announced, hidden)).transpose()?;
    Ok(proxy.listen(listening(announced.main, hidden.main)?, plain)?)
}

fn failed(what: &str, error: &std::io::Error) -> ControlError {
    ControlError::Failed(format!("{what}: {error}"))
}
