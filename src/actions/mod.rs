//! What steps can do: one file an action, one entry in [`ACTIONS`] each.

mod chart_check;
mod cluster_addon;
mod cluster_start;
mod command;
mod compose_down;
mod compose_up;
mod confirm;
mod container_run;
mod docker_build;
mod exercise;
mod file_check;
mod helm_install;
mod helm_rollback;
mod http_check;
mod image_check;
mod image_load;
mod manifest_apply;
mod manifest_delete;
mod policy_check;
mod port_check;
mod recovery_check;
mod resource_check;
mod rollout_check;
mod rollout_undo;
mod rollout_update;
mod scale_check;
mod secret_apply;
mod tool_check;

use crate::action::ActionType;

/// Every action there is, in the order in which `provision actions` shows them.
pub static ACTIONS: &[ActionType] = &[
    ActionType::of::<tool_check::ToolCheck>(),
    ActionType::of::<file_check::FileCheck>(),
    ActionType::of::<chart_check::ChartCheck>(),
    ActionType::of::<policy_check::PolicyCheck>(),
    ActionType::of::<docker_build::DockerBuild>(),
    ActionType::of::<image_check::ImageCheck>(),
    ActionType::of::<container_run::ContainerRun>(),
    ActionType::of::<compose_up::ComposeUp>(),
    ActionType::of::<compose_down::ComposeDown>(),
    ActionType::of::<cluster_start::ClusterStart>(),
    ActionType::of::<cluster_addon::ClusterAddon>(),
    ActionType::of::<image_load::ImageLoad>(),
    ActionType::of::<secret_apply::SecretApply>(),
    ActionType::of::<manifest_apply::ManifestApply>(),
    ActionType::of::<manifest_delete::ManifestDelete>(),
    ActionType::of::<helm_install::HelmInstall>(),
    ActionType::of::<resource_check::ResourceCheck>(),
    ActionType::of::<helm_rollback::HelmRollback>(),
    ActionType::of::<rollout_check::RolloutCheck>(),
    ActionType::of::<rollout_update::RolloutUpdate>(),
    ActionType::of::<rollout_undo::RolloutUndo>(),
    ActionType::of::<scale_check::ScaleCheck>(),
    ActionType::of::<recovery_check::RecoveryCheck>(),
    ActionType::of::<http_check::HttpCheck>(),
    ActionType::of::<port_check::PortCheck>(),
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
