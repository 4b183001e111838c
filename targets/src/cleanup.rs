//! Leaves nothing behind: the folder of a run, the guard beside it, and what they remove.

mod docker_client;
pub mod guard;
pub(crate) mod leftovers;
pub(crate) mod places;
pub(crate) mod run_folder;
pub(crate) mod run_name;
pub(crate) mod sweep;
