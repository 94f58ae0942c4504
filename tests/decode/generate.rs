//! What a text depends on, and what it does not depend on, bit for bit.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, path::Path};

use chorale::{
    checkpoint::folder::ModelFiles,
    decode::{
        generate::{CachedModel, Finished, Generation, Listener, Request, generate},
        load::Decoder,
        penalty::Penalties,
        sampler::Sampling,
        slots::Slots,
    },
    failure::Failure,
    random::Draws,
    runtime::{LazyRuntime, RuntimeSettings},
};

use crate::{model::tiny, runtime};

#[derive(Default)]
struct Log(Vec<Finished>);

impl Listener for Log {
    fn finished(&mut self, finished: Finished) -> Result<(), Failure> {
        self.0.push(finished);
        Ok(())
    }

    fn stepped(&mut self, _tokens: usize) -> Result<(), Failure> {
        Ok(())
    }
}

fn requests() -> Vec<Request> {
    let prompt = |index: usize| tiny::tokens(&format!("prompt-{index}"), 1 + index * 5 % 23, 300);
    (0..12)
        .map(|index| Request { id: format!("item-{index}"), prompt: prompt(index), samples: vec![0, 1] })
        .collect()
}

fn how() -> Generation {
    Generation {
        sampling: Sampling { top_p: 0.95, ..Sampling::FREE },
        penalties: Penalties::NONE,
        max_new_tokens: 20,
        stop: Vec::new(),
        end: vec![0, 1],
        seed: 5,
    }
}

fn decode(tokens: &[u32]) -> String {
    tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

type Texts = BTreeMap<(String, usize), Vec<u32>>;

fn run(slots: &mut Slots, requests: &[Request], how: &Generation) -> Texts {
    let mut log = Log::default();
    generate(slots, &decode, requests, how, &mut log).unwrap();
    let key = |finished: &Finished| (requests[finished.request].id.clone(), finished.sample);
    log.0.iter().map(|finished| (key(finished), finished.tokens.clone())).collect()
}

#[test]
fn a_text_does_not_depend_on_order_neighbours_slots_capacity_or_threads() {
    let decoder = tiny::random(runtime::runtime(), 16);
    let requests = requests();
    let mut slots = Slots::new(runtime::runtime(), &decoder, 4, 64).unwrap();
    let expected = run(&mut slots, &requests, &how());
    assert_eq!(expected.len(), 24);
    assert!(expected.values().any(|tokens| tokens.len() == 20), "some text is long");

    let mut shuffled = requests.clone();
    Draws::new(2, "order", 0).shuffle(&mut shuffled);
    assert_eq!(run(&mut slots, &shuffled, &how()), expected, "shuffled, in caches that others have used");

    let subset = run(&mut slots, &requests[3..5], &how());
    assert_eq!(subset.len(), 4);
    assert!(subset.iter().all(|(key, tokens)| expected[key] == *tokens), "subset");

    for (count, capacity) in [(1, 64), (7, 64), (33, 64), (4, 200)] {
        let mut slots = Slots::new(runtime::runtime(), &decoder, count, capacity).unwrap();
        assert_eq!(run(&mut slots, &requests, &how()), expected, "{count} slots of {capacity}");
    }

    let settings = RuntimeSettings { threads: 1, ..runtime::settings() };
    let single = LazyRuntime::new(settings);
    let mut slots = Slots::new(single.get().unwrap(), &decoder, 4, 64).unwrap();
    assert_eq!(run(&mut slots, &requests, &how()), expected, "one thread");
}

#[test]
fn seed_item_and_sample_each_change_a_text() {
    let decoder = tiny::random(runtime::runtime(), 16);
    let mut slots = Slots::new(runtime::runtime(), &decoder, 4, 64).unwrap();
    let requests = requests();
    let expected = run(&mut slots, &requests, &how());
    let other_seed = run(&mut slots, &requests, &Generation { seed: 6, ..how() });
    assert!(expected.iter().filter(|(key, tokens)| other_seed[*key] != **tokens).count() > 20);
    let differing = requests
        .iter()
        .filter(|request| expected[&(request.id.clone(), 0)] != expected[&(request.id.clone(), 1)]);
    assert!(differing.count() > 9);
    let mut renamed = requests.clone();
    renamed[0].id = "renamed".to_owned();
    let renamed = run(&mut slots, &renamed, &how());
    assert_ne!(renamed[&("renamed".to_owned(), 0)], expected[&("item-0".to_owned(), 0)]);
}

#[test]
fn greedy_samples_are_all_the_same() {
    let decoder = tiny::random(runtime::runtime(), 16);
    let mut slots = Slots::new(runtime::runtime(), &decoder, 4, 64).unwrap();
    let greedy = Generation { sampling: Sampling::GREEDY, ..how() };
    let texts = run(&mut slots, &requests(), &greedy);
    assert_eq!(texts, run(&mut slots, &requests(), &Generation { seed: 99, ..greedy.clone() }));
    for request in requests() {
        assert_eq!(texts[&(request.id.clone(), 0)], texts[&(request.id, 1)]);
    }
}

/// The numbers of a step themselves: what a row gets has the same bits in every slot, beside all neighbours.
#[test]
fn a_row_of_a_step_has_the_same_bits_in_every_slot() {
    let decoder = tiny::random(runtime::runtime(), 16);
    let mut slots = Slots::new(runtime::runtime(), &decoder, 5, 64).unwrap();
    let prompt = tiny::tokens("bits", 9, 300);
    let mut seen: Vec<Vec<u32>> = Vec::new();
    for slot in 0..5 {
        for other in 0..5 {
            slots.prefill(&tiny::tokens(&format!("other-{slot}-{other}"), 5 + other * 7, 300)).unwrap();
            slots.place(other).unwrap();
        }
        slots.prefill(&prompt).unwrap();
        slots.place(slot).unwrap();
        let mut positions: Vec<usize> = (0..5).map(|other| 5 + other * 7).collect();
        positions[slot] = prompt.len();
        slots.step(&[4, 4, 4, 4, 4], &positions).unwrap();
        slots.with_logits(&mut |logits| {
            seen.push(logits[slot * 300..(slot + 1) * 300].iter().map(|logit| logit.to_bits()).collect());
        });
    }
    assert!(seen.iter().all(|bits| *bits == seen[0]));
}

#[derive(serde::Deserialize)]
struct Penalised {
    penalty: f32,
    prompt: Vec<u32>,
    text: Vec<u32>,
}

#[test]
fn the_repetition_penalty_is_that_of_transformers() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden");
    let text = std::fs::read(golden.join("decode/penalties.json")).unwrap();
    let mut file: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let cases: Vec<Penalised> = serde_json::from_value(file["cases"].take()).unwrap();
    let files = ModelFiles::in_folder(&golden.join("training/tied")).unwrap();
    let decoder = Decoder::open(runtime::runtime(), &files).unwrap();
    let mut slots = Slots::new(runtime::runtime(), &decoder, 2, 64).unwrap();
    let mut differing = 0;
    for case in &cases {
        let how = Generation {
            sampling: Sampling::GREEDY,
            penalties: Penalties { repetition: case.penalty, ..Penalties::NONE },
            max_new_tokens: case.text.len(),
            end: Vec::new(),
            ..how()
        };
        let request = Request { id: "golden".to_owned(), prompt: case.prompt.clone(), samples: vec![0] };
        let got = run(&mut slots, &[request], &how);
        assert_eq!(got[&("golden".to_owned(), 0)], case.text, "{} after {:?}", case.penalty, case.prompt);
        let plain = cases.iter().find(|plain| plain.penalty == 1.0 && plain.prompt == case.prompt).unwrap();
        differing += usize::from(plain.text != case.text);
    }
    assert!(cases.len() == 20 && differing > 10, "{differing} of {} texts change", cases.len());
}
