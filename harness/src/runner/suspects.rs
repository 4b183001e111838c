//! Checks that shared a cluster of which a server crashed: each runs again alone, to find the one that crashes it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use suites::{Crash, Mismatch};

/// The crashes of shared clusters that no check is known to cause yet.
#[derive(Default)]
pub struct Suspects {
    groups: RefCell<Vec<Group>>,
}

struct Group {
    crash: Crash,
    /// All checks that ran at the moment of the crash.
    all: Vec<String>,
    /// Those that have not run alone yet.
    left: BTreeSet<String>,
    is_found: bool,
}

impl Suspects {
    /// Adds the checks that ran when a server crashed.
    pub fn add(&self, crash: Crash, checks: &[&str]) {
        let all: Vec<String> = checks.iter().map(|id| (*id).to_owned()).collect();
        let left = all.iter().cloned().collect();
        self.groups.borrow_mut().push(Group { crash, all, left, is_found: false });
    }

    /// Notes that a check has run alone.
    ///
    /// Returns the evidence of the crash if the check was the last one of those that ran at that moment, and none of
    /// them crashed a server alone: somebody must tell of the crash.
    pub fn ran_alone(&self, id: &str, has_crashed: bool) -> Option<Mismatch> {
        let mut groups = self.groups.borrow_mut();
        let at = groups.iter().position(|group| group.left.contains(id))?;
        let group = &mut groups[at];
        group.left.remove(id);
        group.is_found |= has_crashed;
        if !group.left.is_empty() {
            return None;
        }
        let group = groups.remove(at);
        let mut mismatch = group.crash.mismatch();
        let told =
            format!("it crashed while these checks ran: {}; none of them crashes it alone", group.all.join(", "));
        mismatch.note = Some(mismatch.note.map_or(told.clone(), |note| format!("{told}; {note}")));
        (!group.is_found).then_some(mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Address;

    fn suspects() -> Suspects {
        let suspects = Suspects::default();
        let crash = Crash { node: Address::new("h", 1), how: "it ended by signal 11".to_owned(), log: None };
        suspects.add(crash, &["a/one", "a/two"]);
        suspects
    }

    #[test]
    fn the_last_check_tells_of_a_crash_that_does_not_come_back() {
        let suspects = suspects();
        assert_eq!(suspects.ran_alone("a/other", true), None);
        assert_eq!(suspects.ran_alone("a/two", false), None);
        let mismatch = suspects.ran_alone("a/one", false).unwrap();
        assert!(mismatch.received.starts_with("the server crashed: it ended by signal 11"));
        assert!(mismatch.note.unwrap().contains("a/one, a/two; none of them"));
        assert_eq!(suspects.ran_alone("a/one", false), None);
    }

    #[test]
    fn a_check_that_crashes_a_server_alone_clears_the_others() {
        let suspects = suspects();
        assert_eq!(suspects.ran_alone("a/one", true), None);
        assert_eq!(suspects.ran_alone("a/two", false), None);
    }
}
