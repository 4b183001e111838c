//! Validates the manifests with the schemas of the Kubernetes API.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::support::text;

/// The version of the API.
const KUBERNETES: &str = "1.30";

fn manifests() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let groups = std::fs::read_dir(folder).unwrap().map(|group| group.unwrap().path());
    let files = groups.flat_map(|group| std::fs::read_dir(group).unwrap().map(|file| file.unwrap().path()));
    // kustomize is no object of the API.
    files.filter(|file| file.file_name().unwrap() != "kustomization.yaml").collect()
}

/// The validator: on PATH, or installed into a folder.
fn validator(folder: &Path) -> PathBuf {
    if Command::new("kubernetes-validate").arg("--help").output().is_ok_and(|output| output.status.success()) {
        return "kubernetes-validate".into();
    }
    let succeeded = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program:?} {arguments:?}: {}", text(&output.stderr));
    };
    succeeded(Path::new("python3"), &["-m", "venv", folder.to_str().unwrap()]);
    succeeded(&folder.join("bin/pip"), &["install", "--quiet", "kubernetes-validate"]);
    folder.join("bin/kubernetes-validate")
}

#[test]
#[ignore = "it may install the Python package kubernetes-validate"]
fn the_manifests_are_objects_of_the_api() {
    let folder = tempdir().unwrap();
    let validator = validator(folder.path());
    let validate = |file: &Path| {
        Command::new(&validator).args(["--strict", "--kubernetes-version", KUBERNETES]).arg(file).output().unwrap()
    };
    let files = manifests();
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        let output = validate(file);
        assert!(output.status.success(), "{}: {}{}", file.display(), text(&output.stdout), text(&output.stderr));
    }
    let mut texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    let job = texts.find(|text| text.contains("backoffLimit:")).unwrap();
    let wrong = job.replace("backoffLimit:", "backofLimit:");
    let copy = folder.path().join("wrong.yaml");
    std::fs::write(&copy, wrong).unwrap();
    assert!(!validate(&copy).status.success(), "the validator accepts everything");
}
