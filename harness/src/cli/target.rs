//! Opens the target that the command line names.

use std::env;

use targets::{ComposeOptions, ExternalTarget, LocalOptions, LocalTarget, Target, open_compose};
use wire::{Access, Secret};

use super::failure::Failure;
use super::target_spec::{ExternalSpec, TargetSpec, TargetSpecError};

/// Opens a target, so that it can bring up clusters.
///
/// # Errors
///
/// What it needs is not there: a server, a container engine, a file.
pub(super) async fn open(spec: &TargetSpec) -> Result<Box<dyn Target>, Failure> {
    Ok(match spec {
        TargetSpec::Local { server, proxy, tls } => {
            let (server, proxy, tls) = (server.clone(), proxy.map(|proxy| proxy.mode()), *tls);
            Box::new(LocalTarget::open(LocalOptions { server, proxy, tls, ..LocalOptions::default() }).await?)
        }
        TargetSpec::Compose { file, image } => {
            let (file, image) = (file.clone(), image.clone());
            Box::new(open_compose(ComposeOptions { file, image, rct: None }).await?)
        }
        TargetSpec::Containers { image } => containers(image.clone()).await?,
        TargetSpec::External(external) => Box::new(open_external(external).await?),
    })
}

async fn open_external(spec: &ExternalSpec) -> Result<ExternalTarget, Failure> {
    let seeds = spec.seeds.clone();
    let tls = if seeds.tls { Some(spec.tls.load().map_err(TargetSpecError::from)?) } else { None };
    let access = Access {
        username: seeds.username.or_else(|| variable("RCT_USERNAME")),
        password: seeds.password.or_else(|| variable("RCT_PASSWORD").map(Secret::new)),
        tls,
    };
    let target = ExternalTarget::new(seeds.addresses, access, spec.address_map()).counted_as(spec.product.clone());
    match &spec.fault_hook {
        Some(program) => Ok(target.with_fault_hook(program).await?),
        None => Ok(target),
    }
}

#[cfg(feature = "containers")]
async fn containers(image: Option<String>) -> Result<Box<dyn Target>, Failure> {
    use targets::{ContainersOptions, open_containers};
    Ok(Box::new(open_containers(ContainersOptions { image, rct: None }).await?))
}

#[cfg(not(feature = "containers"))]
async fn containers(_image: Option<String>) -> Result<Box<dyn Target>, Failure> {
    Err(TargetSpecError::NotBuilt.into())
}

/// Hides the user and the password of an address that was typed on the command line.
pub(super) fn without_secret(word: &str) -> String {
    match (word.find("://"), word.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}***{}", &word[..scheme + 3], &word[at..]),
        _ => word.to_owned(),
    }
}

/// Returns a variable of the environment that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
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
