//! Asks the servers how they were built and set, so that a reader of a report can tell two runs apart.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use suites::expect::text_of;
use suites::{LiveCluster, Server};
use wire::{Address, Command, Connection, Reply, Value, command, items_of, parse_info};

use crate::record::{ServerRecord, TargetRecord};

/// How long all questions may take together. What is not answered by then stays unknown.
const LIMIT: Duration = Duration::from_secs(2);

/// The patterns of the settings that decide how a server behaves as a cluster, or how fast it is.
const SETTINGS: [&str; 7] =
    ["cluster-*", "appendonly", "save", "maxmemory", "maxmemory-policy", "io-threads", "min-replicas-to-write"];

/// The beginnings of names of settings that say where a node is, and not how it behaves.
const PLACES: [&str; 3] = ["cluster-announce-", "cluster-config-file", "cluster-port"];

/// Completes the servers of a record with their builds and settings, from the first node that runs each.
///
/// A server that refuses to tell stays as it is.
pub async fn complete(target: &mut TargetRecord, live: &LiveCluster) {
    let nodes: Vec<Address> = live.topology().nodes.iter().map(|node| node.address.clone()).collect();
    let asking = async {
        for address in nodes {
            if target.servers.iter().all(|server| server.os.is_some()) {
                break;
            }
            if let Some((server, told)) = ask(live, &address).await {
                let record = ServerRecord::from(&server);
                let same =
                    |known: &&mut ServerRecord| known.product == record.product && known.version == record.version;
                if let Some(known) = target.servers.iter_mut().find(same) {
                    *known = told;
                }
            }
        }
    };
    let _what_is_known_by_then = tokio::time::timeout(LIMIT, asking).await;
}

async fn ask(live: &LiveCluster, address: &Address) -> Option<(Server, ServerRecord)> {
    let mut connection = Connection::open(&live.options(address)).await.ok()?;
    let info = text(&mut connection, &command!["INFO"]).await?;
    let info = parse_info(&info);
    let server = Server::identify(&info, None).or_else(|| live.servers.first().cloned())?;
    let field =
        |name: &str| info.get(name).filter(|value| !value.is_empty() && value.chars().any(|c| c != '0')).cloned();
    let told = ServerRecord {
        build: field("redis_build_id").or_else(|| field("server_build_id")),
        commit: field("redis_git_sha1").or_else(|| field("server_git_sha1")),
        allocator: field("mem_allocator"),
        compiler: field("gcc_version"),
        os: Some(field("os").unwrap_or_else(|| "unknown".to_owned())),
        settings: settings(&mut connection).await,
        ..ServerRecord::from(&server)
    };
    Some((server, told))
}

async fn settings(connection: &mut Connection) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for pattern in SETTINGS {
        if let Ok(reply) = connection.call(&command!["CONFIG", "GET", pattern]).await {
            settings.extend(pairs(&reply));
        }
    }
    settings.retain(|name, _| !PLACES.iter().any(|place| name.starts_with(place)));
    settings
}

async fn text(connection: &mut Connection, command: &Command) -> Option<String> {
    connection.call(command).await.ok().and_then(|reply| reply.text().map(Cow::into_owned))
}

/// The names and values of a map, or of the flat array that stands for it in RESP2.
fn pairs(reply: &Reply) -> Vec<(String, String)> {
    let pair = |name: &Value, value: &Value| Some((text_of(name)?, text_of(value)?));
    match reply.value() {
        Value::Map(pairs) => pairs.iter().filter_map(|(name, value)| pair(name, value)).collect(),
        value => {
            let items = items_of(value).unwrap_or_default();
            items.chunks_exact(2).filter_map(|two| pair(&two[0], &two[1])).collect()
        }
    }
}
