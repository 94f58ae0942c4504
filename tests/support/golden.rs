//! Compares a text with a committed file; `UPDATE=1 cargo test` rewrites the file instead.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; UPDATE is read from the environment"
)]

use std::path::Path;

/// Asserts that the file at `path` (below the repository) holds `text`.
pub(crate) fn assert_golden(path: &Path, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{} is out of date (UPDATE=1 cargo test rewrites it)\n--- expected\n{expected}\n--- got\n{text}",
        path.display()
    );
}
