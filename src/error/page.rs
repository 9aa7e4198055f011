//! [`ErrorId`]: a stable word for a kind of error, and [`Page`]: what is known of it.

use std::fmt;

use super::kind::FailureKind;

/// A stable id of an error. Each has a page, so that there is something to read wherever one is shown.
#[derive(Clone, Copy)]
pub struct ErrorId(&'static Page);

/// What `provision explain ID` and `docs/errors/ID.md` say.
///
/// Commands stand in backquotes. Words in capitals are for the reader to replace; [`ErrorId::next`] replaces `STEP`.
#[derive(Debug)]
pub struct Page {
    /// The id: its name in JSON, in the journal and on the command line.
    pub id: &'static str,
    /// What a failure with this id is, and so the exit code of a command that ends with it.
    pub kind: FailureKind,
    /// What happened, as a part of a sentence.
    pub title: &'static str,
    /// What that means, and what provision has done or left alone.
    pub about: &'static str,
    /// What usually causes it, the likeliest first.
    pub causes: &'static [&'static str],
    /// How to look closer.
    pub look: &'static [&'static str],
    /// What solves it.
    pub fixes: &'static [&'static str],
    /// The command to run next. It changes nothing but what a run changes anyway, and agrees to nothing in the user's
    /// place.
    pub next: &'static str,
}

impl ErrorId {
    /// Creates the id of `page`.
    pub(super) const fn new(page: &'static Page) -> Self {
        Self(page)
    }

    /// Returns the id itself.
    pub fn word(self) -> &'static str {
        self.0.id
    }

    /// Returns its page.
    pub fn page(self) -> &'static Page {
        self.0
    }

    /// Returns the command to run next. `step` is the step that failed, if one did.
    pub fn next(self, step: Option<&str>) -> String {
        match step {
            Some(step) => self.0.next.replace("STEP", step),
            None if self.0.next.contains("STEP") => self.explain(),
            None => self.0.next.to_owned(),
        }
    }

    /// Returns the command that shows its page.
    pub fn explain(self) -> String {
        format!("provision explain {}", self.0.id)
    }
}

impl PartialEq for ErrorId {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ErrorId {}

impl fmt::Debug for ErrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.id)
    }
}

/// Declares ids with their pages, and a list with all of them, so that none can be left out.
macro_rules! pages {
    (in $all:ident; $($name:ident = $id:literal, $kind:ident, $title:literal {
        about: $about:literal,
        causes: [$($cause:literal),* $(,)?],
        look: [$($look:literal),* $(,)?],
        fixes: [$($fix:literal),* $(,)?],
        next: $next:literal,
    })*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub const $name: crate::error::ErrorId = crate::error::ErrorId::new(&crate::error::Page {
                id: $id,
                kind: crate::error::FailureKind::$kind,
                title: $title,
                about: $about,
                causes: &[$($cause),*],
                look: &[$($look),*],
                fixes: &[$($fix),*],
                next: $next,
            });
        )*

        pub(super) const $all: &[crate::error::ErrorId] = &[$($name),*];
    };
}

pub(super) use pages;
