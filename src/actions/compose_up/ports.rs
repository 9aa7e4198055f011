//! [`published`]: the ports of this machine that the services of a compose file publish, as far as the file names them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::documents::{Document, Format, Source};

/// A variable in a compose file, with the text that stands in for it.
#[expect(clippy::unwrap_used, reason = "a constant that a test compiles")]
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^{}]*))?\}|\$([A-Za-z_][A-Za-z0-9_]*)").unwrap());

/// Which services of a file are meant.
pub(super) struct Started<'a> {
    /// Those that are named; all where none is.
    pub(super) services: &'a [String],
    /// The profiles that are turned on.
    pub(super) profiles: &'a [String],
    /// Returns the value of a variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
}

/// Returns the TCP ports that the file `text` publishes under numbers of its own. Ranges, and what can't be read, are
/// left out.
pub(super) fn published(text: &str, started: &Started<'_>) -> Vec<u16> {
    let source = Source { root: Path::new(""), name: Path::new(""), text };
    let Ok(document) = Document::read(Format::Yaml, source) else { return Vec::new() };
    let file = document.root.to_json();
    let services = file.get("services").and_then(Value::as_object).into_iter().flatten();
    let services = services.filter(|(name, service)| started.includes(name, service));
    let ports = services.filter_map(|(_, service)| service.get("ports")?.as_array());
    let ports: BTreeSet<u16> = ports.flatten().filter_map(|port| of_entry(port, started.variable)).collect();
    ports.into_iter().collect()
}

impl Started<'_> {
    fn includes(&self, name: &str, service: &Value) -> bool {
        let profiles = service.get("profiles").and_then(Value::as_array);
        let is_on = |profile: &Value| self.profiles.iter().any(|on| profile.as_str() == Some(on));
        let is_named = self.services.iter().any(|named| named == name);
        is_named || self.services.is_empty() && profiles.is_none_or(|profiles| profiles.iter().any(is_on))
    }
}

/// Returns the port of an entry: `"8080:80"`, `"127.0.0.1:8080:80/tcp"`, or a table.
fn of_entry(entry: &Value, variable: &dyn Fn(&str) -> Option<String>) -> Option<u16> {
    if let Some(table) = entry.as_object() {
        let is_tcp = table.get("protocol").and_then(Value::as_str).is_none_or(|protocol| protocol == "tcp");
        return number(&filled(&scalar(table.get("published")?)?, variable)?).filter(|_| is_tcp);
    }
    let text = filled(entry.as_str()?, variable)?;
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let (before, _) = ports.rsplit_once(':')?;
    let published = before.rsplit_once(':').map_or(before, |(_, published)| published);
    number(published).filter(|_| protocol == "tcp")
}

fn scalar(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

/// 0 asks for any free port.
fn number(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

/// Fills in the variables; `None` if one has no value.
fn filled(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut is_whole = true;
    let filled = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        let name = found.get(1).or(found.get(3)).map_or("", |name| name.as_str());
        let value = variable(name).filter(|value| !value.is_empty());
        value.or_else(|| found.get(2).map(|default| default.as_str().to_owned())).unwrap_or_else(|| {
            is_whole = false;
            String::new()
        })
    });
    let filled = filled.into_owned();
    is_whole.then_some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
services:
  web:
    ports: ["8080:80", "127.0.0.1:8443:443/tcp", "9000", "5353:53/udp", "0:81", "7000-7002:7000-7002"]
  api:
    ports:
      - { target: 8000, published: "${API_PORT:-8001}" }
      - { target: 8002, published: 8003, protocol: udp }
      - "${UNSET}:90"
      - "$SET:91"
  debug:
    profiles: [debug]
    ports: ["5005:5005"]
"#;

    #[test]
    fn only_tcp_ports_with_a_number_of_services_that_start_are_needed() {
        let variable = |name: &str| (name == "SET").then(|| "8091".to_owned());
        let of = |services: &[&str], profiles: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let (services, profiles) = (owned(services), owned(profiles));
            published(FILE, &Started { services: &services, profiles: &profiles, variable: &variable })
        };
        assert_eq!(of(&[], &[]), [8001, 8080, 8091, 8443]);
        assert_eq!(of(&["web"], &[]), [8080, 8443]);
        assert_eq!(of(&["debug"], &[]), [5005]);
        assert_eq!(of(&[], &["debug"]), [5005, 8001, 8080, 8091, 8443]);
        assert_eq!(published("services: [", &Started { services: &[], profiles: &[], variable: &variable }), [0; 0]);
    }

    #[test]
    fn a_variable_counts_before_its_default() {
        let variable = |name: &str| (name == "P").then(|| "1".to_owned());
        assert_eq!(filled("${P:-2}:${Q-3}:$P", &variable).as_deref(), Some("1:3:1"));
        assert_eq!(filled("${Q}", &variable), None);
    }
}
