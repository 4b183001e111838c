//! A key whose value is wrong after a verified run.

/// A key whose value is wrong after the run.
#[derive(Clone, PartialEq, Debug)]
pub struct BadKey {
    /// The key.
    pub key: String,
    /// Its slot.
    pub slot: u16,
    /// The address of the node that has the wrong value.
    pub node: String,
    /// `lost`, `corrupt`, `wrong_key`, `never_sent`, or `stale` on a replica.
    pub what: &'static str,
    /// The lowest counter that would be up to date, of lost and stale keys.
    pub expected: Option<u32>,
    /// The counter in the value; `None` without a value or counter.
    pub found: Option<u32>,
    /// When the newest lost write was acknowledged, in seconds from the start of the load; below 0 for the preload.
    pub acknowledged_s: Option<f64>,
}

impl BadKey {
    /// Of a lost key, the millisecond in which its newest lost write was acknowledged.
    #[must_use]
    pub fn lost_ms(&self) -> Option<i64> {
        // The ledger has units of 0.1 ms.
        let units = |at_s: f64| (at_s * 1e4).round() as i64;
        self.acknowledged_s.filter(|_| self.what == "lost").map(|at_s| units(at_s).div_euclid(10))
    }
}
