//! The keys of a workload: spaces of numbered keys, the distributions that choose them, and the slot of each key.
//!
//! A key is a prefix and twelve digits, so all keys of a space have the same length. rct finds the slot of such a key
//! without hashing it. CRC16 is linear, so the slot is the exclusive or of one table entry per three digits.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};
use rand_distr::{Distribution as _, Normal, Zipf};
use wire::Slot;

use crate::share::Share;

/// How many digits the number of a key has.
const DIGITS: usize = 12;
/// The most keys of a space. It leaves room for the numbers of inserted keys.
pub const KEYS_MAX: u64 = 1_000_000_000;
/// The most keys of a group: four digits number them.
pub const GROUP_MAX: u64 = 10_000;
/// How many keys are searched for those of the hot slot.
const HOT_SEARCHED: u64 = 4_000_000;

/// How the next key is chosen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Distribution {
    /// Every key is as likely as any other.
    Uniform,
    /// One key after the other, and from the first key again after the last. The workers take turns.
    Sequential,
    /// The n-th key is chosen in proportion to 1 / n^exponent.
    Zipf {
        /// The exponent, above 0; YCSB's is 0.99.
        exponent: f64,
    },
    /// A normal distribution around the middle key.
    Gaussian {
        /// The standard deviation as a share of all keys, above 0.
        deviation: f64,
    },
    /// As [`Distribution::Zipf`], counted back from the key that was inserted last.
    Latest {
        /// The exponent, above 0.
        exponent: f64,
    },
    /// A share of the operations uses the keys of one slot, and the rest uses any key.
    HotSlot {
        /// The share, from 0 to 1.
        share: f64,
    },
}

/// A space of numbered keys.
#[derive(Clone, PartialEq, Debug)]
pub struct KeySpace {
    /// The name that templates use.
    pub name: String,
    /// The prefix of every key, without braces.
    pub prefix: String,
    /// How many keys there are, 1 to [`KEYS_MAX`].
    pub count: u64,
    /// How many keys share a hash tag, and so a slot; 1 for keys without a tag.
    pub group: u64,
    /// How operations choose keys.
    pub distribution: Distribution,
    /// The generator whose keys these are, if several share the space.
    pub share: Share,
    /// Whether all operations keep to the range of the generator, and not only those that take keys in order.
    pub keeps_to_range: bool,
}

/// Chooses and writes the keys of a space for one worker.
#[derive(Debug)]
pub struct Keys {
    space: KeySpace,
    slots: SlotTable,
    sampler: Sampler,
    /// The first key that this worker may choose.
    first: u64,
    /// How many keys it may choose from, beside those that it inserts.
    count: u64,
    /// How many keys this worker has inserted after those of the space.
    inserted: u64,
    worker: u64,
    workers: u64,
}

#[derive(Debug)]
enum Sampler {
    Uniform,
    Sequential { next: u64 },
    Zipf(Zipf<f64>),
    Gaussian(Normal<f64>),
    Latest(Zipf<f64>),
    HotSlot { keys: Vec<u64>, share: f64 },
}

impl Keys {
    /// Prepares the keys for worker `worker` of `workers`. The sequences and insertions of the workers do not overlap,
    /// neither within a generator nor between generators.
    #[must_use]
    pub fn new(space: &KeySpace, worker: u64, workers: u64) -> Self {
        let slots = SlotTable::new(if space.group > 1 { "" } else { &space.prefix });
        let range = match space.keeps_to_range || space.distribution == Distribution::Sequential {
            true => space.share.range(space.count),
            false => 0..space.count,
        };
        let (first, count) = (range.start, range.end - range.start);
        let (space, sampler) = (space.clone(), Sampler::Uniform);
        let mut keys = Self { space, slots, sampler, first, count, inserted: 0, worker, workers };
        keys.sampler = keys.sampler_of(keys.space.distribution);
        keys
    }

    fn sampler_of(&self, distribution: Distribution) -> Sampler {
        let count = self.count as f64;
        match distribution {
            Distribution::Uniform => Sampler::Uniform,
            Distribution::Sequential => Sampler::Sequential { next: self.worker % self.count.max(1) },
            Distribution::Zipf { exponent } => Zipf::new(count, exponent).map_or(Sampler::Uniform, Sampler::Zipf),
            Distribution::Latest { exponent } => Zipf::new(count, exponent).map_or(Sampler::Uniform, Sampler::Latest),
            Distribution::Gaussian { deviation } => {
                Normal::new(count / 2.0, count * deviation).map_or(Sampler::Uniform, Sampler::Gaussian)
            }
            Distribution::HotSlot { share } => {
                let hot = self.slot(0);
                let searched = 0..self.count.min(HOT_SEARCHED);
                let keys: Vec<u64> = searched.filter(|&key| self.slot(self.first + key) == hot).collect();
                if keys.is_empty() { Sampler::Uniform } else { Sampler::HotSlot { keys, share } }
            }
        }
    }

    /// Chooses a key.
    #[inline]
    pub fn choose(&mut self, rng: &mut SmallRng) -> u64 {
        let count = self.count;
        let place = match &mut self.sampler {
            Sampler::Uniform => below(rng, count),
            Sampler::Sequential { next } => {
                let key = *next;
                *next = if count - key > self.workers { key + self.workers } else { self.worker % count };
                key
            }
            // The distribution returns a number from 1 to the count.
            Sampler::Zipf(zipf) => (zipf.sample(rng) as u64).clamp(1, count) - 1,
            Sampler::Gaussian(normal) => (normal.sample(rng).max(0.0) as u64).min(count - 1),
            Sampler::HotSlot { keys, share } if rng.random::<f64>() < *share => {
                keys[below(rng, keys.len() as u64) as usize]
            }
            Sampler::HotSlot { .. } => below(rng, count),
            Sampler::Latest(zipf) => {
                let age = (zipf.sample(rng) as u64).clamp(1, count) - 1;
                match self.inserted.checked_sub(age + 1) {
                    Some(own) => return self.inserted_key(own),
                    None => count - 1 - (age - self.inserted),
                }
            }
        };
        self.first + place
    }

    /// Adds a key after all others and returns it.
    pub fn insert(&mut self) -> u64 {
        self.inserted += 1;
        self.inserted_key(self.inserted - 1)
    }

    /// The slot of a key.
    #[inline]
    #[must_use]
    pub fn slot(&self, key: u64) -> Slot {
        self.slots.slot(if self.space.group > 1 { key / self.space.group } else { key })
    }

    /// The length of every key, in bytes.
    #[must_use]
    pub fn length(space: &KeySpace) -> usize {
        space.prefix.len() + DIGITS + if space.group > 1 { "{}:0000".len() } else { 0 }
    }

    /// Writes a key, or the key that is `further` places after it in its group.
    pub fn write(&self, key: u64, further: u32, out: &mut Vec<u8>) {
        out.reserve(self.space.prefix.len() + 2 * DIGITS);
        out.extend_from_slice(self.space.prefix.as_bytes());
        if self.space.group == 1 {
            out.extend_from_slice(&digits(key));
            return;
        }
        let member = (key % self.space.group + u64::from(further)) % self.space.group;
        out.push(b'{');
        out.extend_from_slice(&digits(key / self.space.group));
        out.extend_from_slice(b"}:");
        out.extend_from_slice(&digits(member)[DIGITS - 4..]);
    }

    fn inserted_key(&self, number: u64) -> u64 {
        self.space.count + self.space.share.in_turn(number * self.workers + self.worker)
    }
}

/// A random number below `count`. The bias is below 2^-32 for all allowed counts.
fn below(rng: &mut SmallRng, count: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(count)) >> 64) as u64
}

/// The decimal digits of a number below 10^12, with leading zeros.
fn digits(number: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for (group, value) in groups(number).into_iter().enumerate() {
        digits[group * 3..group * 3 + 3].copy_from_slice(&THREE[value]);
    }
    digits
}

/// The three digits of each number below 1000.
static THREE: [[u8; 3]; 1000] = {
    let mut three = [[b'0'; 3]; 1000];
    let mut value = 0;
    while value < three.len() {
        three[value] = [b'0' + (value / 100) as u8, b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    three
};

/// The number as four groups of three digits, the highest group first.
fn groups(number: u64) -> [usize; 4] {
    let (high, low) = ((number / 1_000_000) as u32, (number % 1_000_000) as u32);
    [high / 1000 % 1000, high % 1000, low / 1000, low % 1000].map(|group| group as usize)
}

/// A table that gives the slot of a prefix and twelve digits: the slot of twelve zeros, and what each group changes.
struct SlotTable {
    zero: u16,
    added: Box<[[u16; 1000]; 4]>,
}

impl SlotTable {
    fn new(prefix: &str) -> Self {
        let slot = |number: u64| {
            let mut key = prefix.as_bytes().to_vec();
            key.extend_from_slice(&digits(number));
            Slot::of(&key).number()
        };
        let zero = slot(0);
        let mut added = Box::new([[0; 1000]; 4]);
        for (group, scale) in [1_000_000_000, 1_000_000, 1000, 1].into_iter().enumerate() {
            for (value, entry) in added[group].iter_mut().enumerate() {
                *entry = slot(value as u64 * scale) ^ zero;
            }
        }
        Self { zero, added }
    }

    fn slot(&self, number: u64) -> Slot {
        let [a, b, c, d] = groups(number);
        let slot = self.zero ^ self.added[0][a] ^ self.added[1][b] ^ self.added[2][c] ^ self.added[3][d];
        // All parts are below 16384, which is a power of two, so their exclusive or is too.
        Slot::new(slot).unwrap_or(Slot::MAX)
    }
}

impl std::fmt::Debug for SlotTable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SlotTable").field("zero", &self.zero).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn space(count: u64, group: u64, distribution: Distribution) -> KeySpace {
        KeySpace {
            name: "key".to_owned(),
            prefix: "key:".to_owned(),
            count,
            group,
            distribution,
            share: Share::WHOLE,
            keeps_to_range: false,
        }
    }

    fn text(keys: &Keys, key: u64, further: u32) -> String {
        let mut out = Vec::new();
        keys.write(key, further, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn counts(distribution: Distribution, count: u64, draws: usize) -> Vec<u32> {
        let mut keys = Keys::new(&space(count, 1, distribution), 0, 1);
        let mut rng = SmallRng::seed_from_u64(7);
        let mut counts = vec![0; count as usize];
        (0..draws).for_each(|_| counts[keys.choose(&mut rng) as usize] += 1);
        counts
    }

    #[test]
    fn the_table_agrees_with_the_oracle() {
        for group in [1, 10] {
            let keys = Keys::new(&space(KEYS_MAX, group, Distribution::Uniform), 0, 1);
            for number in (0..KEYS_MAX).step_by(9_999_991).chain([0, 1, 999, 1000, 999_999_999]) {
                let key = text(&keys, number, 0);
                assert_eq!(keys.slot(number), Slot::of(&key), "{key}");
                assert_eq!(key.len(), Keys::length(&keys.space));
            }
        }
    }

    #[test]
    fn the_keys_of_a_group_share_a_slot_and_differ() {
        let keys = Keys::new(&space(1000, 10, Distribution::Uniform), 0, 1);
        assert_eq!(text(&keys, 25, 0), "key:{000000000002}:0005");
        assert_eq!(text(&keys, 25, 6), "key:{000000000002}:0001");
        assert_eq!(Slot::of(text(&keys, 25, 0)), Slot::of(text(&keys, 25, 6)));
    }

    #[test]
    fn workers_share_a_sequence_without_overlap() {
        let mut seen = vec![0; 103];
        for worker in 0..4 {
            let mut keys = Keys::new(&space(103, 1, Distribution::Sequential), worker, 4);
            let mut rng = SmallRng::seed_from_u64(1);
            (0..(103 - worker).div_ceil(4)).for_each(|_| seen[keys.choose(&mut rng) as usize] += 1);
        }
        assert_eq!(seen, vec![1; 103]);
    }

    #[test]
    fn generators_share_a_space_without_overlap() {
        let parts = 3;
        let of_part = |number, distribution, keeps_to_range| {
            let share = Share::new(number, parts).unwrap();
            Keys::new(&KeySpace { share, keeps_to_range, ..space(104, 1, distribution) }, 0, 1)
        };
        let mut rng = SmallRng::seed_from_u64(1);
        let (mut seen, mut inserted) = (vec![0; 104], Vec::new());
        for number in 1..=parts {
            let own = Share::new(number, parts).unwrap().range(104);
            let mut keys = of_part(number, Distribution::Sequential, false);
            (0..own.end - own.start).for_each(|_| seen[keys.choose(&mut rng) as usize] += 1);
            inserted.extend([keys.insert(), keys.insert()]);
            for distribution in [
                Distribution::Uniform,
                Distribution::Zipf { exponent: 0.99 },
                Distribution::HotSlot { share: 0.9 },
                Distribution::Gaussian { deviation: 0.5 },
            ] {
                let mut keys = of_part(number, distribution, true);
                assert!((0..1_000).all(|_| own.contains(&keys.choose(&mut rng))), "{distribution:?}");
                let mut keys = of_part(number, distribution, false);
                assert!((0..1_000).any(|_| !own.contains(&keys.choose(&mut rng))), "{distribution:?}");
            }
        }
        assert_eq!(seen, vec![1; 104]);
        inserted.sort_unstable();
        assert_eq!(inserted, (104..110).collect::<Vec<_>>());
    }

    #[test]
    fn distributions_have_their_shapes() {
        let uniform = counts(Distribution::Uniform, 10, 100_000);
        assert!(uniform.iter().all(|&count| (9_500..10_500).contains(&count)), "{uniform:?}");
        let zipf = counts(Distribution::Zipf { exponent: 0.99 }, 1000, 100_000);
        let ratio = f64::from(zipf[0]) / f64::from(zipf[9]);
        assert!((8.0..12.0).contains(&ratio), "the tenth key is chosen 1/{ratio} as often as the first");
        let gaussian = counts(Distribution::Gaussian { deviation: 0.1 }, 1000, 100_000);
        let near: u32 = gaussian[400..600].iter().sum();
        assert!((67_000..69_500).contains(&near), "{near} within one deviation");
        let hot = counts(Distribution::HotSlot { share: 0.9 }, 100_000, 100_000);
        let keys = Keys::new(&space(100_000, 1, Distribution::Uniform), 0, 1);
        let on_slot: u32 =
            (0..100_000).filter(|&key| keys.slot(key) == keys.slot(0)).map(|key| hot[key as usize]).sum();
        assert!((89_000..91_000).contains(&on_slot), "{on_slot} on the hot slot");
    }

    #[test]
    fn latest_follows_insertions() {
        let mut keys = Keys::new(&space(100, 1, Distribution::Latest { exponent: 5.0 }), 1, 2);
        let mut rng = SmallRng::seed_from_u64(3);
        let often = |keys: &mut Keys, rng: &mut SmallRng, key| (0..100).filter(|_| keys.choose(rng) == key).count();
        assert!(often(&mut keys, &mut rng, 99) > 80);
        assert_eq!((keys.insert(), keys.insert()), (101, 103));
        assert!(often(&mut keys, &mut rng, 103) > 80);
    }
}
