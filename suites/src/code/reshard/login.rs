//! How MIGRATE logs in at the target.

use wire::{Access, Command, Node, command};

use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::Answer;
use crate::code::users::without_authentication;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/migrate-logs-in-as-user")
        .title(
            "MIGRATE with AUTH2 acts as that user at the target, and the source keeps each key that the target refuses",
        )
        .should("MIGRATE")
        .covers(&["reshard.migrate-auth"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["ACL SETUSER"])
        .body(|cluster| Box::pin(logs_in_as_user(cluster))),
    check("reshard/migrate-logs-in-with-password")
        .title("MIGRATE with AUTH moves keys to a target that requires a password, and moves none with a wrong one")
        .should("MIGRATE")
        .covers(&["reshard.migrate-auth"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .body(|cluster| Box::pin(logs_in_with_password(cluster))),
];

/// The keys that stay at the source of a half-moved slot.
const KEYS: [&str; 3] = ["here", "here2", "list"];

/// MIGRATE of these keys, with words such as AUTH. REPLACE, because a target that refuses a login on a connection that
/// is logged in already may take the keys.
fn migrate(motion: &Motion<'_>, names: &[&str], login: &[&str]) -> Command {
    let wire::Address { host, port } = &motion.route.target.address;
    let single = if let [name] = names { motion.key(name) } else { String::new() };
    let head = command!["MIGRATE", host, port.to_string(), single, "0", "5000", "REPLACE"];
    let command = login.iter().fold(head, |command, word| command.arg(word));
    if names.len() == 1 {
        return command;
    }
    names.iter().fold(command.arg("KEYS"), |command, name| command.arg(motion.key(name)))
}

/// Sends MIGRATE with one key and with several, all of which must stay at the source.
async fn moves_none(motion: &Motion<'_>, login: &[&str]) -> Outcome {
    let (cluster, source) = (motion.cluster, &motion.route.source);
    for names in [&KEYS[..1], &KEYS[1..]] {
        cluster.expect(source, migrate(motion, names, login), Expect::error("ERR")).await?;
    }
    let exists = KEYS.iter().fold(command!["EXISTS"], |command, name| command.arg(motion.key(name)));
    cluster.expect(source, exists, Expect::Integer(KEYS.len() as i64)).await.map(drop)
}

/// Sends MIGRATE with one key and with several, all of which must leave the source.
async fn moves_all(motion: &Motion<'_>, login: &[&str]) -> Outcome {
    let (cluster, source) = (motion.cluster, &motion.route.source);
    for names in [&KEYS[..1], &KEYS[1..]] {
        cluster.expect(source, migrate(motion, names, login), Expect::Ok).await?;
        for name in names {
            cluster.expect(source, command!["TYPE", motion.key(name)], motion.expect(Answer::Ask)).await?;
        }
    }
    Ok(())
}

async fn logs_in_as_user(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let Route { target, .. } = &motion.route;
    let (user, password) = (cluster.keys().plain(), "right");
    let set_user = async |rules: &[&str]| {
        let make = rules.iter().fold(command!["ACL", "SETUSER", &user], |make, rule| make.arg(rule));
        match cluster.call(target, make).await?.error() {
            Some(error) => Err(Stop::skip(format!("the server refuses ACL SETUSER: {}", error.text))),
            None => Ok(()),
        }
    };
    set_user(&["on", ">right", "~*", "+@all"]).await?;
    let acted = async {
        moves_none(&motion, &["AUTH2", &user, "wrong"]).await?;
        moves_none(&motion, &["AUTH2", "nobody-of-this-name", password]).await?;
        set_user(&["-restore-asking"]).await?;
        moves_none(&motion, &["AUTH2", &user, password]).await?;
        set_user(&["+restore-asking"]).await?;
        moves_all(&motion, &["AUTH2", &user, password]).await
    };
    let acted = acted.await;
    cluster.expect(target, command!["ACL", "DELUSER", &user], Expect::Integer(1)).await?;
    acted?;
    has_moved(&motion, target).await?;
    motion.end().await
}

async fn has_moved(motion: &Motion<'_>, target: &Node) -> Outcome {
    let mut session = motion.cluster.session(target).await?;
    for (name, kind) in KEYS.into_iter().zip(["string", "string", "list"]) {
        session.expect(command!["ASKING"], Expect::Ok).await?;
        session.expect(command!["TYPE", motion.key(name)], Expect::text(kind)).await?;
    }
    Ok(())
}

async fn logs_in_with_password(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let Route { target, .. } = &motion.route;
    let Access { username, password, .. } = cluster.options(target).access;
    let password = match (username, password) {
        (Some(_), _) => {
            return Err(Stop::skip("the user of the run is not the default user, and AUTH logs in as that one"));
        }
        (None, Some(password)) => password.expose().to_owned(),
        // What `without_authentication` sets.
        (None, None) => cluster.keys().plain(),
    };
    without_authentication(cluster, target, async |session| {
        session.expect(command!["GET", motion.key("gone")], Expect::error("NOAUTH")).await?;
        moves_none(&motion, &["AUTH", "wrong"]).await?;
        moves_all(&motion, &["AUTH", &password]).await
    })
    .await?;
    has_moved(&motion, target).await?;
    motion.end().await
}
