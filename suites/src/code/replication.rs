//! The suite `replication` in Rust: data on replicas, WAIT, and changes of roles. The others are in `replication.toml`.

use crate::code_check::CodeCheck;

mod data;
mod roles;
mod wait;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [data::CHECKS, wait::CHECKS, roles::CHECKS];
