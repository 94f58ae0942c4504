//! What fits on a line of the terminal: a line that wraps leaves its rest behind when a bar is drawn again.

use unicode_width::UnicodeWidthStr;

/// Cells of a bar.
pub(super) const BAR: usize = 12;
/// Columns of a terminal that does not tell.
const COLUMNS: usize = 80;

/// Columns of the terminal behind standard error.
pub(super) fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stderr()).map_or(COLUMNS, |(width, _)| usize::from(width.0))
}

/// The parts with two spaces between them, in `room` cells. The second part gives way until the rest fits; the first
/// always stays.
pub(super) fn fitting(mut parts: Vec<String>, room: usize) -> String {
    loop {
        let text = parts.join("  ");
        if text.width() <= room || parts.len() < 2 {
            return text;
        }
        parts.remove(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amount_gives_way_then_the_speed_then_the_rest() {
        let parts = || ["25 %", "100 of 400 steps", "10 steps/s", "eta 30 s"].map(str::to_owned).to_vec();
        let cases = [
            (44, "25 %  100 of 400 steps  10 steps/s  eta 30 s"),
            (43, "25 %  10 steps/s  eta 30 s"),
            (25, "25 %  eta 30 s"),
            (13, "25 %"),
            (0, "25 %"),
        ];
        for (room, expected) in cases {
            assert_eq!(fitting(parts(), room), expected, "{room}");
        }
        assert_eq!(fitting(Vec::new(), 0), "");
    }
}
