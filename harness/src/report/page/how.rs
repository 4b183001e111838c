//! The end of every page of a run: how it was made, for somebody who wants to repeat it.

use maud::{Markup, html};

use super::Room;
use crate::record::{HostRecord, TargetRecord};
use crate::report::place::{host_details, server_details};
use crate::text::printable;

/// Returns the section.
pub fn section(command: &[String], rct: &str, host: Option<&HostRecord>, target: &TargetRecord, room: &Room) -> Markup {
    let servers = target.servers.iter().flat_map(server_details);
    html! {
        section #how {
            h2 { "How it ran" }
            dl.rows {
                @if !command.is_empty() { (row("command", &html! { pre { (room.line(&command.join(" "))) } })) }
                (row("rct", &html! { (printable(rct)) }))
                @if let Some(host) = host {
                    @for (name, value) in host_details(host) { (row(name, &html! { (printable(&value)) })) }
                }
                @for (name, value) in servers { (row(&name, &room.line(&value))) }
                @if !target.addresses.is_empty() {
                    (row("nodes", &html! { pre { (room.lines(&target.addresses.join("\n"))) } }))
                }
            }
        }
    }
}

fn row(name: &str, value: &Markup) -> Markup {
    html! { dt { (printable(name)) } dd { (value) } }
}
