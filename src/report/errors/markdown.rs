//! docs/errors: a page for each id, and the list of all, made from the same table as `provision explain`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::{legend, sections};
use crate::error::{ErrorId, ids};
use crate::report::error_object::WireError;
use crate::tools::docker::no_socket;

const HEAD: &str = "# Errors

Every error has an id, which does not change, and a page: `provision explain ID` prints it. These pages are made from the same
table in the code: `UPDATE_PAGES=1 cargo test --lib report::errors`.

A failure shows what happened, why, and what helps; where its page says more than that, its last line names the page. Programs get
the same as one object, `error`, in the events of `--output json` and `--events FILE`, in `status`, `report` and `report diff` with
`--format json`, in `--format ctrf`, and in the journal's `step-finished`; `junit`, `html` and the other forms of `report diff` show all
of it too:

```json
EXAMPLE
```

| field | meaning |
|---|---|
| `v` | the version of the object: 1. Fields may be added under the same version |
| `id` | the stable id. New ids may be added; one that is there keeps its meaning |
| `message` | what happened, to what |
| `cause` | why, outermost first; `null` where the message says it all |
| `details` | the last lines of evidence, such as what a tool printed: at most 30, and 4 KiB together; empty in records of older versions |
| `fix` | what helps, in this very case: whole commands or sentences. Some of them delete something or agree to something: they are for a person to decide |
| `next` | the command to run next. It deletes nothing and agrees to nothing in your place, so a program may run it |
| `page` | the address of the page of its id: in the repository of this version, where that is known, else from the root of the sources |
| `errors` | only where pipeline.toml, or a file that it names, has errors: all of them, each with `file`, `line`, `column`, `message`, `notes` and `help`. Lines, and columns in characters, are counted from 1; an error that has no place has `null` there |

`provision explain --format json` prints the pages as one document: `v` (1) and `errors`, each with `id`, `exit_code`, `title`, `about`,
`causes`, `look`, `fix` and `next`.
";

/// All files of docs/errors, by their names.
fn files() -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = ids::all().map(|id| (format!("{}.md", id.word()), page(id))).collect();
    let mut list = HEAD.replace("EXAMPLE", &example());
    for (area, ids) in ids::AREAS {
        write!(list, "\n## {area}\n\n| id | what happened | exit code |\n|---|---|---|\n").unwrap();
        for id in *ids {
            let (word, page) = (id.word(), id.page());
            writeln!(list, "| [{word}]({word}.md) | {} | {} |", page.title, page.kind.exit_code()).unwrap();
        }
    }
    files.insert("README.md".to_owned(), list);
    files
}

/// An error as a program gets it: without a daemon.
fn example() -> String {
    let error = no_socket().object(None);
    // Where the page is depends on the version.
    let (address, page) = (error.page(), format!("docs/errors/{}.md", error.id));
    serde_json::to_string_pretty(&WireError::from(error)).unwrap().replace(&address, &page)
}

fn page(id: ErrorId) -> String {
    let page = id.page();
    let mut text = format!(
        "# {}\n\n**{}{}.** Exit code {}.\n\n{}\n",
        page.id,
        page.title[..1].to_uppercase(),
        &page.title[1..],
        page.kind.exit_code(),
        page.about
    );
    for (heading, lines) in sections(page).into_iter().filter(|(_, lines)| !lines.is_empty()) {
        writeln!(text, "\n## {heading}\n").unwrap();
        for line in lines {
            writeln!(text, "- {line}").unwrap();
        }
    }
    write!(text, "\nNext: `{}`\n", page.next).unwrap();
    for (word, meaning) in legend(page) {
        write!(text, "\n{word} stands for {meaning}.\n").unwrap();
    }
    text
}

#[test]
fn the_documents_are_made_from_the_table_and_there_are_no_others() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
    let wanted = files();
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs_err::create_dir_all(&folder).unwrap();
        for file in fs_err::read_dir(&folder).unwrap() {
            fs_err::remove_file(file.unwrap().path()).unwrap();
        }
        for (name, text) in &wanted {
            fs_err::write(folder.join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = fs_err::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), fs_err::read_to_string(file).unwrap()))
        .collect();
    let names: Vec<&String> =
        wanted.iter().filter(|(name, text)| found.get(*name) != Some(text)).map(|(name, _)| name).collect();
    let others: Vec<&String> = found.keys().filter(|name| !wanted.contains_key(*name)).collect();
    assert!(
        names.is_empty() && others.is_empty(),
        "docs/errors is out of date (`UPDATE_PAGES=1 cargo test --lib report::errors`): {names:?}, not of any error: {others:?}"
    );
}
