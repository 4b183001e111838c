//! Which server is under test, and ranges of servers on which a rule holds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use wire::{Reply, Value, bytes_of};

/// The product that a server says it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Product {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
    /// Anything else, by the name that it gives itself.
    Other(String),
    /// It does not say.
    Unknown,
}

impl Product {
    /// The product of a name, in whatever case.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "redis" => Self::Redis,
            "valkey" => Self::Valkey,
            "" | "unknown" => Self::Unknown,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::Other(name) => name,
            Self::Unknown => "unknown",
        })
    }
}

/// A version of up to three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// What builds call themselves that belong to no release: newer than all releases.
    pub const UNRELEASED: Self = Self(255, 255, 255);
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNRELEASED => formatter.write_str("unreleased"),
            Self(major, minor, patch) => write!(formatter, "{major}.{minor}.{patch}"),
        }
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut numbers = [0; 3];
        let digits = text.split(|character: char| !character.is_ascii_digit() && character != '.').next();
        for (index, part) in digits.filter(|digits| !digits.is_empty()).ok_or(())?.split('.').take(3).enumerate() {
            numbers[index] = part.parse().map_err(|_| ())?;
        }
        Ok(Self(numbers[0], numbers[1], numbers[2]))
    }
}

/// A product and its version, as the server gives them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The product.
    pub product: Product,
    /// The version; 0.0.0 where the server does not say it.
    pub version: Version,
}

/// The products that name themselves by a field of INFO, such as `valkey_version`; what they give as `redis_version` is a
/// compatibility value.
const NAMED_BY_FIELD: [&str; 6] = ["valkey", "redict", "dragonfly", "garnet", "kvrocks", "keydb"];

impl Server {
    /// The oldest version whose behaviour the checks know.
    pub const RULES_FROM: &'static str = "6.0";

    /// A server that does not say what it is.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { product: Product::Unknown, version: Version(0, 0, 0) }
    }

    /// Reads product and version from the fields of INFO and from the reply of HELLO; either may be missing.
    ///
    /// A field of INFO such as `valkey_version` counts most. The name in HELLO comes next, since a fork often repeats
    /// `redis_version`; then the name of the program, which is all that tells KeyDB from Redis; then `redis_version`.
    #[must_use]
    pub fn identify(info: &BTreeMap<String, String>, hello: Option<&Reply>) -> Option<Self> {
        let hello = hello.map(hello_fields).unwrap_or_default();
        let (called, said) = (hello.get("server").map_or("", String::as_str), hello.get("version"));
        let field = |name: &str| info.get(&format!("{name}_version"));
        let name = info.get("server_name").map_or("", String::as_str);
        let names = NAMED_BY_FIELD.iter().copied().chain([name, called]).filter(|name| !matches!(*name, "" | "redis"));
        for name in names {
            if let Some(text) = field(name) {
                return Some(Self { product: Product::named(name), version: version_in(text) });
            }
        }
        let redis = field("redis").or(said).map_or(Version(0, 0, 0), |text| version_in(text));
        if !matches!(called, "" | "redis") {
            return Some(Self {
                product: Product::named(called),
                version: said.map_or(redis, |text| version_in(text)),
            });
        }
        if info.get("executable").is_some_and(|program| program.contains("keydb")) || info.contains_key("mvcc_depth") {
            return Some(Self { product: Product::Other("keydb".to_owned()), version: redis });
        }
        let is_named = called == "redis" || field("redis").is_some();
        is_named.then_some(Self { product: Product::Redis, version: redis })
    }

    /// Whether the server is older than all rules: a Redis before 6.0.
    #[must_use]
    pub fn is_older_than_rules(&self) -> bool {
        self.version > Version(0, 0, 0) && self.is(&format!("redis <{}", Self::RULES_FROM))
    }

    /// Whether the server lies in a range; see [`ServerRange`].
    #[must_use]
    pub fn is(&self, range: &str) -> bool {
        range.parse::<ServerRange>().is_ok_and(|range| range.contains(self))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.product, self.version) {
            (Product::Unknown, Version(0, 0, 0)) => formatter.write_str("an unknown server"),
            (product, version) => write!(formatter, "{product} {version}"),
        }
    }
}

/// The names and values of HELLO, in RESP2 and RESP3.
fn hello_fields(reply: &Reply) -> BTreeMap<String, String> {
    let text = |value: &Value| bytes_of(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let pairs: Vec<(&Value, &Value)> = match reply.value() {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        Value::Array(items) => items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
        _ => Vec::new(),
    };
    pairs.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// The version in a text such as `df-v1.21.2` or `7.2.4`; 0.0.0 where it has none.
fn version_in(text: &str) -> Version {
    text.trim_start_matches(|character: char| !character.is_ascii_digit()).parse().unwrap_or(Version(0, 0, 0))
}

/// The products whose behaviour over time the rules describe.
const DESCRIBED: [Product; 2] = [Product::Redis, Product::Valkey];

/// A product and bounds of its version: `valkey`, `redis >=7.0`, `redis >=7.0 <7.4`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerRange {
    product: Product,
    from: Option<Version>,
    before: Option<Version>,
}

impl ServerRange {
    /// Whether the server is of this product and its version within the bounds.
    #[must_use]
    pub fn contains(&self, server: &Server) -> bool {
        self.product == server.product
            && self.from.is_none_or(|from| server.version >= from)
            && self.before.is_none_or(|before| server.version < before)
    }

    /// Whether a rule that holds on `ranges` binds the server; an empty list binds all.
    ///
    /// A product that no range names is bound by what all have in common: by a rule that every release of Redis and of
    /// Valkey keeps. Rules of other products, and rules that came with some release, do not bind it.
    #[must_use]
    pub fn admit(ranges: &[ServerRange], server: &Server) -> bool {
        let is_described = DESCRIBED.contains(&server.product);
        if ranges.is_empty() || ranges.iter().any(|range| range.contains(server)) {
            return true;
        }
        let is_named = ranges.iter().any(|range| range.product == server.product);
        let is_common = || DESCRIBED.iter().all(|product| ranges.iter().any(|range| range.holds_always(product)));
        !is_described && !is_named && is_common()
    }

    /// Whether the range takes in every release of a product that rct judges.
    fn holds_always(&self, product: &Product) -> bool {
        let first = Self::RULES_FROM;
        self.product == *product && self.before.is_none() && self.from.is_none_or(|from| from <= first)
    }

    /// The oldest version whose behaviour the checks know, as [`Server::RULES_FROM`].
    const RULES_FROM: Version = Version(6, 0, 0);
}

impl fmt::Display for ServerRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |version: Version| match version {
            Version(major, minor, 0) => format!("{major}.{minor}"),
            full => full.to_string(),
        };
        write!(formatter, "{}", self.product)?;
        if let Some(from) = self.from {
            write!(formatter, " >={}", short(from))?;
        }
        if let Some(before) = self.before {
            write!(formatter, " <{}", short(before))?;
        }
        Ok(())
    }
}

impl FromStr for ServerRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is not a server range: expected PRODUCT [>=VERSION] [<VERSION], such as redis >=7.0 <7.4")
        };
        let mut words = text.split_whitespace();
        let product = match words.next().ok_or_else(wrong)? {
            name if name.chars().all(|c| c.is_ascii_lowercase() || c == '-') => Product::named(name),
            _ => return Err(wrong()),
        };
        let mut range = Self { product, from: None, before: None };
        for word in words {
            let (bound, version) = match word.strip_prefix(">=") {
                Some(version) => (&mut range.from, version),
                None => (&mut range.before, word.strip_prefix('<').ok_or_else(wrong)?),
            };
            *bound = Some(version.parse().map_err(|()| wrong())?);
        }
        Ok(range)
    }
}

impl JsonSchema for ServerRange {
    fn schema_name() -> Cow<'static, str> {
        "ServerRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A product and bounds of its version: `redis >=7.0 <7.4`." })
    }
}

impl TryFrom<String> for ServerRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(text: &str) -> Server {
        Server { product: Product::Redis, version: text.parse().unwrap() }
    }

    #[test]
    fn ranges_hold_their_bounds() {
        assert!(redis("7.0.15").is("redis >=7.0 <7.4"));
        assert!(!redis("7.4.0").is("redis >=7.0 <7.4"));
        assert!(!redis("6.2.14").is("redis >=7.0"));
        assert!(!redis("7.0.15").is("valkey"));
    }

    #[test]
    fn case_f7_rules_of_other_products_do_not_bind_an_unknown_one() {
        let ranges = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<ServerRange>>();
        let others = [
            Server { product: Product::Other("garnet".into()), version: Version(1, 0, 0) },
            Server { product: Product::Other("keydb".into()), version: Version(6, 3, 4) },
            Server::unknown(),
        ];
        for server in others {
            for (texts, is_bound) in [
                (&[][..], true),
                (&["redis", "valkey"], true),
                (&["redis >=6.0", "valkey"], true),
                (&["redis >=7.0", "valkey"], false),
                (&["redis >=7.0"], false),
                (&["valkey >=9.1"], false),
                (&["redis <7.0", "valkey"], false),
            ] {
                assert_eq!(ServerRange::admit(&ranges(texts), &server), is_bound, "{server}: {texts:?}");
            }
        }
        let garnet = Server { product: Product::Other("garnet".into()), version: Version(1, 0, 0) };
        assert!(ServerRange::admit(&ranges(&["valkey", "garnet"]), &garnet));
        assert!(!ServerRange::admit(&ranges(&["redis", "valkey", "garnet >=2.0"]), &garnet));
        assert!(!ServerRange::admit(&ranges(&["redis >=7.0"]), &redis("6.2.14")));
    }

    fn identified(info: &str, hello: &str) -> String {
        let hello = (!hello.is_empty()).then(|| Reply::parse(hello.as_bytes().to_vec()).unwrap());
        let server = Server::identify(&wire::parse_info(info), hello.as_ref());
        server.map_or_else(|| "nothing".to_owned(), |server| server.to_string())
    }

    fn hello(server: &str, version: &str) -> String {
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        format!("*6\r\n{}{}{}{}{}:2\r\n", bulk("server"), bulk(server), bulk("version"), bulk(version), bulk("proto"))
    }

    #[test]
    fn case_f7_the_product_is_what_the_server_calls_itself() {
        for (info, hello, found) in [
            (
                "redis_version:7.2.4\r\nvalkey_version:9.1.0\r\nserver_name:valkey",
                hello("valkey", "9.1.0"),
                "valkey 9.1.0",
            ),
            ("redis_version:7.2.4\r\nredict_version:7.3.6", hello("redict", "7.3.6"), "redict 7.3.6"),
            ("redis_version:7.2.4", hello("redict", "7.3.6"), "redict 7.3.6"),
            ("redis_version:6.3.4\r\nexecutable:/usr/bin/keydb-server", hello("redis", "6.3.4"), "keydb 6.3.4"),
            ("redis_version:7.2.0\r\ndragonfly_version:df-v1.21.2", String::new(), "dragonfly 1.21.2"),
            ("redis_version:7.0.15", String::new(), "redis 7.0.15"),
            ("redis_version:7.4.0\r\nsomedb_version:2.1.0", hello("somedb", "9"), "somedb 2.1.0"),
            ("redis_version:255.255.255", String::new(), "redis unreleased"),
        ] {
            assert_eq!(identified(info, &hello), found, "{info:?}");
        }
        assert!(redis("255.255.255").is("redis >=99.0"));
    }

    #[test]
    fn case_b6_without_info_hello_tells_the_product() {
        assert_eq!(identified("", &hello("redis", "7.0.15")), "redis 7.0.15");
        assert_eq!(identified("", "-ERR unknown command 'HELLO'\r\n"), "nothing");
        assert_eq!(identified("", ""), "nothing");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!("redis 7.0".parse::<ServerRange>().is_err());
        assert!("Redis".parse::<ServerRange>().is_err());
        assert!("".parse::<ServerRange>().is_err());
    }
}
