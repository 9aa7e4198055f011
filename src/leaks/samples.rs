//! Keys of each form for tests, drawn when a test runs: a file with one would be a finding itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const ALPHANUMERIC: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `n` characters of `alphabet`, the same ones each time.
fn draw(n: usize, alphabet: &str) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        alphabet.as_bytes()[usize::try_from(state % alphabet.len() as u64).unwrap()]
    };
    let mut next = next;
    (0..n).map(|_| char::from(next())).collect()
}

/// A key of the form `id`, made with `part` for what is random in it: its length and its alphabet.
fn key(id: &str, part: impl Fn(usize, &str) -> String) -> String {
    let any = |n: usize| part(n, ALPHANUMERIC);
    match id {
        "private-key" => {
            let line = any(64);
            format!("-----BEGIN RSA PRIVATE KEY-----\\n{line}\\n{line}\\n-----END RSA PRIVATE KEY-----")
        }
        "putty-key" => format!("PuTTY-User-Key-File-{}: ssh-rsa", 2),
        "age-key" => format!("AGE-SECRET-KEY-1{}", part(58, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789")),
        "aws-access-key" => format!("AKIA{}", part(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
        "aws-secret-key" => format!("aws_secret_access_key = {}", any(40)),
        "github-token" => format!("ghp_{}", any(36)),
        "github-fine-grained-token" => format!("github_pat_{}_{}", any(22), any(59)),
        "gitlab-token" => format!("glpat-{}", any(20)),
        "slack-token" => {
            format!("xoxb-{}-{}-{}", part(12, "0123456789"), part(12, "0123456789"), any(24))
        }
        "slack-webhook" => format!("hooks.slack.com/services/T{0}/B{0}/{1}", part(8, "ABCDEFGHJ012345"), any(24)),
        "stripe-key" => format!("sk_live_{}", any(24)),
        "openai-key" => format!("sk-proj-{}T3BlbkFJ{}", any(48), any(48)),
        "anthropic-key" => format!("sk-ant-api03-{}", any(93)),
        "google-api-key" => format!("AIza{}", any(35)),
        "google-client-secret" => format!("GOCSPX-{}", any(28)),
        "jwt" => {
            let sub = if part(1, "a") == "x" { "1234567890" } else { "somebody" };
            let [header, claims] =
                [r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), format!(r#"{{"sub":"{sub}","iat":1516239022}}"#)];
            format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims), draw(43, ALPHANUMERIC))
        }
        "npm-token" => format!("npm_{}", any(36)),
        "npm-registry-login" => format!("//registry.npmjs.org/:_authToken={}", any(32)),
        "pypi-token" => format!("pypi-AgE{}", any(80)),
        "docker-token" => format!("dckr_pat_{}", any(27)),
        "sendgrid-key" => format!("SG.{}.{}", any(22), any(43)),
        "resend-key" => format!("re_{}_{}", any(8), any(24)),
        "hugging-face-token" => format!("hf_{}", any(34)),
        "digitalocean-token" => format!("dop_v1_{}", part(64, "0123456789abcdef")),
        "vault-token" => format!("hvs.{}", any(24)),
        "azure-storage-key" => format!("AccountKey={}==", any(86)),
        "password-in-address" => format!("postgresql://todo:{}@postgres:5432/todo", any(16)),
        other => panic!("no sample of {other}"),
    }
}

/// A key of the form `id`.
pub(crate) fn sample(id: &str) -> String {
    key(id, draw)
}

/// What a document shows in place of a key of the form `id`.
pub(crate) fn shown(id: &str) -> String {
    if id == "putty-key" {
        return "PuTTY-User-Key-File-N".to_owned();
    }
    key(id, |n, _| "x".repeat(n))
}
