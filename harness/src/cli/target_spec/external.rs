//! A cluster given by address, as the command line names it.

use std::path::{Path, PathBuf};

use suites::Server;
use targets::Seeds;
use wire::{Address, AddressMap, TlsSettings};

use super::error::TargetSpecError;
use super::words::Words;
use crate::cli::args::{TargetArguments, TlsArguments};

/// A cluster given by address.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct ExternalSpec {
    /// Where rct enters the cluster.
    pub(in crate::cli) seeds: Seeds,
    /// Pairs of the address that a node announces and the address where rct reaches it.
    pub(in crate::cli) map: Vec<(Address, Address)>,
    /// The server that the nodes shall count as, if not as what they say.
    pub(in crate::cli) product: Option<Server>,
    /// The TLS options; used if the seeds say `rediss://`.
    pub(in crate::cli) tls: TlsSettings,
    /// The user's program that kills, restarts or pauses nodes.
    pub(in crate::cli) fault_hook: Option<PathBuf>,
}

impl ExternalSpec {
    pub(super) fn parse(
        seeds: &str,
        arguments: &TargetArguments,
        fault_hook: Option<&Path>,
    ) -> Result<Self, TargetSpecError> {
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

    pub(super) fn add_words(&self, words: &mut Words) {
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
    pub(in crate::cli) fn address_map(&self) -> AddressMap {
        let map = AddressMap::default();
        for (announced, reachable) in &self.map {
            map.insert(announced.clone(), reachable.clone());
        }
        map
    }
}

/// Returns the first TLS option of the command line.
pub(super) fn tls_option(arguments: &TlsArguments) -> Option<&'static str> {
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
