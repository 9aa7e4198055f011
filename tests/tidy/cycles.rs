//! No two files of `src` depend on each other, directly or through further files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::{code, sources, top_module};

/// Modules inside which files may still depend on each other. Meant to be empty.
const UNSETTLED: &[&str] = &[];

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static USE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);"));
static CHILD: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^(?:pub(?:\([^)]*\))? )?mod (\w+);"));
static PATH: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b((?:\w+::)+\w+)"));
static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r##"(?s)r#".*?"#|r"[^"]*"|"(?:[^"\\]|\\.)*""##));
/// An item of the module itself: as rustfmt sets it, at the beginning of a line.
static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = "fn|struct|enum|union|trait|const|static|type";
    pattern(&format!(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:async )?(?:const )?(?:{kinds}) (\w+)"))
});
static TEST_MODULE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))? )?mod (\w+)"));

/// The place of a module: `["report", "tty"]` for `crate::report::tty`.
type ModulePath = Vec<String>;

/// What the text of one module says about its names.
#[derive(Default)]
struct Module {
    file: String,
    /// The paths of the code, outside of `use` declarations: `a::b::C`.
    paths: Vec<String>,
    /// The words of the code, outside of `use` declarations.
    words: BTreeSet<String>,
    imports: Vec<Import>,
    children: BTreeSet<String>,
    /// Names of items that are defined here.
    items: BTreeSet<String>,
}

/// One name that a `use` declaration brings in; `*` for a glob.
struct Import {
    name: String,
    path: ModulePath,
    reexported: bool,
}

/// All modules of `src`, with the edges between them.
///
/// An edge from file A to file B means: A uses an item that is *defined* in B. So a path is followed through `pub use`
/// to the definition, and a parent module that only declares (`mod child;`) or re-exports (`pub use child::Item;`) what
/// its children define depends on none of them. It does where its own code uses what a child defines; and a child that
/// uses an item of its parent's file depends on the parent. Both together are a cycle. Tests are left out.
struct Graph {
    modules: BTreeMap<ModulePath, Module>,
}

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let graph = Graph::read();
    let edges = graph.edges();
    let cycles = cycles(&edges);
    let is_settled =
        |files: &&Vec<&str>| !UNSETTLED.iter().any(|module| files.iter().all(|file| top_module(file) == Some(module)));
    let wrong: Vec<String> = cycles.iter().filter(is_settled).map(|files| show(files, &edges)).collect();
    assert!(wrong.is_empty(), "files that depend on each other:\n{}", wrong.join("\n"));
}

#[test]
fn a_cycle_is_found_through_a_reexport_and_a_reexport_alone_is_none() {
    let graph = |parent: &str, child: &str, sibling: &str| {
        let files = [("src/a/mod.rs", parent), ("src/a/b.rs", child), ("src/a/c.rs", sibling)];
        Graph::of(files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect())
    };
    let found = |graph: &Graph| cycles(&graph.edges()).iter().map(|files| files.join(" ")).collect::<Vec<_>>();
    let declares = "mod b;\nmod c;\npub use b::B;\npub use c::C;\n";
    // Re-exports only: the children's paths through the parent lead to each other's definitions.
    let one_way = graph(declares, "use super::C;\npub struct B(C);", "pub struct C;");
    assert_eq!(found(&one_way), [""; 0]);
    let both_ways = graph(declares, "use super::C;\npub struct B(C);", "use crate::a::B;\npub struct C(Box<B>);");
    assert_eq!(found(&both_ways), ["src/a/b.rs src/a/c.rs"]);
    // The parent's own code uses the child, and the child uses what the parent defines.
    let parent = "mod b;\nmod c;\npub struct A(b::B);\npub fn help() {}";
    let with_parent = graph(parent, "pub struct B;\nfn x() { super::help() }", "");
    assert_eq!(found(&with_parent), ["src/a/b.rs src/a/mod.rs"]);
}

fn show(files: &[&str], edges: &Edges) -> String {
    let mut text = format!("- {}", files.join(", "));
    for from in files {
        for (to, items) in edges.get(*from).into_iter().flatten().filter(|(to, _)| files.contains(&to.as_str())) {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            text.extend([format!("\n    {from} uses {} of {to}", items.join(", "))]);
        }
    }
    text
}

/// File → file → the items that are used.
type Edges = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Graph {
    fn read() -> Self {
        Self::of(sources("src"))
    }

    fn of(sources: BTreeMap<String, String>) -> Self {
        let mut graph = Self { modules: BTreeMap::new() };
        let mut test_only = BTreeSet::new();
        for (file, text) in sources {
            let Some(path) = module_path(&file) else { continue };
            for name in captures(&TEST_MODULE, &text) {
                test_only.insert([path.as_slice(), &[name]].concat());
            }
            graph.modules.insert(path.clone(), Module::parse(&file, &path, &without_literals(&code(&text))));
        }
        graph.modules.retain(|path, _| !(1..=path.len()).any(|n| test_only.contains(&path[..n])));
        graph
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (path, module) in &self.modules {
            let used = module.used_paths(path).into_iter().filter_map(|used| self.definition(&used, 0));
            for (file, item) in used.filter(|(file, _)| *file != module.file) {
                edges.entry(module.file.clone()).or_default().entry(file).or_default().insert(item);
            }
        }
        edges
    }

    /// The file in which the item at `path` is defined, and the item's name; nothing for the path of a module.
    fn definition(&self, path: &[String], depth: usize) -> Option<(String, String)> {
        let n = (1..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n]))?;
        let (module, item) = (&self.modules[&path[..n]], path.get(n)?);
        if module.items.contains(item) || depth > 8 {
            return Some((module.file.clone(), item.clone()));
        }
        if let Some(import) = module.imports.iter().find(|import| import.name == *item) {
            return self.definition(&[import.path.as_slice(), &path[n + 1..]].concat(), depth + 1);
        }
        let from_globs = module.imports.iter().filter(|import| import.name == "*").find_map(|import| {
            let inner = self.modules.get(&import.path)?;
            let known = inner.items.contains(item) || inner.imports.iter().any(|import| import.name == *item);
            known.then(|| self.definition(&[import.path.as_slice(), &path[n..]].concat(), depth + 1))?
        });
        from_globs.or_else(|| Some((module.file.clone(), item.clone())))
    }
}

impl Module {
    fn parse(file: &str, path: &[String], code: &str) -> Self {
        let children: BTreeSet<String> = captures(&CHILD, code).collect();
        let mut imports = Vec::new();
        for found in USE.captures_iter(code) {
            let tree: String = found[2].split_whitespace().collect::<Vec<_>>().join(" ");
            for (used, alias) in leaves(&tree) {
                let Some(absolute) = absolute(&used, path, &children) else { continue };
                let (name, target) = match absolute.split_last() {
                    Some((last, rest)) if last == "*" => ("*".to_owned(), rest.to_vec()),
                    Some((last, rest)) if last == "self" => (rest.last().cloned().unwrap_or_default(), rest.to_vec()),
                    Some((last, _)) => (last.clone(), absolute.clone()),
                    None => continue,
                };
                imports.push(Import { name: alias.unwrap_or(name), path: target, reexported: found.get(1).is_some() });
            }
        }
        let body = USE.replace_all(code, "");
        Self {
            file: file.to_owned(),
            paths: captures(&PATH, &body).collect(),
            words: body.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect(),
            imports,
            children,
            items: captures(&ITEM, code).collect(),
        }
    }

    /// Absolute paths of what this file's code uses.
    fn used_paths(&self, path: &[String]) -> Vec<ModulePath> {
        let mut used = Vec::new();
        for import in &self.imports {
            let own = import.path.starts_with(path);
            if !(own && import.reexported) || self.words.contains(&import.name) {
                used.push(import.path.clone());
            }
        }
        for found in &self.paths {
            let segments: Vec<String> = found.split("::").map(str::to_owned).collect();
            if let Some(absolute) = absolute(&segments, path, &self.children) {
                used.push(absolute);
            } else if let Some(import) = self.imports.iter().find(|import| import.name == segments[0]) {
                used.push([import.path.as_slice(), &segments[1..]].concat());
            }
        }
        used
    }
}

/// `crate::…`, `self::…`, `super::…` and paths through a module that is declared here, from the crate's root on.
fn absolute(used: &[String], module: &[String], children: &BTreeSet<String>) -> Option<ModulePath> {
    let first = used.first()?;
    match first.as_str() {
        "crate" => Some(used[1..].to_vec()),
        "self" => Some([module, &used[1..]].concat()),
        "super" => {
            let up = used.iter().take_while(|segment| *segment == "super").count();
            let base = module.len().checked_sub(up)?;
            Some([&module[..base], &used[up..]].concat())
        }
        name if children.contains(name) => Some([module, used].concat()),
        _ => None,
    }
}

/// The single paths of a `use` tree with the name each is given by `as`.
fn leaves(tree: &str) -> Vec<(ModulePath, Option<String>)> {
    let tree = tree.trim();
    if let Some((prefix, group)) = tree.split_once('{') {
        let group = group.trim_end().trim_end_matches('}');
        let prefix: ModulePath =
            prefix.split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
        return top_level_parts(group)
            .into_iter()
            .flat_map(leaves)
            .map(|(path, alias)| ([prefix.as_slice(), &path].concat(), alias))
            .collect();
    }
    if tree.is_empty() {
        return Vec::new();
    }
    let (path, alias) =
        tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim().to_owned())));
    vec![(path.split("::").map(|segment| segment.trim().to_owned()).collect(), alias)]
}

/// The parts of a group between the commas that stand in no inner group.
fn top_level_parts(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

fn module_path(file: &str) -> Option<ModulePath> {
    let path = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    (path != "lib" && path != "main").then(|| path.split('/').map(str::to_owned).collect())
}

fn captures(pattern: &Regex, text: &str) -> impl Iterator<Item = String> {
    pattern.captures_iter(text).map(|found| found[1].to_owned())
}

/// The code with the contents of its string literals taken out.
fn without_literals(code: &str) -> String {
    LITERAL.replace_all(code, "\"\"").into_owned()
}

/// The strongly connected components of more than one file, sorted.
fn cycles(edges: &Edges) -> Vec<Vec<&str>> {
    let reach = |from: &str| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(file) = todo.pop() {
            for to in edges.get(&file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to.clone()) {
                    todo.push(to.clone());
                }
            }
        }
        seen
    };
    let reachable: BTreeMap<&str, BTreeSet<String>> = edges.keys().map(|file| (file.as_str(), reach(file))).collect();
    let mut found: Vec<Vec<&str>> = Vec::new();
    for (file, seen) in &reachable {
        if seen.contains(*file) && !found.iter().any(|files| files.contains(file)) {
            let back = |to: &&str| seen.contains(*to) && reachable[*to].contains(*file);
            found.push(reachable.keys().copied().filter(back).collect());
        }
    }
    found
}
