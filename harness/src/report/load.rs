//! Reports of a load run: its folder, what is shown while it goes, and what is shown at its end.

pub mod compare;
pub mod csv;
mod events;
mod folder;
pub mod gates;
pub mod html;
mod interval_log;
pub mod junit;
mod live;
pub mod markdown;
mod metrics;
mod part_file;
mod progress;
mod rows;
mod table;
mod verify;

pub use folder::LoadFolder;
pub use interval_log::IntervalLog;
pub use live::LivePanel;
pub use metrics::{MEDIA_TYPE, Metrics, MetricsPage};
pub use part_file::PartFile;
pub use progress::LoadProgress;
pub use table::table;
