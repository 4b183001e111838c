//! Clusters as people have them, given by address: nodes that are dead or half known, malformed replies, restricted
//! users, old servers, and low limits. The name of a test says which case of the list it covers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod changes;
mod crashes;
mod damage;
mod degraded_cluster;
mod entry;
mod foreign_keys;
mod limits;
mod malformed;
mod open_slots;
mod own_settings;
mod proxy;
mod restricted;
#[path = "../support/servers.rs"]
mod servers;
mod stock;
#[path = "../support/suites.rs"]
mod suites;
#[path = "../rct/support.rs"]
#[expect(dead_code, reason = "the tests of the binary use the rest")]
mod support;
mod vanishing;
