//! The names that Kubernetes and Helm take, checked before anything runs: their own errors come late and name no
//! setting.

/// The longest label of a DNS name.
const MAX_LABEL: usize = 63;
/// The longest name of a Kubernetes object.
const MAX_NAME: usize = 253;
/// The longest name of a Helm release: Helm itself adds to it.
const MAX_RELEASE: usize = 53;

/// Checks the name of a namespace, a Service or a container: a label of RFC 1123.
pub fn label(setting: &str, name: &str) -> Result<(), String> {
    check(setting, name, MAX_LABEL, is_label(name), "lower-case letters, digits and `-`")
}

/// Checks the name of an object, such as a Secret or a Deployment: labels of RFC 1123 with dots between them.
pub fn object(setting: &str, name: &str) -> Result<(), String> {
    check(setting, name, MAX_NAME, name.split('.').all(is_label), "lower-case letters, digits, `-` and `.`")
}

/// Checks the name of a Helm release.
pub fn release(setting: &str, name: &str) -> Result<(), String> {
    check(setting, name, MAX_RELEASE, name.split('.').all(is_label), "lower-case letters, digits, `-` and `.`")
}

/// Checks a key of a Secret.
pub fn data_key(setting: &str, name: &str) -> Result<(), String> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(inner) && !matches!(name, "." | "..");
    if fits {
        Ok(())
    } else {
        Err(format!("`{setting}`: a key can't be `{name}`: use letters, digits, `-`, `_` and `.`"))
    }
}

/// Checks the name of an environment variable.
pub fn variable(setting: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains('=') {
        return Err(format!("`{setting}`: the name of an environment variable can't be `{name}`"));
    }
    Ok(())
}

fn check(setting: &str, name: &str, max: usize, has_form: bool, letters: &str) -> Result<(), String> {
    if has_form && name.len() <= max {
        return Ok(());
    }
    Err(format!("`{setting}` can't be `{name}`: use at most {max} {letters}, with a letter or digit at both ends"))
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = [text.bytes().next(), text.bytes().last()];
    ends.iter().all(|end| end.is_some_and(plain)) && text.bytes().all(|byte| plain(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_and_length_that_the_tools_take() {
        let long = |length: usize| "a".repeat(length);
        for (name, is_label, is_release, is_object) in [
            ("todo", true, true, true),
            ("todo-2", true, true, true),
            ("2", true, true, true),
            ("a.b", false, true, true),
            (&long(53), true, true, true),
            (&long(54), true, false, true),
            (&long(63), true, false, true),
            (&long(64), false, false, true),
            (&long(254), false, false, false),
            ("", false, false, false),
            ("Todo", false, false, false),
            ("-todo", false, false, false),
            ("todo-", false, false, false),
            ("a..b", false, false, false),
            ("a_b", false, false, false),
            ("a b", false, false, false),
            ("é", false, false, false),
            ("a\nb", false, false, false),
        ] {
            assert_eq!(label("x", name).is_ok(), is_label, "{name}");
            assert_eq!(release("x", name).is_ok(), is_release, "{name}");
            assert_eq!(object("x", name).is_ok(), is_object, "{name}");
        }
        assert!(variable("env", "a.b").is_ok() && variable("env", "A=B").is_err() && variable("env", "").is_err());
        for (key, fits) in
            [("A_b-1.txt", true), (".", false), ("..", false), ("a b", false), ("", false), ("a/b", false)]
        {
            assert_eq!(data_key("data", key).is_ok(), fits, "{key}");
        }
    }
}
