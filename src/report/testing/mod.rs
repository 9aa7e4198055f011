//! Fixtures of the tests in `report`.

pub(crate) mod documented;
pub(crate) mod runs;
pub(crate) mod script;
