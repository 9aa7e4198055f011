//! [`Items`]: the items of all checklists, found by the names that `covers` uses.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::config::syntax::diagnostic::{Diagnostic, Report, Source};
use crate::config::syntax::fields::SpannedString;
use crate::fingerprint::Digest;
use crate::model::{Item, NearItem};
use crate::suggest::suggest;

/// At most this many of the items with one name are shown.
const MAX_SHOWN: usize = 3;

/// The items of all checklists.
#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) all: Vec<Item>,
    /// The lines that look like items and are none.
    pub(crate) near: Vec<NearItem>,
    /// The path of each file that was read, and the digest of its text without a byte order mark.
    pub(crate) files: Vec<(Arc<str>, Digest)>,
    /// Whether all files could be read: one that can't be read may have other items.
    pub(crate) complete: bool,
    /// Whether the lists have names.
    named: bool,
    /// Where each item's id is; without one, its text.
    places: Vec<(Arc<Source>, Range<usize>)>,
    /// The indices of the items with a name: its id, with and without the name of its list.
    by_name: BTreeMap<String, Vec<usize>>,
}

/// What a name stands for.
enum Found<'a> {
    One(&'a Item),
    None,
    /// The indices of the items that have it.
    Several(&'a [usize]),
}

impl Items {
    /// Creates an empty list; `named` says whether the lists have names.
    pub(super) fn new(named: bool) -> Self {
        Self {
            all: Vec::new(),
            near: Vec::new(),
            files: Vec::new(),
            complete: true,
            named,
            places: Vec::new(),
            by_name: BTreeMap::new(),
        }
    }

    /// Adds an item of `list`.
    pub(super) fn add(&mut self, item: Item, list: Option<&str>, source: Arc<Source>, span: Range<usize>) {
        let full = item.id.as_str();
        let names = [Some(full), list.and_then(|list| full.strip_prefix(list)?.strip_prefix(':'))];
        for name in names.into_iter().flatten() {
            self.by_name.entry(name.to_owned()).or_default().push(self.all.len());
        }
        self.all.push(item);
        self.places.push((source, span));
    }

    /// Returns the item with a name. The name of its list may be left out, and spaces do not matter.
    fn find(&self, name: &str) -> Found<'_> {
        let found = self.by_name.get(name).or_else(|| {
            let words: Vec<&str> = name.split_whitespace().collect();
            self.by_name.get(&words.join(" "))
        });
        match found.map(Vec::as_slice) {
            None | Some([]) => Found::None,
            Some([one]) => Found::One(&self.all[*one]),
            Some(several) => Found::Several(several),
        }
    }

    /// Returns the item with a name; reports one that is unknown or not clear.
    pub(crate) fn resolve(&self, report: &Report, name: &SpannedString) -> Option<&Item> {
        let text = name.get_ref();
        match self.find(text) {
            Found::One(item) => return Some(item),
            Found::Several(several) => {
                let error = Diagnostic::error(format!("`{text}` names {} checklist items", several.len()));
                report.add(self.explain(error.at(report.source(), name.span(), ""), several));
            }
            // The item may be in a checklist that could not be read.
            Found::None if !self.complete => {}
            Found::None => report.add(
                Diagnostic::error(format!("unknown checklist item `{text}`"))
                    .at(report.source(), name.span(), "")
                    .maybe_help(self.hint(text)),
            ),
        }
        None
    }

    /// Adds to the error about a name that `several` items have where they are, and how to tell them apart.
    fn explain(&self, error: Diagnostic, several: &[usize]) -> Diagnostic {
        let mut error = error;
        for at in several.iter().take(MAX_SHOWN) {
            let (source, span) = &self.places[*at];
            error = error.at(source, span.clone(), "");
        }
        let mut names: Vec<String> = several.iter().map(|at| format!("`{}`", self.all[*at].id)).collect();
        names.dedup();
        let of_one_file = several.windows(2).any(|pair| self.all[pair[0]].place.file == self.all[pair[1]].place.file);
        error.help(if of_one_file {
            "give each item of a file an id of its own".to_owned()
        } else if self.named {
            format!("write {}", names.join(" or "))
        } else {
            "give the lists names, `checklists = { one = \"…\", two = \"…\" }`, and write `one:…` or `two:…`".to_owned()
        })
    }

    /// Returns the hint for a name that no item has.
    fn hint(&self, name: &str) -> Option<String> {
        if self.all.is_empty() {
            return Some("name the files with the items in `checklists` of `[pipeline]`".into());
        }
        let ids = self.all.iter().filter(|item| item.has_id).map(|item| item.id.as_str());
        let has_text = self.all.iter().any(|item| !item.has_id);
        suggest(name, ids).or_else(|| has_text.then(|| "a box without an id is named by its whole text".to_owned()))
    }
}
