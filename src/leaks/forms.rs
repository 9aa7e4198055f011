//! The forms of well-known keys: one entry each. Where a form has no more structure than a few letters, its random
//! part also has to look random, so that the examples of documents are no finding.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::bytes::{Regex, RegexBuilder};

use super::chance::{is_placeholder, is_random};

/// The most bytes that a match depends on.
pub(super) const MAX_LENGTH: usize = 4096;

/// A kind of key.
pub struct Form {
    /// Its name in tests and documents.
    pub id: &'static str,
    /// What a message calls it.
    pub what: &'static str,
    /// What it begins with; one of these.
    starts: &'static [&'static str],
    /// What it looks like from there on. Its group is what `check` gets.
    pattern: &'static str,
    /// Whether the group is that of a real key.
    check: fn(&str) -> bool,
}

/// Every known form.
pub static FORMS: &[Form] = &[
    Form {
        id: "private-key",
        what: "a private key",
        starts: &["-----BEGIN "],
        pattern: r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\+[nr]|[A-Za-z-]+: [^\n]*\n)*([A-Za-z0-9+/=]{40,80})",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "putty-key",
        what: "a private key of PuTTY",
        starts: &["PuTTY-User-Key-File-"],
        pattern: r"[23]: ()",
        check: |_| true,
    },
    Form {
        id: "age-key",
        what: "a private key of the program `age`",
        starts: &["AGE-SECRET-KEY-1"],
        pattern: r"([0-9A-Z]{58})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "aws-access-key",
        what: "an access key of AWS",
        starts: &["AKIA", "ASIA"],
        pattern: r"([A-Z2-7]{16})\b",
        check: |key| is_random(key, 2.8) && key.bytes().any(|byte| byte.is_ascii_digit()),
    },
    Form {
        id: "aws-secret-key",
        what: "a secret key of AWS",
        starts: &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"],
        pattern: r#"["']?\s{0,4}[=:]\s{0,4}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        check: |key| is_random(key, 3.8),
    },
    Form {
        id: "github-token",
        what: "a GitHub token",
        starts: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        pattern: r"([A-Za-z0-9]{36,251})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "github-fine-grained-token",
        what: "a GitHub token",
        starts: &["github_pat_"],
        pattern: r"([A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "gitlab-token",
        what: "a GitLab token",
        starts: &["glpat-"],
        pattern: r"([A-Za-z0-9_-]{20,})",
        check: |key| is_random(key, 3.2),
    },
    Form {
        id: "slack-token",
        what: "a Slack token",
        starts: &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"],
        pattern: r"((?:[0-9A-Z]+-)+[A-Za-z0-9]{20,})",
        check: |key| is_random(key, 3.0),
    },
    Form {
        id: "slack-webhook",
        what: "an address of a Slack webhook",
        starts: &["hooks.slack.com/services/"],
        pattern: r"T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/([A-Za-z0-9]{24})\b",
        check: |key| is_random(key, 3.0),
    },
    Form {
        id: "stripe-key",
        what: "a Stripe key",
        starts: &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"],
        pattern: r"([A-Za-z0-9+/]{24,})",
        check: |key| is_random(key, 3.2),
    },
    Form {
        id: "openai-key",
        what: "an OpenAI key",
        starts: &["sk-"],
        pattern: r"((?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,80}T3BlbkFJ[A-Za-z0-9_-]{20,80})",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "anthropic-key",
        what: "an Anthropic key",
        starts: &["sk-ant-"],
        pattern: r"[a-z]{3,6}\d\d-([A-Za-z0-9_-]{80,})",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "google-api-key",
        what: "a Google API key",
        starts: &["AIza"],
        pattern: r"([0-9A-Za-z_-]{35})(?:[^0-9A-Za-z_-]|$)",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "google-client-secret",
        what: "a Google client secret",
        starts: &["GOCSPX-"],
        pattern: r"([A-Za-z0-9_-]{28})(?:[^0-9A-Za-z_-]|$)",
        check: |key| is_random(key, 3.2),
    },
    Form {
        id: "jwt",
        what: "a signed token (JWT)",
        starts: &["eyJ"],
        pattern: r"([A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{20,700})",
        check: is_jwt,
    },
    Form {
        id: "npm-token",
        what: "an npm token",
        starts: &["npm_"],
        pattern: r"([A-Za-z0-9]{36})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "npm-registry-login",
        what: "the login of an npm registry",
        starts: &[":_authToken=", ":_auth=", ":_password="],
        pattern: r#"["']?([A-Za-z0-9+/=_.-]{16,})"#,
        check: |key| is_random(key, 3.0),
    },
    Form {
        id: "pypi-token",
        what: "a PyPI token",
        starts: &["pypi-AgE"],
        pattern: r"([A-Za-z0-9_-]{60,})",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "docker-token",
        what: "a Docker Hub token",
        starts: &["dckr_pat_", "dckr_oat_"],
        pattern: r"([A-Za-z0-9_-]{27,})",
        check: |key| is_random(key, 3.2),
    },
    Form {
        id: "sendgrid-key",
        what: "a SendGrid key",
        starts: &["SG."],
        pattern: r"([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "resend-key",
        what: "a Resend key",
        starts: &["re_"],
        pattern: r"([A-Za-z0-9]{8}_[A-Za-z0-9]{24})\b",
        check: |key| is_random(key, 3.5) && key.bytes().any(|byte| byte.is_ascii_digit()),
    },
    Form {
        id: "hugging-face-token",
        what: "a Hugging Face token",
        starts: &["hf_"],
        pattern: r"([A-Za-z0-9]{34})\b",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "digitalocean-token",
        what: "a DigitalOcean token",
        starts: &["dop_v1_", "doo_v1_", "dor_v1_"],
        pattern: r"([a-f0-9]{64})\b",
        check: |key| is_random(key, 3.0),
    },
    Form {
        id: "vault-token",
        what: "a Vault token",
        starts: &["hvs.", "hvb."],
        pattern: r"([A-Za-z0-9_-]{24,})",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "azure-storage-key",
        what: "a key of Azure storage",
        starts: &["AccountKey="],
        pattern: r"([A-Za-z0-9+/]{86}==)",
        check: |key| is_random(key, 3.5),
    },
    Form {
        id: "password-in-address",
        what: "a password in an address",
        starts: &["://"],
        pattern: r#"[A-Za-z0-9._%-]{1,64}:([^\s:/@"'<>`\\]{10,128})@[A-Za-z0-9]"#,
        check: |password| is_random(password, 3.0) && is_mixed(password),
    },
];

/// Whether a password is more than words: it has a digit, and no part that is filled in later.
fn is_mixed(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let is_word = ["pass", "secret", "admin", "user"].iter().any(|word| lower.contains(word));
    !is_word && password.bytes().any(|byte| byte.is_ascii_digit()) && !password.contains(['$', '{', '}', '(', ')', '%'])
}

/// Whether what follows `eyJ` is a token that somebody has signed: not one without a signature, and not the one that
/// every document about such tokens shows.
fn is_jwt(rest: &str) -> bool {
    let token = format!("eyJ{rest}");
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut object = || serde_json::from_slice::<serde_json::Value>(&parts.next()??).ok();
    let (Some(header), Some(claims)) = (object(), object()) else { return false };
    let algorithm = header["alg"].as_str().unwrap_or("none");
    let is_example = claims["sub"] == "1234567890" || claims["iss"] == "joe";
    algorithm != "none" && !is_example && !is_placeholder(rest.rsplit('.').next().unwrap_or_default())
}

struct Table {
    starts: AhoCorasick,
    /// For each of the starts: the forms that may begin there, with the length of the start of each.
    forms: Vec<Vec<(usize, usize)>>,
    patterns: Vec<Regex>,
}

static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let mut starts: Vec<&str> = FORMS.iter().flat_map(|form| form.starts).copied().collect();
    // Of two that begin alike, the longer one has to be met: it is both.
    starts.sort_by_key(|start| std::cmp::Reverse(start.len()));
    let forms = starts.iter().map(|found| {
        let mut begun = Vec::new();
        for (number, form) in FORMS.iter().enumerate() {
            begun.extend(
                form.starts.iter().filter(|start| found.starts_with(*start)).map(|start| (number, start.len())),
            );
        }
        begun
    });
    let forms = forms.collect();
    let patterns = FORMS.iter().map(|form| {
        RegexBuilder::new(&format!("^(?:{})", form.pattern)).unicode(false).size_limit(64 << 20).build().ok()
    });
    let patterns = patterns.collect::<Option<Vec<Regex>>>()?;
    let starts = AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(&starts).ok()?;
    Some(Table { starts, forms, patterns })
});

/// Calls `found` for each key in `window` that begins in `range`, with its place.
pub(super) fn find(window: &[u8], range: Range<usize>, mut found: impl FnMut(usize, &'static Form)) {
    let Some(table) = &*TABLE else { return };
    let mut at = range.start;
    while let Some(start) = window.get(at..).and_then(|rest| table.starts.find(rest)) {
        let begin = at + start.start();
        if begin >= range.end {
            return;
        }
        at += start.end();
        for (number, length) in &table.forms[start.pattern().as_usize()] {
            let (form, rest) = (&FORMS[*number], &window[begin + length..]);
            let rest = &rest[..rest.len().min(MAX_LENGTH - length)];
            let inside_word = begin > 0 && is_word(window[begin - 1]) && is_word(window[begin]);
            let Some(group) = table.patterns[*number].captures(rest).and_then(|found| found.get(1)) else { continue };
            if !inside_word && std::str::from_utf8(group.as_bytes()).is_ok_and(form.check) {
                found(begin, form);
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaks::samples::{sample, shown};

    fn found(text: &str) -> Vec<&'static str> {
        let mut ids = Vec::new();
        find(text.as_bytes(), 0..text.len(), |_, form| ids.push(form.id));
        ids
    }

    #[test]
    fn every_form_is_found_where_keys_stand_and_its_example_is_not() {
        assert!(TABLE.is_some(), "a pattern is no regular expression");
        for form in FORMS {
            let key = sample(form.id);
            for text in [format!("{key}\n"), format!("KEY=\"{key}\""), format!("{{\"key\": \"{key}\", \"b\": 1}}")] {
                assert_eq!(found(&text), [form.id], "{}", form.id);
            }
            assert!(found(&shown(form.id)).is_empty(), "the example of {}: {:?}", form.id, found(&shown(form.id)));
            assert!(key.len() < MAX_LENGTH, "{}", form.id);
        }
    }

    #[test]
    fn names_and_words_that_only_begin_alike_are_no_keys() {
        for text in [
            "task-management-with-a-long-name-and-more-words-than-a-key-has",
            "core_compile1_aBcDeFgHiJkLmNoPqRsTuVw1",
            "postgresql://todo:todo@postgres:5432/todo",
            "postgresql://${USER}:${POSTGRES_PASSWORD}@postgres:5432/todo",
            "https://user:the-password-of-yours@example.com",
            "mysql://root:my-secret-pw-123@localhost/db",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
            "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n",
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlc2lnbmF0dXJl",
            "sk_live_publishable_key_goes_here_please",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
