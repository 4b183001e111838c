//! The servers that tests run on, as `script/setup` finds and installs them.

use std::env;
use std::path::{Path, PathBuf};

/// The releases, by the names that `script/setup` gives them.
pub(crate) const RELEASES: [&str; 3] = ["redis-7.0", "redis-6.2", "valkey-9.1"];

/// Returns the server program of a release. A variable such as `RCT_REDIS_7_0` names another one.
///
/// It panics if there is none, because a test that is left out proves nothing.
pub(crate) fn server(release: &str) -> PathBuf {
    assert!(RELEASES.contains(&release), "the tests run on {}, not on {release}", RELEASES.join(", "));
    let variable = format!("RCT_{}", release.to_uppercase().replace(['-', '.'], "_"));
    let path = env::var_os(&variable).map_or_else(|| installed(release), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no server {}; run script/setup {release}, or name a server in {variable}",
        path.display()
    );
    path
}

/// Where `script/setup` leaves a release: Redis 7.0 is a package of the system, the others are in `.servers/`.
fn installed(release: &str) -> PathBuf {
    let product = release.split('-').next().unwrap_or_default();
    let program = format!("{product}-server");
    if release != "redis-7.0" {
        return Path::new(env!("CARGO_MANIFEST_DIR")).join("../.servers").join(release).join(program);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(&program)).find(|path| path.is_file());
    found.unwrap_or_else(|| program.into())
}
