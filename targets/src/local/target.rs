//! The target `local` itself: it brings up clusters of any shape from server processes on this machine.

use std::cell::{Cell, OnceCell};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use defects::{Mode, Proxy};
use futures_util::future::{LocalBoxFuture, try_join, try_join_all};
use suites::live_cluster::LiveClusterSettings;
use suites::{Endpoints, Findings, Limits, LiveCluster, Product, Server, Shape, TlsPorts};
use wire::{Access, Address, AddressMap, Topology};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::form::form;
use crate::bootstrap::member::Member;
use crate::bootstrap::pace::{FormingPace, while_forming};
use crate::bootstrap::plan::ClusterPlan;
use crate::bootstrap::settle::{set_everywhere, settle};
use crate::cleanup::places;
use crate::cleanup::run_folder::RunFolder;
use crate::error::TargetError;
use crate::local::certificates::Certificates;
use crate::local::cluster::{LocalCluster, LocalNode};
use crate::local::ports;
use crate::local::server_binary::ServerBinary;
use crate::local::settings::{ServerSetup, node_settings, once_formed, warmer_settings};
use crate::target::{BringUp, Lease, Target};

/// The folder of the certificates, in that of the run.
const CERTIFICATES: &str = "tls";
/// How many ports rct tries, because another process may take one before the server starts.
const PORT_TRIES: u32 = 5;
/// How long nodes with frequent pings may take to agree, before rct makes their pings less frequent.
const FAST_LIMIT: Duration = Duration::from_secs(3);
const FAST_LIMIT_PER_NODE: Duration = Duration::from_millis(100);
/// How long the nodes of a cluster may take to agree, and how much longer for each node.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
const SETTLE_LIMIT_PER_NODE: Duration = Duration::from_millis(500);

/// The options of the target `local`.
#[derive(Debug, Clone, Default)]
pub struct LocalOptions {
    /// The program of the server; without one, the first of `valkey-server` and `redis-server` on PATH.
    pub server: Option<PathBuf>,
    /// The password that clients must give, if any.
    pub access: Access,
    /// The program that runs as the guard: rct itself; without one, the program of this process.
    pub rct: Option<PathBuf>,
    /// What the proxy in front of every node does once a cluster is formed; without it, there is no proxy.
    pub proxy: Option<Mode>,
    /// The TLS ports of clusters whose request names none; without them, such clusters do not speak TLS.
    pub tls: Option<TlsPorts>,
}

/// The servers that can run behind a proxy. Older ones have no setting `cluster-port`.
const PROXIED: &str = "redis >=7.0, valkey >=7.2";

/// The target `local`. No server outlives this value or rct itself: see [`crate::cleanup::guard`].
pub struct LocalTarget {
    binary: ServerBinary,
    access: Access,
    run_folder: Rc<RunFolder>,
    brought_up: Cell<u32>,
    proxy: Option<Mode>,
    tls: Option<TlsPorts>,
    has_tls: tokio::sync::OnceCell<bool>,
    /// Made for the first cluster that speaks TLS.
    certificates: OnceCell<Certificates>,
}

impl LocalTarget {
    /// Finds the program of the server, starts the guard, and makes the folder of the run.
    ///
    /// # Errors
    ///
    /// There is no server, it does not do what the options ask for, or rct cannot make the folder.
    pub async fn open(options: LocalOptions) -> Result<Self, TargetError> {
        let run_folder = async { RunFolder::new(options.rct.as_deref()).await.map_err(no_folder) };
        let (binary, run_folder) = try_join(ServerBinary::locate(options.server.as_deref()), run_folder).await?;
        if options.proxy.is_some() && binary.server.is("redis <7.0") {
            return Err(TargetError::NotBehindProxy { server: binary.server, needed: PROXIED });
        }
        if options.tls.is_some() && !binary.has_tls().await {
            return Err(TargetError::NoTls { path: binary.path });
        }
        Ok(Self {
            binary,
            access: options.access,
            run_folder: Rc::new(run_folder),
            brought_up: Cell::new(0),
            proxy: options.proxy,
            tls: options.tls,
            has_tls: tokio::sync::OnceCell::new_with(options.tls.map(|_| true)),
            certificates: OnceCell::new(),
        })
    }

    /// The folder of the run, which holds all files of this target until it is dropped.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.run_folder.folder()
    }

    /// What the servers of a requested cluster have in common. The first cluster with TLS makes the certificates.
    fn setup(&self, request: &BringUp) -> Result<ServerSetup, BringUpError> {
        let (program, mut access) = (self.binary.path.clone(), self.access.clone());
        let Some(ports) = request.tls.or(self.tls) else { return Ok(ServerSetup { program, access, tls: None }) };
        let certificates = match self.certificates.get() {
            Some(certificates) => certificates.clone(),
            None => {
                let made = Certificates::make(self.folder().join(CERTIFICATES)).map_err(BringUpError::Certificates)?;
                self.certificates.get_or_init(|| made).clone()
            }
        };
        access.tls = Some(certificates.client()?);
        Ok(ServerSetup { program, access, tls: Some((ports, certificates)) })
    }

    async fn on_free_ports(&self, request: &BringUp, pace: FormingPace) -> Result<Lease, BringUpError> {
        let mut tries = 1;
        loop {
            match self.once(request, pace).await {
                Err(error) if error.is_port_taken() && tries < PORT_TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn once(&self, request: &BringUp, pace: FormingPace) -> Result<Lease, BringUpError> {
        if request.is_standalone {
            return self.standalone(request).await;
        }
        let name = self.brought_up.replace(self.brought_up.get() + 1).to_string();
        let setup = self.setup(request)?;
        let access = setup.access.clone();
        let proxy = self.start_proxy(&setup, request.shape)?;
        let cluster = LocalCluster::new(self.run_folder.clone(), &name, setup, request.clone(), proxy.clone())?;
        let (topology, server) = self.formed(&cluster, request, pace).await?;
        if let (Some(proxy), Some(mode)) = (&proxy, self.proxy) {
            proxy.switch(mode.on(request.is_calm));
        }
        let cluster = Rc::new(cluster);
        let live = LiveCluster::new(LiveClusterSettings {
            control: cluster.clone(),
            access,
            map: AddressMap::default(),
            servers: vec![server],
            limits: Limits::of_node_timeout(request.node_timeout),
            shape: request.shape,
            endpoints: Endpoints::Ip,
            topology,
            findings: Findings::default(),
        });
        let live = live.ok_or(BringUpError::UnknownServer)?;
        let lease = Lease::new(Rc::new(live), move || Box::pin(async move { cluster.shut_down().await }));
        Ok(lease.with_proxy(proxy))
    }

    /// Starts one server without cluster support.
    async fn standalone(&self, request: &BringUp) -> Result<Lease, BringUpError> {
        let name = self.brought_up.replace(self.brought_up.get() + 1).to_string();
        let setup = self.setup(request)?;
        let access = setup.access.clone();
        let cluster = LocalCluster::new(self.run_folder.clone(), &name, setup, request.clone(), None)?;
        let node = cluster.start_standalone()?;
        let said = connected(&cluster, &node).await?.server().await?;
        let cluster = Rc::new(cluster);
        let live = LiveCluster::new(LiveClusterSettings {
            control: cluster.clone(),
            access,
            map: AddressMap::default(),
            servers: vec![said.unwrap_or_else(|| self.binary.server.clone())],
            limits: Limits::of_node_timeout(request.node_timeout),
            shape: Shape::new(1, 0),
            endpoints: Endpoints::Ip,
            topology: Topology::standalone(&node.address),
            findings: Findings { is_standalone: true, ..Findings::default() },
        });
        let live = live.ok_or(BringUpError::UnknownServer)?;
        Ok(Lease::new(Rc::new(live), move || Box::pin(async move { cluster.shut_down().await })))
    }

    /// Starts the servers and forms the cluster; returns the planned view, and what the servers say they are.
    async fn formed(
        &self,
        cluster: &LocalCluster,
        request: &BringUp,
        pace: FormingPace,
    ) -> Result<(Topology, Server), BringUpError> {
        let overrides = while_forming(pace, request);
        let servers = cluster.start(usize::from(request.shape.nodes()), &overrides)?;
        // After the nodes, because the proxy counts those from 0.
        let warmer = self.warmer(cluster, request, pace, &overrides)?;
        let answering = try_join_all(servers.iter().map(|node| connected(cluster, node)));
        let warm = try_join_all(warmer.iter().map(|node| connected(cluster, node)));
        let (mut members, mut warm) = try_join(answering, warm).await?;

        let addresses: Vec<Address> = servers.iter().map(|node| node.address.clone()).collect();
        let plan = ClusterPlan::of(request.shape, &addresses);
        let topology = plan.topology(&form(&plan, &mut members, warm.first_mut()).await?);
        let wanted = once_formed(pace, request, &node_settings(request, cluster.setup()));
        let nodes = u32::from(request.shape.nodes());
        let full_limit = SETTLE_LIMIT + SETTLE_LIMIT_PER_NODE * nodes;
        let fast_limit = FAST_LIMIT + FAST_LIMIT_PER_NODE * nodes;
        match settle(&topology, &mut members, if pace == FormingPace::Fast { fast_limit } else { full_limit }).await {
            Err(BringUpError::NotSettled { .. }) if pace == FormingPace::Fast => {
                set_everywhere(&mut members, &wanted).await?;
                settle(&topology, &mut members, full_limit).await?;
            }
            settled => {
                settled?;
                set_everywhere(&mut members, &wanted).await?;
            }
        }
        let said = match members.first_mut() {
            Some(member) => member.server().await?,
            None => None,
        };
        let server = said.unwrap_or_else(|| self.binary.server.clone());
        Ok((topology, server))
    }

    fn warmer(
        &self,
        cluster: &LocalCluster,
        request: &BringUp,
        pace: FormingPace,
        overrides: &[(&str, String)],
    ) -> Result<Option<Rc<LocalNode>>, BringUpError> {
        if pace == FormingPace::Calm {
            return Ok(None);
        }
        let settings = warmer_settings(request, cluster.setup());
        cluster.launch("warmer", ports::claim_any()?, settings, overrides).map(Some)
    }

    /// Starts the proxy in front of the servers of a cluster, if there shall be one.
    fn start_proxy(&self, setup: &ServerSetup, shape: Shape) -> Result<Option<Rc<Proxy>>, BringUpError> {
        if self.proxy.is_none() {
            return Ok(None);
        }
        let tls = setup.tls.as_ref().map(|(_, certificates)| certificates.server()).transpose()?;
        Ok(Some(Rc::new(Proxy::start(setup.access.clone(), tls, replicas(shape))?)))
    }
}

async fn connected<'a>(cluster: &LocalCluster, node: &'a LocalNode) -> Result<Member<'a>, BringUpError> {
    Member::of(&node.address, &node.process, &cluster.setup().access).await
}

/// The numbers of the replicas, when nodes are counted from 0 in the order of their start.
fn replicas(shape: Shape) -> Range<usize> {
    usize::from(shape.primaries)..usize::from(shape.nodes())
}

impl Target for LocalTarget {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn brings_up_more(&self) -> bool {
        true
    }

    fn server(&self) -> Option<Server> {
        // A program that does not name its product does so once it runs.
        Some(self.binary.server.clone()).filter(|server| server.product != Product::Unknown)
    }

    fn without_tls<'a>(&'a self) -> LocalBoxFuture<'a, Option<&'static str>> {
        Box::pin(async {
            let has_tls = *self.has_tls.get_or_init(|| self.binary.has_tls()).await;
            (!has_tls).then_some("this server was built without TLS")
        })
    }

    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(async move {
            match self.on_free_ports(request, FormingPace::Fast).await {
                Err(error) if error.may_succeed_slowly() => Ok(self.on_free_ports(request, FormingPace::Calm).await?),
                done => Ok(done?),
            }
        })
    }
}

fn no_folder(source: io::Error) -> TargetError {
    TargetError::NoFolder { parent: places::parent(), source }
}
