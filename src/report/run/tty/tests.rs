//! What a user sees, read from an emulated terminal.

mod typing;

use std::sync::{Arc, Mutex};

use crate::report::fanout::Fanout;
use crate::report::testing::runs::{all_fresh, failing, interrupted, succeeding};
use crate::report::testing::script::{Broken, Script, Shared, step};

use super::*;
use crate::fingerprint::StaleReason;
use crate::model::Progress;

const NICE: Theme = Theme { color: true, unicode: true };

/// An emulated terminal.
#[derive(Clone)]
struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    /// All bytes that were written to it.
    bytes: Shared,
}

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        Self { screen: Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1000))), bytes: Shared::default() }
    }

    fn tty(&self, theme: Theme) -> Tty<Self> {
        let sized = self.clone();
        let size_of = move || {
            let (rows, columns) = sized.size();
            Some(Size { rows, columns })
        };
        self.tty_of(Arc::new(size_of), theme)
    }

    fn tty_of(&self, size_of: SizeOf, theme: Theme) -> Tty<Self> {
        let surface = Surface::new(self.clone(), size_of.clone());
        let target = ProgressDrawTarget::term_like(Box::new(surface));
        Tty::new(self.clone(), target, size_of, theme, Verbosity::Normal, NextCommands::default())
    }

    fn size(&self) -> (u16, u16) {
        self.screen.lock().unwrap().screen().size()
    }

    fn text(&self) -> String {
        let parser = self.screen.lock().unwrap();
        let columns = parser.screen().size().1;
        let rows: Vec<String> = parser.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// How many lines have left the screen at its top.
    fn n_scrolled(&self) -> usize {
        let mut parser = self.screen.lock().unwrap();
        parser.screen_mut().set_scrollback(usize::MAX);
        let n = parser.screen().scrollback();
        parser.screen_mut().set_scrollback(0);
        n
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The terminal driver starts a new line at the left.
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.screen.lock().unwrap().process(text.as_bytes());
        self.bytes.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal")
    }
}

/// Shows `events`, and a frame one tick later; the reporter is not finished.
fn shown(terminal: &Terminal, theme: Theme, events: &[Event]) -> Tty<Terminal> {
    let mut tty = terminal.tty(theme);
    for event in events {
        tty.on_event(event).unwrap();
    }
    tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
    tty
}

/// The failing run, up to the time when both builds run.
fn midway() -> Vec<Event> {
    let mut events = failing();
    let end = events.iter().position(|event| event.elapsed.as_millis() == 14_300).unwrap();
    events.truncate(end);
    events
}

#[test]
fn all_stages_and_steps_are_visible_from_the_start() {
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
fn a_running_step_has_a_bar_its_last_line_and_a_clock() {
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
    let _tty = shown(&terminal, Theme::PLAIN, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
    + Prerequisites                                           2/2    1.2s
      + docker                                              fresh    0.0s
      + minikube                                        succeeded    1.2s
    * Build the images                                        0/2    8.4s
      / backend   [========-     ] 7/12 RUN pip install              8.2s
        | Collecting fastapi
      / frontend  attempt 2/2 Build the frontend                     8.2s
    . Deploy                                                  0/2
      . chart     Install the chart
      . ready     Wait for the pods
    todo-chatbot  [====-         ]  2 running                 2/6    9.7s
    ");
}

#[test]
fn with_less_room_less_important_rows_are_dropped_first() {
    let terminal = Terminal::new(60, 8);
    let _tty = shown(&terminal, NICE, &midway());
    insta::assert_snapshot!(terminal.text(), @r"
    ✓ Prerequisites                                 2/2    1.2s
    ● Build the images                              0/2    8.4s
      ⠙ backend   ━━━━━━━╸──── 7/12 RUN pip install        8.2s
        │ Collecting fastapi
      ⠙ frontend  attempt 2/2 Build the frontend           8.2s
    ○ Deploy                                        0/2
    todo-chatbot  ━━━━╸───────  2 running           2/6    9.7s
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
fn the_delay_before_a_retry_counts_down() {
    let events = failing();
    let retry = events.iter().position(|event| matches!(event.kind, EventKind::StepRetrying { .. }));
    let terminal = Terminal::new(100, 20);
    let _tty = shown(&terminal, NICE, &events[..=retry.unwrap()]);
    let text = terminal.text();
    let row = text.lines().find(|line| line.contains("↻")).unwrap();
    insta::assert_snapshot!(row.trim(), @"↻ frontend  attempt 1/2 failed, retrying in 4.9s: registry.test.here: connection reset       2.6s");
}

#[test]
fn a_run_ends_with_all_rows_and_the_summary() {
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
fn an_interruption_is_acknowledged_in_the_last_line() {
    let events = interrupted();
    let signal = events.iter().position(|event| matches!(event.kind, EventKind::RunInterrupted { .. }));
    let terminal = Terminal::new(100, 20);
    let mut tty = shown(&terminal, NICE, &events[..=signal.unwrap()]);
    // A terminal echoes typed characters at the cursor.
    terminal.clone().write_all(b"^C").unwrap();
    tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
    let text = terminal.text();
    assert!(!text.contains("^C") && text.starts_with('●'), "{text}");
    insta::assert_snapshot!(text.lines().last().unwrap(), @"SIGINT: stopping; repeat to kill running steps                                          1/4    3.2s");
    // Even if the reporter is dropped, later output starts on a line of its own.
    drop(tty);
    terminal.clone().write_all(b"$ ").unwrap();
    assert_eq!(terminal.text().lines().last(), Some("$"));
}

#[test]
fn no_terminal_is_too_small() {
    const SIZES: [(u16, u16); 8] = [(1, 1), (2, 3), (5, 2), (5, 40), (20, 5), (80, 24), (120, 1), (300, 40)];
    for (columns, rows) in SIZES {
        for events in [succeeding(), all_fresh(), midway(), interrupted()] {
            for theme in [NICE, Theme::PLAIN] {
                let terminal = Terminal::new(columns, rows);
                let mut tty = terminal.tty(theme);
                for event in &events {
                    tty.on_event(event).unwrap();
                    tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
                    assert_eq!(terminal.n_scrolled(), 0, "{columns}x{rows}: {}", terminal.text());
                }
                // The summary scrolls; the emulator can't wrap text on a single row.
                if rows > 1 {
                    tty.finish().unwrap();
                }
            }
        }
    }
}

#[test]
fn there_is_one_picture_after_the_window_is_resized() {
    let terminal = Terminal::new(100, 30);
    let mut tty = shown(&terminal, NICE, &midway());
    for (columns, rows) in [(120, 40), (60, 20), (40, 5), (1, 1), (5, 3), (100, 30)] {
        terminal.screen.lock().unwrap().screen_mut().set_size(rows, columns);
        tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
        tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
        assert!(terminal.text().matches("todo-chatbot").count() <= 1, "{}", terminal.text());
    }
    assert_eq!(terminal.text().matches("Deploy").count(), 1, "{}", terminal.text());
}

#[test]
fn rows_end_where_they_are_also_in_a_window_that_has_become_wider() {
    // Terminals join the rows that they have wrapped when there is room: nothing may rely on where a row is wrapped.
    let [narrow, wide] = [Terminal::new(60, 30), Terminal::new(200, 30)].map(|terminal| {
        terminal.clone().write_all(b"earlier\n").unwrap();
        let mut tty = terminal.tty_of(Arc::new(|| Some(Size { rows: 30, columns: 60 })), NICE);
        for event in midway() {
            tty.on_event(&event).unwrap();
            tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
        }
        terminal.text()
    });
    assert!(narrow.starts_with("earlier\n") && narrow.contains("2 running"), "{narrow}");
    assert_eq!(wide, narrow);
}

#[test]
fn a_flood_of_events_and_ten_thousand_steps_are_shown() {
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

#[test]
fn a_terminal_that_is_gone_detaches_the_reporter() {
    let size_of: SizeOf = Arc::new(|| None);
    let surface = Surface::new(Broken(io::ErrorKind::Other), size_of.clone());
    let (out, target) = (Broken(io::ErrorKind::Other), ProgressDrawTarget::term_like(Box::new(surface)));
    let tty = Tty::new(out, target, size_of, NICE, Verbosity::Normal, NextCommands::default());
    let mut reporters = Fanout::new().with("the terminal", tty);
    for event in failing() {
        reporters.on_event(&event);
    }
    reporters.finish();
    assert_eq!(reporters.detached().len(), 1);
}

#[test]
fn frames_do_not_clear_the_screen_or_hide_the_cursor() {
    let terminal = Terminal::new(80, 24);
    shown(&terminal, NICE, &failing()).finish().unwrap();
    let bytes = terminal.bytes.text();
    for code in ["\x1b[J", "\x1b[2J", "\x1b[?25l"] {
        assert!(!bytes.contains(code), "{code:?}");
    }
}

#[test]
fn lines_above_the_rows_are_written_once_and_stay() {
    let terminal = Terminal::new(80, 24);
    let mut tty = terminal.tty(NICE);
    for event in failing() {
        tty.on_event(&event).unwrap();
        tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
    }
    let line = "caused by:";
    assert_eq!(terminal.bytes.text().matches(line).count(), 1);
    assert_eq!(terminal.text().matches(line).count(), 1, "{}", terminal.text());
    let text = terminal.text();
    assert!(text.find(line) < text.find("Prerequisites"), "{text}");
}

#[test]
fn an_open_question_is_the_last_line_until_it_is_answered() {
    let terminal = Terminal::new(100, 20);
    let mut tty = shown(&terminal, Theme::PLAIN, &midway());
    let at = tty.view.elapsed;
    let backend = step("build.backend");
    let mut send = |after_ms, kind| {
        tty.on_event(&Event { elapsed: at + Duration::from_millis(after_ms), kind }).unwrap();
        terminal.text()
    };
    send(100, EventKind::StepAsking { step: backend.clone(), question: "is the page fine?".into() });
    let progress = Progress::items(9, Some(12), "RUN pip install");
    let text = send(900, EventKind::StepProgress { step: step("build.frontend"), progress });
    assert_eq!(text, "build.backend: is the page fine?");
    let text = send(950, EventKind::StepAnswered { step: backend });
    assert!(text.starts_with("build.backend: is the page fine?") && text.contains("Build the images"), "{text}");
}

#[test]
fn a_step_shows_how_long_it_will_take_and_a_transfer_how_fast_it_is() {
    let mut run = Script::new(&[("a", "A", &[("push", "Push it"), ("new", "Never done"), ("quick", "Quick")])]);
    for step in ["a.push", "a.new", "a.quick"] {
        run.start(step, StaleReason::NeverRun);
    }
    for ms in [0, 500, 1000, 1500, 2000] {
        run.at(ms).progress("a.push", Progress::bytes(ms * 5000, Some(50_000_000), "layers"));
    }
    let lines = |terminal: &Terminal, from: usize, now: u64| {
        let mut tty = terminal.tty(NICE);
        tty.expected = ExpectedOf(Box::new(|id| match id.name() {
            "push" => Some(Duration::from_millis(30_200)),
            "quick" => Some(Duration::from_secs(1)),
            _ => None,
        }));
        run.events.iter().skip(from).for_each(|event| tty.on_event(event).unwrap());
        tty.tick(Duration::from_millis(now)).unwrap();
        terminal.text()
    };
    let text = lines(&Terminal::new(100, 20), 0, 2100);
    let row = |text: &str, name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(row(&text, "push").contains("4.8 MB/s 10.0 MB/50.0 MB layers "), "{text}");
    assert!(row(&text, "push").ends_with("  ~29s left    2.1s"), "{text}");
    assert!(!row(&text, "new").contains("left") && !row(&text, "quick").contains("left"), "{text}");
    let text = lines(&Terminal::new(100, 20), 0, 45_000);
    assert!(row(&text, "push").ends_with("last took 31s   45.0s"), "{text}");
    // Where there is little room, what is done is more important.
    let text = lines(&Terminal::new(50, 20), 0, 2100);
    assert!(!text.contains("left"), "{text}");
}
