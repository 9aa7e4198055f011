//! What the command line of a health check requests by HTTP.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::interpolate::interpolate;
use crate::init::findings::HttpRequest;
use crate::tools::http::check_path;

static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?:(https?)://|\s|^)(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d+))?(/[^\s'\x22|;&)\]]*)?([:\w.-])?",
    )
    .ok()
});

/// Where the health check of a service of compose sends a request by HTTP. `value` knows the variables of the file.
pub(super) fn health(service: &Value, name: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<HttpRequest> {
    if service.pointer("/healthcheck/disable").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    let words: Vec<&str> = match service.pointer("/healthcheck/test")? {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    // `$$` is left to the shell of the container, which has the variables of the service.
    let line = interpolate(&words.join(" ").replace("$$", "\u{1}"), value).0.replace('\u{1}', "$");
    let inside = |variable: &str| environment(service, variable).map(|text| interpolate(&text, value).0);
    let mut line = interpolate(&line, &inside).0;
    // The container answers to the names that the others know it by.
    let names = ["container_name", "hostname"].iter().filter_map(|key| service.get(key)?.as_str()).chain([name]);
    for own in names {
        for end in [":", "/", " ", "'", "\""] {
            line = line.replace(&format!("//{own}{end}"), &format!("//localhost{end}"));
        }
        if let Some(before) = line.strip_suffix(&format!("//{own}")) {
            line = format!("{before}//localhost");
        }
    }
    http_request(&line)
}

/// The value that a service gives a variable in its container.
fn environment(service: &Value, name: &str) -> Option<String> {
    match service.get("environment")? {
        Value::Object(map) => {
            map.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }
        Value::Array(list) => {
            let mut pairs = list.iter().filter_map(|pair| pair.as_str()?.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        }
        _ => None,
    }
}

/// What a command line requests of its own machine by plain HTTP. Of its variables the defaults are known.
pub(in crate::init) fn http_request(line: &str) -> Option<HttpRequest> {
    let line = interpolate(line, &|_| None).0;
    let has_program = line.split([' ', '/', '"', '\'']).any(|word| matches!(word, "curl" | "wget"));
    let is_request = |found: &regex::Captures<'_>| {
        let is_http = found.get(1).map_or(has_program, |scheme| scheme.as_str() == "http");
        // What goes on there is another host, or a port that is not known.
        is_http && found.get(4).is_none()
    };
    let found = URL.as_ref()?.captures_iter(&line).find(is_request)?;
    let port = found.get(2).map_or(Some(80), |port| port.as_str().parse().ok())?;
    let path = found.get(3).map_or("/", |path| path.as_str());
    let any_answer = takes_any_answer(&line);
    check_path("path", path).is_ok().then(|| HttpRequest { port, path: path.to_owned(), any_answer })
}

/// Whether the program of a command line is content with any answer: `curl` without `-f` is.
fn takes_any_answer(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(at) = words.iter().position(|word| *word == "curl" || word.ends_with("/curl")) else { return false };
    let fails = |word: &&str| {
        word.starts_with("--fail") || (word.starts_with('-') && !word.starts_with("--") && word.contains('f'))
    };
    // A pipe reads the answer.
    !words[at..].iter().any(fails) && !words[at..].contains(&"|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(request: Option<HttpRequest>) -> String {
        request.map_or_else(String::new, |HttpRequest { port, path, any_answer }| {
            format!("{port} {path}{}", if any_answer { " any" } else { "" })
        })
    }

    #[test]
    fn a_health_check_names_port_and_path() {
        for (line, expected) in [
            ("CMD curl -f http://localhost:8000/health || exit 1", "8000 /health"),
            ("curl --silent --fail-with-body 127.0.0.1:8000/health", "8000 /health"),
            ("wget -q --spider http://127.0.0.1/", "80 /"),
            ("wget -qO- localhost:8080/ping", "8080 /ping"),
            ("urlopen('http://localhost:80/x?y=1')", "80 /x?y=1"),
            ("curl -I http://localhost:8888", "8888 / any"),
            ("/usr/bin/curl -s http://localhost:8888/up || exit 1", "8888 /up any"),
            ("curl -s http://localhost:8888/up | grep -q OK", "8888 /up"),
            ("wget -qO- \"http://localhost:${PORT:-3000}/_health\" | grep -q OK", "3000 /_health"),
            ("curl -f http://localhost:$PORT/health", ""),
            ("curl -fk https://localhost:8443/health", ""),
            ("curl -f http://localhost.example.com/health", ""),
            ("pg_isready -U x -h localhost", ""),
            ("nc -z localhost 5432", ""),
            ("curl http://example.com:1/", ""),
        ] {
            assert_eq!(shown(http_request(line)), expected, "{line}");
        }
    }

    #[test]
    fn variables_and_the_names_of_the_service_are_known() {
        let value = |name: &str| (name == "WEB_PORT").then(|| "9000".to_owned());
        for (test, expected) in [
            ("curl -f http://localhost:${WEB_PORT}/up", "9000 /up"),
            ("curl -f http://localhost:$${PORT}/up", "9001 /up"),
            ("curl -f http://localhost:$${OTHER}/up", "9000 /up"),
            ("curl -f http://localhost:${NOBODY}/up", ""),
            ("curl -f http://web:8888", "8888 /"),
            ("curl -f http://shop-web:8888/up", "8888 /up"),
            ("curl -f http://db:8888/up", ""),
            ("curl -f http://website:8888/up", ""),
        ] {
            let service = json!({
                "container_name": "shop-web", "healthcheck": {"test": ["CMD-SHELL", test]},
                "environment": ["PORT=9001", "OTHER=${WEB_PORT}"],
            });
            assert_eq!(shown(health(&service, "web", &value)), expected, "{test}");
        }
        let service = json!({"environment": {"PORT": 80}, "healthcheck": {"test": "curl -f localhost:$$PORT/"}});
        assert_eq!(shown(health(&service, "web", &value)), "80 /");
    }
}
