//! The end of every page of a run: how it was made, for somebody who wants to repeat it.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::Room;
use crate::record::{HostRecord, TargetRecord};
use crate::report::place::{host_details, server_build};
use crate::text::printable;

/// Returns the section.
pub fn section(command: &[String], rct: &str, host: Option<&HostRecord>, target: &TargetRecord, room: &Room) -> Markup {
    html! {
        section #how {
            h2 { "How it ran" }
            dl.rows {
                @if !command.is_empty() { (row("command", &html! { pre { (room.line(&command.join(" "))) } })) }
                (row("rct", &html! { (printable(rct)) }))
                @if let Some(host) = host {
                    @for (name, value) in host_details(host) { (row(name, &html! { (printable(&value)) })) }
                }
                @for server in &target.servers {
                    @let name = format!("{} {}", server.product, server.version);
                    @let build = server_build(server);
                    @if !build.is_empty() { (row(&name, &room.line(&build))) }
                    @if !server.settings.is_empty() { (row(&format!("settings of {name}"), &settings(&server.settings, room))) }
                }
                @if !target.addresses.is_empty() {
                    (row("nodes", &html! { pre { (room.lines(&target.addresses.join("\n"))) } }))
                }
            }
        }
    }
}

/// The settings of a server, one in a line.
fn settings(settings: &BTreeMap<String, String>, room: &Room) -> Markup {
    html! {
        ul.settings {
            @for (name, value) in settings {
                li { code { (room.line(name)) " " b { @if value.is_empty() { "\"\"" } @else { (room.line(value)) } } } }
            }
        }
    }
}

fn row(name: &str, value: &Markup) -> Markup {
    html! { dt { (printable(name)) } dd { (value) } }
}
