//! Draws curves and bars as inline SVG whose colours follow the page's theme.
//!
//! The plots library knows only fixed colours, so each role (ink, grid, series) is drawn in a colour of its own that
//! is then exchanged for the page's CSS variable.

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::{
        Cartesian2d, ChartBuilder, ChartContext, Circle, Color, DrawingArea, IntoDrawingArea, LineSeries,
        PathElement, RGBColor, Rectangle, SVGBackend,
    },
    style::{IntoFont, TextStyle},
};

/// Size of a plot in its own units; on the page it takes the width there is.
const SIZE: (u32, u32) = (340, 200);

const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const SERIES: [RGBColor; SERIES_COLORS] = [
    RGBColor(3, 1, 1),
    RGBColor(3, 2, 2),
    RGBColor(3, 3, 3),
    RGBColor(3, 4, 4),
    RGBColor(3, 5, 5),
    RGBColor(3, 6, 6),
];

/// How many series are told apart by colour; the style sheet defines `--s0` to `--s5`.
pub const SERIES_COLORS: usize = 6;

/// A curve. Points that are not finite are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// (x, y), by ascending x.
    pub points: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Curves over a common x axis. `None` when there is nothing to draw.
pub fn curves(x_label: &str, series: &[Series]) -> Option<String> {
    let finite: Vec<Vec<(f64, f64)>> = series
        .iter()
        .map(|one| one.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect())
        .collect();
    let points = || finite.iter().flatten();
    points().next()?;
    let x = range(points().map(|point| point.0), 0.0);
    let y = range(points().map(|point| point.1), 0.06);
    draw(|area| {
        let mut chart = axes(area, x, y, x_label)?;
        for (index, points) in finite.iter().enumerate() {
            let color = SERIES[index % SERIES_COLORS];
            if let [(x, y)] = points.as_slice() {
                chart.draw_series([Circle::new((*x, *y), 3, color.filled())])?;
            } else {
                chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?;
            }
        }
        Ok(())
    })
}

/// One bar per (x, height), with x a whole number. `None` when there is nothing to draw.
pub fn bars(x_label: &str, bars: &[(usize, f64)]) -> Option<String> {
    let first = bars.iter().map(|bar| bar.0).min()? as f64;
    let last = bars.iter().map(|bar| bar.0).max()? as f64;
    let highest = bars.iter().map(|bar| bar.1).filter(|height| height.is_finite()).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    draw(|area| {
        let mut chart = axes(area, (first - 0.6, last + 0.6), (0.0, highest * 1.06), x_label)?;
        chart.draw_series(bars.iter().filter(|bar| bar.1.is_finite()).map(|(x, height)| {
            let x = *x as f64;
            Rectangle::new([(x - 0.4, 0.0), (x + 0.4, *height)], SERIES[0].filled())
        }))?;
        Ok(())
    })
}

fn axes<'a, 'b>(
    area: &'a Area<'b>,
    x: (f64, f64),
    y: (f64, f64),
    x_label: &str,
) -> Result<Chart<'a, 'b>, Box<dyn std::error::Error>> {
    let text = || TextStyle::from(("sans-serif", 14).into_font()).color(&INK);
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(14)
        .x_label_area_size(34)
        .y_label_area_size(46)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(6)
        .y_labels(5)
        .axis_style(GRID)
        .bold_line_style(GRID)
        .light_line_style(GRID.mix(0.0))
        .label_style(text())
        .axis_desc_style(text())
        .x_desc(x_label)
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    if y.0 < 0.0 && y.1 > 0.0 {
        chart.draw_series([PathElement::new([(x.0, 0.0), (x.1, 0.0)], INK.stroke_width(1))])?;
    }
    Ok(chart)
}

fn draw(content: impl FnOnce(&Area<'_>) -> Drawn) -> Option<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        content(&area).ok()?;
        area.present().ok()?;
    }
    Some(themed(&svg))
}

/// Exchanges the colours that stand for roles for the page's variables.
fn themed(svg: &str) -> String {
    let mut themed = svg.replacen("<svg ", "<svg class=\"plot\" role=\"img\" ", 1);
    let roles = [(INK, "--muted".to_owned()), (GRID, "--line".to_owned())];
    let series = SERIES.iter().enumerate().map(|(index, color)| (*color, format!("--s{index}")));
    for (RGBColor(red, green, blue), variable) in roles.into_iter().chain(series) {
        themed = themed.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), &format!("var({variable})"));
    }
    themed
}

/// The range of `values`, widened by a share of itself on both sides.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> (f64, f64) {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let span = high - low;
    if span <= 0.0 {
        let step = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
        return (low - step, high + step);
    }
    (low - span * margin, high + span * margin)
}

/// A number as short as its axis allows.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 10_000.0 {
        format!("{}k", trimmed(value / 1_000.0, 1))
    } else if (1e-12..0.01).contains(&size) {
        format!("{value:.1e}")
    } else {
        trimmed(value, 3)
    }
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_follow_the_theme_and_leave_out_what_is_not_a_number() {
        let series = Series { name: "loss".into(), points: vec![(1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0)] };
        let svg = curves("step", &[series]).unwrap();
        assert!(svg.contains("var(--s0)") && svg.contains("var(--muted)"), "{svg}");
        assert!(!svg.contains("#0"), "a role kept its stand-in colour: {svg}");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn nothing_to_draw_draws_nothing() {
        assert_eq!(curves("step", &[]), None);
        assert_eq!(curves("step", &[Series { name: "x".into(), points: vec![(1.0, f64::INFINITY)] }]), None);
        assert_eq!(bars("votes", &[(1, 0.0)]), None);
    }

    #[test]
    fn one_point_and_flat_curves_have_a_range() {
        for points in [vec![(1.0, 5.0)], vec![(1.0, 5.0), (2.0, 5.0)], vec![(0.0, 0.0)]] {
            assert!(curves("step", &[Series { name: "x".into(), points }]).is_some());
        }
    }

    #[test]
    fn axis_numbers_are_short() {
        let shown: Vec<String> = [0.0, 0.5, -1.25, 12_500.0, 0.0005].into_iter().map(number).collect();
        assert_eq!(shown, ["0", "0.5", "-1.25", "12.5k", "5.0e-4"]);
    }
}
