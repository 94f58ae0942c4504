//! Time and memory from a model folder to the first token, beside `load.py`.
//!
//! `cargo bench --bench load -- FOLDER`, with FOLDER as made by `load.py make`. Two threads; the best of three, files in the
//! page cache. Prints one JSON line: seconds to read the weight files, to open the decoder, to its first token after a
//! prompt of 64 tokens, and the peak of memory against f32 weights and caches.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark, run by hand"
)]

use std::{
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use chorale::{
    checkpoint::{folder::ModelFiles, stored::StoredWeights},
    decode::{generate::CachedModel, load::Decoder, slots::Slots},
    runtime::{Device, Runtime, RuntimeSettings},
};
use serde_json::json;

const SLOTS: usize = 32;
const CAPACITY: usize = 256;
const PROMPT: u32 = 64;

/// Memory in use, in bytes: what the process holds itself, and the files that its weights lie in. A page that two sessions
/// map is one page, but the process's resident size counts it twice.
fn memory() -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let of = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    let folders = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let ours = folders.filter(|folder| folder.file_name().to_string_lossy().starts_with("chorale-weights-"));
    let files = ours.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let on_shelf: u64 = files.filter_map(|file| Some(file.metadata().ok()?.blocks() * 512)).sum();
    of("Pss_Anon:") + of("Pss_File:") + on_shelf as usize
}

/// Runs `work` and gives the peak of [`memory`], looked at every few milliseconds.
fn with_peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(memory());
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watch.join().unwrap())
    })
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn main() {
    let folder = PathBuf::from(std::env::args().skip(1).find(|argument| argument != "--bench").unwrap());
    let mut settings =
        RuntimeSettings::new(PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/chorale"));
    settings.library = std::env::var_os("CHORALE_RUNTIME").map(PathBuf::from);
    settings.device = Device::Cpu;
    settings.threads = 2;
    let runtime = Runtime::open(&settings).unwrap();
    let files = ModelFiles::in_folder(&folder.join("model")).unwrap();
    let paths: Vec<PathBuf> =
        files.weight_files().unwrap().iter().map(|name| files.get(name).unwrap().to_owned()).collect();
    let stored = StoredWeights::open(&files).unwrap();
    let elements: usize = stored.names().map(|name| stored.get(name).unwrap().elements()).sum();
    let (mut reads, mut opens, mut sets, mut firsts) = (vec![], vec![], vec![], vec![]);
    for _ in 0..3 {
        let start = Instant::now();
        let bytes: usize = paths.iter().map(|path| std::fs::read(path).unwrap().len()).sum();
        reads.push(start.elapsed().as_secs_f64());
        assert!(bytes > elements);
        runtime.forget_weights();
        let start = Instant::now();
        let decoder = Decoder::open(&runtime, &files).unwrap();
        opens.push(start.elapsed().as_secs_f64());
        let mut slots = Slots::new(&runtime, &decoder, SLOTS, CAPACITY).unwrap();
        sets.push(start.elapsed().as_secs_f64());
        let logits = slots.prefill(&(3..3 + PROMPT).collect::<Vec<_>>()).unwrap();
        firsts.push(start.elapsed().as_secs_f64());
        assert!(logits.iter().all(|logit| logit.is_finite()));
    }
    // Watching takes time: once more, for memory alone.
    runtime.forget_weights();
    let ((), peak) = with_peak(|| {
        let decoder = Decoder::open(&runtime, &files).unwrap();
        let mut slots = Slots::new(&runtime, &decoder, SLOTS, CAPACITY).unwrap();
        slots.prefill(&(3..3 + PROMPT).collect::<Vec<_>>()).unwrap();
        (0..SLOTS).for_each(|slot| slots.place(slot).unwrap());
        slots.step(&[5; SLOTS], &[PROMPT as usize; SLOTS]).unwrap();
    });
    let decoder = Decoder::open(&runtime, &files).unwrap();
    let sizes = decoder.network.sizes();
    let cache = sizes.layers * 2 * (SLOTS + 1) * CAPACITY * sizes.heads.key_value_width() * 4;
    let allowed = elements * 4 + cache;
    println!(
        "{}",
        json!({
            "job": "load-chorale", "value": least(&firsts), "unit": "s to first token",
            "read": least(&reads), "open": least(&opens), "open over read": least(&opens) / least(&reads),
            "peak": peak, "f32 weights": elements * 4, "caches": cache,
            "peak over weights and caches": peak as f64 / allowed as f64,
            "beyond caches over weights": (peak - cache) as f64 / (elements * 4) as f64,
            "all": {"read": reads, "open": opens, "set up": sets, "first": firsts},
        })
    );
}
