//! `http-check` that logs in, against a server with sessions.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::sandbox::{Sandbox, Shown};

const PASSWORD: &str = "correct-horse-battery";
const TOKEN: &str = "tok-0123456789abcdef-";

/// A server that gives a new token to a client that knows the password, as a cookie and in its JSON.
#[derive(Clone, Default)]
struct Site {
    requests: Arc<Mutex<Vec<String>>>,
    /// How many requests a session lasts.
    lasts: Option<usize>,
    /// What the login answers instead.
    login_answer: Option<&'static str>,
}

impl Site {
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let site = self.clone();
        std::thread::spawn(move || {
            let (mut n_logins, mut left) = (0_usize, 0);
            for mut stream in listener.incoming().flatten() {
                let request = read(&mut stream);
                let line = request.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
                let given = (1..=n_logins).map(|n| format!("{TOKEN}{n}")).find(|token| request.contains(token));
                let (status, cookie, body) = if line == "POST /login" && request.contains(PASSWORD) {
                    n_logins += 1;
                    left = site.lasts.unwrap_or(usize::MAX);
                    let token = format!("{TOKEN}{n_logins}");
                    let body = site.login_answer.map_or(format!("{{\"token\":\"{token}\"}}"), str::to_owned);
                    let cookie = site.login_answer.is_none().then(|| format!("Set-Cookie: sid={token}; Secure\r\n"));
                    (200, cookie.unwrap_or_default(), body)
                } else if let Some(token) = given.filter(|_| left > 0) {
                    left -= 1;
                    let by = if request.contains(&format!("Bearer {token}")) { "token" } else { "cookie" };
                    (200, String::new(), format!("{{\"by\":\"{by}\"}}"))
                } else {
                    (401, String::new(), format!("who is {}?", request.lines().last().unwrap_or_default()))
                };
                site.requests.lock().unwrap().push(line);
                let length = body.len();
                let reply = format!(
                    "HTTP/1.1 {status} X\r\n{cookie}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                drop(stream.write_all(reply.as_bytes()));
            }
        });
        url
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body.
fn read(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        let length = |head: &str| {
            head.lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())
        };
        match text.split_once("\r\n\r\n") {
            Some((head, body)) if body.len() >= length(head).unwrap_or(0) => return text,
            _ => {}
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(n) if n > 0 => request.extend_from_slice(&chunk[..n]),
            _ => return text,
        }
    }
}

/// A project with a check for each of `checks`: its name and its settings, `LOGIN` stands for a login.
fn project(url: &str, checks: &[(&str, &str)]) -> Sandbox {
    let login = "login = { path = \"/login\", json = { password = \"${{ secrets.PW }}\" }, MORE }";
    let mut steps = String::new();
    for (id, settings) in checks {
        let settings = settings.replace("LOGIN", &login.replace(", MORE", ""));
        let settings = settings.replace("BEARER", &login.replace("MORE", "bearer = \"/token\""));
        let step = format!("id = \"{id}\"\naction = \"http-check\"\nurl = \"{url}/{id}\"\nattempts = 1\n{settings}\n");
        steps.push_str("[[stage.step]]\n");
        steps.push_str(&step);
    }
    let mut sandbox = Sandbox::new(&format!(
        "[pipeline]\nname = \"t\"\n[secrets]\nPW = {{ env = \"PW\" }}\n[[stage]]\nid = \"s\"\njobs = 1\n{steps}"
    ));
    sandbox.env("PW", PASSWORD);
    sandbox
}

/// Everything that is shown or kept of `up`.
fn everything(sandbox: &Sandbox, shown: &Shown) -> String {
    let events = fs_err::read_to_string(sandbox.path("events")).unwrap();
    format!("{shown:?}{}{events}", sandbox.state_text())
}

#[test]
fn f132_steps_share_a_login_and_nothing_of_it_is_kept() {
    let site = Site::default();
    let checks = [
        ("a", "LOGIN\nexpect = { \"/by\" = \"cookie\" }"),
        ("b", "LOGIN\nexpect = { \"/by\" = \"cookie\" }\nsave = { who = \"/by\" }"),
        ("c", "BEARER\nexpect = { \"/by\" = \"token\" }"),
        ("d", "status = 401"),
    ];
    let sandbox = project(&site.start(), &checks);
    let shown = sandbox.run(&["up", "-v", "--events", "events"]).code(0);
    let requests = site.requests();
    assert_eq!(requests[..6], ["POST /login", "GET /a", "GET /b", "POST /login", "GET /c", "GET /d"]);
    // The last look is a part of the same sessions.
    assert!(!requests[6..].contains(&"POST /login".to_owned()), "{requests:?}");
    let all = everything(&sandbox, &shown);
    assert!(!all.contains(PASSWORD) && !all.contains(TOKEN), "{all}");
    // A report asks again, and so logs in again.
    sandbox.run(&["report"]).code(0);
    let n_logins = site.requests().iter().filter(|line| *line == "POST /login").count();
    assert_eq!(n_logins, 4);
}

#[test]
fn f132_a_session_that_has_ended_is_renewed_once_and_no_more() {
    let site = Site { lasts: Some(1), ..Site::default() };
    let sandbox = project(&site.start(), &[("a", "LOGIN"), ("b", "LOGIN")]);
    sandbox.run(&["up"]).code(0);
    assert_eq!(site.requests()[..5], ["POST /login", "GET /a", "GET /b", "POST /login", "GET /b"]);
    let site = Site { lasts: Some(0), ..Site::default() };
    let sandbox = project(&site.start(), &[("a", "LOGIN")]);
    let shown = sandbox.run(&["up", "--events", "events"]).code(1);
    assert_eq!(site.requests(), ["POST /login", "GET /a"]);
    let all = everything(&sandbox, &shown);
    assert!(all.contains("responded with 401, not 200") && !all.contains(TOKEN), "{all}");
}

#[test]
fn f132_a_login_that_does_not_work_is_no_login() {
    for (answer, says) in [
        (Some("<p>welcome</p>"), "it gave neither a cookie nor a token"),
        (None, "it responded with 401, not 200 or 201"),
    ] {
        let site = Site { login_answer: answer, ..Site::default() };
        let mut sandbox = project(&site.start(), &[("a", "LOGIN")]);
        if answer.is_none() {
            sandbox.env("PW", "another-password");
        }
        let shown = sandbox.run(&["up", "--events", "events"]).code(1);
        assert_eq!(site.requests(), ["POST /login"]);
        let all = everything(&sandbox, &shown);
        assert!(all.contains(says) && all.contains("logging in by POST"), "{all}");
        assert!(!all.contains("another-password") && !all.contains(PASSWORD), "{all}");
    }
    let site = Site { login_answer: Some("{}"), ..Site::default() };
    project(&site.start(), &[("a", "BEARER")]).run(&["up"]).code(1).says("it responded without `/token`");
}
