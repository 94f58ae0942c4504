//! Renders a page from made-up content and reads it as a browser would.

use chorale::report::render;

use super::content;

fn page() -> String {
    render::page(&content::run(), &[content::content()])
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let page = page();
    let without_names = page.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "src=", "@import", "url(", "<link", "<script"] {
        assert!(!without_names.contains(word), "the page contains `{word}`");
    }
    // For looking at in a browser.
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    std::fs::write(path, page).unwrap();
}

#[test]
fn text_from_outside_is_shown_not_obeyed() {
    let page = page();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("capital:&lt;b&gt;&amp;&quot;&#39;"));
    assert!(page.contains("beta = 0.2 # &lt;-- &amp; more"));
}

#[test]
fn text_in_any_script_finds_its_direction() {
    let page = page();
    for text in ["عاصمة مصر هي", "القاهرة", "エジプトの首都は"] {
        let position = page.find(text).unwrap_or_else(|| panic!("{text} is not on the page"));
        let opened = page.get(..position).unwrap().rfind('<').unwrap();
        let element = page.get(opened..position).unwrap();
        assert!(element.contains("dir=\"auto\""), "{element}{text}");
    }
}

#[test]
fn every_element_is_closed() {
    let page = page();
    let mut open: Vec<&str> = Vec::new();
    let mut elements = 0;
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
        elements += 1;
    }
    assert_eq!(open, Vec::<&str>::new());
    assert!(elements > 1000, "{elements}");
}

#[test]
fn numbers_reasons_and_failures_are_on_the_page() {
    let page = page();
    for text in [
        "83.7",
        "+2.1",
        "−0.3",
        "beta: 0.1 -&gt; 0.2",
        "3 pairs were cut",
        "are missing for 3 questions",
        "371 of 412",
        "82.2 to 85.2",
        "CALM, table 1",
        "accuracy, other languages",
        "+1.1 to +4.9",
        "&lt; 0.001",
        "0.41 ± 0.41",
        "attack success, in-domain",
        "beta = 0.1",
        "samples that are right",
    ] {
        assert!(page.contains(text), "`{text}` is not on the page");
    }
    for language in content::LANGUAGES {
        assert!(page.contains(&format!("<th>{language}</th>")), "{language}");
    }
    assert!(page.matches("<svg").count() >= 8);
}
