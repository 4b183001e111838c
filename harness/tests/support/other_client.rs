//! Compares the outages that rct reports with what an independent client sees.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harness::record::{LoadRecord, Seen};
use loadgen::outage::Outage;
use loadgen::recorder::Class;
use suites::LiveCluster;
use wire::Slot;

use super::faulted::Faulted;

/// How often the other client writes.
const WRITE_EVERY: Duration = Duration::from_millis(5);
/// How long the other client waits for a reply.
const REPLY_LIMIT: Duration = Duration::from_millis(50);
/// By how much the two clients may differ.
const TOLERANCE_S: f64 = 0.05;
/// How long a shard may stall that has nothing to do with the fault.
pub(crate) const STALL_S_MOST: f64 = 0.1;

/// Runs load whose first event takes a primary away, and compares each outage with what another client sees.
pub(crate) async fn compare(live: &Rc<LiveCluster>, run: &Faulted<'_>) -> LoadRecord {
    let clients: Vec<OtherClient> = (0..3).map(|shard| OtherClient::of_shard(live, shard)).collect();
    let record = run.load(live).await.unwrap();
    let gaps_s: Vec<f64> = clients.into_iter().map(OtherClient::stop).collect();
    let event = &record.events[0];
    assert_eq!(event.problem, None);
    // Nodes may agree on a failure between two looks of rct, so a suspicion is not always seen.
    for state in [Seen::Failed, Seen::Promoted, Seen::Agreed] {
        assert!(event.seen.iter().any(|sighting| sighting.state == state), "{state}: {:#?}", event.seen);
    }
    let writes = outages(&record).iter().filter(|outage| outage.class == Class::Writes);
    for outage in writes.filter(|outage| outage.is_target || outage.outage_s > STALL_S_MOST) {
        let other_s = gaps_s[outage.shard - 1];
        let difference_s = (outage.outage_s - other_s).abs();
        assert!(difference_s < TOLERANCE_S, "{outage:#?} but the other client saw {other_s} s");
        assert!(outage.planned > 0 && outage.first_good_s.is_some(), "{outage:#?}");
    }
    assert!(outages(&record).iter().any(|outage| outage.is_target && outage.outage_s > 0.3), "{gaps_s:?}");
    record
}

/// The outages of a run.
pub(crate) fn outages(record: &LoadRecord) -> &[Outage] {
    &record.load.as_ref().unwrap().outages
}

/// A client that writes to one shard, and measures the longest time between two acknowledged writes.
pub(crate) struct OtherClient {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl OtherClient {
    /// Writes to the primary of a shard, or to whichever of its nodes takes the write.
    pub(crate) fn of_shard(live: &LiveCluster, shard: usize) -> Self {
        let topology = live.topology();
        let mut primaries: Vec<_> = topology.primaries().filter(|node| !node.slots.is_empty()).collect();
        primaries.sort_by_key(|node| node.slots[0].start);
        let primary = primaries[shard];
        let nodes = std::iter::once(primary).chain(topology.replicas_of(&primary.id));
        let nodes: Vec<String> = nodes.map(|node| live.map.reachable(&node.address).to_string()).collect();
        let is_own = |key: &String| primary.slots.iter().any(|range| range.contains(Slot::of(key)));
        let key = (0..).map(|number| format!("other{number}")).find(is_own).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        Self { is_over, thread: thread::spawn(move || longest_gap(&nodes, &key, &until)) }
    }

    /// Ends the client, and returns the longest gap in seconds.
    pub(crate) fn stop(self) -> f64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().as_secs_f64()
    }
}

fn longest_gap(nodes: &[String], key: &str, is_over: &AtomicBool) -> Duration {
    let mut streams: Vec<Option<TcpStream>> = nodes.iter().map(|_| None).collect();
    let (mut last_good, mut longest) = (None, Duration::ZERO);
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let good = streams.iter_mut().zip(nodes).any(|(stream, node)| writes(stream, node, key));
        let now = Instant::now();
        if good {
            longest = longest.max(last_good.map_or(Duration::ZERO, |last| now - last));
            last_good = Some(now);
        }
        due = (due + WRITE_EVERY).max(now);
        thread::park_timeout(due - now);
    }
    longest
}

/// Whether a node acknowledges a write.
fn writes(stream: &mut Option<TcpStream>, node: &str, key: &str) -> bool {
    let attempt = |kept: &mut Option<TcpStream>| -> std::io::Result<bool> {
        if kept.is_none() {
            let opened = TcpStream::connect(node)?;
            opened.set_read_timeout(Some(REPLY_LIMIT))?;
            opened.set_nodelay(true)?;
            *kept = Some(opened);
        }
        let Some(stream) = kept else { return Ok(false) };
        stream.write_all(format!("SET {key} v\r\n").as_bytes())?;
        let mut reply = [0; 256];
        let count = stream.read(&mut reply)?;
        if count == 0 { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(reply.starts_with(b"+OK")) }
    };
    attempt(stream).unwrap_or_else(|_| {
        *stream = None;
        false
    })
}
