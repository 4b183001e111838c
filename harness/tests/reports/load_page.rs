//! The page of a load run, and the page of two: their charts.

use std::collections::BTreeMap;

use harness::record::LoadRecord;
use harness::report::load::html::{render, render_comparison};
use insta::assert_snapshot;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::load_fixture::{a_load_run, a_load_run_with_a_fault, a_load_run_with_steps};
use crate::schema;

/// A chart of a page: the class of its figure, the texts of its ticks by axis, and how often each class occurs in it.
#[derive(Default, Debug)]
struct Chart {
    class: String,
    label: String,
    ticks: BTreeMap<String, Vec<String>>,
    classes: BTreeMap<String, usize>,
}

impl Chart {
    fn count(&self, class: &str) -> usize {
        self.classes.get(class).copied().unwrap_or(0)
    }
}

/// Reads the charts of a page.
fn charts(page: &str) -> Vec<Chart> {
    let figures =
        page.split("<figure ").skip(1).map(|rest| format!("<figure {}", rest.split_once("</figure>").unwrap().0));
    figures
        .filter(|figure| figure.starts_with("<figure class=\"chart "))
        .map(|figure| chart(&format!("{figure}</figure>")))
        .collect()
}

fn chart(figure: &str) -> Chart {
    let mut reader = Reader::from_str(figure);
    let (mut chart, mut open): (Chart, Vec<String>) = (Chart::default(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                let value = |name: &str| {
                    let found = tag.try_get_attribute(name).unwrap();
                    found.map_or(String::new(), |attribute| String::from_utf8(attribute.value.into_owned()).unwrap())
                };
                let class = value("class");
                if open.is_empty() {
                    chart.class = class.clone();
                }
                if tag.name().as_ref() == b"svg" && !value("aria-label").is_empty() {
                    chart.label = value("aria-label");
                }
                class.split_whitespace().for_each(|word| *chart.classes.entry(word.to_owned()).or_default() += 1);
                open.push(class);
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => {
                let axis = open.iter().find(|class| class.starts_with("axis "));
                if let Some(axis) = axis {
                    let text = String::from_utf8(text.to_vec()).unwrap();
                    chart.ticks.entry(axis.clone()).or_default().push(text);
                }
            }
            Event::Eof => return chart,
            _ => {}
        }
    }
}

fn compared() -> String {
    render_comparison(&a_load_run(5), &a_load_run_with_a_fault(6), &[])
}

#[test]
fn every_chart_has_axes_with_ticks() {
    for page in [render(&a_load_run_with_a_fault(6)), render(&a_load_run_with_steps()), compared()] {
        let charts = charts(&page);
        assert!(charts.len() > 8, "{}", charts.len());
        for chart in charts {
            for axis in ["axis x", "axis y"] {
                let ticks = &chart.ticks[axis];
                assert!(ticks.len() >= 2 && ticks.iter().all(|text| !text.is_empty()), "{axis} of {chart:?}");
            }
            assert!(!chart.label.is_empty(), "{chart:?}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf%"), "a coordinate is no number");
    }
}

#[test]
fn ticks_of_times_have_their_unit() {
    let all = charts(&render(&a_load_run(5)));
    let response = all.iter().find(|chart| chart.label == "Response time" && chart.class.contains("linear")).unwrap();
    assert_eq!(response.ticks["axis x"], ["0 s", "1 s", "2 s", "3 s", "4 s", "5 s"]);
    assert_eq!(response.ticks["axis y"], ["0 us", "1 ms", "2 ms", "3 ms", "4 ms"]);
}

#[test]
fn only_a_run_with_faults_has_bands_and_marks() {
    let happened = |page: &str| {
        let charts = charts(page);
        ["outage", "fault", "mark"].map(|class| charts.iter().map(|chart| chart.count(class)).sum::<usize>())
    };
    assert_eq!(happened(&render(&a_load_run(6))), [0, 0, 0]);
    assert!(!render(&a_load_run(6)).contains("class=\"lanes\""));
    let faulted = a_load_run_with_a_fault(6);
    let page = render(&faulted);
    let [outages, faults, marks] = happened(&page);
    assert!(outages > 0 && marks > 0, "{outages} bands, {marks} marks");
    assert_eq!(faults, 0, "a kill is over at once");
    // The shard is out from second 2 to second 3.5 of 6.
    assert!(page.contains("<rect x=\"33.33%\" y=\"0\" width=\"25%\" height=\"100%\">"));
    let mut paused = faulted;
    paused.events[0].ended_s = None;
    assert!(happened(&render(&paused))[1] > 0, "a fault that goes on has a band");
}

#[test]
fn each_chart_of_times_can_be_linear_or_logarithmic() {
    let count = |form: &str| charts(&render(&a_load_run(5))).iter().filter(|chart| chart.class.contains(form)).count();
    assert_eq!(count("linear"), count("log"));
    assert!(count("log") >= 4, "latency, percentiles, and each node");
}

#[test]
fn values_are_in_the_chart_without_a_script() {
    let page = render(&a_load_run_with_a_fault(6));
    for text in [
        "2–3 s  planned 1,000  answered 900  no answer 100  outage: shard 2",
        "2–3 s  p50 200 us  p90 500 us  p99 ≥ 2.00 s  max ≥ 2.00 s  outage: shard 2",
        "p99  response 1.00 ms  service 800 us",
        "100 us to 112 us  900 (90.00 %)",
        "112–127: 80",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(render(&a_load_run_with_steps()).contains("offered 2,000/s  answered 2,000/s  p99 30.0 ms"));
}

#[test]
fn a_comparison_draws_both_runs_into_each_chart() {
    let page = compared();
    for chart in charts(&page) {
        // One in the legend or not, and a curve.
        assert!(chart.count("older") >= 1 && chart.count("newer") >= 1, "{chart:?}");
    }
    assert!(page.contains("older 1,000  newer 900"), "values of both runs are under the pointer");
    assert!(page.contains("newer 1"), "the event of the newer run is named");
}

#[test]
fn errors_and_redirects_have_a_chart_for_each_class() {
    let page = render(&a_load_run_with_a_fault(6));
    for (section, class) in [("redirects", "moved"), ("errors", "cluster_down")] {
        let section = page.split(&format!("<section id=\"{section}\">")).nth(1).unwrap();
        assert!(section.split("</section>").next().unwrap().contains(&format!("<span class=\"title\">{class}</span>")));
    }
    assert!(!render(&a_load_run(6)).contains("id=\"errors\""));
}

#[test]
fn an_hour_makes_no_large_page() {
    let page = render(&a_load_run(3_600));
    assert!(page.len() < 1024 * 1024, "{} bytes", page.len());
    assert!(page.contains("Each step is 15 seconds."));
}

#[test]
fn nothing_is_loaded_and_no_text_becomes_markup() {
    let mut record = a_load_run_with_a_fault(6);
    let evil = "<script>alert(1)</script>";
    record.events[0].action = evil.into();
    record.problem = Some(evil.into());
    let report = record.load.as_mut().unwrap();
    report.nodes[0].address = evil.into();
    report.outages[1].slots = evil.into();
    report.windows[2].outcomes.insert(evil.into(), 7);
    for page in [render(&record), render_comparison(&record, &record, &[])] {
        assert_eq!(page.matches("<script").count(), 1, "the script of all pages");
        for loading in [" src=", "<link", "@import", "url("] {
            assert!(!page.contains(loading), "{loading}");
        }
    }
}

#[test]
fn a_run_of_an_older_version_has_a_page() {
    let mut record = a_load_run(5);
    let report = record.load.as_mut().unwrap();
    report.distributions = loadgen::report::Distributions::default();
    report.slots.cells = loadgen::report::SlotCells::default();
    report.windows.iter_mut().filter_map(|window| window.response_us.as_mut()).for_each(|brief| brief.p90 = None);
    let page = render(&record);
    assert!(!page.contains("id=\"distribution\"") && !page.contains("id=\"slots\""));
    assert!(!page.contains("curve p90"), "no legend names a curve that is not there");
}

#[test]
fn a_run_without_numbers_says_how_it_ended() {
    let mut record = a_load_run(5);
    record.load = None;
    record.ended = harness::record::Ended::Lost;
    record.problem = Some("no node answers".into());
    assert!(render(&record).contains("no node answers"));
    let page = render_comparison(&record, &a_load_run(5), &[]);
    assert!(page.contains("cannot compare: one of the runs ended without numbers"));
}

#[test]
fn the_record_fits_its_schema() {
    let record = serde_json::to_value(a_load_run_with_a_fault(6)).unwrap();
    assert_eq!(schema::mistakes("run", &record), "");
    let read: LoadRecord = serde_json::from_value(record).unwrap();
    assert_eq!(render(&read), render(&a_load_run_with_a_fault(6)));
}

#[test]
fn small_pieces_look_as_before() {
    let page = render(&a_load_run_with_a_fault(3));
    let piece = |from: &str, to: &str| {
        let begin = page.find(from).unwrap();
        let end = begin + page[begin..].find(to).unwrap();
        page[begin..end].replace("><", ">\n<")
    };
    assert_snapshot!("throughput", piece("<section id=\"throughput\"", "</section>"));
    assert_snapshot!("lanes", piece("<figure class=\"lanes\"", "</figure>"));
    assert_snapshot!("head", piece("<header", "</header>"));
}
