//! The ways to move slots with their keys from one primary to another.
//!
//! A promise about migration is written once and runs over every engine; a new engine is one more file in this folder.

mod atomic;
mod batches;
mod kind;
mod one_key;

pub(in crate::code) use atomic::ATOMIC;
pub(in crate::code) use batches::BATCHES;
pub(in crate::code) use kind::Engine;
pub(in crate::code) use one_key::KEY_BY_KEY;

/// Makes a check of each engine out of a promise: an async function of the cluster and the engine.
macro_rules! over_engines {
    (
        $id:literal, $title:literal, $level:ident($spec:literal), $covers:expr, atomic $atomic:expr,
        shape($primaries:literal, $replicas:literal), needs $needs:expr, servers $servers:expr, $promise:path
    ) => {
        &[
            crate::code_check::check(concat!($id, "-key-by-key"))
                .title(concat!($title, " (SETSLOT and MIGRATE, key by key)"))
                .$level($spec)
                .covers($covers)
                .shape($primaries, $replicas)
                .needs($needs)
                .servers($servers)
                .body(|cluster| Box::pin($promise(cluster, &crate::code::motion::engine::KEY_BY_KEY))),
            crate::code_check::check(concat!($id, "-in-batches"))
                .title(concat!($title, " (SETSLOT and MIGRATE, many keys at a time)"))
                .$level($spec)
                .covers($covers)
                .shape($primaries, $replicas)
                .needs($needs)
                .servers($servers)
                .body(|cluster| Box::pin($promise(cluster, &crate::code::motion::engine::BATCHES))),
            crate::code_check::check(concat!($id, "-atomic"))
                .title(concat!($title, " (CLUSTER MIGRATESLOTS)"))
                .may("atomic-slot-migration")
                .covers($atomic)
                .shape($primaries, $replicas)
                .needs($needs)
                .commands(&["CLUSTER MIGRATESLOTS"])
                .servers(&["valkey >=9.0"])
                .body(|cluster| Box::pin($promise(cluster, &crate::code::motion::engine::ATOMIC))),
        ]
    };
}

pub(in crate::code) use over_engines;
