//! Malformed frames.

use wire::{WireError, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::session::Session;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("errors/malformed-frame-closes-its-connection-only")
    .title("A malformed frame closes its own connection and no other")
    .should("RESP")
    .covers(&["errors.protocol-error-isolated"])
    .body(|cluster| Box::pin(closes_its_connection_only(cluster)))];

/// Frames after which a server cannot continue to read.
const MALFORMED: [&str; 5] =
    ["*1\r\n+PING\r\n", "*x\r\n", "*1\r\n$x\r\n", "*1\r\n$-7\r\nPING\r\n", "*2\r\n$4\r\nPING\r\n:1\r\n"];

/// The largest number of error replies before the server closes the connection.
const LAST_WORDS: usize = 4;

async fn closes_its_connection_only(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&node)?);
    let mut bystander = cluster.session(&node).await?;
    bystander.expect(command!["MULTI"], Expect::Ok).await?;
    for frame in MALFORMED {
        let mut culprit = cluster.session(&node).await?;
        culprit.send_raw(frame.as_bytes()).await?;
        is_closed(cluster, &mut culprit, frame).await?;
        bystander.expect(command!["SET", &key, frame], Expect::Queued).await?;
        cluster.session(&node).await?.expect(command!["PING"], Expect::text("PONG")).await?;
    }
    bystander.expect(command!["EXEC"], Expect::Items(vec![Expect::Ok; MALFORMED.len()])).await?;
    Ok(())
}

/// Requires that the server closes the connection after a few errors at most.
async fn is_closed(cluster: &Cluster, culprit: &mut Session, frame: &str) -> Outcome {
    let mut received = "nothing".to_owned();
    for _ in 0..LAST_WORDS {
        match culprit.try_receive(cluster.limits().reply).await {
            Ok(reply) if reply.error().is_some() => received = reply.to_string(),
            Ok(reply) => {
                received = reply.to_string();
                break;
            }
            Err(WireError::TimedOut { .. }) => break,
            Err(error) if error.is_lost() => return Ok(()),
            Err(error) => return Err(culprit.judge(error, frame).await),
        }
    }
    Err(Stop::Mismatch(Box::new(Mismatch {
        sent: Some(frame.escape_debug().to_string()),
        to: Some(culprit.address().to_string()),
        expected: "an error and a closed connection".to_owned(),
        received: format!("{received}, and the connection stays open"),
        ..Mismatch::default()
    })))
}
