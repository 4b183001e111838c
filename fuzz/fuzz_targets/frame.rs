//! The frame decoder: bytes that come in two parts give the same frames as bytes that come at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Framer, Redirect, Reply};

/// The ends of all frames, and whether the bytes behind the last one are malformed.
fn frames(bytes: &[u8], first_part: usize) -> (Vec<usize>, bool) {
    let (mut framer, mut ends, mut start) = (Framer::default(), Vec::new(), 0);
    for available in [first_part.min(bytes.len()), bytes.len()] {
        loop {
            match framer.scan(&bytes[start..available]) {
                Ok(Some(length)) => start += length,
                Ok(None) => break,
                Err(_) => return (ends, true),
            }
            ends.push(start);
        }
    }
    (ends, false)
}

fuzz_target!(|data: &[u8]| {
    let Some((&split, bytes)) = data.split_first() else { return };
    let whole = frames(bytes, 0);
    assert_eq!(whole, frames(bytes, usize::from(split)));
    let mut start = 0;
    for end in whole.0 {
        // The decoder accepts some texts that are no values, such as a number that is too large.
        if let Ok(reply) = Reply::parse(bytes[start..end].to_vec()) {
            assert!(!reply.to_string().contains('\n'));
            let _redirect = reply.error().and_then(|error| Redirect::parse(&error));
            let _parts = (reply.kind(), reply.null_kind(), reply.text(), reply.items().map(<[_]>::len));
        }
        start = end;
    }
});
