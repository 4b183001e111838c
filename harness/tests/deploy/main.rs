//! The files of `deploy/`: Kubernetes accepts them, and the stack runs on Docker Swarm.
//!
//! `script/test full` runs these tests. They need an engine, a server, or a Python package.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod kubernetes;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../rct/support.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
mod swarm;
