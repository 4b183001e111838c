//! What the workers of one generator handed over, second by second, in a file.
//!
//! [`crate::merge`] puts the files of several generators together as if their workers belonged to one process. The file
//! has one JSON object per line and is compressed with gzip. Its first line is a [`Head`], and its last one a [`Tail`].

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::ledger::LostAt;
use crate::outline::{Outline, SeenNode};
use crate::packed;
use crate::recorder::{AllTimes, Interval};
use crate::report::{LoadReport, SlotReport};

/// The version of the file that this build writes and reads.
pub const FORMAT: u32 = 1;
/// The most bytes of a line: a second of a worker on hundreds of nodes has a few million.
const LINE_BYTES_MAX: u64 = 1 << 28;

/// The beginning of a file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// The version of the file.
    pub format: u32,
    /// The start of the run, on the clock of the intervals.
    pub start_ns: u64,
    /// The plan of the generator.
    pub outline: Outline,
}

/// What is known only at the end of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tail {
    /// The nodes, as the generator saw the cluster at the end.
    pub nodes: Vec<SeenNode>,
    /// Every slot with a reply or an error.
    pub slots: Vec<SlotReport>,
    /// User and system time of the process in the measured time, in seconds.
    pub cpu_s: f64,
    /// The most memory that the process used, in MB.
    pub memory_mb: f64,
    /// Its connections.
    pub connections: usize,
    /// How long they took until they were ready, in seconds.
    pub connect_s: f64,
    /// Its input and output engine.
    pub engine: String,
    /// When rct stopped the run, because it had no good reply, in seconds from the start.
    pub stopped_after_s: Option<f64>,
    /// Whether the user stopped the run.
    pub is_interrupted: bool,
    /// How out of date the values of primaries were that `--verify` found stale.
    #[serde(with = "packed::maybe")]
    pub stale_primaries: Option<Box<AllTimes>>,
    /// The same of replicas.
    #[serde(with = "packed::maybe")]
    pub stale_replicas: Option<Box<AllTimes>>,
    /// The keys that it did not find again after the load.
    pub lost: Vec<LostAt>,
}

impl Tail {
    /// Takes what a file needs from the report of the generator. `is_interrupted` says that the user stopped the run.
    #[must_use]
    pub fn of(report: &LoadReport, is_interrupted: bool) -> Self {
        let nodes = report.nodes.iter();
        let verify = report.verify.as_ref();
        Self {
            nodes: nodes
                .map(|node| SeenNode { address: node.address.clone(), id: node.id.clone(), role: node.role.clone() })
                .collect(),
            slots: report.slots.all.clone(),
            cpu_s: report.cpu_s,
            memory_mb: report.client_memory_mb,
            connections: report.connections,
            connect_s: report.connect_s,
            engine: report.engine.clone(),
            stopped_after_s: report.stopped_after_s,
            is_interrupted,
            stale_primaries: verify.and_then(|verify| verify.primaries.ages.clone()),
            stale_replicas: verify.and_then(|verify| verify.replicas.ages.clone()),
            lost: verify
                .and_then(|verify| verify.read_back.as_ref())
                .map(|back| back.lost_at.clone())
                .unwrap_or_default(),
        }
    }
}

/// A line of a file.
#[derive(Debug, Serialize, Deserialize)]
enum Line<H, I, T> {
    Head(H),
    Interval(I),
    Tail(T),
}

/// Writes the file of a generator.
pub struct Writer<W: Write>(GzEncoder<W>);

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn new(to: W, head: &Head) -> io::Result<Self> {
        let mut writer = Self(GzEncoder::new(to, Compression::fast()));
        writer.line(&Line::<_, (), ()>::Head(head))?;
        Ok(writer)
    }

    /// Adds the interval of a worker.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn interval(&mut self, interval: &Interval) -> io::Result<()> {
        self.line(&Line::<(), _, ()>::Interval(interval))
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(mut self, tail: &Tail) -> io::Result<W> {
        self.line(&Line::<(), (), _>::Tail(tail))?;
        self.0.finish()
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, line)?;
        self.0.write_all(b"\n")
    }
}

/// Reads the file of a generator.
pub struct Reader {
    lines: BufReader<Box<dyn Read>>,
    head: Head,
    next: Option<Box<Interval>>,
    tail: Option<Tail>,
}

impl Reader {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no such file.
    pub fn new(from: impl Read + 'static) -> io::Result<Self> {
        let mut lines: BufReader<Box<dyn Read>> = BufReader::new(Box::new(MultiGzDecoder::new(from)));
        let Line::Head(head) = line(&mut lines)? else { return Err(wrong("the file does not begin with a head")) };
        if head.format != FORMAT {
            return Err(wrong(&format!("the file has format {}, and this rct reads format {FORMAT}", head.format)));
        }
        let mut reader = Self { lines, head, next: None, tail: None };
        reader.advance()?;
        Ok(reader)
    }

    /// The beginning of the file.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The number of the next interval; `None` after the last one, or after an error.
    #[must_use]
    pub fn next_number(&self) -> Option<u32> {
        self.next.as_ref().map(|next| next.number)
    }

    /// Returns the next interval if its number is at most this one, and reads on.
    ///
    /// # Errors
    ///
    /// If the file ends before its tail, or cannot be read.
    pub fn interval_until(&mut self, number: u32) -> io::Result<Option<Interval>> {
        let Some(next) = self.next.take_if(|next| next.number <= number) else { return Ok(None) };
        self.advance()?;
        Ok(Some(*next))
    }

    /// The end of the file, once all intervals are read.
    #[must_use]
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    fn advance(&mut self) -> io::Result<()> {
        match line(&mut self.lines)? {
            Line::Interval(interval) => self.next = Some(interval),
            Line::Tail(tail) => {
                // Reading on to the end of the stream also checks its checksum.
                if self.lines.read(&mut [0])? > 0 {
                    return Err(wrong("the file goes on after its tail"));
                }
                self.tail = Some(tail);
            }
            Line::Head(_) => return Err(wrong("the file has two heads")),
        }
        Ok(())
    }
}

fn line(lines: &mut BufReader<Box<dyn Read>>) -> io::Result<Line<Head, Box<Interval>, Tail>> {
    let mut text = Vec::new();
    lines.take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
    if text.is_empty() {
        return Err(wrong("the file ends too early: the generator did not end its run"));
    }
    serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
