//! Which files of a chart decide what it becomes.

use std::path::{Path, PathBuf};

use super::{FileProof, ProjectFiles};
use crate::error::Failure;
use crate::files::inside;
use crate::tools::helm::Chart;

/// What helm reads of a chart, besides files that a template names itself. It renders the notes and prints them only
/// for a release.
const READ: &[&str] = &["Chart.yaml", "values.yaml", "values.schema.json", "templates", "charts", "crds"];
const NOTES: &str = "templates/NOTES.txt";

impl FileProof {
    /// Adds the files of the chart in the folder `chart`, and those of its values. A chart that needs more than the
    /// project has is noted as foreign.
    pub fn add_chart<'a>(
        &mut self,
        files: &ProjectFiles,
        chart: &str,
        values: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Failure> {
        let folder = inside("chart", chart).map_err(Failure::failed)?;
        let is_read = |file: &&PathBuf| {
            let inner = file.strip_prefix(&folder).unwrap_or(Path::new(""));
            READ.iter().any(|part| inner.starts_with(part)) && inner != Path::new(NOTES)
        };
        let found: Vec<PathBuf> = files.below(&folder).filter(is_read).cloned().collect();
        let is_whole = match Chart::at(files.root().join(&folder)) {
            Some(chart) => chart.path().is_dir() && chart.missing_dependency()?.is_none(),
            None => false,
        };
        if found.is_empty() || !is_whole {
            self.foreign.push(chart.to_owned());
        }
        self.contents.extend(found);
        for file in values {
            self.add_contents(files, file)?;
        }
        Ok(())
    }
}
