//! The hash function: its range, the bytes that it hashes, and how it spreads keys over the slots.

use wire::{Command, Slot, command};

use super::keyslot::{keyslot, slot_of};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("slots/sixteen-thousand-and-no-more")
        .title("Commands accept the slots 0 to 16383 and refuse other numbers, and no view lists other slots")
        .must("key-distribution-model")
        .covers(&["slots.count-16384"])
        .body(|cluster| Box::pin(sixteen_thousand_and_no_more(cluster))),
    check("slots/binary-keys")
        .title("A key may contain any bytes, and all of them are hashed")
        .must("key-distribution-model")
        .covers(&["slots.binary-key"])
        .body(|cluster| Box::pin(binary_keys(cluster))),
    check("slots/long-keys")
        .title("A long key or hash tag is hashed to its last byte, however late the tag starts")
        .must("key-distribution-model")
        .covers(&["slots.long-key"])
        .body(|cluster| Box::pin(long_keys(cluster))),
    check("slots/every-slot-has-keys")
        .title("Each of the 16384 slots has a key of at most four letters and digits")
        .must("key-distribution-model")
        .covers(&["slots.all-16384-reachable"])
        .body(|cluster| Box::pin(every_slot_has_keys(cluster))),
    check("slots/evenly-filled")
        .title("Random keys spread evenly over the slots")
        .should("key-distribution-model")
        .covers(&["slots.uniform"])
        .body(|cluster| Box::pin(evenly_filled(cluster))),
];

async fn sixteen_thousand_and_no_more(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let count = |slot: &str| command!["CLUSTER", "COUNTKEYSINSLOT", slot];
    let list = |slot: &str| command!["CLUSTER", "GETKEYSINSLOT", slot, "1"];
    let mut sent = Vec::new();
    for slot in ["0", "16383"] {
        sent.push((count(slot), Expect::Kind(Kind::Integer)));
        sent.push((list(slot), Expect::Kind(Kind::Array)));
    }
    for slot in ["-1", "16384", "65536"] {
        sent.push((count(slot), Expect::error("ERR")));
        sent.push((list(slot), Expect::error("ERR")));
    }
    cluster.expect_all(&node, &sent).await?;
    for node in cluster.visited() {
        // Parsing a view gives a mismatch if it contains a number above 16383.
        cluster.view_of(&node).await?;
        cluster.slots_view(&node).await?;
        if cluster.has_shards().await? {
            cluster.shards_view(&node).await?;
        }
    }
    Ok(())
}

async fn binary_keys(cluster: &Cluster) -> Outcome {
    let every_byte: Vec<u8> = (0..=255).collect();
    let vectors: [(&[u8], i64); 7] = [
        (b"\x00", 0),
        (b"\xff", 7_920),
        (b"\xff\xfe\xfd", 287),
        (b"a\x00b", 8_383),
        (b"\r\n", 5_910),
        (b"\x80", 4_488),
        (&every_byte, 16_155),
    ];
    let sent = vectors.map(|(key, slot)| (keyslot(key), Expect::Integer(slot)));
    cluster.expect_all(&cluster.some_primary()?, &sent).await?;
    Ok(())
}

async fn long_keys(cluster: &Cluster) -> Outcome {
    let mut sent = vec![(keyslot(&[b'A'; 1_024]), Expect::Integer(377))];
    for length in [255, 256, 4_095, 65_536] {
        for last in [b'x', b'y'] {
            let mut key = vec![b'A'; length];
            key.push(last);
            let (long_tag, late_tag) = ([b"{", &key[..], b"}x"].concat(), [&key[..], b"{tag}"].concat());
            for key in [key, long_tag, late_tag] {
                sent.push((keyslot(&key), slot_of(&key)));
            }
        }
    }
    cluster.expect_all(&cluster.some_primary()?, &sent).await?;
    Ok(())
}

async fn every_slot_has_keys(cluster: &Cluster) -> Outcome {
    let sent: Vec<(Command, Expect)> =
        Slot::all().map(|slot| (keyslot(slot.tag(0).as_bytes()), Expect::Integer(slot.number().into()))).collect();
    cluster.expect_all(&cluster.some_primary()?, &sent).await?;
    Ok(())
}

/// The number of random keys in the sample.
const SAMPLE: usize = 8_192;
/// The number of equal parts of the slot range in which the keys are counted.
const PARTS: usize = 64;
/// The limit of chi-square over 64 parts; by chance, only one sample in 10^10 exceeds it.
const CHI_SQUARE: u64 = 170;

async fn evenly_filled(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let sent: Vec<(Command, Expect)> =
        (0..SAMPLE).map(|_| (keyslot(&cluster.random_bytes(16)), Expect::Kind(Kind::Integer))).collect();
    let replies = cluster.expect_all(&node, &sent).await?;
    let slots = replies.iter().filter_map(|reply| u16::try_from(reply.integer()?).ok().and_then(Slot::new));
    let found = chi_square(slots.map(Slot::number));
    ensure!(
        found < CHI_SQUARE,
        format!("chi-square below {CHI_SQUARE} over {PARTS} parts of the slots for {SAMPLE} random keys"),
        "a chi-square of {found}"
    );
    Ok(())
}

/// Chi-square of the number of slots in each part: about 63, the number of parts less one, for random slots.
fn chi_square(slots: impl Iterator<Item = u16>) -> u64 {
    let mut counts = [0.0_f64; PARTS];
    slots.for_each(|slot| counts[usize::from(slot) * PARTS / usize::from(wire::SLOT_COUNT)] += 1.0);
    let even = counts.iter().sum::<f64>().max(1.0) / PARTS as f64;
    counts.iter().map(|count| (count - even).powi(2) / even).sum::<f64>().round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_random_keys_fill_the_slots_evenly() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let slots = (0..250_000).map(|_| Slot::of(random.random::<[u8; 8]>()).number());
        let found = chi_square(slots);
        assert!(found < CHI_SQUARE, "{found}");
    }

    #[test]
    fn chi_square_finds_slots_that_are_never_used() {
        assert!(chi_square((0..16_384).map(|number| number % 8_192)) > CHI_SQUARE);
        assert!(chi_square(0..16_384) == 0);
    }
}
