//! What pages of errors name of other programs, checked with the real ones: the command is there, with these options.

/// The commands that pages name, one a line; a test of `cli::explain` keeps the list up to date.
const COMMANDS: &str = include_str!("../snapshots/commands.txt");

/// Global options that the help of a command does not repeat.
const GLOBAL: &[&str] = &["-n", "-p"];

#[test]
fn every_command_of_another_program_that_a_page_names_is_known_to_it() {
    let mut wrong = Vec::new();
    for line in COMMANDS.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        // `kubectl -n NAMESPACE describe pod POD`: the command follows the global options and their values.
        let mut rest = &words[1..];
        while rest.first().is_some_and(|word| GLOBAL.contains(word)) {
            rest = &rest[2..];
        }
        // What is in lower case before the first option or argument: `system df`, `compose`, `addons list`.
        let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        let names: Vec<&str> = rest.iter().take_while(is_name).copied().collect();
        // `kubectl get pods` has one name and an argument.
        let known = (1..=names.len()).rev().find_map(|n| help(words[0], &names[..n]));
        let Some(help) = known.filter(|_| !names.is_empty()) else {
            wrong.push(format!("`{line}`: {} has no such command", words[0]));
            continue;
        };
        for option in rest.iter().filter(|word| word.starts_with('-')) {
            let name = option.split('=').next().unwrap();
            let is_there = help.split(|c: char| c.is_whitespace() || ",=[]".contains(c)).any(|word| word == name);
            if !is_there && !GLOBAL.contains(&name) {
                wrong.push(format!("`{line}`: no option {name}"));
            }
        }
    }
    assert!(COMMANDS.lines().count() > 20, "{COMMANDS}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The help of a command; `None` if the program does not know the command.
fn help(program: &str, names: &[&str]) -> Option<String> {
    let command = duct::cmd(program, names.iter().copied().chain(["--help"]));
    let output = command.stderr_to_stdout().stdout_capture().unchecked().run().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Each of them prints its general help for what it does not know: that one does not name the command in its usage.
    let usage = text.split("sage:").nth(1)?;
    let usage = usage.trim_start().lines().next()?.to_owned();
    (output.status.success() && names.iter().all(|name| usage.split_whitespace().any(|word| word == *name)))
        .then_some(text)
}
