//! The size of a cluster, such as `3+1`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// The size of a cluster: the number of primaries, and of replicas of each primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// The number of primaries that own slots; 1 to 100.
    pub primaries: u16,
    /// The number of replicas of each primary; 0 to 5.
    #[serde(default)]
    pub replicas: u16,
}

impl Shape {
    /// The largest cluster that rct starts.
    pub const LARGEST: Shape = Shape { primaries: 100, replicas: 5 };

    /// The shape with this number of primaries and of replicas of each.
    #[must_use]
    pub const fn new(primaries: u16, replicas: u16) -> Self {
        Self { primaries, replicas }
    }

    /// Whether a check that needs the shape `wanted` can run on a cluster of this shape.
    #[must_use]
    pub const fn holds(self, wanted: Shape) -> bool {
        self.primaries >= wanted.primaries && self.replicas >= wanted.replicas
    }

    /// The number of nodes, primaries and replicas together.
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
#[error("{0:?} is not a shape; write PRIMARIES+REPLICAS, such as 3+1, up to {max}", max = Shape::LARGEST)]
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
