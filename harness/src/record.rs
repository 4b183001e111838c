//! What a run is: its events, its record, and how it ends. This is the lowest layer of the harness.
//!
//! `runner` sends events and `report` shows them; neither knows the other. Nothing here runs or prints anything.

pub mod check;
pub mod error;
pub mod event;
pub mod event_line;
pub mod exit;
pub mod fault;
pub mod file;
pub mod gate;
pub mod host;
pub mod layout;
pub mod load;
pub mod load_event;
pub mod part;
pub mod run;
pub mod target;
pub mod verdict;

pub use check::{CheckRecord, Failure, Measured, Source, TEXT_LIMIT_BYTES};
pub use error::ReportError;
pub use event::Event;
pub use event_line::{EventLine, Reporter};
pub use exit::{Ended, ExitStatus};
pub use fault::{FaultNews, FaultRecord, Seen, Sighting};
pub use file::AnyRecord;
pub use gate::{GateRecord, GateUnit, GateVerdict};
pub use host::HostRecord;
pub use load::LoadRecord;
pub use load_event::{LoadEvent, LoadEventLine, LoadReporter};
pub use part::{MergedRecord, PartRecord};
pub use run::{ChecksAsOf, Record};
pub use target::{ServerRecord, TargetRecord};
pub use verdict::{Counts, Level, Verdict};
