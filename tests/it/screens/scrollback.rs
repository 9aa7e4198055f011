//! What has left the screen stays as it was: a run on a terminal writes each line once, and never over a line that has
//! scrolled away, also when the terminal is resized meanwhile.

use std::time::{Duration, Instant};

use rustix::termios::Winsize;

use super::sizes::Screen;
use crate::sandbox::{Sandbox, steps};

/// Rows and columns.
const SIZES: [(u16, u16); 3] = [(24, 80), (40, 120), (12, 40)];

/// Steps of a run: more than any of the screens has rows.
const N_STEPS: usize = 60;

/// The lines above the screen, the oldest first.
fn scrolled_away(parser: &mut vt100::Parser) -> Vec<String> {
    let screen = parser.screen_mut();
    let columns = screen.size().1;
    screen.set_scrollback(usize::MAX);
    let n = screen.scrollback();
    let lines = (0..n).map(|n_back| {
        screen.set_scrollback(n - n_back);
        screen.rows(0, columns).next().unwrap().trim_end().to_owned()
    });
    let lines = lines.collect();
    screen.set_scrollback(0);
    lines
}

/// Resizes as terminals do: what has no room any more above the cursor scrolls away.
fn resize(parser: &mut vt100::Parser, rows: u16, columns: u16) {
    let (row, column) = parser.screen().cursor_position();
    let n_too_many = (row + 1).saturating_sub(rows);
    if n_too_many > 0 {
        let scrolled = "\n".repeat(n_too_many.into());
        parser.process(format!("\x1b[999;1H{scrolled}\x1b[{};{}H", row + 1 - n_too_many, column + 1).as_bytes());
    }
    parser.screen_mut().set_size(rows, columns);
}

/// A run of many steps, each of which prints a line and has an end that others wait for.
fn many_steps() -> Sandbox {
    let run = |n: usize| {
        let halts = if n == N_STEPS / 2 { "touch half; while ! test -e go; do sleep 0.02; done;" } else { "" };
        format!("{halts} echo line-{n:02}-of-a-step; sleep 0.03")
    };
    let ids: Vec<String> = (0..N_STEPS).map(|n| format!("a{n:02}")).collect();
    let needs = |n: usize| if n == 0 { String::new() } else { format!("needs = [\"{}\"]", ids[n - 1]) };
    let all: Vec<(String, String)> = (0..N_STEPS).map(|n| (run(n), needs(n))).collect();
    let all: Vec<(&str, &str, &str)> =
        ids.iter().zip(&all).map(|(id, (run, needs))| (id.as_str(), run.as_str(), needs.as_str())).collect();
    Sandbox::new(&steps(&all))
}

/// Runs it on a terminal, which gets `resized` when half of the steps have ended. Returns all lines at the end.
fn lines_of_a_run(size: (u16, u16), resized: Option<(u16, u16)>) -> Vec<String> {
    let mut sandbox = many_steps();
    let mut screen = Screen::of(&mut sandbox, size, "tty > tty; provision up -v");
    let (began, mut before, mut is_resized) = (Instant::now(), Vec::new(), false);
    while !screen.has_ended {
        screen.take(Duration::from_millis(20));
        let now = scrolled_away(&mut screen.parser);
        assert!(
            now.starts_with(&before),
            "{size:?}: lines that had scrolled away have changed:\n{before:#?}\n{now:#?}"
        );
        before = now;
        if sandbox.path("half").exists() && !is_resized {
            is_resized = true;
            // Everything of before the change is drawn.
            screen.take(Duration::from_millis(400));
            before = scrolled_away(&mut screen.parser);
            if let Some((rows, columns)) = resized {
                let tty = fs_err::read_to_string(sandbox.path("tty")).unwrap();
                let tty = fs_err::OpenOptions::new().read(true).open(tty.trim()).unwrap();
                screen.take(Duration::from_millis(1));
                let new = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                rustix::termios::tcsetwinsize(tty, new).unwrap();
                resize(&mut screen.parser, rows, columns);
                before = scrolled_away(&mut screen.parser);
            }
            sandbox.file("go", "");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it has no end");
    }
    screen.at_the_end();
    let mut lines = scrolled_away(&mut screen.parser);
    let screen = screen.parser.screen();
    lines.extend(screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()));
    lines
}

fn assert_each_line_once(size: (u16, u16), resized: Option<(u16, u16)>) {
    let lines = lines_of_a_run(size, resized);
    let text = lines.join("\n");
    let place = |n: usize| {
        let found: Vec<usize> = text.match_indices(&format!("line-{n:02}-of-a-step")).map(|(at, _)| at).collect();
        assert_eq!(found.len(), 1, "{size:?} {resized:?}: line {n}\n{text}");
        found[0]
    };
    let places: Vec<usize> = (0..N_STEPS).map(place).collect();
    assert!(places.is_sorted(), "{text}");
    // Above what the run wrote is what was there, below it is its end; no row of the progress is left between.
    assert_eq!(lines[0], "earlier", "{text}");
    let between = &text[places[0]..places[N_STEPS - 1]];
    assert!(!between.contains("1 running"), "{size:?} {resized:?}: a row of the progress has stayed:\n{between}");
    assert_eq!(text.matches("test succeeded in").count(), 1, "{text}");
}

#[test]
fn each_line_is_there_once_and_none_that_has_scrolled_away_changes() {
    for size in SIZES {
        assert_each_line_once(size, None);
    }
}

#[test]
fn a_terminal_that_is_resized_keeps_each_line_once() {
    for (size, resized) in [((24, 80), (40, 120)), ((40, 120), (24, 80)), ((12, 40), (24, 80)), ((24, 80), (12, 40))] {
        assert_each_line_once(size, Some(resized));
    }
}
