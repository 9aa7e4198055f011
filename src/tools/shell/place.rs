//! [`Place`]: how a value is written into a script, and [`Refusal`]: why it can't be.

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Outside of quotes.
    Word,
    /// Where variables are replaced and words are not split: in double quotes or a here-document.
    Text,
    /// In single quotes.
    Single,
}

impl Place {
    /// Returns the reference to `variable` at this place.
    pub(super) fn reference(self, variable: &str) -> String {
        match self {
            Self::Word => format!("\"${{{variable}}}\""),
            Self::Text => format!("${{{variable}}}"),
            Self::Single => format!("'\"${{{variable}}}\"'"),
        }
    }
}

/// Why no value may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

/// The fix that works everywhere else.
const AS_VARIABLE: &str = "put it into a variable before, `value=${{ … }}`, and use \"$value\" here";

pub(super) const ESCAPED: Refusal =
    Refusal { message: "a backslash stands right before this value", help: "write the value without the backslash" };
pub(super) const C_QUOTED: Refusal = Refusal { message: "a value can't stand in `$'…'`", help: AS_VARIABLE };
pub(super) const PARAMETER: Refusal =
    Refusal { message: "a value can't stand in `${…}` of the shell", help: AS_VARIABLE };
pub(super) const ARITHMETIC: Refusal = Refusal {
    message: "a value can't stand in arithmetic of the shell, which may run what it contains",
    help: "put it into a variable before, `value=${{ … }}`, and calculate with `expr \"$value\" + 1`",
};
pub(super) const BRACKETS: Refusal = Refusal {
    message: "a value can't stand in `[[ … ]]`, which may run what it contains",
    help: "write `[ … ]`, with one bracket",
};
pub(super) const RAW_HERE: Refusal = Refusal {
    message: "a value can't stand in a here-document whose delimiter is quoted: the shell replaces nothing in it",
    help: "write the delimiter without quotes, and `\\$` for each `$` that is meant as it stands",
};
pub(super) const DELIMITER: Refusal =
    Refusal { message: "a value can't be the delimiter of a here-document", help: "write a word, such as `EOF`" };
pub(super) const CODE: Refusal = Refusal {
    message: "a shell would read this value as a part of a script",
    help: "pass it as an argument: `sh -c 'echo \"$1\"' sh ${{ … }}`",
};
