//! The checks that no proxy can make fail, and why: a line each.

/// Ids and reasons.
pub(crate) const HONEST: &[(&str, &str)] = &[
    // Slots, keyslot and errors.

    // Moved and transactions.

    // Crossslot, readonly and scripting.

    // Topology and consistency.

    // Failover, replication and down.
];
