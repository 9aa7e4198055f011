//! Signs of the folder that command lines run in, where everything is copied: files of a workspace, and paths that
//! begin with the folder of the Dockerfile.

use std::sync::LazyLock;

use regex::Regex;

use crate::init::repository::{Repository, join};

/// What names a package of a workspace, with the file that the workspace has, and what stands in it.
const WORKSPACES: &[(&str, &str, &str)] = &[
    (r"\bpnpm\b.*\s(--filter|-F|-r|--recursive|-w|--workspace-root)\b", "pnpm-workspace.yaml", ""),
    (r"\bnpm\b.*\s(-w|-ws|--workspace|--workspaces)\b", "package.json", "\"workspaces\""),
    (r"\byarn workspaces?\b", "package.json", "\"workspaces\""),
    (r"\bbun\b.*\s--filter\b", "package.json", "\"workspaces\""),
    (r"\bturbo\b", "turbo.json", ""),
    (r"\bnx\b", "nx.json", ""),
    (r"\blerna\b", "lerna.json", ""),
    (r"\bcargo\b.*\s(-p|--package|--workspace)\b", "Cargo.toml", "[workspace"),
    (r"\buv\b.*\s(--package|--all-packages)\b", "pyproject.toml", "[tool.uv.workspace"),
    (r"\bmvnw?\b.*\s(-pl|--projects)\b", "pom.xml", "<modules>"),
    (r"\bgradlew?\b.*\s:?[\w-]+:[\w-]+", "settings.gradle", ""),
    (r"\bgradlew?\b.*\s:?[\w-]+:[\w-]+", "settings.gradle.kts", ""),
];

static PATTERNS: LazyLock<Vec<(Regex, &'static str, &'static str)>> = LazyLock::new(|| {
    WORKSPACES.iter().filter_map(|(pattern, file, part)| Some((Regex::new(pattern).ok()?, *file, *part))).collect()
});

/// Returns how many of the workspaces that `lines` are about are not in `folder`.
pub(super) fn n_missing_workspaces(repository: &Repository, lines: &[String], folder: &str) -> usize {
    let text = lines.iter().map(|line| line.replace("\\\n", " ")).collect::<Vec<_>>().join("\n");
    let is_about = |pattern: &Regex| pattern.is_match(&text);
    let is_there = |file: &str, part: &str| {
        let path = join(folder, file).filter(|path| repository.lists(path));
        path.is_some_and(|path| part.is_empty() || repository.text(&path).is_some_and(|text| text.contains(part)))
    };
    let wanted: Vec<_> = PATTERNS.iter().filter(|(pattern, ..)| is_about(pattern)).collect();
    // Of the two files of Gradle one is there.
    let is_known = |pattern: &Regex| {
        wanted.iter().any(|(other, file, part)| other.as_str() == pattern.as_str() && is_there(file, part))
    };
    let mut missing: Vec<&str> =
        wanted.iter().filter(|(pattern, ..)| !is_known(pattern)).map(|(pattern, ..)| pattern.as_str()).collect();
    missing.dedup();
    missing.len()
}

/// Whether a word of `lines` is a path that leads from `folder` to the folder `own` of the Dockerfile, which is below
/// it: `apps/billing/dist/main.js` from the repository to `apps/billing`.
pub(super) fn leads_to(lines: &[String], folder: &str, own: &str) -> bool {
    let below = if folder.is_empty() { Some(own) } else { own.strip_prefix(&format!("{folder}/")) };
    let Some(below) = below.filter(|below| !below.is_empty()) else { return false };
    let is_deep = below.contains('/');
    let words = lines.iter().flat_map(|line| line.split(|c: char| c.is_whitespace() || "\"'=;&|()<>,".contains(c)));
    let mut last = "";
    for word in words.filter(|word| !word.is_empty()) {
        let path = word.trim_start_matches("./").trim_end_matches('/');
        let inside = path.strip_prefix(below).is_some_and(|rest| rest.starts_with('/'));
        // One name alone may be anything, unless it is entered; in the image the files are below some folder.
        let is_it = path == below && (is_deep || last == "cd");
        let is_placed = is_deep && path.starts_with('/') && path.ends_with(&format!("/{below}"));
        if inside || is_it || is_placed {
            return true;
        }
        last = word;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::testing::repository;

    #[test]
    fn a_package_of_a_workspace_is_built_where_the_workspace_is() {
        for (line, file, text) in [
            ("pnpm --filter billing build", "pnpm-workspace.yaml", ""),
            ("corepack enable && pnpm install && pnpm -r build", "pnpm-workspace.yaml", ""),
            ("npm run build -w billing", "package.json", "{\"workspaces\": []}"),
            ("npm ci --workspace=billing", "package.json", "{\"workspaces\": []}"),
            ("yarn workspace billing build", "package.json", "{\"workspaces\": []}"),
            ("npx turbo run build --filter=billing", "turbo.json", ""),
            ("npx nx build billing", "nx.json", ""),
            ("cargo build \\\n --release -p billing", "Cargo.toml", "[workspace]\n"),
            ("uv sync --package billing", "pyproject.toml", "[tool.uv.workspace]\n"),
            ("./mvnw -q -pl billing package", "pom.xml", "<modules>"),
            ("./gradlew :billing:build", "settings.gradle.kts", ""),
        ] {
            let (_dir, repository) =
                repository(&[(file, text), ("billing/package.json", "{}"), ("billing/pom.xml", "")]);
            let lines = [line.to_owned()];
            let n = |folder: &str| n_missing_workspaces(&repository, &lines, folder);
            assert_eq!((n(""), n("billing")), (0, 1), "{line}");
        }
        let (_dir, repository) = repository(&[("package.json", "{\"workspaces\": []}")]);
        for line in ["npm ci && npm run build", "cargo build --release", "mvn package", "pnpm install"] {
            assert_eq!(n_missing_workspaces(&repository, &[line.to_owned()], "billing"), 0, "{line}");
        }
    }

    #[test]
    fn a_path_that_begins_with_the_own_folder_is_known() {
        for (line, folder, own, expected) in [
            ("node apps/billing/dist/main.js", "", "apps/billing", true),
            ("cd apps/billing && npm run build", "", "apps/billing", true),
            ("cd api; npm run build", "", "api", true),
            ("npm ci --prefix=./apps/billing", "", "apps/billing", true),
            ("/repo/apps/billing", "", "apps/billing", true),
            ("node billing/dist/main.js", "apps", "apps/billing", true),
            ("node billing/dist/main.js", "", "apps/billing", false),
            ("node dist/main.js", "", "apps/billing", false),
            ("npm run api && ./api", "", "api", false),
            ("node apps/billing-admin/x.js", "", "apps/billing", false),
            ("node apps/billing/x.js", "apps/billing", "apps/billing", false),
        ] {
            assert_eq!(leads_to(&[line.to_owned()], folder, own), expected, "{line}");
        }
    }
}
