//! What the tests of containers share: the engine, images of real servers, the binary, and what is there before and
//! after.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::servers::server;

/// rct's own program, which also stands guard.
pub(crate) const RCT: &str = env!("CARGO_BIN_EXE_rct");

/// Longest that an engine has to answer before the tests are left out.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What is in the engine is compared before and after, so the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test where an engine answers, and says that it was left out where none does. The engine must be afterwards
/// as it was before.
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

/// Whether an engine tells its networks in time; one in which they hang may still tell its version.
fn answers() -> bool {
    let mut networks = tokio::process::Command::new("docker");
    networks.args(["network", "ls", "-q"]).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut told = false;
    run(async {
        let status = tokio::time::timeout(ANSWER_LIMIT, networks.status()).await;
        told = status.is_ok_and(|ended| ended.is_ok_and(|status| status.success()));
    });
    told
}

#[expect(clippy::print_stderr, reason = "a test that has proved nothing says so")]
fn say_skipped() {
    eprintln!("SKIPPED: no container engine answers (docker network ls)");
}

/// Runs a test on the kind of runtime that rct has.
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

/// rct with these arguments, in a folder of its own, and with nothing of the environment that names an image.
pub(crate) fn rct(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(RCT);
    command.args(arguments).current_dir(folder).env_remove("RCT_IMAGE").env_remove("RCT_TARGET");
    command.stdin(Stdio::null());
    command
}

/// Everything in the engine but images.
pub(crate) fn inventory() -> BTreeSet<String> {
    let lists: [&[&str]; 3] =
        [&["ps", "-a", "-q", "--no-trunc"], &["network", "ls", "-q", "--no-trunc"], &["volume", "ls", "-q"]];
    let listed = lists.iter().map(|list| docker(list).expect("docker"));
    listed
        .flat_map(|output| String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Waits until the engine holds what it held before: a guard may be at work still.
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

/// What a command said on its errors, and its status.
pub(crate) fn ending(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("rct");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
