//! What a user sees: whole screens, each with the exit code and both streams.
//!
//! After an intended change, `cargo insta test --accept --test it -- screens` rewrites the texts, and `git diff` shows
//! what a user will see differently (`cargo install cargo-insta`).

mod messages;
mod runs;
mod scrollback;
mod sizes;
mod tables;

use crate::sandbox::Sandbox;

/// Three stages, each after the one before it, and a checklist. With a file `broken` the step `build.web` fails.
pub(super) fn shop() -> Sandbox {
    let sandbox = Sandbox::new(
        r#"
[pipeline]
name = "shop"
checklists = ["tasks.md"]

[[stage]]
id = "prepare"

[[stage.step]]
id = "config"
title = "Write the configuration"
action = "command"
run = "cp settings.in settings"
inputs = ["settings.in"]
outputs = ["settings"]
covers = ["T001"]

[[stage]]
id = "build"

[[stage.step]]
id = "api"
action = "command"
run = "echo compiling; cp settings api.img"
inputs = ["settings"]
outputs = ["api.img"]
covers = ["T002"]

[[stage.step]]
id = "web"
title = "Build the page"
action = "command"
needs = ["api"]
run = ["./bundle"]
inputs = ["bundle"]
outputs = ["web.img"]
covers = ["T003"]

[[stage]]
id = "verify"

[[stage.step]]
id = "smoke"
action = "command"
check = "cat api.img web.img"
always = true
covers = ["T004"]
"#,
    );
    sandbox.file("settings.in", "a=1\n");
    sandbox.tool("../bundle", "echo bundling 14 modules\ntest ! -e broken || { echo 'main.ts(3,7): cannot find name cart' >&2; exit 2; }\necho web >web.img");
    sandbox.file(
        "tasks.md",
        "# Tasks\n\n## Phase 1: Build\n\n- [ ] T001 Write the configuration\n- [ ] T002 Build the API\n- [ ] T003 Build the page\n\n\
         ## Phase 2: Ship\n\n- [ ] T004 See that both are there\n- [ ] T005 Write the release notes\n",
    );
    sandbox
}

/// A shop whose steps have all succeeded once.
pub(super) fn built_shop() -> Sandbox {
    let sandbox = shop();
    sandbox.run(&["up"]).code(0);
    sandbox
}

/// A shop in which `build.web` will fail.
pub(super) fn shop_with_a_broken_page() -> Sandbox {
    let sandbox = shop();
    sandbox.file("broken", "");
    sandbox
}

/// A shop in which `build.web` has failed.
pub(super) fn broken_shop() -> Sandbox {
    let sandbox = shop_with_a_broken_page();
    sandbox.run(&["up"]).code(1);
    sandbox
}
