//! [`goes_out`]: whether a command changes something outside of the checkout, so that no step may call it unasked.

/// What a command does then: as a word, a part of a target's name (`deploy-prod`), of a script's or of an option's.
const ACTS: &[&str] = &["push", "publish", "release", "deploy", "upload"];

/// Programs that reach other machines.
const PROGRAMS: &[&str] =
    &["kubectl", "helm", "terraform", "ssh", "scp", "sftp", "rsync", "aws", "gcloud", "gsutil", "az", "goreleaser"];

/// Returns whether a line of the shell may reach outside. In doubt it does.
pub(super) fn goes_out(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || "@-+".contains(c));
    if line.starts_with('#') {
        return false;
    }
    let is_apart = |c: char| c.is_whitespace() || ";&|()\"'`,[]{}=$<>".contains(c);
    let words: Vec<&str> = line.split(is_apart).filter(|word| !word.is_empty()).collect();
    let is_outward = |at: usize| {
        let word = words[at].trim_end_matches('/');
        let name = word.rsplit('/').next().unwrap_or(word);
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        match before {
            // That of .NET writes a folder, and no more.
            "dotnet" if name == "publish" => return false,
            "-c" | "--configuration" | "--profile" if name.eq_ignore_ascii_case("release") => return false,
            "make" | "just" | "MAKE" if name == "install" => return true,
            _ => {}
        }
        let is_act = |part: &str| ACTS.contains(&part) && !(word.starts_with('-') && part == "release");
        PROGRAMS.contains(&name.to_ascii_lowercase().as_str())
            || name.split(|c: char| !c.is_ascii_alphanumeric()).any(is_act)
    };
    (0..words.len()).any(is_outward)
}

/// Returns whether a target of this name is one that reaches outside.
pub(super) fn is_outward_target(name: &str) -> bool {
    goes_out(name) || name.split(['-', '_']).any(|part| part == "install")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_outside_is_known_by_its_words() {
        for (line, expected) in [
            ("docker push acme/x", true),
            ("docker buildx build --push -o x .", true),
            ("--output=type=image,push=true", true),
            ("@git push --tags", true),
            ("npm publish", true),
            ("go build -o x && make deploy-prod", true),
            ("./scripts/upload.sh > log", true),
            ("gh release create v1", true),
            ("$(KUBECTL) apply -f x", true),
            ("helm template x > y.yaml", true),
            ("A=$(aws sts) tar -o x", true),
            ("/usr/bin/scp x host:", true),
            ("$(MAKE) install", true),
            ("# docker push", false),
            ("dotnet publish -c release -o out", false),
            ("cargo build --release", false),
            ("cp target/release/app bin/app", false),
            ("go build -o bin/deployer ./cmd/deployer", false),
            ("npm install && npm run build", false),
        ] {
            assert_eq!(goes_out(line), expected, "{line}");
        }
        for (name, expected) in [("release", true), ("do-install", true), ("build", false), ("installer", false)] {
            assert_eq!(is_outward_target(name), expected, "{name}");
        }
    }
}
