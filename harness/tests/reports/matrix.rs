//! The matrix of several runs, and the copies that are published.

use harness::record::Record;
use harness::record::file::to_json;
use harness::report::matrix::{Run, publish, render};
use insta::assert_snapshot;

use crate::fixture::{a_run, a_run_with_every_verdict, check};
use crate::schema;

fn runs() -> Vec<Run> {
    let older = a_run().on("valkey", "8.1.4").with(check("crossslot/msetex").skipped("the server has no MSETEX"));
    let newer = a_run()
        .on("valkey", "10.0.0")
        .with(check("crossslot/msetex").known("MSETEX is not routed by slot"))
        .with(check("redirect/moved-slot").failed("error MOVED", "<b>1</b>"));
    let records = [newer.complete().record(), a_run_with_every_verdict().record(), older.complete().record()];
    records.into_iter().map(|record| Run { record, report: None }).collect()
}

#[test]
fn columns_are_ordered_by_product_and_version() {
    let page = render(runs());
    let places =
        ["title=\"redis 7.0.15\"", "title=\"valkey 8.1.4\"", "title=\"valkey 10.0.0\""].map(|it| page.find(it));
    assert!(places[0].is_some() && places[0] < places[1] && places[1] < places[2], "{places:?}");
}

#[test]
fn the_matrix_shows_every_verdict_and_its_evidence() {
    let page = render(runs());
    let body = &page[page.find("<body").unwrap()..page.find("<script>").unwrap()];
    assert_snapshot!(body.replace("><", ">\n<"));
    assert!(page.contains("&lt;b&gt;1&lt;/b&gt;") && !page.contains("<b>1"));
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
}

/// A record with secrets of the machine wherever one can be.
fn telling() -> Record {
    let mut record = a_run()
        .with(
            check("a/b").failed("1", "see /home/jo/redis.log on 10.9.8.7:7000").sent("PING", "10.9.8.7:7000 (primary)"),
        )
        .with(check("a/c").broken("no file (/tmp/rct-1/node-3/nodes.conf), nothing at 10.9.8.7"))
        .warned("the log is in /home/jo")
        .complete()
        .record();
    record.target.addresses = vec!["10.9.8.7:7000".into()];
    record.command = ["/home/jo/bin/rct", "conform", "--target", "10.9.8.7:7000"].map(str::to_owned).to_vec();
    record.again = "rct conform --target 10.9.8.7:7000".into();
    record.checks[0].source.as_mut().unwrap().file = "/home/jo/mine.toml".into();
    record
}

#[test]
fn a_published_copy_says_nothing_about_the_machine() {
    let record = telling();
    let [(name, copy)] = &publish::all(std::iter::once(&record))[..] else { panic!() };
    assert_eq!(name, "redis-7.0.15.json");
    let text = to_json(copy).unwrap();
    for secret in ["ci-7", "10.9.8.7", "/home", "/tmp", "--target"] {
        assert!(to_json(&record).unwrap().contains(secret) && !text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(copy.checks[0].failure.as_ref().unwrap().to.as_deref(), Some("node-1 (primary)"));
    assert_eq!((copy.counts, copy.checks.len()), (record.counts, 2));
    assert_eq!(schema::mistakes("run", &serde_json::to_value(copy).unwrap()), "");
}

#[test]
fn copies_of_the_same_server_have_names_of_their_own() {
    let record = telling();
    let names: Vec<String> = publish::all([&record, &record].into_iter()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["redis-7.0.15.json", "redis-7.0.15-2.json"]);
}
