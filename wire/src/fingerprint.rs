//! Hashes of bytes, for names and seeds. They are not cryptographic.

/// The 64-bit FNV-1a hash of bytes, which is the same on every machine and in every version of rct.
///
/// Seed 0 gives the standard hash. Each other seed gives another hash.
pub fn fingerprint(seed: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    bytes.into_iter().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_the_standard() {
        assert_eq!(fingerprint(0, []), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(0, *b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(0, *b"foobar"), 0x8594_4171_f739_67e8);
        assert_ne!(fingerprint(1, *b"a"), fingerprint(0, *b"a"));
    }
}
