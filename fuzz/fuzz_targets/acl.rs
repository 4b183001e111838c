//! The parser of ACL GETUSER.
#![no_main]

use libfuzzer_sys::fuzz_target;
use suites::live_cluster::grants_all;
use wire::Reply;

fuzz_target!(|data: &[u8]| {
    let Ok(reply) = Reply::parse(data.to_vec()) else { return };
    if grants_all(reply.value()) {
        assert!(data.windows(5).any(|part| part == b"+@all"));
    }
});
