//! The reader of workload files, and the commands that a workload makes.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use loadgen::workload::{Generator, Workload};

/// The most operations that one workload draws here, and the most bytes that they may take.
const OPERATIONS: u64 = 8;
const BYTES: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(workload) = Workload::read(text, "rct:fuzz:", Some(1_000)) else { return };
    let mut generator = Generator::new(Arc::new(workload), 1, 0, 1);
    let mut bytes = Vec::new();
    for planned_ns in 0..OPERATIONS {
        let operation = generator.draw(planned_ns);
        generator.write(operation.template, operation.key, operation.seed, &mut bytes);
        if bytes.len() > BYTES {
            break;
        }
    }
});
