//! A cluster that is right in all ways but one, so that checks can be seen to fail.
//!
//! A proxy stands before real nodes and passes everything through byte for byte, except for one [`Defect`]. The
//! catalogue has all defects, and [`Matrix`] says which checks fail because of each. This crate knows checks only by
//! their ids.

pub mod catalogue;
mod connection;
pub mod defect;
pub mod edit;
pub mod load;
pub mod matrix;
mod pending;
pub mod proxy;
pub mod request;
pub mod scene;

pub use catalogue::{all, find};
pub use defect::{Defect, Replacement, Tampering};
pub use matrix::{Matrix, MatrixError};
pub use proxy::{Listening, Mode, Proxy, ProxyError};
pub use request::Request;
pub use scene::Scene;
