//! Examples of `.env` files: the names of variables, never a value. What is committed beside them is warned of.

use super::detector::{Detector, aside};
use crate::init::findings::Findings;
use crate::init::repository::{Repository, has_extension, name_of};
use crate::leaks::is_placeholder;

pub(super) const DETECTOR: Detector = Detector { detect };

fn detect(repository: &Repository, findings: &mut Findings) {
    for path in repository.files() {
        let name = name_of(path).to_lowercase();
        let is_example = ["env.example", "env.sample", "env.template", "env.dist"].contains(&name.as_str());
        let is_named =
            name.strip_prefix(".env").is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']));
        let is_env = is_example || is_named || has_extension(&name, &["env"]);
        if !is_env || aside(path).is_some() {
            continue;
        }
        let Some(text) = repository.text(path) else { continue };
        let pairs: Vec<(&str, &str)> = text.lines().filter_map(pair).collect();
        if ["example", "sample", "template", "dist"].iter().any(|part| name.contains(part)) {
            let names = pairs.iter().map(|(variable, _)| (*variable).to_owned()).collect();
            findings.examples.push((path.to_owned(), names));
            for (variable, _) in &pairs {
                if !findings.variables.iter().any(|known| known == variable) {
                    findings.variables.push((*variable).to_owned());
                }
            }
        } else if let Some((variable, _)) =
            pairs.iter().find(|(name, value)| is_secret_name(name) && !is_placeholder(value))
        {
            findings.doubts.push(format!(
                "`{path}` is not ignored by git and has a value for `{variable}`: if it is a real one, remove it and change it where it is used"
            ));
        }
    }
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim().trim_matches(['"', '\'']));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_name && !line.starts_with('#')).then_some((name, value))
}

/// Words in the name of a variable whose value is a secret.
const SECRET_WORDS: &[&str] =
    &["SECRET", "PASSWORD", "PASSWD", "PASS", "PWD", "TOKEN", "KEY", "CREDENTIALS", "APIKEY", "SALT", "DSN"];

/// Whether a word is one of a secret, or ends with one: `PGPASSWORD`.
fn is_secret_word(word: &str) -> bool {
    SECRET_WORDS.contains(&word)
        || ["PASSWORD", "PASSWD", "PGPASS", "SECRET", "TOKEN"].iter().any(|end| word.ends_with(end))
}

/// Words in the name of a variable that is about a secret and is none itself.
const PLAIN_WORDS: &[&str] = &[
    "ALGORITHM",
    "ALG",
    "NAME",
    "FILE",
    "PATH",
    "LENGTH",
    "TTL",
    "EXPIRY",
    "EXPIRES",
    "EXPIRATION",
    "EXPIRE",
    "MINUTES",
    "SECONDS",
    "HOURS",
    "DAYS",
    "ENABLED",
    "PUBLIC",
    "ID",
    "TYPE",
    "HOST",
    "PORT",
    "USER",
    "USERNAME",
    "COUNT",
    "SIZE",
    "MAX",
    "MIN",
    "LIMIT",
    "PREFIX",
    "ROTATION",
];

/// Names that the code of a page in the browser has: they are for everybody.
const PUBLIC: &[&str] = &["NEXT_PUBLIC_", "VITE_", "REACT_APP_", "NUXT_PUBLIC_", "PUBLIC_", "EXPO_PUBLIC_", "GATSBY_"];

/// Whether the value of the variable `name` is a secret, judged by its name.
pub(in crate::init) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    if PUBLIC.iter().any(|prefix| upper.starts_with(prefix)) {
        return false;
    }
    let words: Vec<&str> = upper.split(['_', '-', '.']).collect();
    let is_database = matches!(
        upper.as_str(),
        "DATABASE_URL" | "DB_URL" | "MONGO_URL" | "MONGODB_URI" | "REDIS_URL" | "POSTGRES_URL" | "CONNECTION_STRING"
    );
    let is_plain = words.last().is_some_and(|last| PLAIN_WORDS.contains(last)) || words.contains(&"PUBLIC");
    is_database || (!is_plain && words.iter().any(|word| is_secret_word(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "JWT_SECRET",
            "OPENAI_API_KEY",
            "POSTGRES_PASSWORD",
            "DATABASE_URL",
            "github_token",
            "SENTRY_DSN",
            "PGPASSWORD",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "NEXT_PUBLIC_API_KEY",
            "JWT_ALGORITHM",
            "SECRET_NAME",
            "TOKEN_TTL",
            "PORT",
            "LOG_LEVEL",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "AWS_ACCESS_KEY_ID",
            "VITE_TOKEN",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn names_are_kept_and_a_committed_value_is_warned_of_without_showing_it() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join(".env.example"), "# A=1\nexport JWT_SECRET=change-me\nPORT = 80\n").unwrap();
        fs_err::write(dir.path().join("prod.env"), "JWT_SECRET=kV9fQ2mZ7LxP4w\n").unwrap();
        let mut findings = Findings::default();
        detect(&Repository::read(dir.path()).unwrap(), &mut findings);
        assert_eq!(findings.variables, ["JWT_SECRET", "PORT"]);
        assert!(
            findings.doubts[0].contains("`prod.env`") && !findings.doubts[0].contains("kV9"),
            "{:?}",
            findings.doubts
        );
    }
}
