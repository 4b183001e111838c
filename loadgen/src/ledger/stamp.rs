//! The stamp at the beginning of every value: a checksum, a counter, and the key.
//!
//! ```text
//! 9ae1f2b0 0000002a key:000000000007 random bytes
//! ```
//!
//! The checksum is the CRC-32 of everything after the space that follows it. Both numbers are hexadecimal.

/// How many bytes the stamp has beside the key.
pub(crate) const STAMP_BYTES: usize = COUNTER_AT + DIGITS + 1;
const DIGITS: usize = 8;
const COUNTER_AT: usize = DIGITS + 1;

/// What is wrong with a value that no write of the key can have left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// The checksum does not fit, or the value has no stamp.
    Corrupt,
    /// The value is whole, but it belongs to another key.
    WrongKey,
}

/// Writes the stamp without its checksum. `key` writes the key.
#[inline]
pub(crate) fn begin(counter: u32, out: &mut Vec<u8>, key: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"-------- ");
    out.extend_from_slice(&hex(counter));
    out.push(b' ');
    key(out);
}

/// Writes the checksum into a value that is complete otherwise.
#[inline]
pub(crate) fn seal(value: &mut [u8]) {
    let checksum = hex(crc32fast::hash(&value[COUNTER_AT..]));
    value[..DIGITS].copy_from_slice(&checksum);
}

/// Reads the counter of a value of a key.
#[inline]
pub(crate) fn read(value: &[u8], key: &[u8]) -> Result<u32, Flaw> {
    let rest = value.get(COUNTER_AT..).ok_or(Flaw::Corrupt)?;
    let counter = rest.get(..DIGITS).and_then(number).ok_or(Flaw::Corrupt)?;
    if value[DIGITS] != b' ' || value[..DIGITS] != hex(crc32fast::hash(rest)) {
        return Err(Flaw::Corrupt);
    }
    match rest.get(DIGITS + 1..).and_then(|rest| rest.strip_prefix(key)) {
        // A longer key may begin with this one.
        Some([] | [b' ', ..]) => Ok(counter),
        _ => Err(Flaw::WrongKey),
    }
}

#[inline]
fn hex(number: u32) -> [u8; DIGITS] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|place| HEX[(number >> (4 * (DIGITS - 1 - place))) as usize & 15])
}

#[inline]
fn number(digits: &[u8]) -> Option<u32> {
    let digit = |number: u32, &digit: &u8| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u32::from(value))
    };
    digits.iter().try_fold(0, digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(counter: u32, key: &[u8], rest: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        begin(counter, &mut value, |out| out.extend_from_slice(key));
        value.extend_from_slice(rest);
        seal(&mut value);
        value
    }

    #[test]
    fn a_value_is_read_back() {
        let shortest = value(42, b"key:7", b"");
        assert_eq!(shortest.len(), STAMP_BYTES + 5);
        assert_eq!(std::str::from_utf8(&shortest[8..]), Ok(" 0000002a key:7"));
        assert_eq!(read(&shortest, b"key:7"), Ok(42));
        assert_eq!(read(&value(u32::MAX, b"key:7", b" and more"), b"key:7"), Ok(u32::MAX));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_corrupt() {
        let whole = value(42, b"key:7", b" and more");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(read(&changed, b"key:7"), Err(Flaw::Corrupt), "byte {at}");
            assert_eq!(read(&whole[..at], b"key:7"), Err(Flaw::Corrupt), "cut at {at}");
        }
    }

    #[test]
    fn the_value_of_another_key_is_told_from_a_corrupt_one() {
        let other = value(42, b"key:77", b"");
        assert_eq!(read(&other, b"key:7"), Err(Flaw::WrongKey));
        assert_eq!(read(&other, b"key:8"), Err(Flaw::WrongKey));
        assert_eq!(read(b"", b"key:7"), Err(Flaw::Corrupt));
        assert_eq!(read(b"12", b"key:7"), Err(Flaw::Corrupt));
    }
}
