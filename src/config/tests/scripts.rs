//! Scripts with values, and variables of secrets, with the real actions.

use super::{Project, with_header};
use crate::actions::ACTIONS;
use crate::config::{Diagnostics, Loaded, load};
use crate::model::{Output, StepId};
use crate::pipeline::Outputs;

fn load_real(project: &Project) -> Result<Loaded, Diagnostics> {
    load(&project.root().join("pipeline.toml"), &project.options, ACTIONS)
}

/// What becomes of `settings` of a step that can use the output `id` of `s.a`, whose value is `value`.
fn made(project: &Project, value: &str) -> String {
    let loaded = load_real(project).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    let step = loaded.pipeline.steps().find(|step| step.id.as_str() == "s.b").unwrap().clone();
    let outputs = Outputs::from_iter([(StepId::new("s.a").unwrap(), Output::new().with("id", value))]);
    format!("{:?}", step.binding.action(&outputs).unwrap())
}

fn project(sections: &str, settings: &str) -> Project {
    Project::new(with_header(&format!(
        "{sections}\n[[stage]]\nid = \"s\"\n[[stage.step]]\nid = \"a\"\naction = \"http-check\"\n\
         url = \"http://127.0.0.1:1/\"\nsave = {{ id = \"/id\" }}\n\
         [[stage.step]]\nid = \"b\"\naction = \"command\"\n{settings}\n"
    )))
}

#[test]
fn a_value_from_outside_is_no_part_of_a_script() {
    let value = "4; touch pwned";
    for expression in ["steps.s.a.id", "env.X", "vars.overridden", "vars.of_env", "vars.mine ~ env.X"] {
        let vars = "[vars]\nmine = \"\"\noverridden = \"x\"\nof_env = \"${{ env.X }}\"";
        let project = project(vars, &format!("run = 'echo \"${{{{ {expression} }}}}\"'"));
        let made = made(&project.env("X", value).set("overridden", value), value);
        assert!(made.contains(r#"text: "echo \"${PROVISION_VALUE_1}\"""#), "{expression}: {made}");
        assert!(made.contains(r#"values: ["4; touch pwned"]"#), "{expression}: {made}");
    }
}

#[test]
fn what_the_author_wrote_stays_text() {
    let vars = "[vars]\nflags = \"-a -b\"\nall = \"${{ vars.flags }} -c\"";
    let profile = "[profile.p]\nvars = { flags = \"-x -y\" }";
    let project = project(&format!("{vars}\n{profile}"), "run = \"ls ${{ vars.all }} | ${{ pipeline.name }}\"");
    assert!(made(&project, "").contains(r#"text: "ls -a -b -c | p""#));
    let project = project.profile("p");
    assert!(made(&project, "").contains(r#"text: "ls -x -y -c | p""#));
}

#[test]
fn the_name_of_the_checkout_is_a_value_from_outside_in_variables_the_cluster_and_scripts() {
    let vars = "[vars]\nns = \"todo-${{ checkout.slug }}\"\n[cluster]\nprovider = \"minikube\"\n\
                name = \"${{ checkout.slug }}\"";
    let project = project(vars, "run = \"echo ${{ vars.ns }} ${{ checkout.slug }} ${{ cluster.name }}\"");
    let slug = crate::tools::checkout_slug(&project.root().join(".provision")).unwrap();
    let made = made(&project, "");
    assert!(made.contains(&format!(r#"values: ["todo-{slug}", "{slug}", "{slug}"]"#)), "{made}");
}

#[test]
fn a_program_gets_each_value_as_an_argument_unless_a_shell_would_read_it() {
    let argv = r#"run = ["sh", "-c", "echo \"$1\"", "sh", "${{ steps.s.a.id }}"]"#;
    assert!(made(&project("", argv), "a; b").contains(r#""a; b"]"#));
    let refused = project("", r#"run = ["sh", "-c", "echo ${{ steps.s.a.id }}"]"#);
    let errors = load_real(&refused).unwrap_err().render(false);
    assert!(errors.contains("a shell would read this value as a part of a script"), "{errors}");
    let refused =
        project("", "run = '''\neval \"echo ${{ steps.s.a.id }}\"\necho $((${{ env.X }} + 1))\n'''").env("X", "1");
    let errors = load_real(&refused).unwrap_err().render(false);
    assert!(errors.contains("pipeline.toml:15:"), "{errors}");
    assert!(errors.contains("arithmetic of the shell") && errors.contains("`expr"), "{errors}");
}

const SECRETS: &str = "[secrets]\nTOKEN = { env = \"MY_TOKEN\" }";

#[test]
fn the_variable_of_a_secret_is_refused_wherever_a_secret_is() {
    for settings in [
        "run = \"echo ${{ env.MY_TOKEN }}\"",
        "run = [\"echo\", \"${{ env.MY_TOKEN | default('') }}\"]",
        "run = [\"true\"]\ntitle = \"with ${{ env.MY_TOKEN }}\"",
        "run = [\"true\"]\ninputs = [\"${{ env.MY_TOKEN }}/*\"]",
    ] {
        let errors = load_real(&project(SECRETS, settings).env("MY_TOKEN", "canary-16")).unwrap_err().render(false);
        assert!(errors.contains("`env.MY_TOKEN` is the secret `TOKEN`"), "{settings}: {errors}");
        assert!(errors.contains("${{ secrets.TOKEN }}"), "{settings}: {errors}");
        assert!(!errors.contains("canary"), "{errors}");
    }
    let vars = format!("[vars]\nx = \"${{{{ env.MY_TOKEN }}}}\"\n{SECRETS}");
    let errors = load_real(&project(&vars, "run = [\"true\"]").env("MY_TOKEN", "canary-16")).unwrap_err().render(false);
    assert!(errors.contains("`env.MY_TOKEN` is the secret `TOKEN`"), "{errors}");
}

#[test]
fn where_a_secret_may_stand_its_variable_is_the_secret() {
    for expression in ["secrets.TOKEN", "env.MY_TOKEN"] {
        let settings =
            format!("run = [\"true\"]\nenv = {{ A = \"x${{{{ {expression} }}}}\", B = \"$${{{{ literal }}}}\" }}");
        let made = made(&project(SECRETS, &settings).env("MY_TOKEN", "canary-16"), "");
        assert!(made.contains("x${{ secrets.TOKEN }}") && made.contains("'${{'"), "{made}");
        assert!(!made.contains("canary"), "{made}");
    }
    // Whether it is there may decide whether a step runs.
    let when = project(SECRETS, "run = [\"true\"]\nwhen = \"env.MY_TOKEN is defined\"");
    load_real(&when.env("MY_TOKEN", "canary-16")).unwrap();
}

#[test]
fn a_foreign_value_is_no_reference_to_a_secret() {
    let settings = "run = [\"true\"]\nenv = { A = \"${{ steps.s.a.id }}\", B = \"${{ env.X }}${{ secrets.TOKEN }}\" }";
    let made = made(&project(SECRETS, settings).env("X", "$"), "${{ secrets.TOKEN }}");
    assert!(made.contains(r#""A": "${{ '${{' }} secrets.TOKEN }}""#), "{made}");
    assert!(made.contains(r#""B": "$${{ secrets.TOKEN }}""#), "{made}");
}
