//! Puts together what several generators verified. Each one verified its own range of the keys, so counts add up.

use super::reads::EXAMPLES_MAX;
use super::report::{ReadBackReport, ReadReport, ReplicaReport, ShardReport, VerifyReport, age_us};
use crate::recorder::{add, times};

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
        self.primaries.add(&more.primaries);
        self.replicas.add(&more.replicas);
        self.examples.extend(more.examples);
        self.examples.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
        self.examples.truncate(EXAMPLES_MAX);
        self.read_back = self.read_back.take().zip(more.read_back).map(|(own, more)| own.with(more));
    }
}

impl ReadReport {
    fn add(&mut self, more: &Self) {
        self.checked += more.checked;
        self.stale += more.stale;
        self.missing += more.missing;
        self.wrong_key += more.wrong_key;
        self.corrupt += more.corrupt;
        self.never_sent += more.never_sent;
        if let Some(ages) = &more.ages {
            add(self.ages.get_or_insert_with(|| Box::new(times())), ages);
        }
        self.stale_age_us = age_us(self.ages.as_deref());
    }
}

impl ReadBackReport {
    fn with(mut self, more: Self) -> Self {
        self.keys += more.keys;
        self.duration_s = self.duration_s.max(more.duration_s);
        // Only the generator that performed the events knows which of them lost a key.
        self.lost_by_event.clear();
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
    use super::*;

    fn part(address: &str, lost: Option<u64>) -> VerifyReport {
        let mut ages = times();
        ages.saturating_record(2_000_000);
        let shard = ShardReport { address: address.to_owned(), keys: 10, lost: 1, ..ShardReport::default() };
        let read_back = ReadBackReport { keys: 10, shards: vec![shard], ..ReadBackReport::default() };
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
        assert_eq!(sum.primaries.ages.as_ref().map(|ages| ages.len()), Some(3));
        assert!(sum.primaries.stale_age_us.as_ref().is_some_and(|age| age.p50 >= 2_000.0));
        sum.add(part("b:2", None));
        assert!(sum.lost.is_none() && sum.read_back.is_none(), "one generator did not read its keys back");
    }
}
