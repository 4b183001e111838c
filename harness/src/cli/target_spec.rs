//! The target of a command: parsed once from the command line, and printed as words of a command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use defects::{Defect, Mode};
use suites::Server;
use targets::{Seeds, SeedsError};
use wire::{Address, AddressMap, TlsSettings, WireError};

use super::args::{TargetArguments, TlsArguments};
use crate::runner::pattern::nearest;

/// The name that `--defect` takes for a proxy that passes everything through.
const NO_DEFECT: &str = "none";

/// Where the cluster of a command comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TargetSpec {
    /// rct starts server processes on this machine.
    Local {
        /// The server's program; without one, the first of `valkey-server` and `redis-server` on PATH.
        server: Option<PathBuf>,
        /// The proxy before the servers, if there is one.
        proxy: Option<ProxySpec>,
    },
    /// rct starts the containers of a compose file.
    Compose {
        /// The user's compose file; without one, that of rct.
        file: Option<PathBuf>,
        /// The image of the nodes; without one, what the file says.
        image: Option<String>,
    },
    /// rct starts containers through testcontainers.
    Containers {
        /// The image of the nodes; without one, that of RCT_IMAGE, or rct's default.
        image: Option<String>,
    },
    /// The cluster runs already, and the command line gives its address.
    External(Box<ExternalSpec>),
}

/// What a proxy before the servers does with their replies.
#[derive(Debug, Clone, Copy)]
pub(super) enum ProxySpec {
    /// It passes everything through.
    PassThrough,
    /// It shows one defect.
    Defect(&'static Defect),
}

/// A cluster given by address.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ExternalSpec {
    /// Where rct enters the cluster.
    pub(super) seeds: Seeds,
    /// Pairs of the address that a node announces and the address where rct reaches it.
    pub(super) map: Vec<(Address, Address)>,
    /// The server that the nodes shall count as, if not as what they say.
    pub(super) product: Option<Server>,
    /// The TLS options; used if the seeds say `rediss://`.
    pub(super) tls: TlsSettings,
    /// The user's program that kills, restarts or pauses nodes.
    pub(super) fault_hook: Option<PathBuf>,
}

/// Why the command line names no target.
#[derive(Debug, thiserror::Error)]
pub(super) enum TargetSpecError {
    /// `--target` is neither the name of a target nor a list of addresses.
    #[error(
        "{0}; --target takes local, compose, containers, host:port[,host:port...], \
         redis://user:password@host:port or rediss://..."
    )]
    Seeds(#[from] SeedsError),
    /// An option that works only on a cluster given by address.
    #[error("{option} is for a cluster given by address; --target {target} starts and reaches its nodes by itself")]
    NeedsAddress {
        /// The option.
        option: &'static str,
        /// The name of the target.
        target: &'static str,
    },
    /// `--compose-file` with another target.
    #[error("--compose-file needs --target compose")]
    ComposeFile,
    /// `--image` with a target that has no images.
    #[error("--image needs --target compose or --target containers")]
    Image,
    /// `--server` with another target than `local`.
    #[error(
        "--server names a program that --target local starts; leave out --server or --target\n\
         containers run images: script/node-image builds an image of a program, and --image names it"
    )]
    Server,
    /// `--defect` with another target than `local`.
    #[error("--defect needs --target local, because rct puts a proxy before the servers that it starts")]
    DefectNeedsLocal,
    /// `--defect` with an unknown name.
    #[error("no defect is called {name:?}{}; `rct list --defects` shows all", hint(nearest))]
    UnknownDefect {
        /// The name.
        name: String,
        /// The known name that resembles it most.
        nearest: Option<String>,
    },
    /// `--map` with something else than a pair of addresses.
    #[error("--map takes ADDRESS=REACHABLE, such as 10.0.0.5:6379=127.0.0.1:7000, but got {0:?}")]
    Map(String),
    /// TLS options for a cluster without TLS.
    #[error("{option} needs --target rediss://HOST:PORT, which makes rct connect with TLS")]
    TlsOption {
        /// The option.
        option: &'static str,
    },
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] WireError),
    /// `--target containers` in a build without it.
    #[cfg(not(feature = "containers"))]
    #[error(
        "this rct was built without --target containers\n\
         build it with `cargo build --release --features containers`, or use --target compose, which also takes any shape"
    )]
    NotBuilt,
}

impl TargetSpec {
    /// Reads the options of a command that name its target.
    ///
    /// # Errors
    ///
    /// An option is wrong, or does not go with the others.
    pub(super) fn parse(arguments: &TargetArguments, fault_hook: Option<&Path>) -> Result<Self, TargetSpecError> {
        let proxy = arguments.defect.as_deref().map(ProxySpec::parse).transpose()?;
        let (server, image, file) = (&arguments.server, &arguments.image, &arguments.compose_file);
        let target = arguments.target.as_str();
        let spec = match target {
            "local" => Self::Local { server: server.clone(), proxy },
            "compose" => Self::Compose { file: file.clone(), image: image.clone() },
            "containers" => Self::Containers { image: image.clone() },
            seeds => Self::External(Box::new(ExternalSpec::parse(seeds, arguments, fault_hook)?)),
        };
        if let Some(target) = spec.name() {
            refuse_options_of_addresses(target, arguments, fault_hook)?;
        }
        match spec {
            Self::Local { .. } | Self::External(_) if image.is_some() => Err(TargetSpecError::Image),
            Self::Local { .. } | Self::Containers { .. } | Self::External(_) if file.is_some() => {
                Err(TargetSpecError::ComposeFile)
            }
            Self::Compose { .. } | Self::Containers { .. } | Self::External(_) if proxy.is_some() => {
                Err(TargetSpecError::DefectNeedsLocal)
            }
            Self::Compose { .. } | Self::Containers { .. } | Self::External(_) if server.is_some() => {
                Err(TargetSpecError::Server)
            }
            #[cfg(not(feature = "containers"))]
            Self::Containers { .. } => Err(TargetSpecError::NotBuilt),
            spec => Ok(spec),
        }
    }

    /// Returns the name of a target whose nodes rct starts.
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Local { .. } => Some("local"),
            Self::Compose { .. } => Some("compose"),
            Self::Containers { .. } => Some("containers"),
            Self::External(_) => None,
        }
    }

    /// Returns the options that name this target, without secrets and without options that have their default value.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Words::default();
        match self {
            Self::Local { server, proxy } => {
                words.path("--server", server.as_deref());
                words.option("--defect", proxy.map(ProxySpec::name));
            }
            Self::Compose { file, image } => {
                words.option("--target", Some("compose"));
                words.option("--image", image.as_deref());
                words.path("--compose-file", file.as_deref());
            }
            Self::Containers { image } => {
                words.option("--target", Some("containers"));
                words.option("--image", image.as_deref());
            }
            Self::External(external) => external.add_words(&mut words),
        }
        words.0
    }
}

impl ExternalSpec {
    fn parse(seeds: &str, arguments: &TargetArguments, fault_hook: Option<&Path>) -> Result<Self, TargetSpecError> {
        let seeds: Seeds = seeds.parse()?;
        if !seeds.tls
            && let Some(option) = tls_option(&arguments.tls)
        {
            return Err(TargetSpecError::TlsOption { option });
        }
        let map = arguments.map.iter().map(|text| pair(text)).collect::<Result<_, _>>()?;
        Ok(Self {
            seeds,
            map,
            product: arguments.product.clone(),
            tls: tls_settings(&arguments.tls),
            fault_hook: fault_hook.map(Path::to_owned),
        })
    }

    fn add_words(&self, words: &mut Words) {
        words.option("--target", Some(&self.seeds.to_string()));
        for (announced, reachable) in &self.map {
            words.option("--map", Some(&format!("{announced}={reachable}")));
        }
        let product = self.product.as_ref().map(|server| format!("{}:{}", server.product, server.version));
        words.option("--product", product.as_deref());
        words.path("--tls-ca", self.tls.ca_file.as_deref());
        words.path("--tls-cert", self.tls.certificate_file.as_deref());
        words.path("--tls-key", self.tls.key_file.as_deref());
        words.option("--tls-server-name", self.tls.server_name.as_deref());
        if self.tls.insecure {
            words.0.push("--tls-insecure".to_owned());
        }
        words.path("--fault-hook", self.fault_hook.as_deref());
    }

    /// Returns the map that `--map` describes.
    pub(super) fn address_map(&self) -> AddressMap {
        let map = AddressMap::default();
        for (announced, reachable) in &self.map {
            map.insert(announced.clone(), reachable.clone());
        }
        map
    }
}

impl ProxySpec {
    fn parse(name: &str) -> Result<Self, TargetSpecError> {
        if name == NO_DEFECT {
            return Ok(Self::PassThrough);
        }
        defects::find(name).map(Self::Defect).ok_or_else(|| TargetSpecError::UnknownDefect {
            name: name.to_owned(),
            nearest: nearest(name, defects::all().map(|defect| defect.name)).map(str::to_owned),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::PassThrough => NO_DEFECT,
            Self::Defect(defect) => defect.name,
        }
    }

    /// Returns what the proxy does once a cluster is formed.
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::PassThrough => Mode::PassThrough,
            Self::Defect(defect) => Mode::Defective(defect),
        }
    }
}

impl PartialEq for ProxySpec {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// Options and their values, in the order of the command line.
#[derive(Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    /// Adds an option, if it has a value.
    pub(super) fn option(&mut self, name: &str, value: Option<&str>) {
        self.0.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_owned()]));
    }

    /// Adds an option whose value is a path, if it has one.
    pub(super) fn path(&mut self, name: &str, value: Option<&Path>) {
        let text = value.map(|path| OsString::from(path).to_string_lossy().into_owned());
        self.option(name, text.as_deref());
    }
}

fn refuse_options_of_addresses(
    target: &'static str,
    arguments: &TargetArguments,
    fault_hook: Option<&Path>,
) -> Result<(), TargetSpecError> {
    let hook = fault_hook.map(|_| "--fault-hook");
    let map = (!arguments.map.is_empty()).then_some("--map");
    let product = arguments.product.is_some().then_some("--product");
    match hook.or(map).or(product).or(tls_option(&arguments.tls)) {
        Some(option) => Err(TargetSpecError::NeedsAddress { option, target }),
        None => Ok(()),
    }
}

/// Returns the first TLS option of the command line.
fn tls_option(arguments: &TlsArguments) -> Option<&'static str> {
    let options = [
        ("--tls-ca", arguments.tls_ca.is_some()),
        ("--tls-cert", arguments.tls_cert.is_some()),
        ("--tls-key", arguments.tls_key.is_some()),
        ("--tls-server-name", arguments.tls_server_name.is_some()),
        ("--tls-insecure", arguments.tls_insecure),
    ];
    options.iter().find(|(_, is_given)| *is_given).map(|(option, _)| *option)
}

fn tls_settings(arguments: &TlsArguments) -> TlsSettings {
    TlsSettings {
        ca_file: arguments.tls_ca.clone(),
        certificate_file: arguments.tls_cert.clone(),
        key_file: arguments.tls_key.clone(),
        server_name: arguments.tls_server_name.clone(),
        insecure: arguments.tls_insecure,
    }
}

fn pair(text: &str) -> Result<(Address, Address), TargetSpecError> {
    let pair = text
        .split_once('=')
        .and_then(|(announced, reachable)| Some((announced.parse().ok()?, reachable.parse().ok()?)));
    pair.ok_or_else(|| TargetSpecError::Map(text.to_owned()))
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::super::args::{Arguments, Command};
    use super::*;

    fn parse(words: &[String]) -> Result<TargetSpec, TargetSpecError> {
        let hook = if words.iter().any(|word| word == "--fault-hook") { &["--allow-disruption"][..] } else { &[] };
        let line = ["rct", "conform"].into_iter().chain(words.iter().map(String::as_str)).chain(hook.iter().copied());
        let Command::Conform(conform) = Arguments::try_parse_from(line).unwrap().command else { unreachable!() };
        TargetSpec::parse(&conform.target, conform.fault_hook.as_deref())
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// What is left when the password, which is never printed, comes from elsewhere.
    fn without_password(mut spec: TargetSpec) -> TargetSpec {
        if let TargetSpec::External(external) = &mut spec {
            external.seeds.password = None;
        }
        spec
    }

    fn address() -> impl Strategy<Value = Address> {
        let host = prop_oneof!["[a-z][a-z0-9.-]{0,20}", "(10|127)\\.0\\.0\\.[1-9]", Just("::1".to_owned())];
        (host, 1u16..).prop_map(|(host, port)| Address::new(host, port))
    }

    fn path() -> impl Strategy<Value = Option<PathBuf>> {
        proptest::option::of("[a-zA-Z0-9./ '$_]{1,20}".prop_map(PathBuf::from))
    }

    fn external() -> impl Strategy<Value = TargetSpec> {
        let access = proptest::option::of(("[a-zA-Z0-9:@/, %ü]{1,8}", "[ -~]{1,8}"));
        let seeds = (proptest::collection::vec(address(), 1..4), access, any::<bool>());
        let name = proptest::option::of("[a-z.]{1,9}");
        let tls = (path(), proptest::option::of(("[a-z]{1,9}", "[a-z]{1,9}")), name, any::<bool>());
        let map = proptest::collection::vec((address(), address()), 0..3);
        (seeds, map, tls, path()).prop_map(|((addresses, access, tls), map, files, fault_hook)| {
            let (username, password) = access.unzip();
            let password = password.map(wire::Secret::new);
            let (ca_file, pair, server_name, insecure) = files;
            let (certificate_file, key_file) = pair.map(|(one, other)| (one.into(), other.into())).unzip();
            let settings = TlsSettings { ca_file, certificate_file, key_file, server_name, insecure };
            let settings = if tls { settings } else { TlsSettings::default() };
            let seeds = Seeds { addresses, username, password, tls };
            TargetSpec::External(Box::new(ExternalSpec { seeds, map, product: None, tls: settings, fault_hook }))
        })
    }

    fn spec() -> impl Strategy<Value = TargetSpec> {
        let image = || proptest::option::of("[a-z0-9./:]{1,20}");
        let defects: Vec<ProxySpec> = defects::all().map(ProxySpec::Defect).collect();
        let proxy = prop_oneof![
            Just(None),
            Just(Some(ProxySpec::PassThrough)),
            proptest::sample::select(defects).prop_map(Some)
        ];
        let local = (path(), proxy).prop_map(|(server, proxy)| TargetSpec::Local { server, proxy });
        let compose = (path(), image()).prop_map(|(file, image)| TargetSpec::Compose { file, image });
        let own = prop_oneof![local, compose];
        #[cfg(feature = "containers")]
        let own = prop_oneof![own, image().prop_map(|image| TargetSpec::Containers { image })];
        prop_oneof![own, external()]
    }

    proptest! {
        #[test]
        fn a_printed_target_is_read_back_as_the_same_one(spec in spec()) {
            let printed = spec.words();
            let read = parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed:?}: {error}")))?;
            // A user without a password prints as ***, which the next reading keeps.
            prop_assert_eq!(read, without_password(spec));
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        for line in ["--target redis://me:hush@host:1", "--target redis://:hush@host:1", "--target redis://hush@host:1"]
        {
            let spec = parse(&words(line)).unwrap();
            assert!(!spec.words().join(" ").contains("hush") && !format!("{spec:?}").contains("me:hush"), "{spec:?}");
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_refused_by_name() {
        for (line, parts) in [
            ("--compose-file x", ["--compose-file", "--target compose"]),
            ("--image x", ["--image", "--target compose"]),
            ("--target compose --server x", ["--server", "--target local"]),
            ("--target 127.0.0.1:1 --server x", ["--server", "--target local"]),
            ("--target compose --defect none", ["--defect", "--target local"]),
            ("--defect moved-to-nobdy", ["moved-to-nobdy", "rct list --defects"]),
            ("--target compose --map a:1=b:2", ["--map", "by address"]),
            ("--tls-insecure", ["--tls-insecure", "by address"]),
            ("--fault-hook x", ["--fault-hook", "by address"]),
            ("--target a:1 --tls-ca x", ["--tls-ca", "rediss://"]),
            ("--target a:1 --map x", ["--map", "ADDRESS=REACHABLE"]),
            ("--target nowhere", ["nowhere", "--target takes local"]),
        ] {
            let message = parse(&words(line)).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{line}: {message}");
        }
    }
}
