//! What clients say to the source of an open slot in each stage, and what it must answer.

use crate::code::motion::talk::{Answer::*, At, At::*, SOME_PRESENT, Talk, talk};

pub(super) const PRESENT: &[Talk] = &[
    talk(
        Source,
        &[
            ("GET {here}", Text("v")),
            ("EXISTS {here}", Integer(1)),
            ("STRLEN {here}", Integer(1)),
            ("TYPE {list}", Text("list")),
            ("SET {here} w", Okay),
            ("APPEND {here} x", Integer(2)),
            ("EXPIRE {here} 1000", Integer(1)),
            ("PERSIST {here}", Integer(1)),
            ("LRANGE {list} 0 -1", Items(&[Text("a"), Text("b")])),
            ("RPUSH {list} c", Integer(3)),
            ("LLEN {list}", Integer(3)),
            ("OBJECT ENCODING {list}", NoError),
            ("GET {here}", Text("wx")),
            ("DEL {here}", Integer(1)),
            ("GET {here}", Ask),
        ],
    ),
    talk(Source, &[("GET {here2}", Text("v")), ("SET {here2} w", Okay), ("GET {here2}", Text("w"))]).resp3(),
    talk(Source, &[("GET {here2}", Text("w")), ("SETRANGE {here2} 1 x", Integer(2)), ("GET {here2}", Text("wx"))])
        .pipelined(),
];

pub(super) const MISSING: &[Talk] = &[
    talk(
        Source,
        &[
            ("GET {none}", Ask),
            ("GET {gone}", Ask),
            ("EXISTS {gone}", Ask),
            ("TYPE {gone}", Ask),
            ("TTL {none}", Ask),
            ("OBJECT ENCODING {none}", Ask),
            ("SET {none} v", Ask),
            ("INCR {none}", Ask),
            ("SETNX {none} v", Ask),
            ("DEL {none}", Ask),
            ("UNLINK {gone}", Ask),
            ("EXPIRE {gone} 100", Ask),
            ("LPUSH {none} v", Ask),
            ("HSET {none} f v", Ask),
            ("SADD {none} m", Ask),
            ("ZADD {none} 1 m", Ask),
            ("XADD {none} * f v", Ask),
            ("PFADD {none} e", Ask),
            ("DUMP {gone}", Ask),
        ],
    ),
    talk(Source, &[("GET {none}", Ask), ("SET {none} v", Ask), ("GET {here}", Text("v")), ("GET {gone}", Ask)])
        .pipelined(),
    // None of this has had an effect.
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("EXISTS {none}", Integer(0)),
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("ASKING", Okay),
            ("TTL {gone}", Integer(-1)),
        ],
    ),
];

pub(super) const IN_RESP3: &[Talk] = &[
    talk(
        Source,
        &[
            ("GET {here}", Text("v")),
            ("GET {none}", Ask),
            ("HGETALL {gone}", Ask),
            ("SET {gone} w", Ask),
            ("DEL {none}", Ask),
            ("MGET {here} {none}", SOME_PRESENT),
            ("MGET {none} {none2}", Ask),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {none}", Ask),
        ],
    )
    .resp3(),
    talk(
        Target,
        &[
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("ASKING", Okay),
            ("GET {none}", Null),
            ("ASKING", Okay),
            ("MGET {gone} {none}", TryAgain),
        ],
    )
    .resp3(),
];

pub(super) const WRONG_TYPE: &[Talk] = &[talk(
    Source,
    &[
        ("GET {list}", Error("WRONGTYPE")),
        ("INCR {list}", Error("WRONGTYPE")),
        ("LPUSH {here} v", Error("WRONGTYPE")),
        ("HGET {here} f", Error("WRONGTYPE")),
        ("SUNION {here} {here2}", Error("WRONGTYPE")),
        ("HGET {gone} f", Ask),
    ],
)];

pub(super) const ALL_PRESENT: &[Talk] = &[talk(
    Source,
    &[
        ("MGET {here} {here2}", Items(&[Text("v"), Text("v")])),
        ("EXISTS {here} {here2} {list}", Integer(3)),
        ("MSET {here} w {here2} x", Okay),
        ("MGET {here} {here2} {here}", Items(&[Text("w"), Text("x"), Text("w")])),
        ("TOUCH {here} {list}", Integer(2)),
        ("BITOP AND {here} {here} {here2}", Integer(1)),
        ("COPY {here2} {here} REPLACE", Integer(1)),
        ("RENAME {here2} {here}", Okay),
        ("GET {here}", Text("x")),
        ("DEL {here} {list}", Integer(2)),
    ],
)];

pub(super) const NONE_PRESENT: &[Talk] = &[
    talk(
        Source,
        &[
            ("MGET {none} {none2}", Ask),
            ("MGET {gone} {gone2}", Ask),
            ("MGET {gone} {none}", Ask),
            ("MGET {none} {none}", Ask),
            ("EXISTS {gone} {none}", Ask),
            ("DEL {gone} {gone2}", Ask),
            ("MSET {none} v {none2} v", Ask),
            ("MSETNX {none} v {none2} v", Ask),
            ("SUNIONSTORE {none} {none2}", Ask),
            ("RENAME {gone} {none}", Ask),
            ("LMOVE {none} {none2} LEFT LEFT", Ask),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")])),
            ("ASKING", Okay),
            ("EXISTS {none}", Integer(0)),
        ],
    ),
];

pub(super) const SOME_OF_SEVERAL: &[Talk] = &[
    talk(
        Source,
        &[
            ("MGET {here} {none}", SOME_PRESENT),
            ("MGET {none} {here}", SOME_PRESENT),
            ("MGET {here} {here2} {gone}", SOME_PRESENT),
            ("MGET {gone} {here} {here2}", SOME_PRESENT),
            ("EXISTS {here} {gone}", SOME_PRESENT),
            ("DEL {here} {none}", SOME_PRESENT),
            ("UNLINK {none} {here}", SOME_PRESENT),
            ("MSET {here} w {none} w", SOME_PRESENT),
            ("SUNIONSTORE {none} {here}", SOME_PRESENT),
            ("RENAME {here} {none}", SOME_PRESENT),
            ("COPY {here} {none}", SOME_PRESENT),
            ("PFCOUNT {here} {none}", SOME_PRESENT),
            ("LMOVE {list} {none} LEFT LEFT", SOME_PRESENT),
            ("SORT {list} ALPHA STORE {none}", SOME_PRESENT),
        ],
    ),
    // None of this has had an effect.
    talk(
        Source,
        &[
            ("MGET {here} {here2}", Items(&[Text("v"), Text("v")])),
            ("LRANGE {list} 0 -1", Items(&[Text("a"), Text("b")])),
        ],
    ),
];

pub(super) const WITHOUT_KEYS: &[Talk] =
    &[without_keys(Source), without_keys(Target), without_keys(Source).resp3(), without_keys(Target).resp3()];

const fn without_keys(at: At) -> Talk {
    talk(
        at,
        &[
            ("PING", Text("PONG")),
            ("ECHO hello", Text("hello")),
            ("DBSIZE", NoError),
            ("TIME", NoError),
            ("SCAN 0 COUNT 1", NoError),
            ("CLUSTER KEYSLOT foo", Integer(12_182)),
            ("CLUSTER COUNTKEYSINSLOT {slot}", NoError),
            ("EVAL 'return 7' 0", Integer(7)),
            ("MULTI", Okay),
            ("PING", Queued),
            ("EXEC", Items(&[Text("PONG")])),
        ],
    )
}

pub(super) const BLOCKING: &[Talk] = &[talk(
    Source,
    &[
        ("BLPOP {none} 0", Ask),
        ("BRPOP {gone} {none} 0", Ask),
        ("BZPOPMIN {none} 0", Ask),
        ("BLMOVE {none} {none2} LEFT LEFT 0", Ask),
        ("XREAD BLOCK 0 STREAMS {none} $", Ask),
        ("BLPOP {list} {none} 0", SOME_PRESENT),
        ("BLPOP {list} 0", NoError),
    ],
)];

pub(super) const SCRIPTS: &[Talk] = &[
    talk(
        Source,
        &[
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {here}", Text("v")),
            ("EVAL \"return redis.call('SET', KEYS[1], 'w')\" 1 {here}", Okay),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {none}", Ask),
            ("EVAL \"return redis.call('SET', KEYS[1], 'w')\" 1 {none}", Ask),
            ("EVAL \"return redis.call('MGET', KEYS[1], KEYS[2])\" 2 {here} {here2}", Items(&[Text("w"), Text("v")])),
            ("EVAL \"return redis.call('MGET', KEYS[1], KEYS[2])\" 2 {none} {gone}", Ask),
            ("EVAL \"return redis.call('MGET', KEYS[1], KEYS[2])\" 2 {here} {none}", SOME_PRESENT),
            ("EVAL_RO \"return redis.call('GET', KEYS[1])\" 1 {none}", Ask),
            ("EVALSHA 0000000000000000000000000000000000000000 1 {none}", Ask),
            ("EVALSHA 0000000000000000000000000000000000000000 1 {here}", Error("NOSCRIPT")),
            ("FCALL no-such-function 1 {none}", Ask),
        ],
    ),
    talk(
        Target,
        &[
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {gone}", MovedToSource),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {gone}", Text("v")),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {none}", Null),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('SET', KEYS[1], 'w')\" 1 {none}", Okay),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('MGET', KEYS[1], KEYS[2])\" 2 {gone} {none}", Items(&[Text("v"), Text("w")])),
            ("ASKING", Okay),
            ("EVAL \"return redis.call('MGET', KEYS[1], KEYS[2])\" 2 {gone} {none2}", TryAgain),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {gone}", MovedToSource),
        ],
    ),
];

pub(super) const OTHER_ERRORS: &[Talk] = &[
    talk(
        Source,
        &[
            ("GET {none} {none}", Error("ERR wrong number of arguments")),
            ("MGET {none} {elsewhere}", Error("CROSSSLOT")),
            ("MGET {here} {elsewhere}", Error("CROSSSLOT")),
            ("MGET {elsewhere} {none}", Error("CROSSSLOT")),
            ("GET {elsewhere}", Null),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET", Error("ERR wrong number of arguments")),
            ("ASKING", Okay),
            ("MGET {gone} {elsewhere}", Error("CROSSSLOT")),
            ("ASKING", Okay),
            ("MGET {none} {elsewhere}", Error("CROSSSLOT")),
        ],
    ),
];
