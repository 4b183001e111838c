//! A cluster that is right in all but one named way: a proxy in front of real nodes that passes everything through byte
//! for byte, but for one defect, so that the checks can be seen to fail.
//!
//! It knows nothing of checks but their ids, which a defect names.

pub mod catalogue;
pub mod defect;
pub mod edit;
mod line;
mod pending;
pub mod proxy;
pub mod request;
pub mod scene;

pub use catalogue::{all, find};
pub use defect::{Defect, Instead, Lie};
pub use proxy::{Mode, Proxy, ProxyError};
pub use request::Request;
pub use scene::Scene;
