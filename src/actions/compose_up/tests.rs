//! Tests of `compose_up`.

use super::*;

fn settings(text: &str) -> Result<ComposeUp, String> {
    let settings: ComposeUp = toml::from_str(text).map_err(|error| error.to_string())?;
    settings.validate().map(|()| settings)
}

#[test]
fn settings_are_checked() {
    settings(ComposeUp::EXAMPLE).unwrap();
    for (text, part) in [
        ("files = []", "at least one compose file"),
        ("files = [\"../x.yml\"]", "outside of the project"),
        ("files = [\"x.yml\"]\nname = \"A\"", "`name` can't be `A`"),
        ("files = [\"x.yml\"]\nname = \"a-once\"", "projects with `temporary` have such names"),
        ("files = [\"x.yml\"]\nbuild = true", "`build` needs `inputs`"),
        ("files = [\"x.yml\"]\nenv = { A = \"${{ x }}\" }", "`env.A`"),
        ("files = [\"x.yml\"]\nask = [{ service = \"a\" }]", "missing field `port`"),
        ("files = [\"x.yml\"]\nask = [{ service = \"a\", port = 1, path = \"x\" }]", "`ask.path` can't be `x`"),
        ("files = [\"x.yml\"]\nask = [{ service = \"a\", port = 1, expect = { x = 1 } }]", "JSON pointer"),
    ] {
        let error = settings(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}
