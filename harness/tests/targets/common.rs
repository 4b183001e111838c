//! What the tests of targets share: a runtime, and the target `local`.

use std::future::Future;
use std::path::PathBuf;

use targets::{LocalOptions, LocalTarget};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// The program of rct, which runs as the guard.
pub(crate) const RCT: &str = env!("CARGO_BIN_EXE_rct");

/// Runs a test on the same kind of runtime as rct.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}

/// The target `local` with a server.
pub(crate) async fn local(server: PathBuf) -> LocalTarget {
    let options = LocalOptions { server: Some(server), rct: Some(RCT.into()), ..LocalOptions::default() };
    LocalTarget::open(options).await.unwrap_or_else(|error| panic!("{error}"))
}
