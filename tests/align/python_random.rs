//! Python's random numbers against Python (`tests/golden/python_random.py`).

use std::path::Path;

use chorale::random::python::PythonRandom;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    bounds: Vec<usize>,
    sizes: Vec<(usize, usize)>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    seed: u64,
    random: Vec<f64>,
    below: Vec<usize>,
    samples: Vec<Vec<usize>>,
    choices: Vec<usize>,
    shuffled: Vec<usize>,
    last: f64,
}

#[test]
fn every_draw_is_the_one_of_python() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/python/random.json");
    let golden: Golden = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!((golden.cases.len(), golden.sizes.len(), golden.bounds.len()), (8, 13, 10));
    for case in &golden.cases {
        let mut source = PythonRandom::seed(case.seed);
        let seed = case.seed;
        for expected in &case.random {
            assert_eq!(source.random().to_bits(), expected.to_bits(), "seed {seed}");
        }
        for (bound, expected) in golden.bounds.iter().zip(&case.below) {
            assert_eq!(source.randbelow(*bound), *expected, "seed {seed}, below {bound}");
        }
        for ((population, count), expected) in golden.sizes.iter().zip(&case.samples) {
            assert_eq!(source.sample(*population, *count), *expected, "seed {seed}, {count} of {population}");
        }
        let letters: Vec<usize> = (0..30).collect();
        for expected in &case.choices {
            assert_eq!(source.choice(&letters), Some(expected), "seed {seed}");
        }
        let mut shuffled = letters;
        source.shuffle(&mut shuffled);
        assert_eq!(shuffled, case.shuffled, "seed {seed}");
        let last = (0..5000).map(|_| source.random()).last().unwrap();
        assert_eq!(last.to_bits(), case.last.to_bits(), "seed {seed}");
    }
}
