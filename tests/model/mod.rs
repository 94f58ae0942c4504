//! Networks against transformers, and their modes against each other.

mod architectures;
mod config;
pub(crate) mod encoders;
mod forward;
mod llama;
pub(crate) mod tiny;

/// Largest absolute difference 1e-4: what two implementations of one network in f32 may differ by.
#[track_caller]
fn assert_close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-4, "{what}: largest difference {worst:e}");
}
