//! [`instructions`]: a Dockerfile as instructions, one logical line each, as BuildKit reads it: directives, comments,
//! continued lines, here-documents.

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The line it begins in, counted from 1.
    pub(super) line: usize,
    /// Its name in capitals: `FROM`.
    pub(super) name: String,
    /// The rest, on one line, without the contents of here-documents.
    pub(super) rest: String,
    /// Whether here-documents belong to it.
    pub(super) has_heredoc: bool,
}

/// The directives at the top of a Dockerfile, and its instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// The image that reads it: `# syntax=…`.
    pub(super) syntax: Option<String>,
    pub(super) instructions: Vec<Instruction>,
}

/// The instructions that there are.
pub(super) const KNOWN: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Instructions that here-documents can belong to.
const WITH_HEREDOCS: [&str; 3] = ["ADD", "COPY", "RUN"];

/// Reads `text` as far as it can: what is no instruction is for the daemon to refuse.
pub(super) fn instructions(text: &str) -> Lines {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (syntax, escape) = directives(text);
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut instructions = Vec::new();
    while let Some((number, first)) = lines.next() {
        let first = first.trim();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let mut whole = String::new();
        let mut next = Some(first);
        while let Some(line) = next {
            let continued = line.trim_end().strip_suffix(escape);
            whole.push_str(continued.unwrap_or(line));
            next = None;
            if continued.is_some() {
                // Comments and empty lines between are no end.
                let is_part = |(_, line): &(usize, &str)| !line.trim().is_empty() && !line.trim().starts_with('#');
                next = lines.find(is_part).map(|(_, line)| line);
            }
        }
        let (name, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
        let (name, rest) = (name.to_ascii_uppercase(), rest.trim().to_owned());
        let ends = heredocs(&name, &rest);
        for (end, tabs) in &ends {
            let is_end = |line: &str| (if *tabs { line.trim_start_matches('\t') } else { line }) == end;
            // One without an end takes the rest of the file.
            lines.find(|(_, line)| is_end(line));
        }
        instructions.push(Instruction { line: number, name, rest, has_heredoc: !ends.is_empty() });
    }
    Lines { syntax, instructions }
}

/// `# syntax=` and `# escape=`, which count only before everything else.
fn directives(text: &str) -> (Option<String>, char) {
    let (mut syntax, mut escape) = (None, '\\');
    for line in text.lines() {
        let directive = line.trim().strip_prefix('#').and_then(|line| line.split_once('='));
        let Some((name, value)) = directive.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        else {
            break;
        };
        match name.as_str() {
            "syntax" => syntax = Some(value.to_owned()),
            "escape" => escape = value.chars().next().unwrap_or(escape),
            "check" => {}
            _ => break,
        }
    }
    (syntax, escape)
}

/// The words that end the here-documents of an instruction, in order, and whether tabs before them are left out.
fn heredocs(name: &str, rest: &str) -> Vec<(String, bool)> {
    let rest = if name == "ONBUILD" { rest } else { &format!("{name} {rest}") };
    let Some((name, rest)) = rest.split_once(char::is_whitespace) else { return Vec::new() };
    if !WITH_HEREDOCS.contains(&name.to_ascii_uppercase().as_str()) {
        return Vec::new();
    }
    shell_words(rest)
        .into_iter()
        .filter_map(|word| {
            let word = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
            let (word, tabs) = word.strip_prefix('-').map_or((word, false), |word| (word, true));
            let end: String = word.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
            (!end.is_empty() && !end.contains('<')).then_some((end, tabs))
        })
        .collect()
}

/// The words of a shell line, with their quotes: a space in quotes ends no word.
pub(super) fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Returns the names and values of `NAME=value …`, or of `NAME value`.
pub(super) fn pairs(rest: &str) -> Vec<(String, String)> {
    let words = shell_words(rest);
    match words.first() {
        Some(first) if first.contains('=') => words
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        Some(first) => vec![(first.clone(), rest[first.len()..].trim().to_owned())],
        None => Vec::new(),
    }
}

/// The flags at the beginning of `rest`, and the words after them.
pub(super) fn split_flags(rest: &str) -> (Vec<&str>, Vec<String>) {
    let mut flags = Vec::new();
    let mut rest = rest.trim_start();
    while rest.starts_with("--") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        flags.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    (flags, shell_words(rest))
}

/// The value of the flag `--name=value`.
pub(super) fn flag<'a>(flags: &[&'a str], name: &str) -> Option<&'a str> {
    flags.iter().find_map(|flag| flag.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}
