//! Whole screens of real terminals of three sizes: `plan`, a run that is on, one that has failed, and `report`.
//!
//! `INSTA_UPDATE=always cargo test --test it screens::sizes` writes them after an intended change.

use std::io::Read as _;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use regex::Regex;

use super::{broken_shop, built_shop, shop, shop_with_a_broken_page};
use crate::sandbox::{Sandbox, steps, without_what_differs};

/// Rows and columns.
const SIZES: [(u16, u16); 3] = [(20, 60), (24, 80), (50, 200)];

/// The longest that anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a screen has to stay the same to be compared: longer than the time between two frames.
const SETTLED: Duration = Duration::from_millis(300);

/// A command on a terminal of its own, and what is on its screen.
pub(super) struct Screen {
    child: Child,
    bytes: Receiver<Vec<u8>>,
    pub(super) parser: vt100::Parser,
    pub(super) has_ended: bool,
}

impl Screen {
    /// Starts a line of a shell, below a line that is on the screen already.
    pub(super) fn of(sandbox: &mut Sandbox, size: (u16, u16), line: &str) -> Self {
        sandbox.env("TERM", "xterm-256color");
        let mut child = sandbox.on_a_terminal_of(size, &format!("echo earlier; {line}"));
        let mut stdout = child.stdout.take().unwrap();
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, bytes, parser: vt100::Parser::new(size.0, size.1, 1000), has_ended: false }
    }

    /// Takes in what is written within `time`.
    pub(super) fn take(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while !self.has_ended {
            match self.bytes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.has_ended = true,
            }
        }
    }

    /// Returns the screen once it has all of `texts` and stays as it is.
    fn with(&mut self, texts: &[&str]) -> String {
        let (began, mut before) = (Instant::now(), String::new());
        loop {
            self.take(SETTLED);
            let text = self.text();
            if text == before && texts.iter().all(|part| text.contains(part)) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "{texts:?} are not all on\n{text}");
            before = text;
        }
    }

    /// Waits until the screen has `text`.
    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(began.elapsed() < PATIENCE, "`{text}` is never on\n{}", self.text());
            self.take(Duration::from_millis(50));
        }
    }

    /// Returns the screen at the end of the command.
    pub(super) fn at_the_end(&mut self) -> String {
        let began = Instant::now();
        while !self.has_ended {
            self.take(SETTLED);
            assert!(began.elapsed() < PATIENCE, "it has no end:\n{}", self.text());
        }
        self.child.wait().unwrap();
        self.text()
    }

    fn text(&self) -> String {
        let screen = self.parser.screen();
        let rows: Vec<String> = screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect();
        let text = without_what_differs(rows.join("\n").trim_end());
        Regex::new("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]").unwrap().replace_all(&text, "⠋").into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Of a test that has failed; what runs on its terminal ends with that.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Compares what `show` shows with what is on record, for each size.
fn assert_at_each_size(name: &str, show: impl Fn((u16, u16)) -> String) {
    for size in SIZES {
        let text = show(size);
        assert!(text.lines().count() <= usize::from(size.0), "{text}");
        insta::assert_snapshot!(format!("{name}_{}x{}", size.1, size.0), text);
    }
}

#[test]
fn plan_fits_each_terminal() {
    assert_at_each_size("plan", |size| {
        let mut sandbox = built_shop();
        sandbox.file("settings.in", "a=2\n");
        Screen::of(&mut sandbox, size, "provision plan").at_the_end()
    });
}

#[test]
fn report_fits_each_terminal() {
    assert_at_each_size("report", |size| Screen::of(&mut broken_shop(), size, "provision report").at_the_end());
}

#[test]
fn a_run_that_has_failed_fits_each_terminal() {
    assert_at_each_size("up_failed", |size| {
        let mut sandbox = shop_with_a_broken_page();
        // A path of the sandbox in the message would be longer on another machine.
        let text = fs_err::read_to_string(sandbox.path("pipeline.toml")).unwrap();
        sandbox.file("pipeline.toml", &text.replace("run = [\"./bundle\"]", "run = \"./bundle\""));
        let text = Screen::of(&mut sandbox, size, "provision up").at_the_end();
        // How far the lines above the summary have left a small screen depends on the frames that were drawn before.
        let from = if text.starts_with("earlier") { 0 } else { text.find("✓ prepare").unwrap() };
        text[from..].to_owned()
    });
}

#[test]
fn a_run_that_is_on_fits_each_terminal_and_ends_below_what_was_there() {
    assert_at_each_size("up_in_progress", |size| {
        let mut sandbox = shop();
        let waits = "while ! test -e go; do sleep 0.02; done; echo web > web.img";
        sandbox.tool("../bundle", &format!("echo bundling 14 modules; {waits}"));
        let mut screen = Screen::of(&mut sandbox, size, "provision up");
        let shown = screen.with(&["bundling 14 modules", "1 running", "2/4"]);
        sandbox.file("go", "");
        let end = screen.at_the_end();
        assert!(end.starts_with("earlier\n") && end.contains("shop succeeded in"), "{end}");
        shown
    });
}

#[test]
fn a_step_that_took_a_while_before_shows_how_long_it_will_take() {
    let script = "test -e again || exec sleep 3.2; while ! test -e go; do sleep 0.02; done";
    let mut sandbox = Sandbox::new(&steps(&[("long", script, "")]));
    Screen::of(&mut sandbox, (24, 100), "provision up").at_the_end();
    sandbox.file("again", "");
    let mut screen = Screen::of(&mut sandbox, (24, 100), "provision up --force");
    screen.wait_for("s left ");
    screen.wait_for("last took ");
    sandbox.file("go", "");
    assert!(screen.at_the_end().contains("test succeeded in"));
}
