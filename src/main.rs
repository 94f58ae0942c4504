//! The `chorale` binary: hands the arguments to [`chorale::cli`] and exits with its code.

fn main() -> std::process::ExitCode {
    chorale::cli::main()
}
