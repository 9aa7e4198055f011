//! [`Document`]: a file that was read, or objects, with the names that assertions on it may use.

use std::path::Path;

use super::object::{ObjectName, flattened};
use crate::expr::{Assertion, Complaint, DocumentFunction, Subject, Tree};

/// A file that was read.
pub struct Document {
    /// What it says.
    pub root: Tree,
    /// Further names for assertions: `text`, `lines`, and `documents` of YAML.
    pub extras: Vec<(&'static str, Tree)>,
    /// Functions of its own.
    pub(super) functions: Vec<(&'static str, DocumentFunction)>,
    /// What the reader should know of it, and what is no error.
    pub notes: Vec<String>,
}

/// A file to be read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The project's folder: links lead somewhere in it.
    pub root: &'a Path,
    /// The file, relative to it.
    pub name: &'a Path,
    /// What is in it: without a byte order mark, its lines end in `\n`.
    pub text: &'a str,
}

impl Document {
    pub(super) fn new(root: Tree) -> Self {
        Self { root, extras: Vec::new(), functions: Vec::new(), notes: Vec::new() }
    }

    /// Objects of the cluster or of a rendered chart, which stand in no file: `objects` is the list of them.
    pub fn of_objects(objects: impl IntoIterator<Item = serde_json::Value>) -> Self {
        Self::of_trees(flattened(objects.into_iter().map(Tree::from).collect()))
    }

    pub(super) fn of_trees(objects: Vec<Tree>) -> Self {
        let root = Tree::table(None, std::iter::empty::<(String, Tree)>());
        Self { extras: vec![("objects", Tree::list(None, objects))], ..Self::new(root) }
    }

    /// Returns what is not as it is asserted. `object` names the object of a YAML file whose keys the assertions name;
    /// `given` are values from elsewhere.
    pub fn check(
        &self,
        object: Option<&ObjectName>,
        given: Option<&Tree>,
        assertions: &[Assertion],
    ) -> Result<Vec<Complaint>, Complaint> {
        let root = match object {
            Some(object) => object.find(self.objects())?,
            None => &self.root,
        };
        let mut complaints = self.check_tree(root, given, assertions);
        let n = self.objects().len();
        let is_one_of_several = object.is_none() && n > 1 && root.keys().eq(["documents"]);
        for complaint in complaints.iter_mut().filter(|complaint| complaint.text.ends_with("` is not there")) {
            if is_one_of_several {
                let hint = format!("; the file has {n} documents: set `object`, or name one as `documents[0]`");
                complaint.text.push_str(&hint);
            }
        }
        Ok(complaints)
    }

    /// The same for a part of it, whose keys the assertions name.
    pub fn check_tree(&self, root: &Tree, given: Option<&Tree>, assertions: &[Assertion]) -> Vec<Complaint> {
        let subject = Subject { root, given, extras: &self.extras, functions: &self.functions };
        assertions.iter().flat_map(|assertion| assertion.check(&subject)).collect()
    }

    /// The objects of a YAML file, of a rendered chart or of the cluster.
    pub fn objects(&self) -> &[Tree] {
        let list = self.extras.iter().find(|(name, _)| matches!(*name, "documents" | "objects"));
        list.map_or_else(|| std::slice::from_ref(&self.root), |(_, list)| list.items())
    }
}
