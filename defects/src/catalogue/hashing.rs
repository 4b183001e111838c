//! CLUSTER KEYSLOT hashes the wrong bytes, or uses another hash function.

use crc::{CRC_16_ARC, CRC_16_IBM_3740, CRC_16_KERMIT, CRC_32_ISO_HDLC, Crc};
use wire::SLOT_COUNT;
use wire::slot::hash_tag;

use super::keyslot::{crc, hash, miscomputes};
use crate::defect::Defect;

const ONES_FIRST: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
const KERMIT: Crc<u16> = Crc::<u16>::new(&CRC_16_KERMIT);
const ARC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);
const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    miscomputes!(
        "keyslot-crc-begins-with-ones",
        "CLUSTER KEYSLOT uses CRC16/CCITT-FALSE, which starts with 0xFFFF",
        |key| ONES_FIRST.checksum(hash_tag(key)) % SLOT_COUNT,
        &["slots/crc16-check-value", "slots/crc16-vectors"]
    ),
    miscomputes!(
        "keyslot-crc-is-reflected",
        "CLUSTER KEYSLOT uses CRC16/KERMIT, which reads the bits of a byte in reverse order",
        |key| KERMIT.checksum(hash_tag(key)) % SLOT_COUNT,
        &["slots/crc16-check-value", "slots/crc16-vectors"]
    ),
    miscomputes!(
        "keyslot-crc-has-the-polynomial-of-arc",
        "CLUSTER KEYSLOT uses CRC16/ARC, which most libraries call CRC16",
        |key| ARC.checksum(hash_tag(key)) % SLOT_COUNT,
        &["slots/crc16-check-value", "slots/crc16-vectors"]
    ),
    miscomputes!(
        "keyslot-crc-is-crc32",
        "CLUSTER KEYSLOT returns the CRC32 of a key modulo 16384",
        |key| low(CRC32.checksum(hash_tag(key))),
        &["slots/crc16-check-value", "slots/crc16-vectors"]
    ),
    miscomputes!(
        "keyslot-takes-the-upper-bits",
        "CLUSTER KEYSLOT returns the upper fourteen bits of the CRC16",
        |key| crc(hash_tag(key)) >> 2,
        &["slots/crc16-check-value", "slots/crc16-vectors"]
    ),
    miscomputes!(
        "keyslot-modulo-16383",
        "CLUSTER KEYSLOT returns the CRC16 modulo 16383, so that the last slot has no keys",
        |key| crc(hash_tag(key)) % (SLOT_COUNT - 1),
        &["slots/crc16-vectors", "slots/ends-of-the-range"]
    ),
    miscomputes!(
        "keyslot-masks-the-lowest-bit",
        "CLUSTER KEYSLOT masks the CRC16 with 0x3FFE, so that odd slots have no keys",
        |key| crc(hash_tag(key)) & 0x3FFE,
        &["slots/crc16-vectors", "slots/every-slot-has-keys"]
    ),
    miscomputes!(
        "keyslot-modulo-8192",
        "CLUSTER KEYSLOT returns the CRC16 modulo 8192, so that the upper half of the slots has no keys",
        |key| crc(hash_tag(key)) % 8_192,
        &["slots/evenly-filled", "slots/every-slot-has-keys"]
    ),
    miscomputes!(
        "keyslot-never-gives-the-last-slot",
        "CLUSTER KEYSLOT puts the keys of slot 16383 into slot 0",
        |key| hash(hash_tag(key)) % (SLOT_COUNT - 1),
        &["slots/ends-of-the-range", "slots/every-slot-has-keys"]
    ),
    miscomputes!(
        "keyslot-counts-from-one",
        "CLUSTER KEYSLOT numbers the slots 1 to 16384",
        |key| hash(hash_tag(key)) + 1,
        &["slots/crc16-check-value", "slots/empty-key"]
    ),
    miscomputes!(
        "keyslot-folds-case",
        "CLUSTER KEYSLOT converts a key to lower case before it hashes the key",
        |key| hash(&hash_tag(key).to_ascii_lowercase()),
        &["slots/case-matters"]
    ),
    miscomputes!(
        "keyslot-trims-keys",
        "CLUSTER KEYSLOT trims white space from both ends of a key",
        |key| hash(hash_tag(key.trim_ascii())),
        &["slots/whitespace-counts"]
    ),
    miscomputes!(
        "keyslot-drops-the-last-line-break",
        "CLUSTER KEYSLOT drops a line feed at the end of a key",
        |key| hash(hash_tag(key.strip_suffix(b"\n").unwrap_or(key))),
        &["slots/whitespace-counts"]
    ),
    miscomputes!(
        "keyslot-ends-at-a-nul",
        "CLUSTER KEYSLOT hashes a key only up to its first NUL byte",
        |key| hash(hash_tag(key.split(|byte| *byte == 0).next().unwrap_or_default())),
        &["slots/binary-keys"]
    ),
    miscomputes!(
        "keyslot-reads-keys-as-utf-8",
        "CLUSTER KEYSLOT hashes a replacement character for every byte that is not UTF-8",
        |key| hash(hash_tag(String::from_utf8_lossy(key).as_bytes())),
        &["slots/binary-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-characters",
        "CLUSTER KEYSLOT hashes the lowest byte of each character of a key in UTF-8",
        |key| match std::str::from_utf8(hash_tag(key)) {
            Ok(text) => hash(&text.chars().map(|character| (u32::from(character) & 0xFF) as u8).collect::<Vec<u8>>()),
            Err(_) => hash(hash_tag(key)),
        },
        &["slots/routing-agrees", "slots/utf8-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-seven-bits",
        "CLUSTER KEYSLOT drops the highest bit of each byte",
        |key| hash(&hash_tag(key).iter().map(|byte| byte & 0x7F).collect::<Vec<u8>>()),
        &["slots/binary-keys", "slots/utf8-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-64-bytes",
        "CLUSTER KEYSLOT hashes only the first 64 bytes of a key",
        |key| hash(cut(hash_tag(key), 64)),
        &["slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-255-bytes",
        "CLUSTER KEYSLOT hashes only the first 255 bytes of a key",
        |key| hash(cut(hash_tag(key), 255)),
        &["slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-65535-bytes",
        "CLUSTER KEYSLOT hashes only the first 65535 bytes of a key",
        |key| hash(cut(hash_tag(key), 65_535)),
        &["slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-keeps-a-length-in-16-bits",
        "CLUSTER KEYSLOT stores the length of a key in 16 bits",
        |key| hash(cut(hash_tag(key), hash_tag(key).len() % 65_536)),
        &["slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-hashes-whole-blocks",
        "CLUSTER KEYSLOT hashes long keys in blocks of eight bytes and drops the rest",
        |key| match hash_tag(key) {
            short if short.len() < 64 => hash(short),
            long => hash(cut(long, long.len() / 8 * 8)),
        },
        &["slots/long-keys"]
    ),
];

fn cut(key: &[u8], length: usize) -> &[u8] {
    &key[..key.len().min(length)]
}

/// Returns the lowest 14 bits, which always fit.
fn low(number: u32) -> u16 {
    (number % u32::from(SLOT_COUNT)) as u16
}
