//! Tests of `http_check`.

use super::*;

fn check(settings: &str) -> HttpCheck {
    let check: HttpCheck = toml::from_str(&format!("url = \"http://x/\"\n{settings}")).unwrap();
    check.validate().unwrap();
    check
}

fn response(status: u16, body: &str) -> Response {
    Response { status, body: body.as_bytes().to_vec(), cookies: Vec::new(), took: Duration::ZERO }
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
        "url = \"http://x\"\njson = 1\nform = { a = \"b\" }",
        "url = \"http://x\"\nheaders = { a = \"${{ vars.x }}\" }",
        "url = \"http://x\"\nlogin = { path = \"x\" }",
        "url = \"http://x\"\nlogin = { path = \"/x\", bearer = \"token\" }",
        "url = \"http://x\"\nlogin = { path = \"/x\", send = { \"a b\" = \"/token\" } }",
        "url = \"http://x\"\nlogin = { path = \"/x\", json = { a = \"${{ x }}\" } }",
    ];
    for settings in cases {
        let check: HttpCheck = toml::from_str(settings).unwrap();
        assert!(check.validate().is_err(), "{settings}");
    }
}

#[test]
fn a_path_is_named_as_the_setting_that_it_is() {
    for (settings, part) in [
        ("service = \"s\"\nport = 1\npath = \"/a b\"", "`path` can't be `/a b`: "),
        ("url = \"http://x/a b\"", "`url` can't be `http://x/a b`: "),
        ("url = \"http://x\"\nlogin = { path = \"/a b\" }", "`login.path` can't be `/a b`: "),
        ("url = \"http://x\"\nlogin = { path = \"/a\", method = \"P T\" }", "`login`: `method` can't be `P T`"),
    ] {
        let check: HttpCheck = toml::from_str(settings).unwrap();
        let error = check.validate().unwrap_err();
        assert!(error.starts_with(part), "{error}");
    }
}
