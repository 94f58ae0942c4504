//! Settings that the recipe leaves to their defaults.

use crate::report::{html::Html, page::RunView};

/// All of them, stage by stage, folded.
pub fn write(html: &mut Html, run: &RunView) {
    if run.defaults.is_empty() {
        return;
    }
    html.element("details", &[("class", "card")], |details| {
        details.leaf("summary", &[], "Defaults in use");
        details.leaf("p", &[("class", "muted")], "What the recipe does not say, and what holds therefore.");
        details.element("table", &[], |table| {
            for (stage, settings) in &run.defaults {
                table.element("tr", &[], |row| {
                    row.element("th", &[], |cell| {
                        cell.leaf("code", &[], stage);
                    });
                    row.element("td", &[], |cell| {
                        for (index, (name, value)) in settings.iter().enumerate() {
                            if index > 0 {
                                cell.text(", ");
                            }
                            cell.leaf("code", &[], format!("{name} = {value}"));
                        }
                    });
                });
            }
        });
    });
}
