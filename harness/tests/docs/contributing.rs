//! The steps of CONTRIBUTING.md: adds its statement, its check and its defect, and runs its commands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use libtest_mimic::Failed;

use crate::blocks::{self, Block};
use crate::checkout::checkout;
use crate::{page, shell};

/// The limit on the commands that do not build.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
/// The limit on the commands of a block when they build rct from scratch.
const BUILD_LIMIT: Duration = Duration::from_secs(1200);
/// The files of the workspace that a build needs.
const WORKSPACE: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "docker-compose.yml",
    "wire",
    "loadgen",
    "suites",
    "defects",
    "targets",
    "harness",
    "script",
];

/// The blocks of the steps: the additions to files, and the commands.
struct Steps {
    statement: Block,
    check: Block,
    defect: Block,
    commands: Vec<Block>,
}

impl Steps {
    /// Reads them from the first section of CONTRIBUTING.md that has blocks.
    fn read() -> Self {
        let mut blocks = blocks::of_page("CONTRIBUTING.md").into_iter();
        let first = blocks.next().unwrap();
        let rest = blocks.take_while(|block| !block.before.lines().any(|line| line.starts_with("## ")));
        let section: Vec<Block> = std::iter::once(first).chain(rest).collect();
        let the_only = |language: &str| {
            let mut found = section.iter().filter(|block| block.language == language);
            let block = found.next().unwrap_or_else(|| panic!("the path has no {language} block"));
            assert!(found.next().is_none(), "the path has more than one {language} block");
            block.clone()
        };
        let commands = section.iter().filter(|block| block.language == "sh").cloned().collect();
        Self { statement: the_only("tsv"), check: the_only("toml"), defect: the_only("rust"), commands }
    }

    /// The id of the check, with its suite.
    fn id(&self) -> String {
        let suite = Path::new(self.check.path("suites/checks/")).file_stem().unwrap().to_str().unwrap();
        let id = self.check.lines.iter().find_map(|line| line.strip_prefix("id = \"")?.split('"').next());
        format!("{suite}/{}", id.unwrap())
    }

    /// Adds the statement and the check to a copy of the files that the page names.
    fn add_to(&self, folder: &Path) {
        for (block, file) in
            [(&self.statement, self.statement.path("suites/")), (&self.check, self.check.path("suites/checks/"))]
        {
            let file = folder.join(file);
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text.trim_end().to_owned() + "\n" + &block.text()).unwrap();
        }
    }

    /// Adds the defect as the first entry of `DEFECTS`, as the page says.
    fn add_defect_to(&self, folder: &Path) {
        let file = folder.join(self.defect.path("defects/src/catalogue/"));
        let text = fs::read_to_string(&file).unwrap();
        let start = text.find("DEFECTS").unwrap();
        let entries = start + text[start..].find("&[\n").expect("DEFECTS has entries") + "&[\n".len();
        fs::write(&file, [&text[..entries], &self.defect.text(), &text[entries..]].concat()).unwrap();
    }
}

/// Adds the check to a copy of the suites, and runs it on a real server with the rct of this build.
///
/// # Errors
///
/// The output of a command that did not end as the page says.
pub(crate) fn without_a_build() -> Result<(), Failed> {
    let steps = Steps::read();
    let folder = tempfile::tempdir().unwrap();
    page::copy_into(folder.path(), &["suites/checks", "suites/statements.tsv"]);
    steps.add_to(folder.path());
    let covers = steps.statement.text();
    let statement = covers.split('\t').next().unwrap();
    assert!(steps.check.text().contains(&format!("\"{statement}\"")), "the check does not cover {statement}");
    let id = steps.id();
    assert!(steps.defect.text().contains(&format!("\"{id}\"")), "the defect does not name {id}");
    // The suites of the copy have the ids of the built-in ones, so the check runs from a file of its own.
    let suite = id.split('/').next().unwrap();
    fs::write(folder.path().join("added.toml"), format!("suite = \"{suite}\"\n{}", steps.check.text())).unwrap();
    let conform = format!("rct conform --suite added.toml --run {id}");
    expect(&["rct lint added.toml", &conform], 0, folder.path(), COMMAND_LIMIT, &[])
}

/// Follows all steps in a copy of the workspace: builds it, and runs the commands of the page.
///
/// # Errors
///
/// The output of a command that did not end as the page says.
pub(crate) fn with_a_build() -> Result<(), Failed> {
    let steps = Steps::read();
    let folder = tempfile::tempdir().unwrap();
    page::copy_into(folder.path(), &WORKSPACE);
    steps.add_to(folder.path());
    steps.add_defect_to(folder.path());
    // The folder stays between runs, so that a second run builds only the crates of the workspace.
    let target = checkout().join("target/contributing").to_str().unwrap().to_owned();
    let target = ("CARGO_TARGET_DIR", target);
    for line in steps.commands.iter().flat_map(|block| &block.lines) {
        let status = i32::from(line.contains("--defect "));
        expect(&[line], status, folder.path(), BUILD_LIMIT, std::slice::from_ref(&target))?;
    }
    Ok(())
}

fn expect(
    commands: &[&str],
    status: i32,
    folder: &Path,
    limit: Duration,
    more: &[(&'static str, String)],
) -> Result<(), Failed> {
    let environment = [&page::environment(folder, "redis-7.0")[..], more].concat();
    for (command, ended) in commands.iter().zip(shell::run(commands, folder, &environment, limit)?) {
        if ended.status != status {
            let (other, output) = (ended.status, ended.output);
            return Err(format!("$ {command}\nended with status {other}, not {status}, and printed:\n{output}").into());
        }
    }
    Ok(())
}
