//! The size of a cluster, such as `3+1`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The size of a cluster: primaries, and replicas of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Primaries that own slots, 1 or more.
    pub primaries: u16,
    /// Replicas of each primary.
    #[serde(default)]
    pub replicas: u16,
}

impl Shape {
    /// The largest number of primaries, and of replicas of each, that rct brings up.
    pub const LARGEST: Shape = Shape { primaries: 100, replicas: 5 };

    /// A shape of so many primaries with so many replicas each.
    #[must_use]
    pub const fn new(primaries: u16, replicas: u16) -> Self {
        Self { primaries, replicas }
    }

    /// Whether a check that asks for `wanted` can be judged on a cluster of this shape.
    #[must_use]
    pub const fn holds(self, wanted: Shape) -> bool {
        self.primaries >= wanted.primaries && self.replicas >= wanted.replicas
    }

    /// The number of nodes.
    #[must_use]
    pub const fn nodes(self) -> u16 {
        self.primaries * (1 + self.replicas)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}+{}", self.primaries, self.replicas))
    }
}

/// A text that is not a shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {0:?} as a shape: expected PRIMARIES+REPLICAS, such as 3+1, up to {max}", max = Shape::LARGEST)]
pub struct ShapeError(String);

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        text.split_once('+')
            .and_then(|(primaries, replicas)| Some(Shape::new(primaries.parse().ok()?, replicas.parse().ok()?)))
            .filter(|shape| shape.primaries >= 1 && Shape::LARGEST.holds(*shape))
            .ok_or_else(|| ShapeError(text.to_owned()))
    }
}
