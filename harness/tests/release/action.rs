//! The GitHub Action where it does not come to a verdict. A test of the binary `rct` judges a cluster with it.

use std::fs;
use std::process::Output;

use crate::release::{Runner, VERSION, archive, published};

/// Both streams, since a runner reads its commands from both.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn assert_ends(output: &Output, status: i32, parts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
}

#[test]
fn a_cluster_that_does_not_answer_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let url = published(&folder.path().join("releases"));
    let runner = Runner { folder: folder.path(), variables: &[] };
    let inputs = [("base-url", url.as_str()), ("target", "127.0.0.1:1")];
    assert_ends(&runner.conform(&inputs), 3, &["rct cannot enter the cluster at 127.0.0.1:1"]);
    let unclosed = [inputs.as_slice(), &[("args", "--run 'slots")]].concat();
    assert_ends(&runner.conform(&unclosed), 2, &["::error title=rct::", "quote in args is not closed"]);
    let unknown = [inputs.as_slice(), &[("args", "--no-such-option")]].concat();
    assert_ends(&runner.conform(&unknown), 2, &["--no-such-option"]);
}

#[test]
fn a_release_with_a_wrong_checksum_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let releases = folder.path().join("releases");
    let url = published(&releases);
    let runner = Runner { folder: folder.path(), variables: &[] };
    let path = releases.join(format!("v{VERSION}")).join(archive());
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let output = runner.conform(&[("base-url", &url), ("target", "127.0.0.1:1")]);
    assert_ends(&output, 3, &["::error title=rct::", "does not have the checksum of its release"]);
    assert_eq!((runner.written("output"), runner.written("path")), (String::new(), String::new()));
}

#[test]
fn a_runner_without_a_release_gets_advice() {
    let folder = tempfile::tempdir().unwrap();
    let on = |variables: &[(&str, &str)]| Runner { folder: folder.path(), variables }.conform(&[("target", "x:1")]);
    let url = format!("http://127.0.0.1:1/owner/rct/releases/download/v{VERSION}/{}", archive());
    assert_ends(&on(&[]), 3, &[&format!("cannot download {url}"), "base-url"]);
    assert_ends(&on(&[("RUNNER_OS", "Windows")]), 2, &["rct runs on Linux", "runs-on"]);
    assert_ends(&on(&[("RUNNER_ARCH", "X86")]), 2, &["no released rct for X86", "runs-on"]);
}
