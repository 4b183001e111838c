//! The longest time without a good reply of each node, while operations waited for it.
//!
//! The worker looks at the counts now and then, so that a reply costs nothing. The times are as exact as the distance
//! between two looks.

/// The silences of all nodes.
#[derive(Default)]
pub(super) struct Silences(Vec<Silence>);

#[derive(Clone, Copy, Default)]
struct Silence {
    /// The good replies of this interval at the last look.
    replies: u64,
    since_ns: u64,
    longest_ns: u64,
}

impl Silences {
    /// Adds a node; its number is the count of those before.
    pub(super) fn add_node(&mut self) {
        self.0.push(Silence::default());
    }

    /// Looks at the good replies of a node since the interval began; `is_waiting` says whether operations wait for it.
    pub(super) fn look(&mut self, node: usize, replies: u64, now_ns: u64, is_waiting: impl FnOnce() -> bool) {
        let silence = &mut self.0[node];
        if silence.replies == replies && is_waiting() {
            silence.longest_ns = silence.longest_ns.max(now_ns.saturating_sub(silence.since_ns));
        } else {
            *silence = Silence { replies, since_ns: now_ns, ..*silence };
        }
    }

    /// Ends the interval, after which the good replies of a node count from zero; gives the longest silence so far.
    pub(super) fn turn(&mut self, node: usize, replies: u64, now_ns: u64) -> u64 {
        let silence = &mut self.0[node];
        if silence.replies != replies {
            silence.since_ns = now_ns;
        }
        silence.replies = 0;
        silence.longest_ns
    }

    /// Forgets all silences up to an instant.
    pub(super) fn restart(&mut self, now_ns: u64) {
        self.0.fill(Silence { since_ns: now_ns, ..Silence::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_in_which_operations_wait_is_silence() {
        let mut silences = Silences::default();
        silences.add_node();
        silences.restart(100);
        silences.look(0, 5, 200, || true);
        silences.look(0, 5, 300, || true);
        assert_eq!(silences.turn(0, 5, 350), 100);
        silences.look(0, 0, 400, || true);
        assert_eq!(silences.turn(0, 0, 450), 200, "a silence goes on over the end of an interval");
        silences.look(0, 0, 500, || false);
        silences.look(0, 0, 600, || true);
        assert_eq!(silences.turn(0, 3, 700), 200);
        silences.restart(800);
        assert_eq!(silences.turn(0, 0, 900), 0);
    }
}
