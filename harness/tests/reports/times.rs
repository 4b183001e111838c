//! The progress of `rct conform` moves evenly, because it counts the time that checks take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::record::{CheckRecord, Event, Record, Reporter, Verdict};
use harness::report::progress::Progress;
use harness::runner::plan::CheckPlan;
use indicatif::ProgressBar;
use suites::catalogue::Catalogue;

/// How many checks run at a time on the shared cluster, and how many clusters other checks have: the default of --jobs.
const JOBS: usize = 8;

/// The largest difference between the bar and the clock, in hundredths.
const OFF_MOST: f64 = 15.0;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn published(file: &Path) -> Record {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The median of each check's times in the published runs, in whole milliseconds.
fn medians() -> BTreeMap<String, u64> {
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let files = std::fs::read_dir(top().join("results/published")).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        for check in published(&file).checks.into_iter().filter(|check| check.verdict != Verdict::Skip) {
            times.entry(check.id).or_default().push(check.duration_ms);
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2].round() as u64
    };
    times.into_iter().map(|(id, times)| (id, median(times))).collect()
}

#[test]
fn times_are_those_of_published_runs() {
    let file = top().join("suites/times.tsv");
    let medians = medians();
    if std::env::var_os("RCT_TIMES_ACCEPT").is_some() {
        let before = std::fs::read_to_string(&file).unwrap();
        let head: String = before.split_inclusive('\n').take_while(|line| line.starts_with('#')).collect();
        let rows: String = medians.iter().map(|(id, ms)| format!("{id}\t{ms}\n")).collect();
        std::fs::write(&file, head + &rows).unwrap();
        return;
    }
    // Runs that are published later differ a little. Only large differences make the progress uneven.
    let all: u64 = medians.values().sum();
    let off = medians.iter().map(|(id, ms)| ms.abs_diff(u64::from(suites::times::typical_ms(id)))).sum::<u64>();
    assert!(off * 4 < all, "{off} of {all} ms differ: set RCT_TIMES_ACCEPT=1 and run this test again");
    let catalogue = Catalogue::built_in().unwrap();
    let unknown: Vec<&str> = suites::times::measured_ids().filter(|id| catalogue.find(id).is_none()).collect();
    assert!(unknown.is_empty(), "no check has these ids: {unknown:?}");
}

/// Returns when each check ends if workers take them in order, in milliseconds.
fn ends<'a>(ids: &[&'a str], ms_of: &BTreeMap<&str, f64>) -> Vec<(f64, &'a str)> {
    let mut free_at = [0.0_f64; JOBS];
    let mut ends = Vec::new();
    for id in ids {
        let worker = (0..JOBS).min_by(|one, other| free_at[*one].total_cmp(&free_at[*other])).unwrap();
        free_at[worker] += ms_of.get(id).copied().unwrap_or(0.0);
        ends.push((free_at[worker], *id));
    }
    ends
}

/// How far the bar is off the clock at each tenth of a run with these times, in hundredths.
fn differences(run: &Record) -> Vec<f64> {
    let checks: BTreeMap<&str, &CheckRecord> = run.checks.iter().map(|check| (&*check.id, check)).collect();
    let ms_of =
        checks.iter().map(|(id, check)| (*id, if check.verdict == Verdict::Skip { 0.0 } else { check.duration_ms }));
    let ms_of: BTreeMap<&str, f64> = ms_of.collect();
    let plan = CheckPlan::of(Catalogue::built_in().unwrap().checks().iter().cloned().map(Into::into).collect());
    let ids =
        |checks: &'_ [std::rc::Rc<suites::Check>]| checks.iter().map(|check| check.id.clone()).collect::<Vec<_>>();
    let (shared, alone) = (ids(&plan.shared), ids(&plan.alone));
    let known = |all: &'_ [String]| {
        all.iter().filter_map(|id| checks.get_key_value(&**id)).map(|(id, _)| *id).collect::<Vec<_>>()
    };
    let mut ends: Vec<(f64, &str)> = [known(&shared), known(&alone)].iter().flat_map(|ids| ends(ids, &ms_of)).collect();
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let last = ends.last().unwrap().0;

    let bar = ProgressBar::hidden();
    let mut progress = Progress::new(Vec::new(), bar.clone());
    let mut record = Record::conform(run.started, 1, run.target.clone());
    let mut tell = |event: Event| {
        record.apply(&event, Duration::ZERO);
        progress.event(&event, &record).unwrap();
    };
    tell(Event::RunStarted { planned: ends.iter().map(|(_, id)| (*id).to_owned()).collect() });
    let mut ends = ends.into_iter().peekable();
    let mut differences = Vec::new();
    for tenth in 1..=10_u32 {
        let until = last * f64::from(tenth) / 10.0;
        while let Some((_, id)) = ends.next_if(|(end, _)| *end <= until) {
            tell(Event::CheckFinished { check: Box::new(checks[id].clone()), transcript: None });
        }
        let shown = bar.position() as f64 / bar.length().unwrap() as f64;
        differences.push((shown * 100.0 - f64::from(tenth) * 10.0).round());
    }
    differences
}

#[test]
fn the_progress_moves_as_the_clock_does() {
    // Not Redis 6.0: there, checks that fail wait for their limits near the end of the run.
    for name in ["redis-6.2.14", "redis-7.0.15", "valkey-9.1.2"] {
        let run = published(&top().join(format!("results/published/{name}.json")));
        let off = differences(&run);
        assert!(off.iter().all(|off| off.abs() <= OFF_MOST), "{name}: the bar is off by {off:?}");
        assert_eq!(off.last(), Some(&0.0), "{name}: the bar is full at the end");
    }
}
