//! Transactions while a slot is open.

use crate::code::motion::stage::Stage;
use crate::code::motion::talk::{Answer, Answer::*, At::*, Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::need::Need;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/asking-before-multi")
        .title("After ASKING and MULTI, the target queues and runs commands of the slot that it imports")
        .must("ask-redirection")
        .covers(&["ask.multi-asking-before"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ASKING_BEFORE))),
    check("ask/asking-inside-multi")
        .title("ASKING that is queued inside MULTI admits no key: the next command gets MOVED, and EXEC aborts")
        .should("ASKING")
        .covers(&["ask.multi-asking-inside"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ASKING_INSIDE))),
    check("ask/transaction-with-missing-key")
        .title("The source runs no transaction of which it lacks every key: the client gets ASK")
        .must("ask-redirection")
        .covers(&["ask.multi-source-missing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ALL_MISSING))),
    check("ask/transaction-with-some-keys")
        .title("The source runs no part of a transaction of which it has only some keys")
        .must("multi-key-operations")
        .covers(&["ask.multi-source-partial"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, SOME_MISSING))),
];

const ASKING_BEFORE: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MULTI", Okay),
            ("SET {none} v", Queued),
            ("GET {none}", Queued),
            ("EXEC", Items(&[Okay, Text("v")])),
            ("GET {none}", MovedToSource),
            ("ASKING", Okay),
            ("MULTI", Okay),
            ("GET {gone}", Queued),
            ("GET {gone2}", Queued),
            ("PING", Queued),
            ("EXEC", Items(&[Text("v"), Text("v"), Text("PONG")])),
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("MULTI", Okay),
            ("GET {gone}", Queued),
            ("DISCARD", Okay),
            ("GET {gone}", MovedToSource),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MULTI", Okay),
            ("INCR {copy}", Queued),
            ("EXEC", Items(&[Integer(1)])),
            ("GET {copy}", MovedToSource),
        ],
    )
    .resp3(),
];

const ASKING_INSIDE: &[Talk] = &[
    talk(
        Target,
        &[
            ("MULTI", Okay),
            ("ASKING", Queued),
            ("GET {gone}", MovedToSource),
            ("EXEC", Error("EXECABORT")),
            ("GET {gone}", MovedToSource),
        ],
    ),
    talk(Target, &[("MULTI", Okay), ("ASKING", Queued), ("SET {gone} w", MovedToSource), ("EXEC", Error("EXECABORT"))]),
    talk(Target, &[("ASKING", Okay), ("GET {gone}", Text("v"))]),
];

/// Since Valkey 9.0, the node looks for the keys when EXEC comes.
const QUEUED_MISSING: Answer = On("valkey >=9.0", &Queued, &Ask);
const EXEC_MISSING: Answer = On("valkey >=9.0", &Ask, &Error("EXECABORT"));
const EXEC_SOME: Answer = On("valkey >=9.0", &TryAgain, &Error("EXECABORT"));

const ALL_MISSING: &[Talk] = &[
    talk(Source, &[("MULTI", Okay), ("GET {none}", QUEUED_MISSING), ("EXEC", EXEC_MISSING)]),
    talk(Source, &[("MULTI", Okay), ("SET {none} v", QUEUED_MISSING), ("EXEC", EXEC_MISSING), ("GET {none}", Ask)]),
    talk(Source, &[("MULTI", Okay), ("SET {gone} w", QUEUED_MISSING), ("EXEC", EXEC_MISSING)]).resp3(),
    talk(
        Source,
        &[("MULTI", Okay), ("GET {gone}", QUEUED_MISSING), ("GET {none}", QUEUED_MISSING), ("EXEC", EXEC_MISSING)],
    ),
    // The source still runs a transaction of which it has the keys.
    talk(
        Source,
        &[("MULTI", Okay), ("SET {here} w", Queued), ("GET {here}", Queued), ("EXEC", Items(&[Okay, Text("w")]))],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {gone}", Text("v"))]),
];

const SOME_MISSING: &[Talk] = &[
    talk(Source, &[("MULTI", Okay), ("SET {here} w", Queued), ("SET {none} w", QUEUED_MISSING), ("EXEC", EXEC_SOME)]),
    talk(Source, &[("MULTI", Okay), ("GET {gone}", QUEUED_MISSING), ("SET {here} w", Queued), ("EXEC", EXEC_SOME)]),
    talk(
        Source,
        &[
            ("MULTI", Okay),
            ("DEL {here2}", Queued),
            ("PING", Queued),
            ("DEL {gone}", QUEUED_MISSING),
            ("EXEC", EXEC_SOME),
        ],
    ),
    talk(Source, &[("MGET {here} {here2}", Items(&[Text("v"), Text("v")])), ("GET {none}", Ask)]),
    talk(Target, &[("ASKING", Okay), ("GET {gone}", Text("v"))]),
];
