//! `compose-down`: the services of a compose project are gone.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::compose_up::validate_name;
use crate::action::{Action, ActionSettings, Presence, StepContext};
use crate::error::Failure;
use crate::model::Output;
use crate::tools::compose::project_name;
use crate::tools::deletion::Consent;
use crate::tools::docker::ComposeProject;
use crate::tools::process::ProcessObserver;

/// Settings of `compose-down`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ComposeDown {
    /// The `name` of the `compose-up` whose project it takes down, if that has one.
    name: Option<String>,
    /// Whether the volumes that the project has made are removed too, with the data in them. Without it they stay,
    /// unless `--yes` says that data may be lost.
    #[serde(default)]
    volumes: bool,
}

impl ActionSettings for ComposeDown {
    const NAME: &'static str = "compose-down";
    const REVISION: u32 = 1;
    const SUMMARY: &'static str = "Stops and removes the containers and networks of this checkout's compose project, and \
         nothing else; done when the daemon has none of them";
    const EXAMPLE: &'static str = "volumes = true";
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("project", "the name of the compose project"),
        ("containers", "how many containers were removed"),
        ("networks", "how many networks were removed"),
        ("volumes", "how many volumes were removed"),
    ];
    const USES_DOCKER: bool = true;

    fn validate(&self) -> Result<(), String> {
        validate_name(self.name.as_deref(), false)
    }
}

impl ComposeDown {
    fn project(&self, cx: &StepContext) -> Result<String, Failure> {
        project_name(cx.tools().pipeline(), cx.tools().state_dir(), self.name.as_deref())
    }
}

impl Action for ComposeDown {
    fn probe<'a>(&'a self, cx: &'a StepContext, _output: &'a Output) -> BoxFuture<'a, Result<Presence, Failure>> {
        Box::pin(async move {
            let docker = cx.tools().docker().await?;
            let project = self.project(cx)?;
            Ok(if ComposeProject::new(docker, &project).is_there().await? {
                Presence::Missing(format!("the compose project `{project}` has containers or networks"))
            } else {
                Presence::Present
            })
        })
    }

    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, Result<Output, Failure>> {
        Box::pin(async move {
            cx.check_cancel()?;
            let docker = cx.tools().docker().await?;
            let project = self.project(cx)?;
            let consent = cx.tools().consent().or(Consent::from_flag(self.volumes));
            let on_line = |line: &str| cx.line(line);
            let found = ComposeProject::new(docker, &project);
            // Stopped in the middle it is none the worse: the next run goes on.
            let removed = tokio::select! {
                removed = found.remove(consent, &on_line) => removed?,
                () = cx.cancel().cancelled() => {
                    return Err(Failure::interrupted(format!("taking the compose project `{project}` down")));
                }
            };
            removed.kept.iter().for_each(|kept| cx.line(kept));
            Ok(Output::new()
                .with("project", &project)
                .with("containers", removed.containers.to_string())
                .with("networks", removed.networks.to_string())
                .with("volumes", removed.volumes.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        for (text, is_valid) in
            [("", true), (ComposeDown::EXAMPLE, true), ("name = \"e2e\"", true), ("name = \"a_b\"", false)]
        {
            let settings: ComposeDown = toml::from_str(text).unwrap();
            assert_eq!(settings.validate().is_ok(), is_valid, "{text}");
        }
    }
}
