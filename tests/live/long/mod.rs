//! Tests that take many minutes: only `./scripts/test --full` runs them.

mod kills;
mod lost;
mod sabotage;
