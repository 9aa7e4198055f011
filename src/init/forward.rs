//! [`Forward`]: a port that another tool forwards.

/// A port that a tool forwards to its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forward {
    /// The file that says it, and the one with which it is deployed.
    pub(super) by: String,
    pub(super) group: String,
    /// What it belongs to: the kind in small letters, the name, and its namespace.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) port: u16,
}
