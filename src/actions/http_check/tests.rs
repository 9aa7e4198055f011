//! Tests of `http_check`.

use super::*;

fn check(settings: &str) -> HttpCheck {
    let check: HttpCheck = toml::from_str(&format!("url = \"http://x/\"\n{settings}")).unwrap();
    check.validate().unwrap();
    check
}

fn response(status: u16, body: &str) -> Response {
    Response { status, body: body.as_bytes().to_vec(), took: Duration::ZERO }
}

#[test]
fn a_response_is_judged_by_status_text_and_values() {
    let body = r#"{"status":"ok","n":1.0,"list":[{"id":7}]}"#;
    let cases = [
        ("", 200, body, Ok(())),
        ("", 500, body, Err("responded with 500, not 200")),
        ("status = [301, 302]", 302, "", Ok(())),
        ("status = [301, 302]", 200, "", Err("responded with 200, not 301 or 302")),
        ("contains = \"ok\"", 200, "<p>ok</p>", Ok(())),
        ("contains = \"ok\"", 200, "no", Err("responded without `ok`")),
        ("expect = { \"/status\" = \"ok\", \"/n\" = 1, \"/list/0\" = { id = 7 } }", 200, body, Ok(())),
        ("expect = { \"/status\" = \"up\" }", 200, body, Err("responded with \"ok\" at `/status`, not \"up\"")),
        ("expect = { \"/x\" = 1 }", 200, body, Err("responded without `/x`, which should be 1")),
    ];
    for (settings, status, body, expected) in cases {
        let judged = check(settings).judge(&response(status, body)).map(|_| ());
        assert_eq!(judged, expected.map_err(str::to_owned), "{settings}");
    }
    assert!(check("expect = { \"/a\" = 1 }").judge(&response(200, "<html>")).unwrap_err().contains("JSON"));
}

#[test]
fn facts_are_saved_by_pointer() {
    let check = check("save = { id = \"/list/0/id\", state = \"/status\" }");
    let saved = check.judge(&response(200, r#"{"status":"ok","list":[{"id":7}]}"#)).unwrap();
    assert_eq!(saved, [("id".into(), "7".into()), ("state".into(), "ok".into())]);
    assert!(check.judge(&response(200, "{}")).unwrap_err().contains("/list/0/id"));
}

#[test]
fn settings_that_exclude_each_other_are_refused() {
    let cases = [
        "",
        "url = \"http://x\"\nservice = \"s\"\nport = 1",
        "service = \"s\"",
        "url = \"http://x\"\nport = 1",
        "url = \"http://x\"\nbody = \"a\"\njson = 1",
        "url = \"http://x\"\nwithin = \"1s\"\nattempts = 2",
        "url = \"http://x\"\nsave = { status = \"/a\" }",
        "url = \"http://x\"\nexpect = { a = 1 }",
        "service = \"s\"\nport = 1\npath = \"x\"",
    ];
    for settings in cases {
        let check: HttpCheck = toml::from_str(settings).unwrap();
        assert!(check.validate().is_err(), "{settings}");
    }
}
