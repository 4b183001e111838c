//! Bytes, slots and topology of Redis Cluster: what a client sees on the wire.
//!
//! This crate knows nothing of checks, processes or load; those live in the crates that depend on it.

pub mod slot;
