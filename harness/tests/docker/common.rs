//! What the tests of containers share: the engine, images of real servers, the binary, and the contents of the engine.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::servers::server;

/// The program of rct, which also runs as the guard.
pub(crate) const RCT: &str = env!("CARGO_BIN_EXE_rct");

/// How long an engine may take to answer; after that, the tests do not run.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// The tests take turns, because each compares the contents of the engine before and after.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test if an engine answers, and says that it is skipped if not.
///
/// The engine must have the same contents afterwards.
pub(crate) fn with_engine(test: impl FnOnce()) {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    if !ANSWERS.get_or_init(answers) {
        say_skipped();
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = inventory();
    test();
    assert_unchanged(&before);
}

/// Whether an engine lists its networks in time. An engine whose networks hang still prints its version.
fn answers() -> bool {
    let mut networks = tokio::process::Command::new("docker");
    networks.args(["network", "ls", "-q"]).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut answered = false;
    run(async {
        let status = tokio::time::timeout(ANSWER_LIMIT, networks.status()).await;
        answered = status.is_ok_and(|ended| ended.is_ok_and(|status| status.success()));
    });
    answered
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn say_skipped() {
    eprintln!("SKIPPED: no container engine answers (docker network ls)");
}

/// Runs a test on the same kind of runtime as rct.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}

/// Builds the image of a release and returns its tag.
pub(crate) fn image(release: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../script/node-image");
    let tag = format!("rct-node-{release}");
    let built = Command::new("bash").arg(script).arg(server(release)).arg(&tag).output().expect("bash");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    tag
}

/// rct with these arguments in a folder, without the variables of the environment that name an image or a target.
pub(crate) fn rct(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(RCT);
    command.args(arguments).current_dir(folder).env_remove("RCT_IMAGE").env_remove("RCT_TARGET");
    command.stdin(Stdio::null());
    command
}

/// The containers, networks and volumes in the engine.
pub(crate) fn inventory() -> BTreeSet<String> {
    let lists: [&[&str]; 3] =
        [&["ps", "-a", "-q", "--no-trunc"], &["network", "ls", "-q", "--no-trunc"], &["volume", "ls", "-q"]];
    let listed = lists.iter().map(|list| docker(list).expect("docker"));
    listed
        .flat_map(|output| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Waits until the engine has the same contents as before, because a guard may still be removing some.
pub(crate) fn assert_unchanged(before: &BTreeSet<String>) {
    let started = Instant::now();
    loop {
        let now = inventory();
        if now == *before {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "left behind: {:?}",
            now.symmetric_difference(before).collect::<Vec<_>>()
        );
        std::thread::yield_now();
    }
}

pub(crate) fn docker(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("docker").args(arguments).stdin(Stdio::null()).output()
}

/// Runs a command, and returns its status and what it prints on stderr.
pub(crate) fn ending(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("rct");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
