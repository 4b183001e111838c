//! The source of a worker's operations. It has a seed, so that a run can be repeated.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::compiled::Workload;
use super::values::Values;
use crate::keys::Keys;
use crate::operation::Operation;

/// Draws operations and writes them.
#[derive(Debug)]
pub struct Generator {
    workload: Arc<Workload>,
    keys: Vec<Keys>,
    values: Values,
    rng: SmallRng,
    weights: u64,
    is_sequential: bool,
}

impl Generator {
    /// Makes the source of worker `worker` of `workers`. Each worker draws other operations.
    #[must_use]
    pub fn new(workload: Arc<Workload>, seed: u64, worker: usize, workers: usize) -> Self {
        let keys = workload.spaces.iter().map(|space| Keys::new(space, worker as u64, workers as u64)).collect();
        let values = Values::new(workload.values.clone());
        let weights = workload.templates.iter().map(|template| u64::from(template.weight)).sum();
        // The generator mixes the seed, so that neighbouring seeds give unrelated sequences.
        let rng = SmallRng::seed_from_u64(seed.wrapping_add((worker as u64) << 32));
        let is_sequential = workload.is_sequential();
        Self { workload, keys, values, rng, weights, is_sequential }
    }

    /// The workload.
    #[must_use]
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Whether keys are chosen one after the other, so that no drawn operation may be left out.
    #[must_use]
    pub fn is_sequential(&self) -> bool {
        self.is_sequential
    }

    /// Draws the next operation, which is planned for `planned_ns`.
    #[inline]
    pub fn draw(&mut self, planned_ns: u64) -> Operation {
        let at = match self.workload.templates.len() {
            1 => 0,
            _ => self.pick(),
        };
        let template = &self.workload.templates[at];
        let keys = &mut self.keys[template.space];
        let key = if template.inserts { keys.insert() } else { keys.choose(&mut self.rng) };
        Operation {
            planned_ns,
            sent_ns: 0,
            key,
            seed: if template.is_random { self.rng.next_u64() } else { 0 },
            slot: keys.slot(key),
            template: at as u16,
            attempts: 0,
            replies: template.replies,
            asking: false,
            problem: None,
        }
    }

    /// Writes the key of an operation into `out`, which it empties first.
    #[inline]
    pub(crate) fn write_key(&self, space: usize, key: u64, out: &mut Vec<u8>) {
        out.clear();
        self.keys[space].write(key, 0, out);
    }

    /// Writes the commands of an operation, which follow from its template, key and seed.
    #[inline]
    pub fn write(&self, template: u16, key: u64, seed: u64, out: &mut Vec<u8>) {
        let template = &self.workload.templates[usize::from(template)];
        template.write(&self.keys[template.space], key, seed, &self.values, out);
    }

    fn pick(&mut self) -> usize {
        let mut at = self.rng.random_range(0..self.weights);
        for (index, template) in self.workload.templates.iter().enumerate() {
            match at.checked_sub(u64::from(template.weight)) {
                Some(rest) => at = rest,
                None => return index,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Distribution;
    use crate::workload::Sizes;

    fn generator(mix: &str, seed: u64, worker: usize) -> Generator {
        let workload = Workload::mix(mix, "rct:", 1000, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
        Generator::new(Arc::new(workload), seed, worker, 2)
    }

    fn draws(generator: &mut Generator, count: usize) -> Vec<Operation> {
        (0..count).map(|_| generator.draw(0)).collect()
    }

    #[test]
    fn a_seed_repeats_and_workers_differ() {
        let first = draws(&mut generator("GET:1", 5, 0), 50);
        assert_eq!(first, draws(&mut generator("GET:1", 5, 0), 50));
        assert_ne!(first, draws(&mut generator("GET:1", 6, 0), 50));
        assert_ne!(first, draws(&mut generator("GET:1", 5, 1), 50));
    }

    #[test]
    fn weights_are_kept() {
        let reads = draws(&mut generator("GET:9,SET:1", 1, 0), 10_000).iter().filter(|draw| draw.template == 0).count();
        assert!((8_850..9_150).contains(&reads), "{reads}");
    }

    #[test]
    fn an_operation_goes_to_the_slot_of_the_key_that_it_names() {
        let mut generator = generator("GET:1,MGET:1,HSET:1", 1, 0);
        for operation in draws(&mut generator, 100) {
            let mut out = Vec::new();
            generator.write(operation.template, operation.key, operation.seed, &mut out);
            let reply = wire::Reply::parse(out).unwrap();
            let words = wire::items_of(reply.value()).unwrap();
            let key = wire::bytes_of(&words[1]).unwrap();
            assert_eq!(wire::Slot::of(key), operation.slot);
        }
    }
}
