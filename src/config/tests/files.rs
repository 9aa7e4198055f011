//! Steps that read what other steps make.

use insta::assert_snapshot;

use super::*;

/// A command of the stage `build` that makes `made`.
fn maker(id: &str, made: &str, more: &str) -> String {
    format!("[[stage.step]]\nid = \"{id}\"\naction = \"command\"\nrun = \"true\"\noutputs = [{made}]\n{more}\n")
}

/// A step that reads `read`.
fn reader(read: &str, more: &str) -> String {
    format!("[[stage.step]]\nid = \"reads\"\naction = \"command\"\nrun = \"true\"\ninputs = [{read}]\n{more}\n")
}

fn project(stages: &str) -> Project {
    Project::new(with_header(stages))
}

/// Loads with the actions that there are.
fn load_for_real(project: &Project) -> Result<Loaded, Diagnostics> {
    load(&project.root().join("pipeline.toml"), &LoadOptions::default(), crate::actions::ACTIONS)
}

fn sources(project: &Project) -> Vec<String> {
    let loaded = load_for_real(project).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
    step(&loaded.pipeline, "build.reads").files_from.iter().map(ToString::to_string).collect()
}

#[test]
fn a_step_that_may_run_before_the_one_whose_file_it_reads_is_an_error() {
    let stages = format!(
        "[[stage]]\nid = \"build\"\n{}[[stage.step]]\n\
         id = \"reads\"\naction = \"file-check\"\npath = \"out/report.txt\"\n",
        maker("makes", "'out/report.txt'", "")
    );
    let project = project(&stages);
    let errors = load_for_real(&project).map(|_| ()).unwrap_err();
    assert_snapshot!(project.shown(&errors), @r#"
    error: step `build.reads` reads `out/report.txt`, which step `build.makes` makes, and may run before it
      --> pipeline.toml:12:6
       |
    12 | id = "reads"
       |      ^^^^^^^
       |
       = help: let it wait for that step: `needs = ["makes"]`
    "#);
    let apart = format!(
        "[[stage]]\nid = \"one\"\n{}[[stage]]\nid = \"build\"\nneeds = []\n{}",
        maker("makes", "'out/*.txt'", ""),
        reader("'out/a.txt'", "")
    );
    let project = self::project(&apart);
    let errors = load_for_real(&project).map(|_| ()).unwrap_err();
    assert!(project.shown(&errors).contains("`needs = [\"one.makes\"]`"), "{}", project.shown(&errors));
}

#[test]
fn a_step_is_linked_to_those_that_make_what_it_reads() {
    let cases = [
        ("'out/a.txt'", "'out/a.txt'", true),
        ("'./out//a.txt'", "'out/a.txt'", true),
        ("'out/*.txt'", "'out/a.txt'", true),
        ("'out/a.txt'", "'out/*.txt'", true),
        ("'out'", "'out/a.txt'", true),
        ("'**'", "'out/a.txt'", true),
        ("'out/sub/*.txt'", "'out'", true),
        ("'out/**'", "'out/sub/*.txt'", true),
        ("'out/*.js'", "'out/*.js'", true),
        ("'out/*.md'", "'out/a.txt'", false),
        ("'out/a.txt'", "'out/*.md'", false),
        ("'out/a.txt.old'", "'out/a.txt'", false),
        ("'output/a.txt'", "'out'", false),
        ("'out/**', '!out/a.*'", "'out/a.txt'", false),
        // Which of them it makes is not known.
        ("'out/*.js'", "'out/*.css'", false),
        ("'src/a.txt'", "'**'", false),
    ];
    for (read, made, is_linked) in cases {
        let stages = maker("makes", made, "") + &reader(read, "needs = [\"makes\"]");
        let found = sources(&project(&format!("[[stage]]\nid = \"build\"\n{stages}")));
        let expected: &[&str] = if is_linked { &["build.makes"] } else { &[] };
        assert_eq!(found, expected, "{read} of {made}");
    }
}

#[test]
fn what_comes_after_the_reader_or_may_be_something_else_is_no_error() {
    let stage = |steps: String| project(&format!("[[stage]]\nid = \"build\"\n{steps}"));
    let none: [&str; 0] = [];
    // Checked before it is made again.
    let before = maker("makes", "'out/a.txt'", "needs = [\"reads\"]") + &reader("'out/a.txt'", "");
    assert_eq!(sources(&stage(before)), none);
    // All of the project, in which something is made.
    let wide = maker("makes", "'out/a.txt'", "") + &reader("'**'", "");
    assert_eq!(sources(&stage(wide)), none);
    // Its own.
    let own = reader("'out/a.txt'", "outputs = [\"out/a.txt\"]");
    assert_eq!(sources(&stage(own)), none);
    // Through another step, and what its fallback makes in its place.
    let main = maker("makes", "'out/a.txt'", "fallback = \"other\"") + &maker("other", "'out/a.txt'", "");
    let between = maker("between", "'out/b.txt'", "needs = [\"makes\"]");
    let through = main + &between + &reader("'out/a.txt'", "needs = [\"between\"]");
    assert_eq!(sources(&stage(through)), ["build.makes", "build.other"]);
    // Of an earlier stage.
    let stages = format!(
        "[[stage]]\nid = \"one\"\n{}[[stage]]\nid = \"two\"\n{}[[stage]]\nid = \"build\"\n{}",
        maker("makes", "'out/a.txt'", ""),
        maker("more", "'out/b.txt'", ""),
        reader("'out/a.txt'", "")
    );
    assert_eq!(sources(&project(&stages)), ["one.makes"]);
}
