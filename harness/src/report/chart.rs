//! Charts as SVG: axes with ticks, lines, areas, bands, and the values under the pointer.
//!
//! A chart has the same text size at every width, because positions are percentages and only the curves are stretched.
//! Colours are classes, so that a page in dark mode and a printed page have their own. No chart needs a script: the
//! values appear by `:hover`, and both forms of an axis are in the page. What a chart shows is the caller's business.

mod frame;
mod label;
mod scale;
mod space;

pub use frame::{Axis, Figure, Hit, linear_and_logarithmic, scale_switch, swatch};
pub use label::{compact, percentile_label, seconds_label, short_time};
pub use scale::{Scale, round_step};
pub use space::{Point, Space, Span};
