//! Every workload file of the repository is valid.

use std::fs;
use std::path::Path;

use loadgen::workload::Workload;

#[test]
fn every_workload_of_the_repository_loads_and_fills_its_keys() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workloads");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            let workload =
                Workload::read(&text, "rct:", None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(workload.name, path.file_stem().unwrap().to_str().unwrap());
            assert_eq!(workload.preload().count(), workload.spaces.len(), "{}", workload.name);
            names.push(workload.name);
        }
    }
    names.sort();
    assert_eq!(names, ["example", "ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f"]);
}
