//! The frame of a chart: its title, axes with ticks and units, legend, and the values under the pointer.

use maud::{Markup, html};

use super::space::{SIDE, Space, percent};

/// From here on, the text of a tick ends at the tick, because it would leave the page.
const LAST_SHARE: f64 = 0.97;

/// An axis of a chart.
pub struct Axis {
    /// What it shows, with the unit unless the ticks have it; empty if that is clear.
    pub name: String,
    /// The values that get a tick, each with its text.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Makes an axis whose ticks have texts of one form.
    pub fn new(name: &str, ticks: Vec<f64>, label: impl Fn(f64) -> String) -> Self {
        Self { name: name.to_owned(), ticks: ticks.into_iter().map(|tick| (tick, label(tick))).collect() }
    }
}

/// What a chart shows while the pointer is over a part of it.
pub struct Hit {
    /// Where the part begins, in the unit of the axis across.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The values.
    pub text: String,
}

/// A chart, ready to be drawn.
pub struct Figure {
    /// What the chart shows, in a few words.
    pub title: String,
    /// The class of its size: `small`, or none.
    pub size: &'static str,
    /// The class of its form: `log` or `linear` if the switch of the page decides whether it is shown, or none.
    pub form: &'static str,
    /// The plane between the axes.
    pub space: Space,
    /// The axis across.
    pub x: Axis,
    /// The upright axis.
    pub y: Axis,
    /// What the colours mean.
    pub legend: Markup,
    /// What lies behind the curves: bands and marks.
    pub back: Markup,
    /// Curves and areas.
    pub plot: Markup,
    /// What lies before the curves: signs.
    pub front: Markup,
    /// The values under the pointer.
    pub hits: Vec<Hit>,
}

impl Figure {
    /// Makes an empty chart of the usual size.
    pub fn new(title: &str, space: Space, x: Axis, y: Axis) -> Self {
        Self {
            title: title.to_owned(),
            size: "",
            form: "",
            space,
            x,
            y,
            legend: html! {},
            back: html! {},
            plot: html! {},
            front: html! {},
            hits: Vec::new(),
        }
    }

    /// Draws the chart.
    pub fn draw(&self) -> Markup {
        let names = [&*self.title, &*self.y.name].into_iter().filter(|name| !name.is_empty());
        let label = names.collect::<Vec<_>>().join(", ");
        html! {
            figure class={ "chart " (self.size) " " (self.form) } {
                figcaption {
                    @if !self.title.is_empty() { span.title { (self.title) } }
                    @if !self.y.name.is_empty() { " " span.unit { (self.y.name) } }
                    (self.legend)
                }
                svg role="img" aria-label=(label) {
                    (self.grid())
                    (self.back)
                    svg.plot viewBox={ "0 0 " (SIDE) " " (SIDE) } preserveAspectRatio="none" { (self.plot) }
                    (self.front)
                    @for hit in &self.hits { (self.hit(hit)) }
                }
                @if !self.x.name.is_empty() { p.across { (self.x.name) } }
            }
        }
    }

    fn grid(&self) -> Markup {
        html! {
            g.axis.y {
                @for (value, text) in &self.y.ticks {
                    @let up = percent(1.0 - self.space.y.at(*value));
                    line x1="0" x2="100%" y1=(up) y2=(up) {}
                    text x="-6" y=(up) { (text) }
                }
            }
            g.axis.x {
                @for (value, text) in &self.x.ticks {
                    @let share = self.space.x.at(*value);
                    @let left = percent(share);
                    rect x=(left) y="100%" width="1" height="5" {}
                    text class=[(share > LAST_SHARE).then_some("last")] x=(left) y="100%" { (text) }
                }
                line.base x1="0" x2="100%" y1="100%" y2="100%" {}
            }
        }
    }

    fn hit(&self, hit: &Hit) -> Markup {
        let (left, right) = (self.space.x.at(hit.from), self.space.x.at(hit.to));
        // The style gives the height, because a page has thousands of these.
        html! { g.hit { rect x=(percent(left)) width=(percent(right - left)) {} text y="-7" { (hit.text) } } }
    }
}

/// Returns an entry of a legend: a short line or square of this class, and its name.
pub fn swatch(class: &str, name: &str) -> Markup {
    html! {
        span.key {
            svg class="swatch" viewBox="0 0 20 10" aria-hidden="true" {
                @if class.starts_with("area ") || class.starts_with("band ") {
                    rect class=(class) x="0" y="0" width="20" height="10" {}
                } @else {
                    path class=(class) d="M1 5H19" {}
                }
            }
            (name)
        }
    }
}

/// Draws a chart in both forms; the switch of the page shows one of them.
pub fn linear_and_logarithmic(draw: impl Fn(bool) -> Figure) -> Markup {
    let form = |is_logarithmic, form| {
        let mut figure = draw(is_logarithmic);
        figure.form = form;
        figure.draw()
    };
    html! {
        (form(true, "log"))
        (form(false, "linear"))
    }
}

/// Returns the switch between the two forms of the axes of times.
pub fn scale_switch() -> Markup {
    html! {
        p.switch { label { input #log type="checkbox" checked; " logarithmic scale of times" } }
    }
}
