//! Which server is under test, and ranges of servers on which a rule holds.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The product that a server says it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Product {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
    /// Anything else, by the name that it gives itself.
    Other(String),
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::Other(name) => name,
        })
    }
}

/// A version of up to three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.0, self.1, self.2)
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

/// A product and its version, as INFO gives them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The product.
    pub product: Product,
    /// The version.
    pub version: Version,
}

impl Server {
    /// Reads product and version from the reply of INFO.
    ///
    /// Valkey says who it is by `server_name` and `valkey_version`; `redis_version` there is a compatibility value.
    #[must_use]
    pub fn from_info(info: &std::collections::BTreeMap<String, String>) -> Option<Self> {
        let version = |field: &str| info.get(field).and_then(|text| text.parse().ok());
        if let Some(version) = version("valkey_version") {
            return Some(Self { product: Product::Valkey, version });
        }
        for (product, field) in
            [("garnet", "garnet_version"), ("dragonfly", "dragonfly_version"), ("kvrocks", "kvrocks_version")]
        {
            if let Some(text) = info.get(field) {
                let version =
                    text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(Version(0, 0, 0));
                return Some(Self { product: Product::Other(product.to_owned()), version });
            }
        }
        version("redis_version").map(|version| Self { product: Product::Redis, version })
    }

    /// Whether the server lies in a range; see [`ServerRange`].
    #[must_use]
    pub fn is(&self, range: &str) -> bool {
        range.parse::<ServerRange>().is_ok_and(|range| range.contains(self))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.product, self.version)
    }
}

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

    /// Whether any of `ranges` admits the server: an empty list admits all, and a product that no range names is
    /// judged like the newest of those that are named, since nobody has written down how it differs.
    #[must_use]
    pub fn admit(ranges: &[ServerRange], server: &Server) -> bool {
        let unknown =
            matches!(server.product, Product::Other(_)) && !ranges.iter().any(|r| r.product == server.product);
        ranges.is_empty() || unknown || ranges.iter().any(|range| range.contains(server))
    }
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
            "redis" => Product::Redis,
            "valkey" => Product::Valkey,
            other if other.chars().all(|c| c.is_ascii_lowercase() || c == '-') => Product::Other(other.to_owned()),
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
    fn a_product_that_nobody_named_is_admitted() {
        let server = Server { product: Product::Other("garnet".into()), version: Version(1, 0, 0) };
        let ranges = ["redis >=7.0".parse().unwrap()];
        assert!(ServerRange::admit(&ranges, &server));
        assert!(!ServerRange::admit(&ranges, &redis("6.2.14")));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!("redis 7.0".parse::<ServerRange>().is_err());
        assert!("Redis".parse::<ServerRange>().is_err());
        assert!("".parse::<ServerRange>().is_err());
    }
}
