//! What every command begins with: the pipeline, its state folder, and the tools for it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::actions::ACTIONS;
use crate::config::{self, LoadOptions};
use crate::error::{Failure, FailureKind, ids};
use crate::files::Seen;
use crate::journal::{self, EarlyContents, History, Journal, Opened, run_on};
use crate::model::{Item, StepId};
use crate::pipeline::Pipeline;
use crate::plan::Graph;
use crate::redact::Redactor;
use crate::tools::kubernetes::KubeSource;
use crate::tools::secrets::Secrets;
use crate::tools::{Access, Tools};

use super::args::Cli;
use super::given;
use super::output::Terminal;

/// The name of a pipeline's file that is found without being named.
const FILE: &str = "pipeline.toml";

/// A loaded pipeline with what belongs to it.
pub(super) struct Project {
    pub(super) pipeline: Pipeline,
    pub(super) graph: Graph,
    pub(super) tools: Arc<Tools>,
    pub(super) warnings: Vec<String>,
    /// The pipeline's file, and the text that was read from it.
    pub(super) file: PathBuf,
    pub(super) text: String,
    /// The journal, which is read beside the pipeline's file.
    early: Cell<EarlyContents>,
    /// Where it is said, once, that the journal is damaged.
    terminal: Cell<Option<Terminal>>,
}

impl Project {
    /// Loads the pipeline that the command line names; every error in it is shown at once.
    pub(super) fn load(cli: &Cli, terminal: &Terminal) -> Result<Self, Failure> {
        Self::load_as(cli, terminal, cli.global.profile.clone(), None)
    }

    /// The same with another profile than the command line's; `seen` gets what its steps read.
    pub(super) fn load_as(
        cli: &Cli,
        terminal: &Terminal,
        profile: Option<String>,
        seen: Option<&Arc<Seen>>,
    ) -> Result<Self, Failure> {
        let file = pipeline_file(cli)?;
        let root = file.parent().unwrap_or(Path::new("/")).to_owned();
        let state_dir = state_dir_of(&file);
        let early = Cell::new(journal::read_early(&state_dir));
        let options = LoadOptions {
            profile,
            set: cli.global.set.clone(),
            env: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            state_dir: Some(state_dir.clone()),
        };
        let loaded = config::load(&file, &options, ACTIONS).map_err(|errors| terminal.show_errors(&errors))?;
        terminal.show_warnings(&loaded.warnings);
        let mut pipeline = loaded.pipeline;
        let redactor = Redactor::new();
        let overrides = options.env.keys().filter(|name| config::is_override(name)).cloned();
        let secrets = Secrets::new(pipeline.secrets.clone(), redactor.clone());
        let secrets = secrets.with_file(pipeline.env_file.clone()).beside(&root).withholding(overrides);
        let warnings = secrets
            .register_all()
            .into_iter()
            .map(|name| format!("the secret `{name}` is too short to be masked in logs"))
            .collect();
        if !redactor.is_empty() {
            pipeline.mask_titles(&redactor);
        }
        let graph = Graph::new(&pipeline);
        let access = Access {
            contexts: cli.command.allowed_contexts().unwrap_or_default().to_vec(),
            records: cli.command.records_clusters(),
            command: given::allowing(cli, options.profile.as_deref(), &redactor),
        };
        let tools = Tools::new(root, state_dir, secrets, pipeline.cluster.clone(), redactor)
            .of_pipeline(&pipeline.name, pipeline.steps().map(|step| step.id.clone()));
        let verify = cli.global.verify.into();
        let tools = match seen {
            Some(seen) => tools.noting(verify, Arc::clone(seen)),
            None => tools.verifying(verify),
        };
        let tools = Arc::new(tools.consenting(cli.command.consent()).accessing(access).used_to(cli.command.purpose()));
        Ok(Self {
            pipeline,
            graph,
            tools,
            warnings,
            file,
            text: loaded.text,
            early,
            terminal: Cell::new(Some(terminal.clone())),
        })
    }

    /// A step's title.
    pub(super) fn title(&self, step: &StepId) -> Arc<str> {
        self.graph.step(step).map(|number| self.graph.steps[number].step.title.clone()).unwrap_or_default()
    }

    /// What the journal says, for a reader.
    pub(super) fn history(&self) -> Result<History, Failure> {
        // Before reading, so that what the run has recorded at its end is read as well.
        let holder = run_on(self.tools.state_dir());
        let history = journal::read_history(self.tools.state_dir(), self.early.take())?;
        if let Some(line) = history.damaged_at()
            && let Some(terminal) = self.terminal.take()
        {
            terminal.warn([format!(
                "the journal is damaged at line {line}: what stands after it is not known, and every step is in doubt until \
                 the next `provision up`, which sets the damaged file aside"
            )]);
        }
        let history = self.scoped(history);
        Ok(match holder {
            Some(holder) => history.during(&holder),
            None => history,
        })
    }

    /// The journal, for a run.
    pub(super) fn open_journal(&self, command: &str, strict: bool) -> Result<Opened, Failure> {
        let mut opened = Journal::open_read(self.tools.state_dir(), command, strict, self.early.take())?;
        let scope = self.pipeline.record_scope();
        opened.journal.set_scope(scope.as_deref());
        opened.history = self.scoped(opened.history);
        Ok(opened)
    }

    /// Returns `history` with the records of the profile, and with what `down` of another one has taken from it.
    fn scoped(&self, history: History) -> History {
        history.in_scope(self.pipeline.record_scope().as_deref()).sharing(|step| {
            let of = self.graph.step(step).map(|number| self.graph.steps[number].step.action_type);
            of.map_or((&[], false), |of| (of.identity, of.in_cluster))
        })
    }

    /// Keeps a kubeconfig of the cluster that is not ours under another name, before a step finds it. With `strict` it
    /// is refused instead. Returns what a person should know.
    pub(super) fn set_foreign_kubeconfig_aside(&self, strict: bool) -> Result<Option<String>, Failure> {
        let source = self.tools.cluster().map(|cluster| KubeSource::of(cluster, self.tools.state_dir()));
        let Some(own) = source.and_then(|source| source.own()) else { return Ok(None) };
        if strict && let Err(failure) = own.check() {
            return Err(failure.cause("it is left as it is: `--strict-state`"));
        }
        own.set_aside()
    }

    /// The items of the checklists.
    pub(super) fn items(&self) -> &[Item] {
        &self.pipeline.items
    }
}

/// Returns the state folder of the pipeline file `file`, which is absolute.
pub(super) fn state_dir_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("/")).join(".provision")
}

/// The pipeline's file: as named, or the nearest `pipeline.toml` at or above the current folder.
pub(super) fn pipeline_file(cli: &Cli) -> Result<PathBuf, Failure> {
    find_pipeline_file(cli)?.ok_or_else(|| {
        let here = start_folder(cli).unwrap_or_default();
        if let Some(failure) = here.ancestors().find_map(|folder| unusable(&folder.join(FILE))) {
            return failure;
        }
        Failure::of(ids::PIPELINE_MISSING, format!("there is no pipeline.toml in `{}` or above it", here.display()))
            .hint("go to the project's folder, or name the file with `-f FILE`")
            .hint("`provision init` writes one for what is in the repository")
    })
}

/// Returns what is wrong with something of the file's name that is no file; `None` if there is nothing.
fn unusable(path: &Path) -> Option<Failure> {
    let found = path.symlink_metadata().ok()?;
    let shown = path.display();
    Some(match fs_err::read_link(path) {
        Ok(target) if found.is_symlink() && !path.exists() => {
            let failure = Failure::of(ids::PIPELINE_MISSING, format!("`{shown}` is a link to what is not there"));
            failure.cause(format!("there is no `{}`", target.display())).hint("correct the link, or remove it")
        }
        _ if path.is_dir() => Failure::of(ids::PIPELINE_MISSING, format!("`{shown}` is a folder"))
            .hint("the pipeline is a file: give the folder another name, or name the file with `-f FILE`"),
        _ => Failure::of(ids::PIPELINE_MISSING, format!("`{shown}` is no plain file"))
            .hint("the pipeline is a file of TOML: replace what is there, or name the file with `-f FILE`"),
    })
}

/// The same; `None` if no file is named and there is none.
pub(super) fn find_pipeline_file(cli: &Cli) -> Result<Option<PathBuf>, Failure> {
    let here = start_folder(cli)?;
    if let Some(file) = cli.command.file().or(cli.global.place.file.as_ref()) {
        return Ok(Some(here.join(file)));
    }
    Ok(here.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file()))
}

/// The folder that the command starts from.
pub(super) fn start_folder(cli: &Cli) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(FailureKind::Usage, "can't tell the current folder").source(&error).hint("go to another folder")
    })?;
    let here = match &cli.global.directory {
        Some(folder) => here.join(folder),
        None => here,
    };
    if !here.is_dir() {
        return Err(Failure::new(FailureKind::Usage, format!("there is no folder `{}`", here.display())));
    }
    Ok(here)
}
