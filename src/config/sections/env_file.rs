//! `env-file` of `[pipeline]`: variables in a file beside the pipeline, for expressions and secrets alone. No program
//! gets one that its step does not name.

use std::io;
use std::path::Path;

use fs_err as fs;

use crate::config::syntax::diagnostic::{Diagnostic, Report};
use crate::config::syntax::fields::SpannedString;
use crate::documents::{Document, Format, Source};
use crate::tools::secrets::EnvFile;

/// Most bytes that such a file may have.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the file. One that is not there has no variables: who has them in the environment needs no file.
pub(crate) fn read(report: &Report, root: &Path, declared: Option<&SpannedString>) -> EnvFile {
    let Some(declared) = declared else { return EnvFile::default() };
    let name = declared.get_ref();
    match variables(root, name) {
        Ok(file) => file,
        Err(why) => {
            report.add(
                Diagnostic::error(format!("can't read the variables of `{name}`: {why}"))
                    .at(report.source(), declared.span(), "")
                    .help("write a variable a line: `NAME=value`"),
            );
            EnvFile::default()
        }
    }
}

fn variables(root: &Path, name: &str) -> Result<EnvFile, String> {
    let path = root.join(name);
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EnvFile::new(name, [])),
        Err(error) => return Err(error.to_string()),
        Ok(found) if !found.is_file() => return Err("it is no plain file".into()),
        Ok(found) if found.len() > MAX_BYTES => return Err(format!("it has more than {MAX_BYTES} bytes")),
        Ok(_) => {}
    }
    // The error of a file that is no text must not quote it.
    let text = fs::read(&path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(text).map_err(|_| "it is no text in UTF-8")?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let document = Document::read(Format::Env, Source { root, name: Path::new(name), text: &text })?;
    let variables = document.root.keys().filter_map(|key| {
        let value = document.root.get(key)?.text()?;
        Some((key.to_owned(), value.to_owned()))
    });
    Ok(EnvFile::new(name, variables))
}
