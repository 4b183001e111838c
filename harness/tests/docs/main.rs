//! Runs the console blocks of README.md and docs/, and the steps of CONTRIBUTING.md.
//!
//! A page is one test. Its blocks run in order, in one temporary folder with a copy of the suites, workloads and
//! docs of the checkout. `rct` and `redis-server` (7.0) are on PATH. Fences of other languages are not run.
//!
//! ````text
//! ```console status=1
//! $ rct conform --run 'crossslot/mget*' --defect NAME
//! ...
//! FAIL: 1 of [..] checks broke a must rule
//! ```
//! ````
//!
//! * A line that begins with `$ ` is a command. One that ends with `\` goes on in the next line. The commands of a block
//!   share one shell, so that `export` and `cd` last until its end.
//! * The lines below a command are what it prints on stdout and stderr. `[..]` stands for a part of a line and `...`
//!   for any lines. Without such lines only the exit status is compared.
//! * Each command must end with status 0, or with that of `status=N` after `console`.
//! * When a command of the page names `127.0.0.1:7000`, a cluster of 3+1 runs on the ports 7000 to 7005 of 127.0.0.1.
//!   `password=WORD` after `console` makes it ask for that password during the block.
//! * `server=redis-6.2` or `server=valkey-9.1` after `console` puts that server on PATH, instead of Redis 7.0.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod blocks;
mod checkout;
mod cluster;
mod contributing;
mod page;
mod shell;

#[path = "../support/servers.rs"]
mod servers;

#[path = "../rct/support.rs"]
#[expect(dead_code, reason = "the tests of the binary use the rest")]
mod support;

use checkout::checkout;
use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = pages().into_iter().map(page::trial).collect();
    assert!(!trials.is_empty(), "no page has a console block");
    trials.push(Trial::test("CONTRIBUTING.md", contributing::without_a_build));
    // Ignored by default, because it builds a copy of the workspace from scratch.
    trials.push(Trial::test("CONTRIBUTING.md in full", contributing::with_a_build).with_ignored_flag(true));
    libtest_mimic::run(&arguments, trials).exit()
}

/// README.md and the pages of docs/ that have a console block, as paths within the checkout.
fn pages() -> Vec<String> {
    let docs = std::fs::read_dir(checkout().join("docs")).unwrap();
    let names = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    let mut pages: Vec<String> = names.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]).collect();
    pages.sort();
    pages.retain(|page| blocks::of_page(page).iter().any(|block| block.language == "console"));
    pages
}
