//! Tests of `helm-install`.

use super::*;

#[test]
fn only_an_exact_version_names_a_chart() {
    let names = |more: &str| {
        let settings: HelmInstall = toml::from_str(&format!("release = \"a\"\n{more}")).unwrap();
        settings.names_version()
    };
    for more in [
        "chart = \"oci://x/y@sha256:00\"",
        "chart = \"r/c\"\nversion = \"1.2.3\"",
        "chart = \"r/c\"\nversion = \"v1.2.3-rc.1+x\"",
    ] {
        assert!(names(more), "{more}");
    }
    for more in [
        "chart = \"oci://x/y\"",
        "chart = \"r/c\"\nversion = \"1.2\"",
        "chart = \"r/c\"\nversion = \"^1.2.3\"",
        "chart = \"r/c\"\nversion = \"1.2.x\"",
        "chart = \"r/c\"\nversion = \">=1.2.3 <2.0.0\"",
    ] {
        assert!(!names(more), "{more}");
    }
}
