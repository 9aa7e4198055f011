//! [`variables_in`]: the variables of the environment that a compose file uses.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// How a file uses a variable: `$NAME`, `${NAME}`, `${NAME:-default}`; `$$` is a dollar sign.
#[expect(clippy::unwrap_used, reason = "a constant that a test compiles")]
static USE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\$|\$\{?([A-Za-z_][A-Za-z0-9_]*)").unwrap());

/// Returns the names of the variables that `text` uses. One in a comment counts too.
pub(super) fn variables_in(text: &str) -> BTreeSet<&str> {
    USE.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_in_all_their_forms() {
        let text = "image: ${IMAGE:-a}:$TAG\ncommand: echo $$HOME ${PW?set it} ${A:-${B}} $1 ${}";
        assert_eq!(variables_in(text).into_iter().collect::<Vec<_>>(), ["A", "B", "IMAGE", "PW", "TAG"]);
    }
}
