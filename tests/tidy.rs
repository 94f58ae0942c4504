//! Architecture rules as tests.

#[test]
fn links() {}
