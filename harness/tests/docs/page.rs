//! A page as a test: runs its console blocks, and compares what they print.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use snapbox::IntoData;

use crate::blocks::{self, Block, Example};
use crate::checkout::checkout;
use crate::cluster::{self, Cluster};
use crate::servers;
use crate::shell::{self, Ended};

/// The limit on a block: a whole run of `rct conform` takes half a minute on an idle machine.
const BLOCK_LIMIT: Duration = Duration::from_secs(150);
/// The files and folders of the checkout that blocks may name.
const COPIED: [&str; 5] = ["suites/checks", "suites/known", "loadgen/workloads", "docs", "docker-compose.yml"];

pub(crate) fn trial(page: String) -> Trial {
    Trial::test(page.clone(), move || run(&page))
}

fn run(page: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    copy_into(folder.path(), &COPIED);
    let blocks: Vec<Block> = blocks::of_page(page).into_iter().filter(|block| block.language == "console").collect();
    let needs_cluster = blocks.iter().any(|block| block.text().contains(cluster::SEED));
    let cluster = needs_cluster.then(|| Cluster::start(folder.path()));
    let mismatches: Vec<String> =
        blocks.iter().flat_map(|block| mismatches(block, folder.path(), cluster.as_ref())).collect();
    if mismatches.is_empty() { Ok(()) } else { Err(mismatches.join("\n").into()) }
}

/// Copies files and folders of the checkout to the same places in another folder.
pub(crate) fn copy_into(folder: &Path, paths: &[&str]) {
    for path in paths {
        let copy = folder.join(path);
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        let status = Command::new("cp").arg("-R").args([checkout().join(path), copy]).status().unwrap();
        assert!(status.success(), "cp {path}");
    }
}

fn mismatches(block: &Block, folder: &Path, cluster: Option<&Cluster>) -> Vec<String> {
    let examples = block.examples();
    let commands: Vec<&str> = examples.iter().map(|example| example.command.as_str()).collect();
    let environment = environment(folder, block.option("server").unwrap_or("redis-7.0"));
    let password = block.option("password");
    let ended = match (password, cluster) {
        (Some(password), Some(cluster)) => {
            cluster.with_password(password, || shell::run(&commands, folder, &environment, BLOCK_LIMIT))
        }
        (Some(_), None) => panic!("{}: password= is for a block that names {}", block.place, cluster::SEED),
        (None, _) => shell::run(&commands, folder, &environment, BLOCK_LIMIT),
    };
    let status: i32 = block.option("status").map_or(0, |status| status.parse().unwrap());
    match ended {
        Err(message) => vec![format!("{}: {message}", block.place)],
        Ok(ended) => {
            let pairs = examples.iter().zip(ended);
            pairs.filter_map(|(example, ended)| mismatch(&block.place, example, &ended, status)).collect()
        }
    }
}

/// The environment of a command: `rct` and one server on PATH, and its own folder for temporary files.
pub(crate) fn environment(folder: &Path, server: &str) -> [(&'static str, String); 3] {
    let program = if server.starts_with("valkey") { "valkey-server" } else { "redis-server" };
    let path =
        shell::path_with(folder, &[("rct", env!("CARGO_BIN_EXE_rct").into()), (program, servers::server(server))]);
    [("PATH", path), ("TMPDIR", folder.to_str().unwrap().to_owned()), ("NO_COLOR", "1".to_owned())]
}

/// The difference between the page and the output of a command; `None` if there is none.
fn mismatch(place: &str, example: &Example, ended: &Ended, status: i32) -> Option<String> {
    let command = &example.command;
    if ended.status != status {
        let Ended { output, status: other } = ended;
        return Some(format!("{place}: $ {command}\nended with status {other}, not {status}, and printed:\n{output}"));
    }
    let expected = example.output.join("\n");
    if expected.trim().is_empty() {
        return None;
    }
    let (actual, expected) = (format!("{}\n", ended.output), format!("{}\n", expected.trim_end()));
    let compared = snapbox::Assert::new().try_eq(None, actual.clone().into_data(), expected.into_data());
    compared.err().map(|difference| format!("{place}: $ {command}\n{difference}\nit printed:\n{actual}"))
}
