//! What a recipe may look like.

use chorale::{
    diagnostic::Source,
    recipe::{self, Section, Sources},
};

fn sources(text: &str) -> Sources {
    Sources::new(Source { path: "folder/r.toml".into(), text: text.to_owned() }, &[])
}

#[test]
fn nodes_come_in_the_order_of_the_text_with_their_places() {
    let sources = sources("[stage.z]\n[recipe]\nname = 'x'\n[data.m]\nk = 1\n[stage.a]\n[stage.z.sub]\n");
    let recipe = recipe::parse(&sources).unwrap();
    let nodes: Vec<(Section, &str)> =
        recipe.nodes.iter().map(|node| (node.section, node.name.get_ref().as_str())).collect();
    assert_eq!(nodes, [(Section::Stage, "z"), (Section::Data, "m"), (Section::Stage, "a")]);
    for node in &recipe.nodes {
        assert_eq!(sources.text(&node.name.span()), node.name.get_ref());
    }
    assert_eq!(recipe.problems, []);
}

#[test]
fn inline_and_dotted_tables_are_nodes_too() {
    let sources = sources("recipe.name = 'x'\nstage = { a = { kind = 'k' }, b.kind = 'k' }\n");
    let recipe = recipe::parse(&sources).unwrap();
    assert_eq!(recipe.name, "x");
    assert_eq!(recipe.nodes.len(), 2);
    assert_eq!(recipe.problems, []);
}

#[test]
fn toml_1_1_is_understood() {
    let sources = sources("[recipe]\nname = \"\\x41\"\n[stage.a]\nt = {\n  x = 1,\n  y = 2,\n}\n");
    let recipe = recipe::parse(&sources).unwrap();
    assert_eq!(recipe.name, "A");
    assert_eq!(recipe.problems, []);
}

#[test]
fn an_unused_parameter_is_a_warning_and_no_error() {
    let sources =
        sources("[recipe]\nname = 'x'\n[params]\nidle = 1\nused = 2\n[stage.a]\nk = '${params.used}'\n");
    let recipe = recipe::parse(&sources).unwrap();
    let messages: Vec<&str> = recipe.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["parameter `idle` is not used"]);
}
