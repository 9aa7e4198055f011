//! [`open_in_browser`]: hands a URL to the program that opens web pages on this machine.

use super::session;
use crate::error::{Failure, ids};

/// The variable that names the user's browser: programs, separated by colons.
const VARIABLE: &str = "BROWSER";

/// What opens a URL with the desktop's browser, the first that is there.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Opens `url` in the user's browser. That stays when this process ends; it gets none of the variables `withheld`, and
/// neither our terminal nor our output.
pub fn open_in_browser(url: &str, withheld: &[String]) -> Result<(), Failure> {
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let programs: Vec<&str> = named.split(':').filter(|name| !name.is_empty()).chain(OPENERS).collect();
    let Some(program) = programs.into_iter().find_map(|name| which::which(name).ok()) else {
        return Err(Failure::of(ids::TOOL_MISSING, format!("nothing opens `{url}` here: there is no browser"))
            .hint(format!("open it by hand, or name the program in the variable {VARIABLE}")));
    };
    let mut expression = duct::cmd(&program, [url]).unchecked().stdin_null().stdout_null().stderr_null();
    for name in withheld {
        expression = expression.env_remove(name);
    }
    let started = expression.before_spawn(session::detach).start();
    // It is not awaited: many a program that opens a page stays as long as the page.
    started.map(drop).map_err(|error| Failure::failed(format!("can't start `{}`", program.display())).source(&error))
}
