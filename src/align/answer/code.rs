//! The code in a sampled text.

/// The contents of all fenced blocks (three or more backticks or tildes on a line of their own, with or without the name
/// of a language), joined by a line end. A block that is never closed goes on to the end. `None` without a block, or if
/// all are blank.
pub fn fenced(text: &str) -> Option<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in text.lines() {
        match (&mut open, fence(line)) {
            (None, Some(mark)) => open = Some((mark, Vec::new())),
            (None, None) => {}
            (Some((mark, _)), Some(end)) if end.starts_with(*mark) && line.trim() == end => {
                blocks.extend(open.take().map(|(_, lines)| lines.join("\n")));
            }
            (Some((_, lines)), _) => lines.push(line),
        }
    }
    blocks.extend(open.map(|(_, lines)| lines.join("\n")));
    blocks.retain(|block| !block.trim().is_empty());
    (!blocks.is_empty()).then(|| blocks.join("\n"))
}

/// The run of backticks or tildes that makes a line a fence.
fn fence(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let run = |mark: char| {
        let rest = line.trim_start_matches(mark);
        // Three backticks that close on the same line are code within a sentence.
        line.strip_suffix(rest).filter(|run| run.len() >= 3 && !(mark == '`' && rest.contains('`')))
    };
    run('`').or_else(|| run('~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stands_between_fences() {
        let text = "Here:\n```python\ndef f():\n    return 1\n```\nand\n~~~\nf()\n~~~\nDone.";
        assert_eq!(fenced(text).unwrap(), "def f():\n    return 1\nf()");
        assert_eq!(fenced("````\n```\nx\n````").unwrap(), "```\nx", "a longer fence holds a shorter one");
        assert_eq!(fenced("```\nx = 1\n").unwrap(), "x = 1", "never closed");
        assert_eq!(fenced("no code"), None);
        assert_eq!(fenced("```\n\n```"), None);
        assert_eq!(fenced("inline `code` and\n```code``` only"), None);
    }
}
