//! MIGRATE keeps what it should not, or hides what went wrong.

use wire::Command;

use super::open_slot::{at_source, is, open_slot};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "migrate-never-copies",
        "MIGRATE ignores COPY and deletes the key at the source",
        &["reshard/migrate-replace-and-copy"],
        |_, request| (request.is("MIGRATE") && request.has("COPY")).then(|| sent(without(request, b"COPY"))),
    ),
    on_request(
        "migrate-always-copies",
        "MIGRATE of one key keeps the key at the source",
        &["reshard/migrate-moves-a-key", "reshard/every-key-arrives-key-by-key"],
        |_, request| {
            let moves_one = request.is("MIGRATE") && !request.word(3).is_empty() && !request.has("COPY");
            moves_one.then(|| sent(request.command().arg("COPY")))
        },
    ),
    on_reply(
        "migrate-of-nothing-is-ok",
        "MIGRATE answers OK instead of NOKEY",
        &["reshard/migrate-without-key"],
        |_, request, reply| {
            let is_none = request.is("MIGRATE") && reply.text().is_some_and(|text| text == "NOKEY");
            is_none.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "migrate-of-many-reports-no-busy-key",
        "MIGRATE with KEYS answers OK although the target has one of the keys",
        &["reshard/migrate-many-keys-of-which-one-exists"],
        |_, request, reply| {
            let is_busy = reply.error().is_some_and(|error| error.text.contains("BUSYKEY"));
            (request.is("MIGRATE") && request.has("KEYS") && is_busy).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "migrate-does-not-name-busy-keys",
        "MIGRATE answers with a bare error if the target has the key",
        &["reshard/migrate-key-exists-at-target"],
        |_, request, reply| {
            let is_busy = reply.error().is_some_and(|error| error.text.contains("BUSYKEY"));
            (request.is("MIGRATE") && is_busy)
                .then(|| Replacement::Answer(error("ERR Target instance replied with error")))
        },
    ),
    on_request(
        "migrate-takes-key-and-keys",
        "MIGRATE with a key and KEYS moves the key and ignores KEYS",
        &["reshard/migrate-key-and-keys"],
        |_, request| {
            let has_both = request.is("MIGRATE") && !request.word(3).is_empty() && request.has("KEYS");
            let words = request.words().iter().take_while(|word| !word.eq_ignore_ascii_case(b"KEYS"));
            has_both.then(|| sent(Command::new(words)))
        },
    ),
    on_reply(
        "unreachable-target-is-ok",
        "MIGRATE answers OK although it could not reach the target",
        &["reshard/migrate-to-nobody", "reshard/target-dies-half-way"],
        |_, request, reply| (request.is("MIGRATE") && is(reply, "IOERR")).then(|| Replacement::Answer(simple("OK"))),
    ),
    on_reply(
        "unreachable-target-has-no-code",
        "MIGRATE answers ERR instead of IOERR if it cannot reach the target",
        &["reshard/migrate-to-nobody"],
        |_, request, reply| {
            let failed = request.is("MIGRATE") && is(reply, "IOERR");
            failed.then(|| Replacement::Answer(error("ERR error or timeout connecting to the client")))
        },
    ),
    on_reply(
        "refusal-of-the-target-looks-like-a-redirect",
        "MIGRATE passes the MOVED of the target on as its own error",
        &["reshard/migrate-to-a-closed-target"],
        |_, request, reply| {
            let error_reply = reply.error().filter(|_| request.is("MIGRATE"))?;
            let at = error_reply.text.find("MOVED ").filter(|at| *at > 0)?;
            Some(Replacement::Answer(error(&error_reply.text[at..])))
        },
    ),
    on_request(
        "migrate-of-many-needs-no-login",
        "MIGRATE with KEYS ignores AUTH2, and acts as the default user at the target",
        &["reshard/migrate-logs-in-as-user"],
        |_, request| {
            let at = request.words().iter().position(|word| word.eq_ignore_ascii_case(b"AUTH2"))?;
            let words = request.words().iter().enumerate().filter(|(place, _)| !(at..at + 3).contains(place));
            let many = request.is("MIGRATE") && request.has("KEYS");
            many.then(|| sent(Command::new(words.map(|(_, word)| word))))
        },
    ),
    on_request(
        "migrate-forgets-the-user",
        "MIGRATE with AUTH2 sends the password only, so that it logs in as the default user",
        &["reshard/migrate-logs-in-as-user"],
        |_, request| {
            let at = request.words().iter().position(|word| word.eq_ignore_ascii_case(b"AUTH2"))?;
            let words = request.words().iter().enumerate().filter(|(place, _)| *place != at + 1);
            let words = words.map(|(place, word)| if place == at { &b"AUTH"[..] } else { &word[..] });
            request.is("MIGRATE").then(|| sent(Command::new(words)))
        },
    ),
    on_reply(
        "refused-login-of-one-key-is-ok",
        "MIGRATE of one key answers OK although the target refused the password",
        &["reshard/migrate-logs-in-with-password"],
        |_, request, reply| {
            let is_one = request.is("MIGRATE") && !request.word(3).is_empty() && request.has("AUTH");
            let refused = reply.error().is_some_and(|error| error.text.contains("WRONGPASS"));
            (is_one && refused).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "migrate-is-redirected-at-the-source",
        "The source of an open slot answers ASK to MIGRATE of a key that it does not have",
        &["reshard/migrate-is-not-redirected", "reshard/migrate-without-key"],
        |scene, request, reply| {
            let open = at_source(scene, request)?;
            let is_none = request.is("MIGRATE") && reply.text().is_some_and(|text| text == "NOKEY");
            is_none.then(|| open.ask(scene)).flatten()
        },
    ),
    on_reply(
        "migrate-runs-anywhere",
        "A node that does not own the slot answers NOKEY to MIGRATE",
        &["reshard/migrate-is-not-redirected"],
        |scene, request, reply| {
            let is_elsewhere = open_slot(scene, request).is_some() && request.is("MIGRATE") && is(reply, "MOVED");
            is_elsewhere.then(|| Replacement::Answer(simple("NOKEY")))
        },
    ),
];

fn sent(command: Command) -> Replacement {
    Replacement::Send { commands: vec![command], shown: 0 }
}

/// The request without an option.
fn without(request: &Request, option: &[u8]) -> Command {
    Command::new(request.words().iter().filter(|word| !word.eq_ignore_ascii_case(option)))
}
