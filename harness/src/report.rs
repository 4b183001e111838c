//! Shows what happened in a run: each format is a pure function of the record, and has a file of its own.

pub mod causes;
pub mod compare;
pub mod digest;
pub mod folder;
pub mod html;
pub mod json;
pub mod junit;
pub mod known_list;
pub mod load;
pub mod markdown;
pub mod progress;
pub mod terminal;
