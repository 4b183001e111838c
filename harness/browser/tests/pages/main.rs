//! The pages of rct as a reader uses them: search, filters, links, and everything without scripts.
//!
//! The pages of checks are made from published runs, and those of load from runs of the test.

mod browser;
mod load;

use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use serde_json::{Value, json};

/// The top folder of the checkout.
fn checkout() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs the `rct` of this checkout, and returns what it prints.
fn rct(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "rct", "--"]).args(arguments).current_dir(checkout());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The page of a run in which the known deviations of a server are failures; returns its address.
fn report(folder: &Path) -> String {
    let published = std::fs::read_to_string(checkout().join("results/published/valkey-9.1.2.json")).unwrap();
    let mut record: Value = serde_json::from_str(&published).unwrap();
    let known = record["counts"]["known"].take().as_u64().unwrap();
    assert!(known > 0);
    record["counts"]["known"] = json!(0);
    record["counts"]["fail"] = json!(record["counts"]["fail"].as_u64().unwrap() + known);
    for check in record["checks"].as_array_mut().unwrap().iter_mut().filter(|check| check["verdict"] == "known") {
        check["verdict"] = json!("fail");
    }
    let run = folder.join("run.json");
    std::fs::write(&run, record.to_string()).unwrap();
    let page = folder.join("report.html");
    std::fs::write(&page, rct(&["report", run.to_str().unwrap(), "--format", "html"])).unwrap();
    address(&page)
}

/// The matrix of three servers; returns its address.
fn matrix(folder: &Path) -> String {
    let runs = ["redis-7.0.15", "redis-8.0.2", "valkey-9.1.2"].map(|name| format!("results/published/{name}.json"));
    let out = folder.join("matrix.html");
    let runs = runs.iter().map(String::as_str);
    let arguments: Vec<&str> = ["matrix"].into_iter().chain(runs).chain(["--out", out.to_str().unwrap()]).collect();
    rct(&arguments);
    address(&out)
}

/// How many rows the page shows, and how many it has.
const ROWS: &str = "return [...document.querySelectorAll('.row')].filter(row => !row.hidden && getComputedStyle(row).display !== 'none').length";

#[tokio::test]
async fn search_finds_and_filters_hide_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(true).await;
    browser.open(&report(folder.path())).await;
    let all = browser.number(ROWS).await;
    assert!(all > 100, "{all}");
    browser.fill("#search", "msetex").await;
    let found = browser.number(ROWS).await;
    assert!(found >= 1 && found < 10, "{found}");
    assert!(browser.number("return document.querySelectorAll('.suite[open]').length").await >= 1);
    browser.fill("#search", "").await;
    browser.click("#show-pass").await;
    let without_passed = browser.number(ROWS).await;
    let passed = browser.number("return document.querySelectorAll('.row[data-verdict=pass]').length").await;
    assert_eq!(without_passed, all - passed);
    browser.end().await;
}

#[tokio::test]
async fn links_of_the_report_lead_to_checks_that_are_visible() {
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(true).await;
    browser.open(&report(folder.path())).await;
    let links = browser.number("return document.querySelectorAll('.map .cell').length").await;
    assert!(links > 100);
    // One cell of each verdict; the check of a passed one is folded away at first.
    let script = "const shown = [];
        for (const name of ['pass', 'fail', 'skip']) {
            const cell = document.querySelector('.map .cell.' + name);
            if (!cell) continue;
            location.hash = cell.getAttribute('href');
            dispatchEvent(new HashChangeEvent('hashchange'));
            const target = document.getElementById(decodeURIComponent(cell.getAttribute('href').slice(1)));
            shown.push([name, !!target && target.checkVisibility({ contentVisibilityAuto: true }) && target.getBoundingClientRect().height > 0]);
        }
        return shown";
    assert_eq!(browser.run(script).await, json!([["pass", true], ["fail", true], ["skip", true]]));
    let dead = "return [...document.querySelectorAll('a[href^=\"#\"]')].filter(link =>
        !document.getElementById(decodeURIComponent(link.getAttribute('href').slice(1)))).map(link => link.href)";
    assert_eq!(browser.run(dead).await, json!([]));
    browser.end().await;
}

#[tokio::test]
async fn two_columns_of_the_matrix_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(true).await;
    browser.open(&matrix(folder.path())).await;
    let all = browser.number(ROWS).await;
    browser.click("[data-column='0']").await;
    assert_eq!(browser.number(ROWS).await, all);
    browser.click("[data-column='2']").await;
    let differing = browser.number(ROWS).await;
    assert!(differing > 0 && differing < all / 2, "{differing} of {all}");
    let text = browser.run("return document.querySelector('#comparing').textContent").await;
    assert!(
        text.as_str().unwrap().starts_with(&format!("{differing} checks differ between redis 7.0.15 and valkey 9.1.2")),
        "{text}"
    );
    browser.click("[data-column='2']").await;
    assert_eq!(browser.number(ROWS).await, all);
    browser.end().await;
}

#[tokio::test]
async fn without_scripts_every_verdict_is_visible() {
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(false).await;
    browser.open(&report(folder.path())).await;
    assert!(!browser.has(".js").await, "scripts ran");
    // WebDriver counts what a reader sees: an element in a folded part is not displayed.
    let (cells, shown) = browser.displayed(".map .cell").await;
    assert!(cells > 100);
    assert_eq!(shown, cells);
    browser.end().await;
}

#[tokio::test]
async fn the_console_has_no_error_and_nothing_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let browser = Browser::start(true).await;
    for address in [report(folder.path()), matrix(folder.path())] {
        browser.open(&address).await;
        assert!(browser.has(".js").await, "the script did not run: {address}");
        assert_eq!(browser.console().await, json!([]), "{address}");
        assert_eq!(browser.run("return performance.getEntriesByType('resource').length").await, json!(0));
    }
    browser.end().await;
}
