//! References to secrets in settings that actions receive: `${{ secrets.NAME }}`. All other expressions are evaluated
//! when the pipeline file is read; these are left for the action, so that secrets never become part of its settings.

/// A part of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretPart<'a> {
    /// Plain text.
    Text(&'a str),
    /// The name of a secret.
    Secret(&'a str),
}

/// What stands for a `${{` that begins no reference.
const LITERAL: &str = "'${{'";

/// Returns `text` so that [`split_secret_refs`] finds no reference in it, and gives back the same text.
pub fn escape_secret_refs(text: &str) -> String {
    text.replace("${{", &format!("${{{{ {LITERAL} }}}}"))
}

/// Returns the reference to the secret `name`.
pub fn secret_ref(name: &str) -> String {
    format!("${{{{ secrets.{name} }}}}")
}

/// Splits `text` at its references to secrets.
pub fn split_secret_refs(text: &str) -> Result<Vec<SecretPart<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${{") {
        if at > 0 {
            parts.push(SecretPart::Text(&rest[..at]));
        }
        let body = &rest[at + 3..];
        let end = body.find("}}").ok_or("`${{` without `}}`")?;
        let expression = body[..end].trim();
        rest = &body[end + 2..];
        if expression == LITERAL {
            parts.push(SecretPart::Text("${{"));
            continue;
        }
        let name = expression
            .strip_prefix("secrets.")
            .filter(|name| is_name(name))
            .ok_or_else(|| format!("`${{{{ {expression} }}}}` is not `secrets.NAME`"))?;
        parts.push(SecretPart::Secret(name));
    }
    if !rest.is_empty() {
        parts.push(SecretPart::Text(rest));
    }
    Ok(parts)
}

/// Returns the names of the secrets that `text` refers to, whatever else it has in braces.
pub fn secret_names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((expression, behind)) = rest.split_once("${{").and_then(|(_, body)| body.split_once("}}")) {
        names.extend(expression.trim().strip_prefix("secrets.").filter(|name| is_name(name)));
        rest = behind;
    }
    names
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_at_references() {
        use SecretPart::{Secret, Text};
        let cases: [(&str, &[SecretPart<'_>]); 5] = [
            ("", &[]),
            ("plain $x {{ y }}", &[Text("plain $x {{ y }}")]),
            ("${{ secrets.A }}", &[Secret("A")]),
            ("${{secrets.A}}${{  secrets.b-2  }}", &[Secret("A"), Secret("b-2")]),
            ("postgres://u:${{ secrets.PW }}@db/x", &[Text("postgres://u:"), Secret("PW"), Text("@db/x")]),
        ];
        for (text, parts) in cases {
            assert_eq!(split_secret_refs(text).unwrap(), parts, "{text}");
        }
        assert_eq!(split_secret_refs(&secret_ref("A")).unwrap(), [Secret("A")]);
    }

    #[test]
    fn an_escaped_text_has_no_references_wherever_it_stands() {
        let text = "a ${{ secrets.A }} ${{ $${{ '${{' }} ${";
        for (before, after) in [("", ""), ("$", "{{ x"), ("${", "}}")] {
            let whole = escape_secret_refs(&format!("{before}{text}{after}"));
            let joined = format!("{whole}{}{}", secret_ref("B"), escape_secret_refs("{{ secrets.C }}"));
            let mut plain = String::new();
            let mut secrets = Vec::new();
            for part in split_secret_refs(&joined).unwrap() {
                match part {
                    SecretPart::Text(part) => plain.push_str(part),
                    SecretPart::Secret(name) => secrets.push(name),
                }
            }
            assert_eq!(secrets, ["B"]);
            assert_eq!(plain, format!("{before}{text}{after}{{{{ secrets.C }}}}"));
        }
    }

    #[test]
    fn names_are_found_beside_other_expressions() {
        for (text, names) in [
            ("${{ steps.a.b.url }}:${{ secrets.A }}@${{secrets.b-2}}", &["A", "b-2"][..]),
            (&escape_secret_refs("${{ secrets.A }}"), &[]),
            ("${{ secrets.A", &[]),
        ] {
            assert_eq!(secret_names(text), names, "{text}");
        }
    }

    #[test]
    fn other_expressions_are_errors() {
        for text in ["${{ secrets.A", "${{ vars.a }}", "${{ secrets. }}", "${{ secrets.a b }}", "${{}}"] {
            assert!(split_secret_refs(text).is_err(), "{text}");
        }
    }
}
