//! Tests of `container_run`.

use super::*;

fn settings(text: &str) -> Result<ContainerRun, String> {
    let settings: ContainerRun = toml::from_str(text).map_err(|error| error.to_string())?;
    settings.validate().map(|()| settings)
}

#[test]
fn settings_are_checked() {
    settings(ContainerRun::EXAMPLE).unwrap();
    for (text, part) in [
        ("image = \"A\"", "lower case"),
        ("image = \"a\"\nport = 0", "`port` can't be 0"),
        ("image = \"a\"\nport = 1\npath = \"x\"", "`path` can't be `x`: it begins with `/`"),
        ("image = \"a\"\npath = \"/x\"", "need the `port`"),
        ("image = \"a\"\nexpect = { \"/x\" = 1 }", "need the `port`"),
        ("image = \"a\"\nport = 1\nexpect = { x = 1 }", "not a JSON pointer"),
        ("image = \"a\"\nhealth = []", "`health` needs at least the program"),
        ("image = \"a\"\nenv = { \"A=B\" = \"\" }", "an environment variable can't be"),
        ("image = \"a\"\nenv = { A = \"${{ vars.x }}\" }", "`env.A`"),
        ("image = \"a\"\nstops-within = \"10ms\"", "at least a second"),
        ("image = \"a\"\nwith = [{ name = \"A_b\", image = \"b\" }]", "`with.name` can't be `A_b`"),
        (
            "image = \"a\"\nwith = [{ name = \"b\", image = \"b\" }, { name = \"b\", image = \"c\" }]",
            "have the name `b`",
        ),
        ("image = \"a\"\nwith = [{ name = \"b\", image = \"b\", port = 1 }]", "unknown field"),
    ] {
        let error = settings(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
