//! The page of a load run and the page of two, as a reader uses them: without scripts, on a phone, and in the dark.
//!
//! The runs are real ones on Redis 7.0: one through the death of a primary, and one without a fault.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::browser::{Browser, Screen};
use crate::{address, rct};

/// Counts the charts that a reader can see.
const VISIBLE: &str =
    "const visible = selector => [...document.querySelectorAll(selector)].filter(it => it.checkVisibility());";

/// Runs load, and returns the folder of the run.
fn run(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let server = std::env::var("RCT_REDIS_7_0").expect("set RCT_REDIS_7_0 to what script/setup redis-7.0 prints");
    let out = folder.join(name);
    let fixed = [
        "load",
        "--server",
        &server,
        "--shape",
        "3+1",
        "--rate",
        "500",
        "--keys",
        "1000",
        "--out",
        out.to_str().unwrap(),
    ];
    rct(&[&fixed[..], arguments].concat());
    fs::read_dir(out).unwrap().next().unwrap().unwrap().path()
}

/// Makes the page of a run with a fault, and the page that compares it with a run without one; returns their addresses.
fn pages(folder: &Path) -> [String; 2] {
    let faulted = run(folder, "faulted", &["--duration", "6s", "--fault", "kill primary @2s"]);
    let calm = run(folder, "calm", &["--duration", "3s"]);
    let page = folder.join("compare.html");
    let compared = rct(&["compare", calm.to_str().unwrap(), faulted.to_str().unwrap(), "--format", "html"]);
    fs::write(&page, compared).unwrap();
    [address(&faulted.join("report.html")), address(&page)]
}

/// The ticks that a reader cannot read: those that leave the page, and those that touch the next one of their axis.
async fn unreadable_ticks(browser: &Browser) -> Value {
    let script = "const bad = [];
        for (const axis of visible('.axis')) {
            const boxes = [...axis.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
            boxes.forEach(([text, box], at) => {
                if (box.left < 0 || box.right > document.documentElement.clientWidth) bad.push('leaves the page: ' + text);
                const [other, next] = boxes[at + 1] ?? [];
                const apart = !next || box.right <= next.left || next.right <= box.left || box.bottom <= next.top + 2 || next.bottom <= box.top + 2;
                if (!apart) bad.push(text + ' touches ' + other);
            });
        }
        return bad";
    browser.run(&format!("{VISIBLE}{script}")).await
}

/// The least contrast of a text of a chart with the page, as WCAG defines it.
async fn least_contrast(browser: &Browser) -> f64 {
    let script = "const light = colour => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255);
            const [r, g, b] = parts.map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const back = light(getComputedStyle(document.body).backgroundColor);
        const contrasts = visible('.chart text, .lane text').map(text => light(getComputedStyle(text).fill));
        return Math.min(...contrasts.map(text => (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05)))";
    browser.run(&format!("{VISIBLE}{script}")).await.as_f64().unwrap()
}

#[tokio::test]
async fn load_pages_can_be_read_on_every_screen_without_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    for screen in [Screen::Desktop, Screen::Phone] {
        let browser = Browser::start_on(screen, false).await;
        for page in &pages {
            for colours in ["light", "dark"] {
                browser.prefer(colours).await;
                browser.open(page).await;
                assert!(!browser.has(".js").await, "scripts ran");
                let charts = browser.number(&format!("{VISIBLE}return visible('.chart').length")).await;
                assert!(charts >= 12, "{charts} charts");
                assert_eq!(unreadable_ticks(&browser).await, json!([]), "{page} on {screen:?}");
                let contrast = least_contrast(&browser).await;
                assert!(contrast >= 4.5, "contrast {contrast} of {page} in {colours}");
                let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
                assert_eq!(browser.number(width).await, 0, "{page} is wider than {screen:?}");
            }
        }
        browser.end().await;
    }
    values_appear_under_the_pointer(&pages).await;
    the_switch_changes_the_scale(&pages).await;
}

/// A second shows its values while the pointer is over it, and no other time.
async fn values_appear_under_the_pointer(pages: &[String]) {
    let shown = "return [...document.querySelectorAll('.hit text')].filter(text => getComputedStyle(text).visibility === 'visible').map(text => text.textContent)";
    let browser = Browser::start_on(Screen::Desktop, false).await;
    browser.open(&pages[0]).await;
    assert_eq!(browser.run(shown).await, json!([]));
    browser.point_at("#throughput .hit:nth-child(5 of .hit) rect").await;
    let texts = browser.run(shown).await;
    let [text] = &texts.as_array().unwrap()[..] else { panic!("{texts}") };
    let text = text.as_str().unwrap();
    assert!(text.starts_with("4–5 s  planned ") && text.contains("outage: shard"), "{text}");
    assert_eq!(browser.run("return document.querySelectorAll('#throughput .mark').length").await, json!(1));
    browser.open(&pages[1]).await;
    browser.point_at("#throughput .hit rect").await;
    let texts = browser.run(shown).await;
    let text = texts[0].as_str().unwrap();
    assert!(text.starts_with("0–1 s  older ") && text.contains("  newer "), "{texts}");
    browser.end().await;
}

/// The box above the latency selects one of two forms of each chart of times.
async fn the_switch_changes_the_scale(pages: &[String]) {
    let browser = Browser::start_on(Screen::Desktop, true).await;
    let counts = format!("{VISIBLE}return ['.log', '.linear'].map(form => visible('.chart' + form).length)");
    for page in pages {
        browser.open(page).await;
        let before = browser.run(&counts).await;
        assert!(before[0].as_u64().unwrap() > 3 && before[1] == 0, "{before}");
        browser.click("#log").await;
        assert_eq!(browser.run(&counts).await, json!([before[1], before[0]]));
        assert_eq!(browser.console().await, json!([]), "{page}");
        assert_eq!(browser.run("return performance.getEntriesByType('resource').length").await, json!(0));
    }
    browser.end().await;
}
