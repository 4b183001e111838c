//! Puts together what several generators verified. Each one verified its own range of the keys, so counts add up.

use super::reads::EXAMPLES_MAX;
use super::report::{ReadBackReport, ReplicaReport, ShardReport, VerifyReport};

impl VerifyReport {
    /// Adds what another generator verified.
    pub(crate) fn add(&mut self, more: Self) {
        for space in more.spaces {
            if !self.spaces.contains(&space) {
                self.spaces.push(space);
            }
        }
        self.not_verified.extend(more.not_verified);
        self.acknowledged += more.acknowledged;
        self.in_doubt += more.in_doubt;
        // Without one of them nobody knows how many are lost.
        self.lost = self.lost.zip(more.lost).map(|(own, more)| own + more);
        self.stale += more.stale;
        self.corrupt += more.corrupt;
        for (own, more) in [(&mut self.primaries, &more.primaries), (&mut self.replicas, &more.replicas)] {
            own.add(more);
            own.describe_ages();
        }
        self.examples.extend(more.examples);
        self.examples.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        self.examples.truncate(EXAMPLES_MAX);
        self.read_back = self.read_back.take().zip(more.read_back).map(|(own, more)| own.with(more));
    }
}

impl ReadBackReport {
    fn with(mut self, more: Self) -> Self {
        self.keys += more.keys;
        self.duration_s = self.duration_s.max(more.duration_s);
        // Only the generator that performed the events knows when they were; `crate::blame` counts anew.
        self.lost_by_event.clear();
        self.lost_at.extend(more.lost_at);
        for shard in more.shards {
            match self.shards.iter_mut().find(|own| own.address == shard.address) {
                Some(own) => own.add(&shard),
                None => self.shards.push(shard),
            }
        }
        for replica in more.replicas {
            match self.replicas.iter_mut().find(|own| own.address == replica.address) {
                Some(own) => own.add(&replica),
                None => self.replicas.push(replica),
            }
        }
        self
    }
}

impl ShardReport {
    fn add(&mut self, more: &Self) {
        self.keys += more.keys;
        self.lost += more.lost;
        self.corrupt += more.corrupt;
        self.absent += more.absent;
        self.unread += more.unread;
        self.in_doubt_applied += more.in_doubt_applied;
        self.in_doubt_not_applied += more.in_doubt_not_applied;
        self.in_doubt_unknown += more.in_doubt_unknown;
    }
}

impl ReplicaReport {
    fn add(&mut self, more: &Self) {
        self.keys += more.keys;
        self.stale += more.stale;
        self.corrupt += more.corrupt;
        self.unread += more.unread;
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{LostAt, LostReport, ReadReport};
    use super::*;
    use crate::recorder::times;

    fn part(address: &str, lost: Option<u64>) -> VerifyReport {
        let mut ages = times();
        ages.saturating_record(2_000_000);
        let shard = ShardReport { address: address.to_owned(), keys: 10, lost: 1, ..ShardReport::default() };
        let lost_at = vec![LostAt { slot: 7, acknowledged_ms: 1_500, lost: 1 }];
        let lost_by_event = vec![LostReport { shard: Some(1), event: Some(1), lost: 1 }];
        let shards = vec![shard];
        let read_back = ReadBackReport { keys: 10, shards, lost_at, lost_by_event, ..ReadBackReport::default() };
        let primaries = ReadReport { checked: 5, stale: 1, ages: Some(Box::new(ages)), ..ReadReport::default() };
        VerifyReport {
            spaces: vec!["key".to_owned()],
            acknowledged: 100,
            lost,
            primaries,
            read_back: lost.map(|_| read_back),
            ..VerifyReport::default()
        }
    }

    #[test]
    fn what_generators_verified_adds_up() {
        let mut sum = part("a:1", Some(1));
        sum.add(part("a:1", Some(1)));
        sum.add(part("b:2", Some(3)));
        assert_eq!((sum.acknowledged, sum.lost, sum.spaces.len(), sum.primaries.checked), (300, Some(5), 1, 15));
        let read_back = sum.read_back.as_ref().unwrap();
        let shards: Vec<_> = read_back.shards.iter().map(|shard| (&*shard.address, shard.keys, shard.lost)).collect();
        assert_eq!((read_back.keys, shards), (30, vec![("a:1", 20, 2), ("b:2", 10, 1)]));
        assert_eq!(read_back.lost_at.iter().map(|at| at.lost).sum::<u64>(), 3);
        assert!(read_back.lost_by_event.is_empty(), "it is counted anew from the events of the run");
        assert_eq!(sum.primaries.ages.as_ref().map(|ages| ages.len()), Some(3));
        assert!(sum.primaries.stale_age_us.as_ref().is_some_and(|age| age.p50 >= 2_000.0));
        sum.add(part("b:2", None));
        assert!(sum.lost.is_none() && sum.read_back.is_none(), "one generator did not read its keys back");
    }
}
