//! Turns errors of the library into failures; its messages name the node, so they are kept whole.

use crate::failure::Failure;

/// The library refused to do something. `doing` completes "onnxruntime cannot ...".
pub(super) fn refused<R>(doing: &str, error: &ort::Error<R>) -> Failure {
    let message = one_line(error.message());
    let failure = Failure::runtime(format!("onnxruntime cannot {doing}: {message}"));
    if message.contains("Failed to allocate memory") || message.contains("out of memory") {
        return failure.hint("use a smaller batch, fewer slots or a shorter context");
    }
    failure
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_several_lines_become_one() {
        assert_eq!(one_line("a\n  b\t c\n"), "a b c");
    }
}
