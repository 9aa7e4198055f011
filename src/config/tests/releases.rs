//! Checks of a release are bound to the revision that an earlier step makes.

use std::fmt::Write;

use super::*;
use crate::model::{Output, StepId};

/// The revision to which the step `check` is bound, with the outputs that it uses, where each step that deploys has
/// made the revision that its name says.
fn bound(text: &str, check: &str) -> (String, String) {
    let project = Project::new(with_header(text));
    let loaded = load(&project.root().join("pipeline.toml"), &project.options, crate::actions::ACTIONS);
    let pipeline = loaded.unwrap_or_else(|errors| panic!("{}", errors.render(false))).pipeline;
    let binding = &step(&pipeline, check).binding;
    let outputs: Outputs = binding
        .uses()
        .iter()
        .map(|(step, _)| (StepId::new(step.as_str()).unwrap(), Output::new().with("revision", step.name())))
        .collect();
    let settings = format!("{:?}", binding.action(&outputs).unwrap());
    let revision = settings.split("revision: ").nth(1).unwrap().split(", selector").next().unwrap();
    let uses: Vec<String> = binding.uses().iter().map(|(step, name)| format!("{step}.{name}")).collect();
    // Where nothing was made it is checked as it is.
    let unbound = format!("{:?}", binding.action(&Outputs::default()).unwrap());
    assert_eq!(unbound.contains("revision: None"), !revision.contains("written"), "{unbound}");
    (revision.to_owned(), uses.join(" "))
}

const INSTALL: &str = "action = 'helm-install'\nchart = 'c'\nrelease = 'todo'\nnamespace = 'apps'\n";
const ROLLBACK: &str = "action = 'helm-rollback'\nrelease = 'todo'\nnamespace = 'apps'\n";
const CHECK: &str = "action = 'rollout-check'\nrelease = 'todo'\nnamespace = 'apps'\n";

/// A step: its name, its settings, and more of them.
type StepText<'a> = (&'a str, &'a str, &'a str);

/// Stages with their steps.
fn staged(stages: &[(&str, &[StepText<'_>])]) -> String {
    let mut text = String::new();
    for (stage, steps) in stages {
        writeln!(text, "[[stage]]\nid = '{stage}'").unwrap();
        for (step, settings, more) in *steps {
            writeln!(text, "[[stage.step]]\nid = '{step}'\n{settings}{more}").unwrap();
        }
    }
    text
}

#[test]
fn a_check_of_a_release_is_bound_to_the_last_step_before_it_that_deploys_that() {
    let check = ("check", CHECK, "");
    let none = ("None".to_owned(), String::new());
    let some = |step: &str| (format!("Some(\"{step}\")"), format!("d.{step}.revision"));
    // By the order of the stages, and by `needs`.
    let stages = staged(&[("d", &[("one", INSTALL, "")]), ("v", &[check])]);
    assert_eq!(bound(&stages, "v.check"), some("one"));
    let needs = staged(&[("d", &[("one", INSTALL, ""), ("check", CHECK, "needs = ['one']")])]);
    assert_eq!(bound(&needs, "d.check"), some("one"));
    // At the same time, or later: it is not that revision which is checked.
    for steps in
        [[("one", INSTALL, ""), ("check", CHECK, "")], [("check", CHECK, ""), ("one", INSTALL, "needs = ['check']")]]
    {
        assert_eq!(bound(&staged(&[("d", &steps)]), "d.check"), none);
    }
    // Another release, and the same name in another namespace.
    for (settings, other) in [("release = 'todo'", "release = 'other'"), ("namespace = 'apps'", "namespace = 'b'")] {
        let install = INSTALL.replace(settings, other);
        assert_eq!(bound(&staged(&[("d", &[("one", &install, "")]), ("v", &[check])]), "v.check"), none);
    }
    // What the file says counts.
    let written = "revision = 'written'";
    let own = staged(&[("d", &[("one", INSTALL, "")]), ("v", &[("check", CHECK, written)])]);
    assert_eq!(bound(&own, "v.check"), ("Some(\"written\")".into(), String::new()));
}

#[test]
fn of_several_steps_that_deploy_a_release_the_last_one_counts_if_there_is_one() {
    let check = ("check", CHECK, "");
    let none = ("None".to_owned(), String::new());
    let some = |step: &str| (format!("Some(\"{step}\")"), format!("d.{step}.revision"));
    let one = ("one", INSTALL, "");
    let both = |two| bound(&staged(&[("d", &[one, two]), ("v", &[check])]), "v.check");
    assert_eq!(both(("two", INSTALL, "needs = ['one']")), some("two"));
    assert_eq!(both(("back", ROLLBACK, "needs = ['one']")), some("back"));
    // Nobody knows which one is last.
    assert_eq!(both(("two", INSTALL, "")), none);
    // What an exercise deploys is undone later on, and only the exercise itself checks it.
    let exercise = ("two", INSTALL, "needs = ['one']\nexercise = true");
    assert_eq!(both(exercise), some("one"));
    let inside = ("check", CHECK, "needs = ['two']\nexercise = true");
    let undo = ("back", ROLLBACK, "needs = ['check']");
    assert_eq!(bound(&staged(&[("d", &[one, exercise, inside, undo])]), "d.check").1, "d.two.revision");
}
