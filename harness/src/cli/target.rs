//! From what was typed to a target.

use std::env;
use std::path::Path;

use defects::Mode;
use wire::{Access, Address, AddressMap, Secret, Tls, TlsSettings};

use super::Failure;
use super::args::{TargetArguments, TlsArguments};
use crate::runner::pattern::nearest;
use targets::ExternalTarget;
use targets::Seeds;
use targets::Target;
use targets::{ComposeOptions, ComposeTarget};
use targets::{LocalOptions, LocalTarget};

/// The targets that can be named, for messages.
const EXPECTED: &str =
    "expected local, compose, containers, host:port[,host:port...], redis://user:password@host:port or rediss://...";

/// The targets whose nodes rct starts.
const OWN: [&str; 3] = ["local", "compose", "containers"];

/// The name of the proxy that tells no lie.
const NO_DEFECT: &str = "none";

/// The target that the command line names; `fault_hook` does to nodes what checks ask for.
pub(super) async fn of(arguments: &TargetArguments, fault_hook: Option<&Path>) -> Result<Box<dyn Target>, Failure> {
    let target = arguments.target.as_str();
    if OWN.contains(&target) {
        refuse_for_addresses_only(arguments, fault_hook)?;
    }
    if arguments.compose_file.is_some() && target != "compose" {
        return Err(Failure::usage("--compose-file needs --target compose"));
    }
    if arguments.image.is_some() && !["compose", "containers"].contains(&target) {
        return Err(Failure::usage("--image needs --target compose or --target containers"));
    }
    let proxy = arguments.defect.as_deref().map(lie).transpose()?;
    if proxy.is_some() && target != "local" {
        return Err(Failure::usage(
            "--defect needs --target local: the lie is told by a proxy before servers of rct's own",
        ));
    }
    if target == "compose" && arguments.server.is_none() {
        let (file, image) = (arguments.compose_file.clone(), arguments.image.clone());
        return Ok(Box::new(ComposeTarget::open(ComposeOptions { file, image, rct: None }).await?));
    }
    if target == "containers" && arguments.server.is_none() {
        return containers(arguments.image.clone()).await;
    }
    if target == "local" {
        let options = LocalOptions { server: arguments.server.clone(), proxy, ..LocalOptions::default() };
        return Ok(Box::new(LocalTarget::open(options).await?));
    }
    if arguments.server.is_some() {
        return Err(Failure::usage(
            "--server names a program for --target local to start; leave out one of them\n\
             containers have images: script/node-image makes one of a program, --image names it",
        ));
    }
    let seeds: Seeds = arguments.target.parse().map_err(|error| Failure::usage(format!("{error}: {EXPECTED}")))?;
    let access = Access {
        username: seeds.username.or_else(|| variable("RCT_USERNAME")),
        password: seeds.password.or_else(|| variable("RCT_PASSWORD").map(Secret::new)),
        tls: tls(&arguments.tls, seeds.tls)?,
    };
    let given = ExternalTarget::new(seeds.addresses, access, map(&arguments.map)?);
    Ok(Box::new(match fault_hook {
        Some(program) => given.with_fault_hook(program).await?,
        None => given,
    }))
}

/// Refuses what would be ignored where rct starts the nodes itself.
fn refuse_for_addresses_only(arguments: &TargetArguments, fault_hook: Option<&Path>) -> Result<(), Failure> {
    let tls = &arguments.tls;
    let options = [
        ("--fault-hook", fault_hook.is_some()),
        ("--map", !arguments.map.is_empty()),
        ("--tls-ca", tls.tls_ca.is_some()),
        ("--tls-cert", tls.tls_cert.is_some()),
        ("--tls-server-name", tls.tls_server_name.is_some()),
        ("--tls-insecure", tls.tls_insecure),
    ];
    let given = options.iter().find(|(_, is_given)| *is_given);
    given.map_or(Ok(()), |(option, _)| {
        let target = &arguments.target;
        Err(Failure::usage(format!(
            "{option} is for a cluster given by address; --target {target} starts, reaches and kills its nodes by itself"
        )))
    })
}

#[cfg(feature = "containers")]
async fn containers(image: Option<String>) -> Result<Box<dyn Target>, Failure> {
    use targets::{ContainersOptions, ContainersTarget};
    Ok(Box::new(ContainersTarget::open(ContainersOptions { image, rct: None }).await?))
}

#[cfg(not(feature = "containers"))]
async fn containers(_image: Option<String>) -> Result<Box<dyn Target>, Failure> {
    Err(Failure::usage(
        "this rct was built without --target containers, which more than doubles the time of a build\n\
         build it with: cargo build --release --features containers; or use --target compose, which takes any shape too",
    ))
}

/// The proxy's work, by the name of a defect; [`NO_DEFECT`] passes everything through.
fn lie(name: &str) -> Result<Mode, Failure> {
    if name == NO_DEFECT {
        return Ok(Mode::Honest);
    }
    let unknown = || {
        let nearest = nearest(name, defects::all().map(|defect| defect.name));
        let hint = nearest.map_or(String::new(), |name| format!(" (did you mean {name}?)"));
        Failure::usage(format!("no defect is called {name:?}{hint}; `rct list --defects` shows all"))
    };
    defects::find(name).map(Mode::Defective).ok_or_else(unknown)
}

/// What was typed, without the password of an address in it.
pub(super) fn without_secret(word: &str) -> String {
    match (word.find("://"), word.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}***{}", &word[..scheme + 3], &word[at..]),
        _ => word.to_owned(),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn map(texts: &[String]) -> Result<AddressMap, Failure> {
    let map = AddressMap::default();
    for text in texts {
        let pair = text.split_once('=').and_then(|(announced, reachable)| {
            Some((announced.parse::<Address>().ok()?, reachable.parse::<Address>().ok()?))
        });
        let (announced, reachable) = pair.ok_or_else(|| {
            Failure::usage(format!(
                "read --map {text:?}: expected ADDRESS=REACHABLE, such as 10.0.0.5:6379=127.0.0.1:7000"
            ))
        })?;
        map.insert(announced, reachable);
    }
    Ok(map)
}

fn tls(arguments: &TlsArguments, wanted: bool) -> Result<Option<Tls>, Failure> {
    let settings = TlsSettings {
        ca_file: arguments.tls_ca.clone(),
        certificate_file: arguments.tls_cert.clone(),
        key_file: arguments.tls_key.clone(),
        server_name: arguments.tls_server_name.clone(),
        insecure: arguments.tls_insecure,
    };
    if wanted {
        return settings.load().map(Some).map_err(Failure::usage);
    }
    if settings.ca_file.is_some()
        || settings.certificate_file.is_some()
        || settings.server_name.is_some()
        || settings.insecure
    {
        return Err(Failure::usage("the --tls options need an address that begins with rediss://"));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_left_out() {
        assert_eq!(without_secret("redis://me:hush@host:7000"), "redis://***@host:7000");
        assert_eq!(without_secret("redis://me:h@sh@host:7000"), "redis://***@host:7000");
        assert_eq!(without_secret("127.0.0.1:7000"), "127.0.0.1:7000");
        assert_eq!(without_secret("--target=redis://:hush@h"), "--target=redis://***@h");
    }
}
