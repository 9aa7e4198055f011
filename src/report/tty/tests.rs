//! What a person sees, read from an emulated terminal.

use std::sync::{Arc, Mutex};

use super::super::Fanout;
use super::super::runs::{all_fresh, failing, interrupted, succeeding};
use super::super::script::{Broken, Script, Shared, step};
use super::*;
use crate::fingerprint::StaleReason;
use crate::model::Progress;

const NICE: Look = Look { color: true, unicode: true };

/// A terminal that is read like one: what a person would see.
#[derive(Clone)]
struct Terminal(Arc<Mutex<vt100::Parser>>);

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        Self(Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1000))))
    }

    fn tty(&self, look: Look) -> Tty {
        let sized = self.clone();
        let size_of = move || {
            let (rows, columns) = sized.0.lock().unwrap().screen().size();
            Some(Size { rows, columns })
        };
        Tty::new(self.clone(), Box::new(size_of), look, Verbosity::Normal, NextCommands::default())
    }

    fn text(&self) -> String {
        let parser = self.0.lock().unwrap();
        let columns = parser.screen().size().1;
        let rows: Vec<String> = parser.screen().rows(0, columns).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// How many lines have left the screen at its top.
    fn n_scrolled(&self) -> usize {
        let mut parser = self.0.lock().unwrap();
        parser.screen_mut().set_scrollback(usize::MAX);
        let n = parser.screen().scrollback();
        parser.screen_mut().set_scrollback(0);
        n
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A terminal's driver begins a new line at its left.
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.0.lock().unwrap().process(text.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shows `events` and then a tick later, without an end.
fn shown(terminal: &Terminal, look: Look, events: &[Event]) -> Tty {
    let mut tty = terminal.tty(look);
    for event in events {
        tty.on_event(event).unwrap();
    }
    tty.tick(tty.view.elapsed + REDRAW_EVERY).unwrap();
    tty
}

/// The failing run up to the time when both builds run.
fn midway() -> Vec<Event> {
    let mut events = failing();
    let end = events.iter().position(|event| event.elapsed.as_millis() == 14_300).unwrap();
    events.truncate(end);
    events
}

#[test]
fn all_stages_and_steps_are_seen_from_the_start() {
    let terminal = Terminal::new(100, 20);
    let _tty = shown(&terminal, NICE, &failing()[..1]);
    insta::assert_snapshot!(terminal.text(), @r"
    ○ Prerequisites                                                                         0/2
      ○ docker
      ○ minikube
    ○ Build the images                                                                      0/2
      ○ backend   Build the backend
      ○ frontend  Build the frontend
    ○ Deploy                                                                                0/2
      ○ chart     Install the chart
      ○ ready     Wait for the pods
    todo-chatbot  ────────────────────                                                      0/6    0.1s
    ");
}

#[test]
fn what_runs_has_a_bar_its_last_line_and_a_clock() {
    let terminal = Terminal::new(100, 20);
    let _tty = shown(&terminal, NICE, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
    ✓ Prerequisites                                                                         2/2    1.2s
      ✓ docker                                                                            fresh    0.0s
      ✓ minikube                                                                      succeeded    1.2s
    ● Build the images                                                                      0/2    8.4s
      ⠙ backend   ━━━━━━━━━━━╸──────── 7/12 RUN pip install                                        8.2s
        │ Collecting fastapi
      ⠙ frontend  attempt 2/2 Build the frontend                                                   8.2s
    ○ Deploy                                                                                0/2
      ○ chart     Install the chart
      ○ ready     Wait for the pods
    todo-chatbot  ━━━━━━╸─────────────  2 running                                           2/6    9.7s
    ");
    let terminal = Terminal::new(70, 20);
    let _tty = shown(&terminal, Look::PLAIN, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
    + Prerequisites                                           2/2    1.2s
      + docker                                              fresh    0.0s
      + minikube                                        succeeded    1.2s
    * Build the images                                        0/2    8.4s
      / backend   [========      ] 7/12 RUN pip install              8.2s
        | Collecting fastapi
      / frontend  attempt 2/2 Build the frontend                     8.2s
    . Deploy                                                  0/2
      . chart     Install the chart
      . ready     Wait for the pods
    todo-chatbot  [====-         ]  2 running                 2/6    9.7s
    ");
}

#[test]
fn with_less_room_what_matters_less_goes_first() {
    let terminal = Terminal::new(60, 8);
    let _tty = shown(&terminal, NICE, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
    ✓ Prerequisites                                 2/2    1.2s
    ● Build the images                              0/2    8.4s
      ⠙ backend   ━━━━━━━───── 7/12 RUN pip install        8.2s
        │ Collecting fastapi
      ⠙ frontend  attempt 2/2 Build the frontend           8.2s
    ○ Deploy                                        0/2
    todo-chatbot  ━━━━────────  2 running           2/6    9.7s
    ");
    let terminal = Terminal::new(30, 4);
    let _tty = shown(&terminal, NICE, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
      ⠙ backend   58 %…      8.2s
      ⠙ frontend  atte…      8.2s
    todo-chatbot  2…  2/6    9.7s
    ");
}

#[test]
fn a_pause_before_a_further_attempt_counts_down() {
    let events = failing();
    let retry = events.iter().position(|event| matches!(event.kind, EventKind::StepRetrying { .. }));
    let terminal = Terminal::new(100, 20);
    let _tty = shown(&terminal, NICE, &events[..=retry.unwrap()]);
    let text = terminal.text();
    let row = text.lines().find(|line| line.contains("↻")).unwrap();
    insta::assert_snapshot!(row.trim(), @"↻ frontend  attempt 1/2 failed, the next one in 4.9s: registry.test.here: connection r…      2.6s");
}

#[test]
fn the_end_is_the_whole_picture_and_the_summary() {
    let terminal = Terminal::new(100, 30);
    shown(&terminal, NICE, &failing()).finish().unwrap();
    insta::assert_snapshot!(terminal.text(), @r"
    error: build.frontend (Build the frontend): the image could not be built
      caused by: `npm ci` exited with 1
    ✓ Prerequisites                                                                         2/2    1.2s
      ✓ docker                                                                            fresh    0.0s
      ✓ minikube                                                                      succeeded    1.2s
    ✗ Build the images  1 failed                                                            2/2  1m 04s
      ✓ backend   Build the backend                                                   succeeded   12.8s
      ✗ frontend  the image could not be built                                           failed  1m 04s
    – Deploy  2 blocked                                                                     2/2
      – chart     needs build.frontend, which failed                                    blocked
      – ready     needs build.frontend, which failed                                    blocked

    error: build.frontend (Build the frontend): the image could not be built
      caused by: `npm ci` exited with 1
      │ npm ERR! code ECONNRESET
      │ npm ERR! network
      log: .provision/logs/20261121-113512-4f2a/build.frontend.log
    help: `provision logs build.frontend` shows all of it

    ✗ todo-chatbot failed in 1m 05s: 2 ran, 1 fresh, 1 failed, 2 blocked
      critical path: prereq.minikube 1.2s → build.frontend 1m 04s
      continue with: provision up
    ");
}

#[test]
fn an_interruption_is_answered_in_the_last_line() {
    let events = interrupted();
    let signal = events.iter().position(|event| matches!(event.kind, EventKind::RunInterrupted { .. }));
    let terminal = Terminal::new(100, 20);
    let mut tty = shown(&terminal, NICE, &events[..=signal.unwrap()]);
    // A terminal echoes what is typed, wherever the cursor is.
    terminal.clone().write_all(b"^C").unwrap();
    tty.tick(tty.view.elapsed + REDRAW_EVERY).unwrap();
    let text = terminal.text();
    assert!(!text.contains("^C") && text.starts_with('●'), "{text}");
    insta::assert_snapshot!(text.lines().last().unwrap(), @"SIGINT: winding down; once more, and what runs is killed                                1/4    3.2s");
    // Whatever happens to the reporter, what comes next begins on a line of its own.
    drop(tty);
    terminal.clone().write_all(b"$ ").unwrap();
    assert_eq!(terminal.text().lines().last(), Some("$"));
}

#[test]
fn no_size_of_terminal_is_overrun() {
    const SIZES: [(u16, u16); 8] = [(1, 1), (2, 3), (5, 2), (5, 40), (20, 5), (80, 24), (120, 1), (300, 40)];
    for (columns, rows) in SIZES {
        for events in [succeeding(), all_fresh(), midway(), interrupted()] {
            for look in [NICE, Look::PLAIN] {
                let terminal = Terminal::new(columns, rows);
                let mut tty = terminal.tty(look);
                for event in &events {
                    tty.on_event(event).unwrap();
                    tty.tick(tty.view.elapsed + REDRAW_EVERY).unwrap();
                    assert_eq!(terminal.n_scrolled(), 0, "{columns}x{rows}: {}", terminal.text());
                }
                // The summary is text that scrolls; the emulator can't wrap text on a single line.
                if rows > 1 {
                    tty.finish().unwrap();
                }
            }
        }
    }
}

#[test]
fn a_change_of_size_leaves_one_picture() {
    let terminal = Terminal::new(100, 30);
    let mut tty = shown(&terminal, NICE, &midway());
    for (columns, rows) in [(120, 40), (60, 20), (40, 5), (1, 1), (5, 3), (100, 30)] {
        terminal.0.lock().unwrap().screen_mut().set_size(rows, columns);
        tty.tick(tty.view.elapsed + REDRAW_EVERY).unwrap();
        tty.tick(tty.view.elapsed + REDRAW_EVERY).unwrap();
        assert!(terminal.text().matches("todo-chatbot").count() <= 1, "{}", terminal.text());
    }
    assert_eq!(terminal.text().matches("Deploy").count(), 1, "{}", terminal.text());
}

#[test]
fn a_flood_of_events_and_ten_thousand_steps_are_no_effort() {
    let names: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
    let steps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "A step")).collect();
    let mut run = Script::new(&[("a", "A", &steps)]);
    run.start("a.s5", StaleReason::NeverRun);
    let terminal = Terminal::new(80, 24);
    let mut tty = shown(&terminal, NICE, &run.events);
    for n in 0..100_000 {
        let step = step("a.s5");
        let kind = if n % 2 == 0 {
            let line = n.to_string();
            EventKind::StepLine { step, line }
        } else {
            let progress = Progress::items(n, Some(100_000), "");
            EventKind::StepProgress { step, progress }
        };
        let elapsed = Duration::from_micros(100 * n);
        tty.on_event(&Event { elapsed, kind }).unwrap();
    }
    let text = terminal.text();
    assert!(text.contains("s5 ") && text.contains("9999 waiting"), "{text}");
}

fn unsized_tty(out: impl Write + Send + 'static) -> Tty {
    Tty::new(out, Box::new(|| None), NICE, Verbosity::Normal, NextCommands::default())
}

#[test]
fn a_terminal_that_went_away_detaches_it() {
    let tty = unsized_tty(Broken(io::ErrorKind::Other));
    let mut reporters = Fanout::new().with("the terminal", tty);
    for event in failing() {
        reporters.on_event(&event);
    }
    reporters.finish();
    assert_eq!(reporters.lost().len(), 1);
}

#[test]
fn no_picture_is_left_in_the_history_and_the_cursor_is_never_hidden() {
    let out = Shared::default();
    let mut tty = unsized_tty(out.clone());
    for event in failing() {
        tty.on_event(&event).unwrap();
    }
    tty.finish().unwrap();
    for code in ["\x1b[J", "\x1b[2J", "\x1b[?25l"] {
        assert!(!out.text().contains(code), "{code:?}");
    }
}
