//! Runs the checks against clusters with one defect each, which the checks must find.
//!
//! A run compares what it sees with `defects/matrix.tsv`. By default it applies a sample of the defects, and runs only
//! checks of some suites that disturb nobody. `script/defects` applies all defects to all checks; it sets these variables:
//!
//! * `RCT_DEFECTS` selects defects by patterns with commas between them, or `all`;
//! * `RCT_DEFECTS_CHECKS` selects checks in the same way;
//! * `RCT_DEFECTS_SERVER` is the program of the only server to use;
//! * `RCT_DEFECTS_CLUSTERS` is the number of clusters per server that run at a time;
//! * `RCT_DEFECTS_ALL_PAIRS`, if set, also runs checks that need a cluster of their own with defects that they need not
//!   catch, where all defects and all checks are selected;
//! * `RCT_DEFECTS_ACCEPT`, if set, rewrites the file;
//! * `RCT_DEFECTS_VERBOSE`, if set, prints every run of a check.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod catalogue;
mod comparison;
mod execution;
mod proxied;
mod selection;
mod server_run;
#[path = "../support/servers.rs"]
mod servers;
mod table;

use std::path::Path;
use std::thread;

use comparison::Comparison;
use defects::Matrix;
use selection::Selection;

#[test]
fn the_matrix_is_as_committed() {
    let selection = Selection::from_environment();
    // Servers run side by side, because checks mostly wait.
    let threads = selection
        .servers
        .clone()
        .into_iter()
        .map(|server| thread::spawn(move || execution::run(&server, &Selection::from_environment())));
    let threads: Vec<_> = threads.collect();
    let runs: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let committed = Matrix::committed().unwrap();
    let mut comparison = Comparison::of(&runs, &committed);
    for run in &runs {
        println!("{}", table::of(run));
    }
    print!("{comparison}");
    if selection.accepts {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../defects/matrix.tsv");
        std::fs::write(&file, comparison.accepted(committed).to_string()).unwrap();
        println!("wrote {} changed pairs to defects/matrix.tsv", comparison.changes.len());
        comparison.changes.clear();
    }
    assert!(comparison.is_clean(), "the matrix is not as committed; the lines above say where");
}
