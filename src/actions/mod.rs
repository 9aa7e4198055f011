//! What steps can do: one file an action, one entry in [`ACTIONS`] each.

mod cluster_start;
mod command;
mod compose_down;
mod compose_up;
mod confirm;
mod container_run;
mod docker_build;
mod file_check;
mod helm_install;
mod http_check;
mod image_load;
mod rollout_check;
mod secret_apply;
mod tool_check;

use crate::action::ActionType;

/// Every action there is, in the order in which `provision actions` shows them.
pub static ACTIONS: &[ActionType] = &[
    ActionType::of::<tool_check::ToolCheck>(),
    ActionType::of::<file_check::FileCheck>(),
    ActionType::of::<docker_build::DockerBuild>(),
    ActionType::of::<container_run::ContainerRun>(),
    ActionType::of::<compose_up::ComposeUp>(),
    ActionType::of::<compose_down::ComposeDown>(),
    ActionType::of::<cluster_start::ClusterStart>(),
    ActionType::of::<image_load::ImageLoad>(),
    ActionType::of::<secret_apply::SecretApply>(),
    ActionType::of::<helm_install::HelmInstall>(),
    ActionType::of::<rollout_check::RolloutCheck>(),
    ActionType::of::<http_check::HttpCheck>(),
    ActionType::of::<command::Command>(),
    ActionType::of::<confirm::Confirm>(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses_and_every_schema_is_made() {
        for action in ACTIONS {
            let table = toml::de::DeTable::parse(action.example).unwrap();
            (action.parse)(table).unwrap_or_else(|error| panic!("{}: {error}", action.name));
            assert!((action.schema)().as_object().is_some(), "{}", action.name);
        }
    }
}
