//! What the tests of targets share: the servers to test against, a runtime, and polling.

use std::future::Future;
use std::path::{Path, PathBuf};

use targets::{LocalOptions, LocalTarget};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// rct's own program, which stands guard.
pub(crate) const RCT: &str = env!("CARGO_BIN_EXE_rct");

/// The releases that the tests run against: the variable that names a server, what else it is looked for as, and what
/// a server says that it is.
pub(crate) const RELEASES: [(&str, &str, &str); 3] = [
    ("RCT_REDIS_7_0", "redis-server", "redis 7.0"),
    ("RCT_REDIS_6_2", ".servers/redis-6.2/redis-server", "redis 6.2"),
    ("RCT_VALKEY_9_1", ".servers/valkey-9.1/valkey-server", "valkey 9.1"),
];

/// The server of a release, which the tests cannot do without: `script/setup` provides it.
pub(crate) fn server(release: &(&str, &str, &str)) -> PathBuf {
    let (variable, otherwise, _) = release;
    if let Some(named) = std::env::var_os(variable) {
        return named.into();
    }
    let path = Path::new(otherwise);
    let found = if path.components().count() > 1 {
        Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path))
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(path)).find(|path| path.is_file())
    };
    found
        .filter(|path| path.is_file())
        .unwrap_or_else(|| panic!("no server: set {variable}, or run script/setup so that there is {otherwise}"))
}

/// Runs a test on the kind of runtime that rct has.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}

/// The target `local` with a server.
pub(crate) async fn local(server: PathBuf) -> LocalTarget {
    let options = LocalOptions { server: Some(server), rct: Some(RCT.into()), ..LocalOptions::default() };
    LocalTarget::open(options).await.unwrap_or_else(|error| panic!("{error}"))
}
