//! Shows what happened in a run: each format is a pure function of the record, and has a file of its own.

pub mod causes;
pub mod chart;
pub mod compare;
pub mod csv;
pub mod digest;
pub mod folder;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod known_list;
pub mod load;
pub mod markdown;
pub mod matrix;
pub mod page;
pub mod place;
pub mod progress;
pub mod rule;
pub mod terminal;
mod xml;
