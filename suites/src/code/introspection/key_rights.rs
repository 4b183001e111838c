//! Access rules see the keys that COMMAND names: a user needs the right to every key of a command.

use wire::command;

use crate::cluster::Cluster;
use crate::code::sweep::{self, Call};
use crate::code::users::as_user;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[check("introspection/rights-see-every-key")
    .title("A user who lacks the right to any one key of a command gets NOPERM, for every command in the COMMAND table")
    .must("ACL")
    .covers(&["security.acl-all-keys", "introspection.getkeys"])
    .needs(&[Need::SetConfig])
    .commands(&["ACL", "COMMAND GETKEYS"])
    .body(|cluster| Box::pin(rights_see_every_key(cluster)))];

/// The least number of commands to test.
const LEAST: usize = 100;

/// Queues each call in a transaction that is discarded: a server checks rights before it queues.
async fn rights_see_every_key(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let plan = sweep::plan(cluster, &node, &[1, 2, 3], LEAST).await?;
    let allowed = cluster.keys().named(slot, "allowed");
    let hidden = cluster.keys().named(slot, "hidden");
    let keys = |count: usize, outside: Option<usize>| {
        (0..count).map(|at| format!("{}-{at}", if outside == Some(at) { &hidden } else { &allowed })).collect()
    };
    let rule = format!("~{allowed}*");
    as_user(cluster, &node, &[&rule, "+@all"], async |user| {
        let inside = queue(user, &plan.calls(|count| keys(count, None))).await?;
        let refused = inside.iter().filter(|(_, answer)| *answer == Answer::Refused).map(|(name, _)| name.as_str());
        let refused: Vec<&str> = refused.collect();
        ensure!(
            refused.is_empty(),
            format!("no NOPERM on {} for calls whose keys the user may use", node.address),
            "NOPERM to {}",
            list(refused)
        );
        for outside in 0..3 {
            let calls = plan.calls(|count| keys(count, (outside < count).then_some(outside)));
            let hits = |call: &Call| call.command.args().iter().any(|word| word.starts_with(hidden.as_bytes()));
            let calls: Vec<Call> = calls.into_iter().filter(hits).collect();
            let accepted = queue(user, &calls).await?;
            let accepted = accepted.iter().filter(|(_, answer)| *answer == Answer::Accepted);
            let accepted: Vec<&str> = accepted.map(|(name, _)| name.as_str()).collect();
            ensure!(
                accepted.is_empty(),
                format!("NOPERM on {} for calls whose key {} is outside the user's pattern", node.address, outside + 1),
                "no NOPERM to {}",
                list(accepted)
            );
        }
        Ok(())
    })
    .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
    /// Another error came first, such as one about transactions.
    Unknown,
}

async fn queue(user: &mut Session, calls: &[Call]) -> Outcome<Vec<(String, Answer)>> {
    let mut sent = vec![command!["MULTI"]];
    sent.extend(calls.iter().map(|call| call.command.clone()));
    sent.push(command!["DISCARD"]);
    let replies = user.exchange(&sent).await?;
    let answer = |reply: &wire::Reply| match reply.error() {
        None => Answer::Accepted,
        Some(error) if error.code == "NOPERM" => Answer::Refused,
        Some(_) => Answer::Unknown,
    };
    Ok(calls.iter().zip(&replies[1..]).map(|(call, reply)| (call.name.clone(), answer(reply))).collect())
}
