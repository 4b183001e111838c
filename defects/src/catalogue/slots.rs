//! CLUSTER KEYSLOT computes another slot than the key's.

use crc::{CRC_16_XMODEM, Crc};
use wire::SLOT_COUNT;

use crate::defect::{Defect, Instead, Lie};
use crate::edit::integer;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[Defect {
    name: "keyslot-ignores-hash-tags",
    sentence: "CLUSTER KEYSLOT hashes the whole key, hash tag or not",
    fails: &["slots/*"],
    lie: Lie::Reply(|_, request, reply| {
        reply.integer()?;
        request.is("CLUSTER KEYSLOT").then(|| Instead::Say(integer(whole(request.word(2)))))
    }),
}];

/// The slot of all bytes of a key.
fn whole(key: &[u8]) -> i64 {
    i64::from(Crc::<u16>::new(&CRC_16_XMODEM).checksum(key) % SLOT_COUNT)
}
