//! Settings, and the comparison of an image's configuration with them.

use super::*;
use crate::tools::docker::ImageConfig;

fn settings(text: &str) -> Result<ImageCheck, String> {
    let settings: ImageCheck = toml::from_str(text).map_err(|error| error.to_string())?;
    settings.validate().map(|()| settings)
}

fn config() -> ImageConfig {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
    ImageConfig {
        user: "app".into(),
        ports: texts(&["8000/tcp"]),
        env: texts(&["PATH=/bin", "MODE=production"]),
        command: texts(&["uvicorn", "main:app"]),
        entrypoint: Vec::new(),
        workdir: "/app".into(),
        labels: BTreeMap::from([("version".into(), "1".into())]),
        health: texts(&["CMD-SHELL", "curl -f http://localhost:8000/health"]),
    }
}

/// What is not as these settings want it.
fn wrong(text: &str, config: &ImageConfig) -> Vec<String> {
    let check = settings(&format!("image = \"todo:1\"\n{text}")).unwrap();
    let mut findings = Findings::default();
    findings.config(&check, config);
    findings.size(&check, 2_000_000, 5);
    findings.lines().to_vec()
}

#[test]
fn settings_are_checked() {
    settings(ImageCheck::EXAMPLE).unwrap();
    for (text, part) in [
        ("image = \"Todo:1\"", "`image`"),
        ("image = \"a\"\nfiles = [\"[\"]", "`files`"),
        ("image = \"a\"\nabsent = [\"../x\"]", "no path in an image"),
        ("image = \"a\"\nports = [\"x/tcp\"]", "`x/tcp` is not a port"),
        ("image = \"a\"\nports = [0]", "`0/tcp` is not a port"),
        ("image = \"a\"\nexcept = [{ path = \"a\", reason = \"\" }]", "has to be said in `reason`"),
        ("image = \"a\"\nexcept = [{ path = \"a\" }]", "missing field `reason`"),
        ("image = \"a\"\nno-secrets = false\nexcept = [{ path = \"a\", reason = \"b\" }]", "needs `no-secrets`"),
        ("image = \"a\"\nhealth-check = false\nhealth-command = \"x\"", "says that there is none"),
        ("image = \"a\"\nmax-size = \"big\"", "is not a size"),
    ] {
        let error = settings(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn what_is_as_it_should_be_is_no_finding() {
    let all = "user = \"app\"\nports = [8000]\ncommand = [\"uvicorn\", \"main:app\"]\nentrypoint = []\nworkdir = \"/app\"\n\
               env = { MODE = \"production\" }\nlabels = { version = \"1\" }\nhealth-check = true\nhealth-command = \"/health\"\n\
               max-size = \"2MB\"\nmax-layers = 5";
    assert_eq!(wrong(all, &config()), [""; 0]);
    assert_eq!(
        wrong("user = \"root\"\nworkdir = \"/\"\nhealth-check = false\nports = []", &ImageConfig::default()),
        [""; 0]
    );
}

#[test]
fn each_difference_is_named_with_what_is_there_and_what_is_expected() {
    for (text, expected) in [
        ("user = \"nextjs\"", "the user is `app`, expected `nextjs`"),
        ("ports = [8000, 9000]", r#"the list of exposed ports is ["8000/tcp"], expected ["8000/tcp", "9000/tcp"]"#),
        ("ports = [\"8000/udp\"]", r#"the list of exposed ports is ["8000/tcp"], expected ["8000/udp"]"#),
        ("command = [\"sh\"]", r#"the command is ["uvicorn", "main:app"], expected ["sh"]"#),
        ("entrypoint = [\"tini\"]", r#"the entrypoint is [], expected ["tini"]"#),
        ("workdir = \"/srv\"", "the working folder is `/app`, expected `/srv`"),
        ("env = { MODE = \"dev\" }", "the variable `MODE` is `production`, expected `dev`"),
        ("env = { MOD = \"production\" }", "the variable `MOD` is not set, expected `production`"),
        ("labels = { version = \"2\" }", "the label `version` is `1`, expected `2`"),
        ("health-check = false", "there is a health check: `CMD-SHELL curl -f http://localhost:8000/health`"),
        ("max-size = \"1.5MB\"", "it is 500.0 kB too big: it has 2.0 MB, and `max-size` is 1.5 MB"),
        ("max-layers = 4", "it has 5 layers, and `max-layers` is 4"),
    ] {
        assert_eq!(wrong(text, &config()), [expected], "{text}");
    }
    let none = ImageConfig::default();
    assert_eq!(wrong("health-check = true", &none), ["there is no health check"]);
    assert_eq!(wrong("health-command = \"x\"", &none), ["there is no health check"]);
    assert_eq!(wrong("user = \"app\"", &none), ["the user is `root`, expected `app`"]);
}
