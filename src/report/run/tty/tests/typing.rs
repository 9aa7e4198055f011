//! What a person types while a run is shown.

use super::*;

#[test]
fn what_the_terminal_echoes_of_ctrl_c_moves_no_row() {
    for columns in [20, 60, 100] {
        let terminal = Terminal::new(columns, 30);
        terminal.clone().write_all(b"earlier\n").unwrap();
        let mut tty = shown(&terminal, NICE, &midway());
        for _ in 0..3 {
            terminal.clone().write_all(b"^C").unwrap();
            tty.tick(tty.view.elapsed + FRAME_INTERVAL).unwrap();
        }
        terminal.clone().write_all(b"^C").unwrap();
        tty.finish().unwrap();
        let text = terminal.text();
        assert!(text.starts_with("earlier\n"), "{text}");
        assert_eq!(text.matches("Prerequisites").count(), 1, "{text}");
        assert_eq!(text.matches("^C").count(), 0, "{text}");
    }
}
