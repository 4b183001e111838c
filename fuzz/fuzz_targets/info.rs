//! The parser of INFO and CLUSTER INFO, and the product that its fields tell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use suites::{Server, ServerRange};
use wire::parse_info;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let fields = parse_info(&text);
    if let Some(server) = Server::identify(&fields, None) {
        let _ = (server.to_string(), server.is_older_than_rules());
    }
    if let Ok(range) = text.parse::<ServerRange>() {
        assert_eq!(range.to_string().parse::<ServerRange>().map(|again| again.to_string()), Ok(range.to_string()));
    }
});
