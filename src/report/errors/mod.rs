//! The pages of errors: what `provision explain` prints, and docs/errors.

mod json;
#[cfg(test)]
mod markdown;
mod text;

pub(crate) use json::write_errors_json;
pub(crate) use text::{write_error_list, write_error_page, write_last_error};

use crate::error::Page;

/// Stands for kubectl or helm with the options that name the cluster.
const CLIENTS: &[(&str, &str)] = &[
    (
        "KUBECTL",
        "`kubectl --kubeconfig .provision/kubeconfig` for a cluster that provision makes, `kubectl --context NAME` for \
         one of yours",
    ),
    (
        "HELM",
        "`helm --kubeconfig .provision/kubeconfig` for a cluster that provision makes, `helm --kube-context NAME` for \
         one of yours",
    ),
];

/// Returns what the words of a page stand for that the reader can't know.
fn legend(page: &Page) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    CLIENTS.iter().filter(|(word, _)| {
        let named = format!("`{word} ");
        page.look.iter().chain(page.fixes).any(|text| text.contains(&named))
    })
}

/// The sections of a page, each with its heading.
fn sections(page: &Page) -> [(&'static str, &'static [&'static str]); 3] {
    [("Usual causes", page.causes), ("How to see more", page.look), ("What helps", page.fixes)]
}
