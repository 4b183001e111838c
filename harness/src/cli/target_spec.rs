//! The target of a command: parsed once from the command line, and printed as words of a command line.

mod error;
mod external;
mod proxy;
mod words;

use std::path::{Path, PathBuf};

use suites::TlsPorts;

use super::args::TargetArguments;
use external::tls_option;

pub(super) use error::TargetSpecError;
pub(super) use external::ExternalSpec;
pub(super) use proxy::ProxySpec;
pub(super) use words::Words;

/// Where the cluster of a command comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TargetSpec {
    /// rct starts server processes on this machine.
    Local {
        /// The server's program; without one, the first of `valkey-server` and `redis-server` on PATH.
        server: Option<PathBuf>,
        /// The proxy before the servers, if there is one.
        proxy: Option<ProxySpec>,
        /// The TLS ports of the servers, if they speak TLS.
        tls: Option<TlsPorts>,
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

impl TargetSpec {
    /// Reads the options of a command that name its target.
    ///
    /// # Errors
    ///
    /// An option is wrong, or does not go with the others.
    pub(super) fn parse(arguments: &TargetArguments, fault_hook: Option<&Path>) -> Result<Self, TargetSpecError> {
        let proxy = arguments.defect.as_deref().map(ProxySpec::parse).transpose()?;
        let (server, image, file) = (&arguments.server, &arguments.image, &arguments.compose_file);
        let tls = arguments.tls_ports.map(TlsPorts::from);
        let target = arguments.target.as_str();
        let spec = match target {
            "local" => Self::Local { server: server.clone(), proxy, tls },
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
            Self::Compose { .. } | Self::Containers { .. } | Self::External(_) if tls.is_some() => {
                Err(TargetSpecError::TlsNeedsLocal)
            }
            #[cfg(not(feature = "containers"))]
            Self::Containers { .. } => Err(TargetSpecError::NotBuilt),
            spec => Ok(spec),
        }
    }

    /// Checks that the target can be one server without cluster support.
    ///
    /// # Errors
    ///
    /// `--standalone` with another target than `local`.
    pub(super) fn check_standalone(&self, is_wanted: bool) -> Result<(), TargetSpecError> {
        match self {
            Self::Compose { .. } | Self::Containers { .. } | Self::External(_) if is_wanted => {
                Err(TargetSpecError::Standalone)
            }
            _ => Ok(()),
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

    /// Returns the same target with this image, where its nodes run an image and no option names one.
    pub(super) fn with_image(&self, named: Option<String>) -> Self {
        let mut spec = self.clone();
        if let Self::Compose { image, .. } | Self::Containers { image } = &mut spec {
            *image = image.take().or(named);
        }
        spec
    }

    /// Returns the options that name this target, without secrets and without options that have their default value.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Words::default();
        match self {
            Self::Local { server, proxy, tls } => {
                words.path("--server", server.as_deref());
                words.option("--defect", proxy.map(ProxySpec::name));
                words.option("--tls", tls.map(TlsPorts::word));
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::args::{Arguments, Command};
    use targets::Seeds;
    use wire::{Address, TlsSettings};

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
        let tls = prop_oneof![Just(None), Just(Some(TlsPorts::Both)), Just(Some(TlsPorts::Only))];
        let local = (path(), proxy, tls).prop_map(|(server, proxy, tls)| TargetSpec::Local { server, proxy, tls });
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
