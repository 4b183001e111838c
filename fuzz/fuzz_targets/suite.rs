//! The reader of suite files.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use suites::data::{load, load_all};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (checks, mistakes) = load_all(Path::new("fuzz.toml"), text);
    for mistake in &mistakes {
        assert!(mistake.to_string().starts_with("fuzz.toml"));
    }
    assert_eq!(load(Path::new("fuzz.toml"), text).is_ok(), mistakes.is_empty());
    for check in checks {
        assert!(check.id.contains('/'));
    }
});
