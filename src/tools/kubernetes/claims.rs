//! [`Claims`]: which checkouts have deployed an object, as the object itself shows it.
//!
//! Checkouts of one pipeline apply as the same manager, so nothing else tells them apart. Each adds an annotation of
//! its own, by a patch that leaves the others' alone, and takes it off when it is taken down: what only one of them has
//! deployed goes with that one. A Helm release has labels of the same names, which each revision takes
//! over from the one before.

use std::collections::BTreeMap;

/// How the annotation of a checkout begins; its id follows, and the value is its name for people.
pub(super) const CHECKOUT: &str = "checkout.provision.dev/";

/// The annotation that stands for all checkouts beyond [`MOST`].
pub(super) const FURTHER: &str = "checkout.provision.dev/others";

/// Most checkouts that an object names: where each job has a new one, as on some build machines, they would fill it.
pub(super) const MOST: usize = 16;

/// The manager of these annotations. It is no step's.
pub(super) const MANAGER: &str = "provision-checkouts";

/// The checkouts that have deployed an object. Nobody of whom an object shows anything was one of an older version.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims<'a> {
    /// Whether this one has.
    pub(super) ours: bool,
    /// The names of the others.
    pub(super) others: Vec<&'a str>,
}

impl<'a> Claims<'a> {
    /// What these annotations or labels show the checkout `id`.
    pub(super) fn of(all: Option<&'a BTreeMap<String, String>>, id: &str) -> Self {
        let mut claims = Self::default();
        for (name, value) in all.into_iter().flatten() {
            match name.strip_prefix(CHECKOUT) {
                Some(of) if of == id => claims.ours = true,
                Some(_) => claims.others.push(value),
                None => {}
            }
        }
        claims
    }

    /// The others, for a message.
    pub(super) fn named_others(&self) -> String {
        format!("the checkout `{}`", self.others.join("`, `"))
    }
}
