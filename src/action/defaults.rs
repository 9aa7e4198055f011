//! Default values that several actions share, for `#[serde(default = "…")]`.

/// The namespace where none is named.
pub fn namespace() -> String {
    "default".to_owned()
}

/// A flag that is on unless it is turned off.
pub fn yes() -> bool {
    true
}
