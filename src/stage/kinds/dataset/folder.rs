//! Which files to read: one, one per language, or those of a folder whose names say what they hold.

use std::path::{Path, PathBuf};

use super::spec::DatasetSpec;
use crate::{
    failure::{Cause, Failure},
    stage::context::Context,
    task::language::LangCode,
};

/// Folders are looked through to this depth.
const DEEPEST: usize = 4;

/// A file with what is known about it before it is read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) lang: Option<LangCode>,
    pub(super) group: String,
}

/// The files in the order of their rows.
pub(super) fn files(cx: &Context<'_>, spec: &DatasetSpec) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    if spec.file.is_some() {
        files.push(SourceFile { path: cx.file("file").to_owned(), lang: None, group: String::new() });
    }
    for lang in spec.files.keys() {
        let path = cx.file(&format!("files.{lang}")).to_owned();
        files.push(SourceFile { path, lang: Some(lang.clone()), group: String::new() });
    }
    if spec.folder.is_some() {
        files.extend(of_folder(cx.file("folder"), spec)?);
    }
    if !spec.only.is_empty() {
        let place = |file: &SourceFile| {
            let lang = file.lang.as_ref().map(|lang| spec.spelled(lang));
            lang.map_or(Some(0), |lang| spec.only.iter().position(|wanted| *wanted == lang))
        };
        files.retain(|file| place(file).is_some());
        files.sort_by_key(|file| place(file));
    }
    Ok(files)
}

fn of_folder(folder: &Path, spec: &DatasetSpec) -> Result<Vec<SourceFile>, Failure> {
    let preset = spec.benchmark().map_or(&[][..], |benchmark| benchmark.patterns);
    let patterns: Vec<&str> = spec.pattern.as_deref().map_or_else(|| preset.to_vec(), |own| vec![own]);
    let mut names = Vec::new();
    list(folder, "", DEEPEST, &mut names)?;
    names.sort();
    let mut found = Vec::new();
    for name in &names {
        let first = patterns.iter().find_map(|pattern| matched(pattern, name, spec));
        found.extend(first.map(|(lang, group)| SourceFile { path: folder.join(name), lang, group }));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let shown: Vec<&str> = names.iter().map(String::as_str).take(8).collect();
    Err(Failure::input(format!("no file in `{}` is called like {}", folder.display(), patterns.join(" or ")))
        .hint(format!(
            "pattern = \"{{lang}}.csv\" says how they are called; there are: {}",
            shown.join(", ")
        )))
}

fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) -> Result<(), Failure> {
    let unreadable = |error: &std::io::Error| Failure::io(Cause::Input, "read", folder, error);
    if depth == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(&error))? {
        let path = entry.map_err(|error| unreadable(&error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            list(&path, &format!("{prefix}{name}/"), depth - 1, names)?;
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// The language and group in a file's name, if it is called like `pattern`.
fn matched(pattern: &str, name: &str, spec: &DatasetSpec) -> Option<(Option<LangCode>, String)> {
    let (mut expression, mut rest) = (String::from("^"), pattern);
    while let Some(at) = rest.find(['{', '*']) {
        let (plain, special) = rest.split_at(at);
        expression += &regex::escape(plain);
        let (wildcard, after) =
            [("{lang}", "(?<lang>[^/]+?)"), ("{group}", "(?<group>[^/]+?)"), ("*", "[^/]*")]
                .iter()
                .find_map(|(mark, class)| special.strip_prefix(mark).map(|after| (*class, after)))
                .unwrap_or((r"\{", special.get(1..).unwrap_or_default()));
        expression += wildcard;
        rest = after;
    }
    expression += &(regex::escape(rest) + "$");
    let captures = regex::Regex::new(&expression).ok()?.captures(name)?;
    let group = captures.name("group").map(|found| found.as_str().to_owned()).unwrap_or_default();
    let Some(written) = captures.name("lang") else { return Some((None, group)) };
    let own = spec.languages.get(written.as_str()).cloned();
    let lang = own.or_else(|| LangCode::named(written.as_str()).ok())?;
    Some((Some(lang), group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_language_and_group() {
        let spec: DatasetSpec = toml::from_str("languages = {kreyol = 'ht'}").unwrap();
        let found = |pattern: &str, name: &str| {
            let (lang, group) = matched(pattern, name, &spec)?;
            Some((lang.map(|lang| lang.to_string()).unwrap_or_default(), group))
        };
        let some = |lang: &str, group: &str| Some((lang.to_owned(), group.to_owned()));
        assert_eq!(found("x_csqa_{lang}_*.json", "x_csqa_cn_train.json"), some("zh", ""));
        assert_eq!(found("tatoeba.{group}.{lang}", "tatoeba.deu-eng.eng"), some("en", "deu-eng"));
        assert_eq!(found("{lang}/{group}.csv", "sp/commonsense.csv"), some("es", "commonsense"));
        assert_eq!(found("questions_{lang}.jsonl", "questions_Deutsch.jsonl"), some("de", ""));
        assert_eq!(found("mmlu_{lang}.csv", "mmlu_PT-BR.csv"), some("pt-BR", ""));
        assert_eq!(found("{lang}.tsv", "kreyol.tsv"), some("ht", ""));
        assert_eq!(found("{lang}.tsv", "index.tsv"), None, "`index` is no language");
        assert_eq!(found("{lang}.tsv", "a/en.tsv"), None);
        assert_eq!(found("*_{lang}", "test.native_cn"), some("zh", ""));
        assert_eq!(found("rows.jsonl", "rows.jsonl"), some("", ""));
    }
}
