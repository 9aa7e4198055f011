//! [`Code`]: the parts of an assertion, each of which is evaluated on its own and can be named in a message.

use minijinja::Value;

use super::pattern::Pattern;
use super::shown;

/// A part of an assertion.
#[derive(Debug)]
pub(super) enum Code {
    /// A value that is written there.
    Constant(Value),
    /// A name: a key of the item or of the document.
    Name(String),
    /// `value.key`.
    Key(Box<Code>, String),
    /// `value[index]`.
    Index(Box<Code>, Box<Code>),
    /// `not condition`.
    Not(Box<Code>),
    /// `condition and condition`.
    And(Box<Code>, Box<Code>),
    /// `condition or condition`.
    Or(Box<Code>, Box<Code>),
    /// `value if condition else value`.
    If(Box<Code>, Box<Code>, Option<Box<Code>>),
    /// `value == value`, `low < value < high`.
    Comparison(Box<Code>, Vec<(Operator, Code)>),
    /// A function that evaluates its second argument for each item of the first.
    Each(Quantifier, Box<Code>, Box<Code>),
    /// Any other function, and the regular expression among its arguments, if one is written there.
    Call(Function, Vec<Code>, Option<Pattern>),
    /// `value is defined`.
    Defined(Box<Code>),
    /// A value, or another one where that is not there.
    Default(Box<Code>, Box<Code>),
    /// What is left to minijinja: `code` is written with the names `_0`, `_1`, … for the operands.
    Other {
        /// As the user has written it, nearly.
        text: String,
        code: String,
        operands: Vec<Code>,
    },
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    NotIn,
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
        }
    }

    /// The one that holds where this one does not.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::AtLeast,
            Self::AtMost => Self::More,
            Self::More => Self::AtMost,
            Self::AtLeast => Self::Less,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
        }
    }

    /// The one that says the same with the sides exchanged, if there is one.
    pub(super) fn turned(self) -> Option<Self> {
        match self {
            Self::Equal | Self::NotEqual => Some(self),
            Self::Less => Some(Self::More),
            Self::AtMost => Some(Self::AtLeast),
            Self::More => Some(Self::Less),
            Self::AtLeast => Some(Self::AtMost),
            Self::In | Self::NotIn => None,
        }
    }
}

/// What becomes of the values of an expression for each item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
    Count,
    Where,
    Each,
}

impl Quantifier {
    pub(super) const ALL: [(&'static str, Self); 5] =
        [("any", Self::Any), ("all", Self::All), ("count", Self::Count), ("where", Self::Where), ("each", Self::Each)];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

/// A function of plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Len,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Quantity,
    Version,
    Satisfies,
    Named,
    Object,
    /// A function that only some documents have.
    Ignores,
}

impl Function {
    /// Each by its name, with the number of its arguments.
    pub(super) const ALL: [(&'static str, Self, usize); 11] = [
        ("len", Self::Len, 1),
        ("contains", Self::Contains, 2),
        ("startswith", Self::StartsWith, 2),
        ("endswith", Self::EndsWith, 2),
        ("matches", Self::Matches, 2),
        ("quantity", Self::Quantity, 1),
        ("version", Self::Version, 1),
        ("satisfies", Self::Satisfies, 2),
        ("named", Self::Named, 2),
        ("object", Self::Object, 2),
        ("ignores", Self::Ignores, 1),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one, _)| *one == self).map_or("", |(name, ..)| name)
    }
}

impl Code {
    /// Whether its value depends on the document.
    pub(super) fn names_something(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Name(_) | Self::Call(Function::Object | Function::Ignores, ..) => true,
            Self::Key(of, _) | Self::Not(of) | Self::Defined(of) => of.names_something(),
            Self::Index(a, b) | Self::And(a, b) | Self::Or(a, b) | Self::Default(a, b) | Self::Each(_, a, b) => {
                a.names_something() || b.names_something()
            }
            Self::If(condition, yes, no) => {
                let no = no.as_ref().is_some_and(|no| no.names_something());
                no || condition.names_something() || yes.names_something()
            }
            Self::Comparison(first, rest) => {
                first.names_something() || rest.iter().any(|(_, code)| code.names_something())
            }
            Self::Call(_, codes, _) | Self::Other { operands: codes, .. } => codes.iter().any(Self::names_something),
        }
    }

    /// Returns it as one would write it.
    pub(super) fn text(&self) -> String {
        // `a or b` in `not (a or b)`.
        let part = |code: &Self| match code {
            Self::And(..) | Self::Or(..) | Self::If(..) => format!("({})", code.text()),
            _ => code.text(),
        };
        let inner = |code: &Self| match code {
            Self::Comparison(..) | Self::Not(_) | Self::Defined(_) => format!("({})", code.text()),
            _ => part(code),
        };
        // `(a | first).b`.
        let whole = |code: &Self| match code {
            Self::Other { text, .. } => format!("({text})"),
            _ => inner(code),
        };
        let list = |codes: &[Self]| codes.iter().map(Self::text).collect::<Vec<_>>().join(", ");
        match self {
            Self::Constant(value) => shown::value(value),
            Self::Name(name) => name.clone(),
            Self::Key(of, key) => format!("{}.{key}", whole(of)),
            Self::Index(of, index) => format!("{}[{}]", whole(of), index.text()),
            Self::Not(of) => format!("not {}", part(of)),
            Self::And(a, b) => format!("{} and {}", part(a), part(b)),
            Self::Or(a, b) => format!("{} or {}", part(a), part(b)),
            Self::If(condition, yes, no) => {
                let no = no.as_ref().map(|no| format!(" else {}", part(no))).unwrap_or_default();
                format!("{} if {}{no}", part(yes), part(condition))
            }
            Self::Comparison(first, rest) => {
                rest.iter().fold(inner(first), |text, (sign, code)| format!("{text} {} {}", sign.sign(), inner(code)))
            }
            Self::Each(quantifier, of, code) => format!("{}({}, {})", quantifier.name(), of.text(), code.text()),
            Self::Call(function, arguments, _) => format!("{}({})", function.name(), list(arguments)),
            Self::Defined(of) => format!("{} is defined", inner(of)),
            Self::Default(of, other) => format!("default({}, {})", of.text(), other.text()),
            Self::Other { text, .. } => text.clone(),
        }
    }
}
