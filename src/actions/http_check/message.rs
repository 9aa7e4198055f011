//! [`Message`]: method, headers and body of a request, in which secrets may stand.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::error::Failure;
use crate::model::split_secret_refs;
use crate::tools::http::Request;
use crate::tools::secrets::Secrets;

/// A request without its address, as it stands in the settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) method: &'a str,
    pub(super) headers: &'a BTreeMap<String, String>,
    pub(super) body: Option<&'a str>,
    pub(super) json: Option<&'a toml::Value>,
    pub(super) form: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Message<'a> {
    /// Checks that there is one body at most, and the form of the references to secrets.
    pub(super) fn validate(&self) -> Result<(), String> {
        match (self.body, self.json, self.form) {
            (Some(_), Some(_), _) => return Err("`body` and `json` exclude each other".into()),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err("`form` excludes `body` and `json`".into());
            }
            _ => {}
        }
        self.texts().into_iter().try_for_each(|text| split_secret_refs(text).map(drop))
    }

    /// All texts in which secrets may stand.
    pub(super) fn texts(&self) -> Vec<&'a str> {
        let mut texts: Vec<&str> = self.headers.values().map(String::as_str).collect();
        texts.extend(self.body);
        texts.extend(self.form.into_iter().flat_map(BTreeMap::values).map(String::as_str));
        if let Some(json) = self.json {
            add_texts(json, &mut texts);
        }
        texts
    }

    /// The request to `url`, with the values of its secrets.
    pub(super) fn request(&self, secrets: &Secrets, url: String, limit: Duration) -> Result<Request, Failure> {
        let mut headers = Vec::new();
        for (name, text) in self.headers {
            headers.push((name.clone(), secrets.fill(text)?));
        }
        let (body, kind) = match (self.body, self.json, self.form) {
            (Some(body), ..) => (Some(secrets.fill(body)?.into_bytes()), None),
            (_, Some(json), _) => {
                let failed = |error: serde_json::Error| Failure::failed("`json` can't be sent").source(&error);
                let mut value = serde_json::to_value(json).map_err(failed)?;
                fill(&mut value, secrets)?;
                (Some(serde_json::to_vec(&value).map_err(failed)?), Some("application/json"))
            }
            (.., Some(form)) => {
                let mut pairs = Vec::new();
                for (name, text) in form {
                    pairs.push(format!("{}={}", form_encoded(name), form_encoded(&secrets.fill(text)?)));
                }
                (Some(pairs.join("&").into_bytes()), Some("application/x-www-form-urlencoded"))
            }
            (None, None, None) => (None, None),
        };
        if let Some(kind) = kind
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("content-type".into(), kind.into()));
        }
        Ok(Request { method: self.method.to_owned(), url, headers, body, limit })
    }
}

fn add_texts<'a>(value: &'a toml::Value, texts: &mut Vec<&'a str>) {
    match value {
        toml::Value::String(text) => texts.push(text),
        toml::Value::Array(items) => items.iter().for_each(|item| add_texts(item, texts)),
        toml::Value::Table(table) => table.iter().for_each(|(_, value)| add_texts(value, texts)),
        _ => {}
    }
}

fn fill(value: &mut Value, secrets: &Secrets) -> Result<(), Failure> {
    match value {
        Value::String(text) => *text = secrets.fill(text)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, secrets))?,
        Value::Object(object) => object.values_mut().try_for_each(|value| fill(value, secrets))?,
        _ => {}
    }
    Ok(())
}

/// Returns the digit of a number below 16.
fn hex_digit(number: u8) -> char {
    char::from_digit(number.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

/// Encodes a name or a value of a form.
fn form_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            byte => encoded.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;

    #[test]
    fn a_form_is_encoded_as_browsers_do() {
        for (text, encoded) in [("a b", "a+b"), ("x&y=z", "x%26y%3Dz"), ("é~*-._", "%C3%A9%7E*-._"), ("", "")] {
            assert_eq!(form_encoded(text), encoded);
        }
        let form = BTreeMap::from([("user".to_owned(), "a@b".to_owned()), ("word".to_owned(), "p&q".to_owned())]);
        let headers = BTreeMap::new();
        let message = Message { method: "POST", headers: &headers, body: None, json: None, form: Some(&form) };
        let secrets = Secrets::new(BTreeMap::new(), Redactor::new());
        let request = message.request(&secrets, "http://x/".into(), Duration::ZERO).unwrap();
        assert_eq!(request.body.unwrap(), b"user=a%40b&word=p%26q");
        assert_eq!(request.headers, [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);
    }

    #[test]
    fn secrets_may_stand_in_headers_and_anywhere_in_a_body() {
        let json: toml::Value = toml::from_str("a = [{ b = \"${{ secrets.A }}\" }]\nc = 1").unwrap();
        let headers = BTreeMap::from([("h".to_owned(), "Bearer ${{ secrets.B }}".to_owned())]);
        let message = Message { method: "POST", headers: &headers, body: None, json: Some(&json), form: None };
        assert_eq!(message.texts(), ["Bearer ${{ secrets.B }}", "${{ secrets.A }}"]);
        assert!(Message { body: Some("x"), ..message }.validate().is_err());
        let wrong = BTreeMap::from([("h".to_owned(), "${{ vars.x }}".to_owned())]);
        assert!(Message { headers: &wrong, ..message }.validate().is_err());
    }
}
