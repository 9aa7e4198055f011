//! Cargo's build script: how the program is linked.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=scripts/build.rs");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    // An executable that can be loaded anywhere has some 50,000 addresses to correct, on 210 pages of its own, before it
    // starts: 15 of 100 instructions of a run of 54 steps with nothing to do. Loaded at one place, it has none. Its stack,
    // its heap and the libraries keep their random places.
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
