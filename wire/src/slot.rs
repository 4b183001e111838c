//! Slots, CRC16 and hash tags: which slot a key belongs to.
//!
//! rct judges servers by this rule, so the rule must come neither from a server nor from a client library.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crc::{CRC_16_XMODEM, Crc};

const CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The number of slots of a cluster (cluster specification, "Key distribution model").
pub const SLOT_COUNT: u16 = 16_384;

/// A hash slot, 0 to 16383.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(u16);

impl Slot {
    /// The first slot.
    pub const MIN: Slot = Slot(0);
    /// The last slot.
    pub const MAX: Slot = Slot(SLOT_COUNT - 1);

    /// Makes a slot from its number; `None` above 16383.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOT_COUNT { Some(Self(number)) } else { None }
    }

    /// The slot that a key, or a shard channel, hashes to (cluster specification, "Hash tags").
    #[must_use]
    pub fn of(key: impl AsRef<[u8]>) -> Self {
        Self(CRC16.checksum(hash_tag(key.as_ref())) % SLOT_COUNT)
    }

    /// The slot's number, 0 to 16383.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All slots in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT).map(Slot)
    }

    /// A short text of lower-case letters and digits that hashes to this slot, for use as a hash tag.
    ///
    /// `salt` selects one of [`TAGS`] such texts, so that two users of a slot can have different tags.
    #[must_use]
    pub fn tag(self, salt: u32) -> String {
        let tags = &TAG_TABLE[usize::from(self.0)];
        Base36(tags[salt as usize % TAGS]).to_string()
    }
}

/// The number of different tags that [`Slot::tag`] knows for each slot.
pub const TAGS: usize = 4;

/// The tags of each slot, as the numbers that they spell in base 36.
///
/// The table is filled once, because a search for a single tag takes milliseconds.
static TAG_TABLE: LazyLock<Vec<[u32; TAGS]>> = LazyLock::new(|| {
    let mut table = vec![[0; TAGS]; usize::from(SLOT_COUNT)];
    let mut found = vec![0; usize::from(SLOT_COUNT)];
    let mut missing = TAGS * usize::from(SLOT_COUNT);
    let mut number = 0;
    while missing > 0 {
        let mut digits = [0; Base36::DIGITS_MAX];
        let slot = usize::from(Slot::of(Base36(number).digits(&mut digits)).0);
        if found[slot] < TAGS {
            table[slot][found[slot]] = number;
            found[slot] += 1;
            missing -= 1;
        }
        number += 1;
    }
    table
});

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A text that is not a slot number from 0 to 16383.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a slot; a slot is a number from 0 to 16383")]
pub struct SlotError(pub String);

impl FromStr for Slot {
    type Err = SlotError;

    fn from_str(text: &str) -> Result<Self, SlotError> {
        text.parse().ok().and_then(Slot::new).ok_or_else(|| SlotError(text.to_owned()))
    }
}

/// The part of a key that decides its slot (cluster specification, "Hash tags").
///
/// It is the text between the first `{` and the first `}` after it. Without such a pair, or with nothing between the
/// two, it is the whole key.
#[must_use]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let after = &key[open + 1..];
    match after.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &after[..close],
    }
}

/// A number that prints in base 36.
#[derive(Clone, Copy)]
struct Base36(u32);

impl Base36 {
    /// How many digits `u32::MAX` has.
    const DIGITS_MAX: usize = 7;

    fn digits(self, buffer: &mut [u8; Self::DIGITS_MAX]) -> &[u8] {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let (mut rest, mut at) = (self.0, buffer.len());
        loop {
            at -= 1;
            buffer[at] = DIGITS[(rest % 36) as usize];
            rest /= 36;
            if rest == 0 {
                return &buffer[at..];
            }
        }
    }
}

impl fmt::Display for Base36 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; Self::DIGITS_MAX];
        formatter.write_str(&String::from_utf8_lossy(self.digits(&mut digits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        for (key, slot) in [
            ("123456789", 12_739),
            ("foo", 12_182),
            ("{user1000}.following", 3_443),
            ("foo{}{bar}", 8_363),
            ("foo{{bar}}zap", 4_015),
            ("foo{bar}{zap}", 5_061),
            ("{", 4_092),
            ("", 0),
        ] {
            assert_eq!(Slot::of(key).number(), slot, "{key:?}");
        }
    }

    #[test]
    fn every_slot_has_a_tag() {
        for slot in Slot::all().step_by(97) {
            assert_eq!(Slot::of(slot.tag(0)), slot);
            assert_eq!(Slot::of(slot.tag(3)), slot);
            assert_ne!(slot.tag(0), slot.tag(1));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_key_with_a_tag_hashes_like_the_tag(tag in "[^{}]{1,20}", before in "[^{]{0,8}", after in ".{0,8}") {
            let key = format!("{before}{{{tag}}}{after}");
            proptest::prop_assert_eq!(Slot::of(key), Slot::of(tag));
        }
    }
}
