//! Training on conversations.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Writes no turns, only what plain rows can say as well.
const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}Question: {{ m.content }}?\n\
                        {% else %}Answer:{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}\
                        {% if add_generation_prompt %}Answer:{% endif %}";

fn with_template(world: &World, template: &str) -> Artifact {
    let folder = world.dir.path().join("chat-model");
    std::fs::create_dir(&folder).unwrap();
    for (name, path) in &world.model.files {
        std::fs::copy(path, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("chat_template.jinja"), template).unwrap();
    stage::artifact(&folder, MODEL)
}

#[test]
fn conversations_are_learned_as_the_rows_they_are_rendered_to() {
    let world = World::new();
    let model = with_template(&world, TEMPLATE);
    let plain: Vec<Pair> = table::read(&world.pairs.files[Artifact::SINGLE]).unwrap();
    let render =
        |pair: &Pair| Pair { prompt: format!("Question: {}?\nAnswer:", pair.prompt), ..pair.clone() };
    let rendered =
        write_rows(&world.dir.path().join("rendered"), &plain.iter().map(render).collect::<Vec<_>>());
    let train = |name: &str, chat: &str, pairs: &Artifact| {
        let settings = spec::<Score>(&format!("model = \"m\"\npairs = \"p\"\n{chat}"));
        let inputs = [("model", &model), ("pairs", pairs)];
        let folder = world.dir.path().join(format!("{name}-reference"));
        let reference = stage::run::<Score>(&folder, &settings, &inputs, &[]).unwrap();
        let reference = &reference.outputs["log-probabilities"];
        let inputs = [("model", &model), ("pairs", pairs), ("reference", reference)];
        world.train(name, &format!("{DPO}steps = 2\n{chat}{LORA}"), &inputs).unwrap()
    };
    let chat = train("chat", "chat = true\n", &world.pairs);
    assert_eq!(chat.notes, [""; 0]);
    assert!((steps(&chat)[0].loss - std::f64::consts::LN_2).abs() < 1e-5);
    let plain = train("plain", "joint = \"together\"\n", &rendered);
    let weights = |outcome: &stage::Outcome| outcome.outputs["model"].files["model.safetensors"].clone();
    assert_eq!(std::fs::read(weights(&chat)).unwrap(), std::fs::read(weights(&plain)).unwrap());
    let template = &chat.outputs["model"].files["chat_template.jinja"];
    assert_eq!(std::fs::read_to_string(template).unwrap(), TEMPLATE);
}

#[test]
fn prompts_that_a_template_changes_later_are_counted() {
    let world = World::new();
    let model =
        with_template(&world, "{{ messages | length }}{% for m in messages %}|{{ m.content }}{% endfor %}");
    let settings = spec::<Score>("model = \"m\"\npairs = \"p\"\nchat = true");
    let inputs = [("model", &model), ("pairs", &world.pairs)];
    let outcome = stage::run::<Score>(&world.dir.path().join("score"), &settings, &inputs, &[]).unwrap();
    assert_eq!(outcome.notes.len(), 1);
    assert!(
        outcome.notes[0].contains("the prompts of 12 of 12 completions differently"),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn texts_are_no_conversations() {
    let settings = spec::<Train>("model = \"m\"\nobjective = \"lm\"\ntexts = \"t\"\nchat = true");
    let fields: Vec<String> = Train::check(&settings).into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["chat"]);
}
