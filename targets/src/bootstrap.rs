//! Forms a cluster from servers that have just started, and waits until its nodes agree.

pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod member;
pub(crate) mod node_view;
pub(crate) mod pace;
pub(crate) mod plan;
pub(crate) mod settle;
