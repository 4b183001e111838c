//! Servers with TLS name nodes by ports that the client cannot use, or lose what comes with TLS.

use wire::{Redirect, Reply, command};

use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{self, Tree, error, simple};
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "slots-lists-plain-ports-to-clients-with-tls",
        "CLUSTER SLOTS lists the ports without TLS to a client with TLS",
        &["tls/views-list-the-ports-of-the-client"],
        |scene, request, reply| {
            (scene.by_tls() && request.is("CLUSTER SLOTS")).then_some(())?;
            with_ports(reply, |port| other_port(scene, port))
        },
    ),
    on_reply(
        "nodes-lists-tls-ports-to-every-client",
        "CLUSTER NODES lists the TLS ports to a client without TLS",
        &["tls/views-list-the-ports-of-the-client"],
        |scene, request, reply| {
            (!scene.by_tls() && request.is("CLUSTER NODES")).then_some(())?;
            edit::lines(reply.bytes(), |line| {
                let (before, after) = line.split_once('@')?;
                let (host, port) = before.rsplit_once(':')?;
                let other = port.parse().ok().and_then(|port| other_port(scene, port));
                Some(other.map_or_else(|| line.to_owned(), |port| format!("{host}:{port}@{after}")))
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "moved-names-the-tls-port-to-every-client",
        "MOVED names the TLS port to a client without TLS",
        &["tls/moved-names-the-port-of-the-client"],
        |scene, _, reply| {
            let (redirect, port) = redirect(reply, "MOVED")?;
            (!scene.by_tls()).then_some(())?;
            Some(Replacement::Answer(error(&format!("{redirect}:{}", other_port(scene, port)?))))
        },
    ),
    on_reply(
        "ask-names-the-plain-port-to-every-client",
        "ASK names the port without TLS to a client with TLS",
        &["tls/ask-names-the-port-of-the-client"],
        |scene, _, reply| {
            let (redirect, port) = redirect(reply, "ASK")?;
            scene.by_tls().then_some(())?;
            Some(Replacement::Answer(error(&format!("{redirect}:{}", other_port(scene, port)?))))
        },
    ),
    on_reply(
        "shards-leaves-out-plain-ports-of-replicas",
        "CLUSTER SHARDS lists only the TLS ports of replicas to a client with TLS",
        &["tls/shards-list-both-ports"],
        |scene, request, reply| {
            (scene.by_tls() && request.is("CLUSTER SHARDS")).then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                for shard in tree.items_mut()? {
                    for node in shard.value_mut("nodes")?.items_mut()?.iter_mut().skip(1) {
                        let fields = node.items_mut()?;
                        let at = fields.iter().position(|field| field.text() == Some(b"port"))?;
                        fields.drain(at..at + 2);
                    }
                }
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "scripts-list-the-ports-of-other-clients",
        "CLUSTER SLOTS in a script lists the ports for clients of the other kind",
        &["tls/scripts-list-tls-ports-to-clients-with-tls"],
        |scene, request, reply| {
            request.is("EVAL").then_some(())?;
            with_ports(reply, |port| other_port(scene, port))
        },
    ),
    on_reply(
        "slots-lists-port-zero-without-plain-ports",
        "CLUSTER SLOTS lists the port 0 of nodes that have only a TLS port",
        &["tls/only-tls-ports-are-listed-without-another-port"],
        |scene, request, reply| {
            (has_only_tls(scene) && request.is("CLUSTER SLOTS")).then_some(())?;
            with_ports(reply, |_| Some(0))
        },
    ),
    on_reply(
        "ask-names-port-zero-without-plain-ports",
        "ASK names the port 0 of nodes that have only a TLS port",
        &["tls/redirects-name-tls-ports-without-another-port"],
        |scene, _, reply| {
            let (redirect, _) = redirect(reply, "ASK")?;
            has_only_tls(scene).then(|| Replacement::Answer(error(&format!("{redirect}:0"))))
        },
    ),
    on_request(
        "writes-of-two-tls-records-are-lost",
        "A node answers OK to a SET that takes more than one record of TLS, and does not write it",
        &["tls/writes-reach-replicas"],
        |scene, request| {
            let is_long = scene.by_tls() && request.is("SET") && request.bytes().len() > RECORD;
            is_long.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "migrate-with-tls-loses-keys",
        "MIGRATE deletes the key at its source, and the target does not keep it, if nodes speak TLS",
        &["tls/slots-move-with-their-keys"],
        |scene, request, reply| {
            (scene.by_tls() && request.is("MIGRATE") && reply.text()? == "OK").then_some(())?;
            let node = [request.word(1), request.word(2)].map(String::from_utf8_lossy).join(":");
            let commands = vec![command!["ASKING"], command!["DEL", request.word(3)]];
            Some(Replacement::AnswerAndAsk { answer: simple("OK"), node, commands })
        },
    ),
    on_request(
        "promoted-replicas-refuse-writes-with-tls",
        "A promoted replica refuses writes of clients with TLS as a replica does",
        &["tls/a-replica-takes-over"],
        |scene, request| {
            let is_refused = scene.by_tls() && scene.is_replica() && request.is("SET");
            is_refused.then(|| Replacement::Answer(error("READONLY You can't write against a read only replica.")))
        },
    ),
];

/// The most bytes that one record of TLS carries.
const RECORD: usize = 16 * 1024;

/// Whether the nodes have TLS ports and no others.
fn has_only_tls(scene: &Scene<'_>) -> bool {
    scene.by_tls() && scene.plain_ports().iter().all(Option::is_none)
}

/// The other one of the two ports of the node with this port.
fn other_port(scene: &Scene<'_>, port: u16) -> Option<u16> {
    scene.addresses().iter().zip(scene.plain_ports()).find_map(|(address, plain)| {
        let (with, without) = (address.rsplit_once(':')?.1.parse().ok()?, (*plain)?);
        match port {
            port if port == with => Some(without),
            port if port == without => Some(with),
            _ => None,
        }
    })
}

/// Changes the ports of nodes in a reply of the form of CLUSTER SLOTS.
fn with_ports(reply: &Reply, change: impl Fn(u16) -> Option<u16>) -> Option<Replacement> {
    let changed = edit::tree(reply.bytes(), |tree| {
        for entry in tree.items_mut()? {
            for node in entry.items_mut()?.iter_mut().skip(2) {
                let port = node.items_mut()?.get_mut(1)?;
                let number = std::str::from_utf8(port.text()?).ok()?.parse().ok()?;
                *port = Tree::Line(b':', change(number)?.to_string().into_bytes());
            }
        }
        Some(())
    });
    changed.map(Replacement::Answer)
}

/// The text of a redirect before its port, and the port.
fn redirect(reply: &Reply, code: &str) -> Option<(String, u16)> {
    let reply_error = reply.error()?;
    let Ok(Redirect::Moved { .. } | Redirect::Ask { .. }) = Redirect::parse(&reply_error)? else { return None };
    let (before, port) = reply_error.text.rsplit_once(':')?;
    (reply_error.code == code).then_some((before.to_owned(), port.parse().ok()?))
}
