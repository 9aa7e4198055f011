//! [`Expected`]: what a response has to be, and the words for what differs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Statuses;
use crate::error::{Failure, ids};
use crate::redact::Redactor;
use crate::tools::http::Response;

/// How many bytes of a response a failure shows.
const SHOWN: usize = 2000;

/// How many lines of a response a failure shows.
const SHOWN_LINES: usize = 15;

/// What a response has to be; the settings of several actions have these keys.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its status.
    pub status: &'a Statuses,
    /// A string that it contains.
    pub contains: Option<&'a str>,
    /// Values that it has as JSON, by JSON pointer.
    pub values: &'a BTreeMap<String, toml::Value>,
}

impl Expected<'_> {
    /// Checks the settings.
    pub fn validate(&self) -> Result<(), String> {
        self.values.keys().try_for_each(|pointer| check_pointer(pointer))
    }

    /// Returns what differs, as the end of a sentence that begins with what was asked.
    pub fn judge(&self, response: &Response) -> Result<(), String> {
        if !self.status.has(response.status) {
            return Err(format!("responded with {}, not {}", response.status, self.status.words()));
        }
        if let Some(text) = self.contains
            && !String::from_utf8_lossy(&response.body).contains(text)
        {
            return Err(format!("responded without `{text}`"));
        }
        if self.values.is_empty() {
            return Ok(());
        }
        let json = json(response)?;
        for (pointer, wanted) in self.values {
            let wanted = serde_json::to_value(wanted).unwrap_or(Value::Null);
            match json.pointer(pointer) {
                Some(found) if same(found, &wanted) => {}
                Some(found) => return Err(format!("responded with {found} at `{pointer}`, not {wanted}")),
                None => return Err(format!("responded without `{pointer}`, which should be {wanted}")),
            }
        }
        Ok(())
    }
}

/// Returns the body as JSON.
pub fn json(response: &Response) -> Result<Value, String> {
    serde_json::from_slice(&response.body).map_err(|why| format!("did not respond with JSON: {why}"))
}

/// Checks the form of a JSON pointer.
pub fn check_pointer(pointer: &str) -> Result<(), String> {
    if pointer.is_empty() || pointer.starts_with('/') {
        return Ok(());
    }
    Err(format!("`{pointer}` is not a JSON pointer: it must begin with `/`"))
}

/// Returns the failure of a request whose response is not as expected, with the response's first lines.
pub fn unexpected(message: String, response: &Response, redactor: &Redactor) -> Failure {
    // Masked before it is cut: half a secret would not be recognised.
    Failure::of(ids::HTTP_FAILED, message).details(shown(&redactor.bytes(&response.body)))
}

/// Whether two values are equal; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The first lines of a response.
fn shown(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    let lines = text.lines().take(SHOWN_LINES);
    lines.map(|line| format!("| {}", line.trim_end().escape_debug())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_response_is_judged_by_status_text_and_values() {
        let body = r#"{"status":"ok","n":1.0,"list":[{"id":7}]}"#;
        let any = || Statuses::Any(vec![301, 302]);
        let cases = [
            (Statuses::default(), "", "", 200, body, Ok(())),
            (Statuses::default(), "", "", 500, body, Err("responded with 500, not 200")),
            (any(), "", "", 302, "", Ok(())),
            (any(), "", "", 200, "", Err("responded with 200, not 301 or 302")),
            (Statuses::default(), "ok", "", 200, "<p>ok</p>", Ok(())),
            (Statuses::default(), "ok", "", 200, "no", Err("responded without `ok`")),
            (Statuses::default(), "", "\"/status\" = \"ok\"\n\"/n\" = 1\n\"/list/0\" = { id = 7 }", 200, body, Ok(())),
            (
                Statuses::default(),
                "",
                "\"/status\" = \"up\"",
                200,
                body,
                Err("responded with \"ok\" at `/status`, not \"up\""),
            ),
            (Statuses::default(), "", "\"/x\" = 1", 200, body, Err("responded without `/x`, which should be 1")),
        ];
        for (status, contains, values, code, body, expected) in cases {
            let values: BTreeMap<String, toml::Value> = toml::from_str(values).unwrap();
            let contains = Some(contains).filter(|text| !text.is_empty());
            let response = Response { status: code, body: body.into(), cookies: Vec::new(), took: Duration::ZERO };
            let judged = Expected { status: &status, contains, values: &values }.judge(&response);
            assert_eq!(judged, expected.map_err(str::to_owned), "{code} {body}");
        }
        let values = BTreeMap::from([("/a".to_owned(), toml::Value::Integer(1))]);
        let expected = Expected { status: &Statuses::default(), contains: None, values: &values };
        let response = Response { status: 200, body: b"<html>".into(), cookies: Vec::new(), took: Duration::ZERO };
        assert!(expected.judge(&response).unwrap_err().contains("JSON"));
        let values = BTreeMap::from([("a".to_owned(), toml::Value::Integer(1))]);
        assert!(Expected { values: &values, ..expected }.validate().is_err());
    }
}
