//! Servers in containers that crash: a verdict with the lines of the log that show it, for the check that crashes them.

use serde_json::Value;

use crate::common::{image, rct, with_engine};
use crate::suites::{CRASHING, WAITING, check, suite};

#[test]
fn case_e1_the_check_that_crashes_a_container_fails_and_no_other() {
    with_engine(|| {
        let image = image("redis-6.2");
        let folder = tempfile::tempdir().unwrap();
        let suite = suite(folder.path(), &format!("{CRASHING}{WAITING}"));
        let selection = ["--jobs", "2", "--suite", &suite, "--run", "mine", "--format", "json"];
        let target = ["conform", "--target", "containers", "--shape", "3+0", "--image", &image];
        let output = rct(folder.path(), &[&target[..], &selection].concat()).output().unwrap();
        let record: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let failure = &check(&record, "mine/crash")["failure"];
        assert_eq!(failure["received"], "the server crashed: it ended by signal 11 (SIGSEGV)", "{record:#}");
        assert!(failure["note"].as_str().unwrap().contains("crashed by signal: 11"), "{record:#}");
        assert_eq!(check(&record, "mine/wait")["verdict"], "pass", "{record:#}");
        assert_eq!(output.status.code(), Some(1), "{record:#}");
    });
}
