//! [`write_environments`]: the environments as lines.

use std::io::{self, Write};

use super::{EnvironmentState, Environments, ListedEnvironment};
use crate::report::style::{BAD, BUSY, DIM, GOOD, STRONG, Theme, WARN, timestamp};
use crate::report::text;

/// Writes a line for each environment with what is known of it, and below it where it is and what it was last told.
pub(crate) fn write_environments(out: &mut dyn Write, theme: Theme, environments: &Environments) -> io::Result<()> {
    if environments.all.is_empty() {
        return writeln!(out, "there is no environment on record: `provision up` adds one");
    }
    let width = |of: fn(&ListedEnvironment) -> &str| {
        environments.all.iter().map(|one| text::width(&text::plain(of(one)))).max().unwrap_or(0)
    };
    let (names, states) = (width(|one| &one.name), width(|one| one.state.word()));
    for one in &environments.all {
        let style = match one.state {
            EnvironmentState::Busy => BUSY,
            EnvironmentState::Up => GOOD,
            EnvironmentState::Failed => BAD,
            EnvironmentState::Interrupted => WARN,
            EnvironmentState::Down => DIM,
        };
        let name = theme.paint(STRONG, &text::pad(&text::plain(&one.name), names));
        let state = theme.paint(style, &text::pad(one.state.word(), states));
        let cluster = match &one.cluster {
            Some(cluster) => format!("{} cluster {}", cluster.provider, cluster.name),
            None => "no cluster".to_owned(),
        };
        writeln!(out, "{name}  {state}  {} · {}", text::plain(&one.pipeline), text::plain(&cluster))?;
        let gone = if one.exists { String::new() } else { format!("  {}", theme.paint(WARN, "gone")) };
        writeln!(out, "  {}{gone}", text::plain(&one.file.display().to_string()))?;
        if let Some(run) = &one.run {
            let when = run.finished_ms.map(|at| format!(" {}", timestamp(at))).unwrap_or_default();
            let how = run.outcome.as_deref().unwrap_or("without an end");
            let line = format!("{}: {how}{when}", run.command);
            writeln!(out, "  {}", theme.paint(DIM, &text::plain(&line)))?;
        }
        if let Some(at) = one.down_ms {
            writeln!(out, "  {}", theme.paint(DIM, &format!("taken down {}", timestamp(at))))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{EnvironmentCluster, EnvironmentRun};
    use super::*;

    #[test]
    fn each_environment_says_where_it_is_and_how_it_ended() {
        let cluster = EnvironmentCluster { name: "dev".into(), context: "dev".into(), provider: "minikube".into() };
        let run = EnvironmentRun {
            id: "r".into(),
            command: "provision up".into(),
            outcome: Some("succeeded".into()),
            finished_ms: Some(0),
        };
        let one = ListedEnvironment {
            name: "shop-1".into(),
            pipeline: "shop".into(),
            file: "/p/pipeline.toml".into(),
            exists: true,
            profile: None,
            cluster: Some(cluster),
            state: EnvironmentState::Up,
            run: Some(run.clone()),
            down_ms: None,
        };
        let killed = EnvironmentRun { outcome: None, finished_ms: None, ..run };
        let two = ListedEnvironment {
            name: "shop-fix-2:dev".into(),
            exists: false,
            cluster: None,
            state: EnvironmentState::Interrupted,
            run: Some(killed),
            ..one.clone()
        };
        let three = ListedEnvironment { state: EnvironmentState::Down, run: None, down_ms: Some(1000), ..one.clone() };
        let mut out = Vec::new();
        let all = Environments { all: vec![one, two, three], unreadable: Vec::new() };
        write_environments(&mut out, Theme { color: false, unicode: true }, &all).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        shop-1          up           shop · minikube cluster dev
          /p/pipeline.toml
          provision up: succeeded 1970-01-01T00:00:00Z
        shop-fix-2:dev  interrupted  shop · no cluster
          /p/pipeline.toml  gone
          provision up: without an end
        shop-1          down         shop · minikube cluster dev
          /p/pipeline.toml
          taken down 1970-01-01T00:00:01Z
        ");
    }
}
