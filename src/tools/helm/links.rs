//! [`folder_for_helm`]: a chart whose folder has the state folder in it, without that. helm packs every file of a
//! chart into the release, where everybody who may read its Secret reads them.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::symlink;

use crate::error::{Context, Failure};
use crate::fingerprint::Digest;

/// Where such folders are, in the state folder.
const FOLDER: &str = "charts";

/// The folder of Git, which no release needs.
const GIT: &str = ".git";

/// Returns the folder that helm gets for the chart in `chart`: itself, or, where `state_dir` is in it, one with links
/// to everything else. It has the same name each time and follows what is there, so that killed runs leave one at most.
pub fn folder_for_helm(chart: &Path, state_dir: &Path) -> Result<PathBuf, Failure> {
    let (Ok(real), Ok(state)) = (fs::canonicalize(chart), fs::canonicalize(state_dir)) else {
        return Ok(chart.to_owned());
    };
    let Ok(inside) = state.strip_prefix(&real) else { return Ok(chart.to_owned()) };
    let name = Digest::of(real.as_os_str().as_encoded_bytes()).to_string();
    let links = state.join(FOLDER).join(&name[..16]);
    link(&real, &links, inside).context(|| format!("making a folder of links to the chart {}", chart.display()))?;
    Ok(links)
}

/// Makes `links` a folder with links to all that is in `folder`, without `left_out`, a path below it.
fn link(folder: &Path, links: &Path, left_out: &Path) -> io::Result<()> {
    fs::create_dir_all(links)?;
    let mut parts = left_out.components();
    let first = parts.next().map(|part| part.as_os_str().to_owned());
    let below = parts.as_path();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, link_path) = (entry.file_name(), links.join(entry.file_name()));
        if first.as_ref() == Some(&name) {
            if !below.as_os_str().is_empty() {
                link(&entry.path(), &link_path, below)?;
            }
        } else if name != GIT && !leads_to(&link_path, &entry.path()) {
            drop(fs::remove_file(&link_path));
            // Another step may have made it in the meantime.
            symlink(entry.path(), &link_path)
                .or_else(|error| if leads_to(&link_path, &entry.path()) { Ok(()) } else { Err(error) })?;
        }
    }
    for entry in fs::read_dir(links)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() && fs::symlink_metadata(folder.join(entry.file_name())).is_err() {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

fn leads_to(link: &Path, target: &Path) -> bool {
    fs::read_link(link).is_ok_and(|found| found == target)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn write(dir: &Path, files: &[&str]) {
        for file in files {
            fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
            fs::write(dir.join(file), file).unwrap();
        }
    }

    fn files(folder: &Path) -> BTreeSet<String> {
        let all = walkdir::WalkDir::new(folder).follow_links(true).into_iter().map(Result::unwrap);
        let all = all.filter(|entry| entry.file_type().is_file());
        all.map(|entry| entry.path().strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn the_state_folder_is_no_part_of_a_chart_around_it() {
        for state in [".provision", "ci/.provision"] {
            let dir = tempfile::tempdir().unwrap();
            let (chart, state) = (dir.path().join("app"), dir.path().join("app").join(state));
            write(&chart, &["Chart.yaml", "templates/a.yaml", "ci/pipeline.toml", ".git/config"]);
            write(&state, &["secret-key", "logs/a.log"]);
            let made = || files(&folder_for_helm(&chart, &state).unwrap());
            let expected = ["Chart.yaml", "ci/pipeline.toml", "templates/a.yaml"].map(str::to_owned);
            assert_eq!(made(), BTreeSet::from(expected.clone()));
            // What has come and gone since.
            write(&chart, &["values.yaml"]);
            fs::remove_dir_all(chart.join("templates")).unwrap();
            assert_eq!(made(), ["Chart.yaml", "ci/pipeline.toml", "values.yaml"].map(str::to_owned).into());
            assert_eq!(fs::read_to_string(state.join("secret-key")).unwrap(), "secret-key");
        }
    }

    #[test]
    fn any_other_chart_is_handed_over_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &["chart/Chart.yaml", ".provision/mark"]);
        let (chart, state) = (dir.path().join("chart"), dir.path().join(".provision"));
        assert_eq!(folder_for_helm(&chart, &state).unwrap(), chart);
        assert_eq!(folder_for_helm(Path::new("repo/chart"), &state).unwrap(), Path::new("repo/chart"));
        assert!(!state.join(FOLDER).exists());
    }
}
