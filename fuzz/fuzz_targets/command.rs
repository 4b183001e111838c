//! The parser of COMMAND.
#![no_main]

use libfuzzer_sys::fuzz_target;
use suites::commands::CommandTable;
use wire::Reply;

fuzz_target!(|data: &[u8]| {
    let Ok(reply) = Reply::parse(data.to_vec()) else { return };
    let Ok(table) = CommandTable::parse(reply.value()) else { return };
    for entry in table.entries() {
        let _ = (entry.has_keys(), table.has(&entry.name), table.find(&entry.name));
    }
});
