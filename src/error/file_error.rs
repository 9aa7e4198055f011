//! [`FileError`]: one of several errors in files, with its place, as programs get it.

/// An error in a file that the user wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileError {
    /// The file; `None` where it concerns none, as an unknown profile does.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What explains it: what is wrong with this very place, then background.
    pub notes: Vec<String>,
    /// How to correct it.
    pub help: Vec<String>,
}

/// All errors in files that a failure stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileErrors(pub Vec<FileError>);
