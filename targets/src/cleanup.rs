//! Removes everything that a run creates: its folder, its processes, and what it has in a container engine.

mod docker_client;
pub mod guard;
pub(crate) mod leftovers;
pub(crate) mod places;
pub(crate) mod run_folder;
pub(crate) mod run_name;
pub(crate) mod sweep;
