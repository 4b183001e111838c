//! Errors have the wrong form or code, or a connection behaves wrongly after one.

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::error;

/// Errors of some code start with another text.
macro_rules! renames {
    ($name:literal, $sentence:literal, $code:literal, $text:literal, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, _, reply| {
            (code(reply)? == $code).then(|| Replacement::Answer(error($text)))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    renames!(
        "wrongtype-is-err",
        "A command answers ERR instead of WRONGTYPE for a key of another type",
        "WRONGTYPE",
        "ERR Operation against a key holding the wrong kind of value",
        &["moved/before-wrongtype", "moved/before-wrongtype-on-a-replica"]
    ),
    renames!(
        "noscript-is-no-code",
        "EVALSHA of an unknown script answers an error without an error code",
        "NOSCRIPT",
        "No matching script. Please use EVAL.",
        &["crossslot/tag-ok", "errors/known-first-word"]
    ),
    renames!(
        "nogroup-is-err",
        "XREADGROUP answers ERR for an unknown group",
        "NOGROUP",
        "ERR No such key or consumer group",
        &["errors/known-first-word"]
    ),
    renames!(
        "noproto-is-err",
        "HELLO answers ERR for an unknown version",
        "NOPROTO",
        "ERR Protocol version is not an integer or out of range",
        &["connection/hello-of-an-unknown-version", "errors/known-first-word"]
    ),
    on_reply(
        "unknown-commands-have-no-code",
        "A node answers an unknown command with a sentence that has no error code",
        &["errors/known-first-word"],
        |_, _, reply| {
            let unknown = reply.error()?.text.starts_with("ERR unknown command");
            unknown.then(|| Replacement::Answer(error("unknown command")))
        },
    ),
    on_reply(
        "errors-repeat-line-breaks",
        "The error for an unknown command repeats line breaks in its name without escaping them",
        &["errors/one-line"],
        |_, request, reply| {
            let name = request.word(0);
            (reply.error().is_some() && name.iter().any(|byte| matches!(byte, b'\r' | b'\n')))
                .then(|| Replacement::Answer([b"-ERR unknown command '", name, b"'\r\n"].concat()))
        },
    ),
    on_reply(
        "script-errors-keep-a-line-feed",
        "The error of a script keeps the line feeds of its text",
        &["errors/one-line"],
        |_, request, reply| {
            let script = request.is("EVAL") && reply.error().is_some() && request.word(3).contains(&b'\n');
            script.then(|| Replacement::Answer(b"-ERR line\nbreak\r\n".to_vec()))
        },
    ),
    on_request(
        "malformed-frame-is-read-past",
        "A node answers a malformed frame with an error and keeps the connection open",
        &["errors/malformed-frame-closes-its-connection-only"],
        |_, request| request.is_malformed().then(|| Replacement::Answer(error("ERR Protocol error: expected '$'"))),
    ),
    on_request(
        "malformed-length-is-waited-for",
        "A node waits without end for a frame of negative length",
        &["errors/malformed-frame-closes-its-connection-only"],
        |_, request| {
            let negative = request.is_malformed() && request.bytes().windows(2).any(|two| two == b"$-");
            negative.then_some(Replacement::Silence)
        },
    ),
    on_request(
        "malformed-frame-takes-other-connections-along",
        "A node closes all its connections after one malformed frame",
        &["errors/malformed-frame-closes-its-connection-only"],
        |scene, request| {
            let frames = scene.shared("frames") + i64::from(request.is_malformed());
            scene.share("frames", frames);
            let known = scene.note("known");
            if *known == 0 || request.is_malformed() {
                // The stored number is one higher, so that 0 means that the connection has not looked yet.
                *known = frames + 1;
            }
            (*known != frames + 1).then_some(Replacement::HangUp)
        },
    ),
    on_reply(
        "second-arity-error-sticks",
        "A node repeats the arity error for the command that follows the second such error on a connection",
        &["readonly/argument-is-refused"],
        |scene, _, reply| {
            let counted = reply.error().is_some_and(|error| error.text.contains("wrong number of arguments"));
            *scene.note("counted") += i64::from(counted);
            let sticks = *scene.note("counted") == 2 && !counted;
            sticks.then(|| {
                *scene.note("counted") = 3;
                Replacement::Answer(error("ERR wrong number of arguments for command"))
            })
        },
    ),
    on_reply(
        "redirect-of-a-write-closes-the-connection",
        "A node redirects a read, and closes the same connection when it redirects a write",
        &["moved/connection-stays-open"],
        |scene, request, reply| {
            (code(reply)? == "MOVED").then_some(())?;
            *scene.note("redirects") += 1;
            *scene.note("reads") |= i64::from(request.is("GET"));
            // A check that tries all commands in turn is left out, since their order is random.
            let is_meant = *scene.note("reads") == 1 && *scene.note("redirects") <= 12;
            (is_meant && request.is("SET") && !scene.in_transaction()).then_some(Replacement::HangUp)
        },
    ),
    on_reply(
        "wrongtype-leaves-its-pipeline-unanswered",
        "A node does not answer the pipelined commands that follow a WRONGTYPE error",
        &["moved/before-wrongtype", "moved/before-wrongtype-on-a-replica"],
        |scene, _, reply| {
            let before = *scene.note("wrong");
            if code(reply).is_some_and(|code| code == "WRONGTYPE") {
                *scene.note("wrong") = 1;
            }
            (before == 1).then_some(Replacement::Silence)
        },
    ),
];
