//! An error about slots inside a script must not affect later scripts.

use wire::command;

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("scripting/error-not-sticky")
    .title("Later scripts work on old and new connections after a script fails because its keys are in two slots")
    .must("EVAL")
    .covers(&["scripting.error-not-sticky", "scripting.cross-slot-inside-command"])
    .needs(&[Need::RiskNode])
    .commands(&["EVAL"])
    .body(|cluster| Box::pin(error_not_sticky(cluster)))];

async fn error_not_sticky(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (slot, other_slot) = cluster.two_slots_of(&node)?;
    let (key, other) = (cluster.keys().fresh(slot), cluster.keys().fresh(other_slot));
    let mut session = cluster.session(&node).await?;
    session.expect(command!["SET", &key, "v"], Expect::Ok).await?;
    scripts_work(&mut session, &key).await?;

    let script = "return redis.call('MGET', KEYS[1], ARGV[1])";
    session.expect(command!["EVAL", script, "1", &key, &other], Expect::error("ERR")).await?;

    scripts_work(&mut session, &key).await.map_err(|stop| {
        stop.with_note("an earlier script on this connection called a command with keys of two slots")
    })?;
    let mut fresh = cluster.session(&node).await?;
    scripts_work(&mut fresh, &key).await.map_err(|stop| {
        stop.with_note("this connection is new; a script on another one called a command with keys of two slots")
    })
}

/// Runs scripts with and without keys, and one of them by its digest.
async fn scripts_work(session: &mut Session, key: &str) -> Outcome {
    session.expect(command!["EVAL", "return redis.call('PING')", "0"], Expect::text("PONG")).await?;
    let read = "return redis.call('GET', KEYS[1])";
    session.expect(command!["EVAL", read, "1", key], Expect::text("v")).await?;
    let digest = session.expect(command!["SCRIPT", "LOAD", read], Expect::NoError).await?;
    let digest = digest.text().unwrap_or_default();
    session.expect(command!["EVALSHA", digest.as_bytes(), "1", key], Expect::text("v")).await?;
    Ok(())
}
