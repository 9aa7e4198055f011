//! The checks of the example's files can fail, as the real helm renders its chart. Needs no cluster.

use std::time::SystemTime;

use crate::sandbox::Sandbox;

/// Few mutants of each file, so that it is quick; `provision prove --mutants 0` in this folder tries all of them.
const MUTANTS: &str = "10";

/// Every file of the example with the time of its last change.
fn example() -> Vec<(String, SystemTime)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/todo-chatbot");
    let all = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let all = all.filter(|entry| entry.file_type().is_file());
    all.map(|entry| (entry.path().display().to_string(), entry.metadata().unwrap().modified().unwrap())).collect()
}

#[test]
fn of_the_examples_mutants_at_least_95_of_100_are_noticed_and_no_other_is_unexplained() {
    let before = example();
    let sandbox = Sandbox::live("");
    let shown =
        sandbox.run(&["-C", env!("CARGO_MANIFEST_DIR"), "prove", "--format", "json", "--mutants", MUTANTS]).code(0);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let count = |name: &str| json["counts"][name].as_u64().unwrap();
    let (tried, noticed) = (count("tried"), count("noticed"));
    println!("{noticed} of {tried} mutants noticed, {} refused by helm", count("refused"));
    assert!(tried > 300, "{tried}");
    assert!(noticed * 100 >= tried * 95, "{noticed} of {tried}");
    assert_eq!((count("unexplained"), count("items_without")), (0, 0));
    assert!(count("items") >= 31, "{}", count("items"));
    assert_eq!(json["expired"], serde_json::json!([]));
    assert_eq!(example(), before);
}
