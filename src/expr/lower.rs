//! [`lower`]: what minijinja's parser returns → [`Code`], with every name of a function checked.

use std::fmt::Write as _;
use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, UnaryOpKind};

use super::code::{Code, Function, Operator, Quantifier};
use super::language::{ExprError, FILTERS, TESTS};
use super::pattern::Pattern;
use super::quantity::{Quantity, Version};
use crate::suggest::suggest;

type Lowered = Result<Code, ExprError>;

fn error(at: Range<usize>, message: impl Into<String>, help: Option<String>) -> ExprError {
    ExprError { at, message: message.into(), help }
}

fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// The part at `span` whose text is `name`: the parser's spans may reach further.
fn named(span: Span, name: &str) -> Range<usize> {
    let start = span.start_offset as usize;
    start..start + name.len()
}

fn boxed(expr: &Expr<'_>) -> Result<Box<Code>, ExprError> {
    lower(expr).map(Box::new)
}

/// Returns the code of `expr`.
pub(super) fn lower(expr: &Expr<'_>) -> Lowered {
    if !matches!(expr, Expr::UnaryOp(_) | Expr::BinOp(_) | Expr::Compare(_))
        && let Some(value) = expr.as_const()
    {
        return Ok(Code::Constant(value));
    }
    match expr {
        Expr::Var(name) => Ok(Code::Name(name.id.to_owned())),
        Expr::Const(constant) => Ok(Code::Constant(constant.value.clone())),
        Expr::GetAttr(of) => Ok(Code::Key(boxed(&of.expr)?, of.name.to_owned())),
        Expr::GetItem(of) => Ok(Code::Index(boxed(&of.expr)?, boxed(&of.subscript_expr)?)),
        Expr::UnaryOp(of) => match of.op {
            UnaryOpKind::Not => Ok(Code::Not(boxed(&of.expr)?)),
            UnaryOpKind::Neg => other("-", &[&of.expr], ""),
        },
        Expr::BinOp(of) => binary(of.op, &of.left, &of.right),
        Expr::Compare(of) => {
            let rest = of.ops.iter().map(|op| Ok((comparison(op.op), lower(&op.expr)?)));
            Ok(Code::Comparison(boxed(&of.expr)?, rest.collect::<Result<_, _>>()?))
        }
        Expr::IfExpr(of) => {
            let no = of.false_expr.as_ref().map(boxed).transpose()?;
            Ok(Code::If(boxed(&of.test_expr)?, boxed(&of.true_expr)?, no))
        }
        Expr::Filter(of) => match &of.expr {
            Some(value) => filter(value, of.name, &of.args, named(of.span(), of.name)),
            None => Err(error(range(of.span()), "a filter needs a value before its `|`", None)),
        },
        Expr::Test(of) => test(&of.expr, of.name, &of.args, named(of.span(), of.name)),
        Expr::Call(of) => call(of, range(of.span())),
        Expr::List(of) => listed("[", &of.items.iter().collect::<Vec<_>>(), "]"),
        Expr::Tuple(of) => listed("[", &of.items.iter().collect::<Vec<_>>(), "]"),
        Expr::Map(of) => table(&of.keys, &of.values),
        Expr::Slice(of) => {
            let mut text = String::from("[");
            let mut parts = vec![&of.expr];
            for (n, part) in [&of.start, &of.stop, &of.step].into_iter().enumerate() {
                if n > 0 {
                    text.push(':');
                }
                if let Some(part) = part {
                    let _ = write!(text, "\0{}", parts.len());
                    parts.push(part);
                }
            }
            pattern(&format!("\u{0}0{text}]"), &parts)
        }
    }
}

fn comparison(op: CompareOpKind) -> Operator {
    match op {
        CompareOpKind::Eq => Operator::Equal,
        CompareOpKind::Ne => Operator::NotEqual,
        CompareOpKind::Lt => Operator::Less,
        CompareOpKind::Lte => Operator::AtMost,
        CompareOpKind::Gt => Operator::More,
        CompareOpKind::Gte => Operator::AtLeast,
        CompareOpKind::In => Operator::In,
        CompareOpKind::NotIn => Operator::NotIn,
    }
}

fn binary(op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Lowered {
    let compare = |operator| Ok(Code::Comparison(boxed(left)?, vec![(operator, lower(right)?)]));
    let calculate = |sign: &str| pattern(&format!("\u{0}0 {sign} \u{0}1"), &[left, right]);
    match op {
        BinOpKind::Eq => compare(Operator::Equal),
        BinOpKind::Ne => compare(Operator::NotEqual),
        BinOpKind::Lt => compare(Operator::Less),
        BinOpKind::Lte => compare(Operator::AtMost),
        BinOpKind::Gt => compare(Operator::More),
        BinOpKind::Gte => compare(Operator::AtLeast),
        BinOpKind::In => compare(Operator::In),
        BinOpKind::ScAnd => Ok(Code::And(boxed(left)?, boxed(right)?)),
        BinOpKind::ScOr => Ok(Code::Or(boxed(left)?, boxed(right)?)),
        BinOpKind::Add => calculate("+"),
        BinOpKind::Sub => calculate("-"),
        BinOpKind::Mul => calculate("*"),
        BinOpKind::Div => calculate("/"),
        BinOpKind::FloorDiv => calculate("//"),
        BinOpKind::Rem => calculate("%"),
        BinOpKind::Pow => calculate("**"),
        BinOpKind::Concat => calculate("~"),
    }
}

/// Returns the code of what minijinja evaluates: `form` has a NUL and a digit for each of `parts`.
fn pattern(form: &str, parts: &[&Expr<'_>]) -> Lowered {
    let operands = parts.iter().map(|part| lower(part)).collect::<Result<Vec<_>, _>>()?;
    let (mut text, mut code) = (form.to_owned(), form.to_owned());
    // From the last on: `\0` and 1 is also the beginning of `\0` and 12.
    for (n, operand) in operands.iter().enumerate().rev() {
        text = text.replace(&format!("\u{0}{n}"), &operand.text());
        code = code.replace(&format!("\u{0}{n}"), &format!("_{n}"));
    }
    Ok(Code::Other { text, code, operands })
}

fn other(before: &str, parts: &[&Expr<'_>], after: &str) -> Lowered {
    listed_with(before, parts, after, "")
}

fn listed(before: &str, parts: &[&Expr<'_>], after: &str) -> Lowered {
    listed_with(before, parts, after, ", ")
}

fn listed_with(before: &str, parts: &[&Expr<'_>], after: &str, between: &str) -> Lowered {
    let places: Vec<String> = (0..parts.len()).map(|n| format!("\u{0}{n}")).collect();
    pattern(&format!("{before}{}{after}", places.join(between)), parts)
}

fn table(keys: &[Expr<'_>], values: &[Expr<'_>]) -> Lowered {
    let mut form = Vec::new();
    let mut parts = Vec::new();
    for (key, value) in keys.iter().zip(values) {
        form.push(format!("\u{0}{}: \u{0}{}", parts.len(), parts.len() + 1));
        parts.extend([key, value]);
    }
    pattern(&format!("{{{}}}", form.join(", ")), &parts)
}

/// `value | name(arguments)` and `value is name(arguments)`, as minijinja evaluates them.
fn applied(value: &Expr<'_>, sign: &str, name: &str, args: &[CallArg<'_>], at: &Range<usize>) -> Lowered {
    let mut form = format!("\u{0}0 {sign} {name}");
    let mut parts = vec![value];
    let mut places = Vec::new();
    for arg in args {
        let (key, part) = match arg {
            CallArg::Pos(part) => (None, part),
            CallArg::Kwarg(key, part) => (Some(key), part),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => {
                return Err(error(at.clone(), format!("`{name}` takes no `*` argument"), None));
            }
        };
        places.push(format!("{}\u{0}{}", key.map(|key| format!("{key}=")).unwrap_or_default(), parts.len()));
        parts.push(part);
    }
    if !places.is_empty() {
        let _ = write!(form, "({})", places.join(", "));
    }
    pattern(&form, &parts)
}

fn filter(value: &Expr<'_>, name: &str, args: &[CallArg<'_>], at: Range<usize>) -> Lowered {
    if !FILTERS.contains(&name) {
        return Err(error(at, format!("unknown filter `{name}`"), suggest(name, FILTERS)));
    }
    match args {
        [CallArg::Pos(other) | CallArg::Kwarg("value", other)] if name == "default" => {
            Ok(Code::Default(boxed(value)?, boxed(other)?))
        }
        _ if name == "default" => Err(error(at, "`default` needs exactly one value: `x | default(0)`", None)),
        _ => applied(value, "|", name, args, &at),
    }
}

fn test(value: &Expr<'_>, name: &str, args: &[CallArg<'_>], at: Range<usize>) -> Lowered {
    match name {
        "defined" => Ok(Code::Defined(boxed(value)?)),
        "undefined" => Ok(Code::Not(Box::new(Code::Defined(boxed(value)?)))),
        _ if TESTS.contains(&name) => applied(value, "is", name, args, &at),
        _ => Err(error(at, format!("unknown test `{name}`"), suggest(name, TESTS))),
    }
}

fn call(of: &Call<'_>, at: Range<usize>) -> Lowered {
    let Expr::Var(name) = &of.expr else {
        let help = Some("write `contains(text, 'part')` instead of `text.contains('part')`".into());
        return Err(error(at, "only a function can be called", help));
    };
    let (name, at) = (name.id, range(name.span()));
    let mut arguments = Vec::new();
    for arg in &of.args {
        match arg {
            CallArg::Pos(part) => arguments.push(lower(part)?),
            _ => return Err(error(at, format!("`{name}` takes its arguments without names"), None)),
        }
    }
    let wrong_number = |n: usize| {
        let arguments = if n == 1 { "one argument".to_owned() } else { format!("{n} arguments") };
        error(at.clone(), format!("`{name}` needs {arguments}, not {}", of.args.len()), None)
    };
    if let Some((_, quantifier)) = Quantifier::ALL.iter().find(|(known, _)| *known == name) {
        let [list, condition] = <[Code; 2]>::try_from(arguments).map_err(|_| wrong_number(2))?;
        return Ok(Code::Each(*quantifier, Box::new(list), Box::new(condition)));
    }
    if name == "default" {
        let [value, other] = <[Code; 2]>::try_from(arguments).map_err(|_| wrong_number(2))?;
        return Ok(Code::Default(Box::new(value), Box::new(other)));
    }
    let Some((_, function, n)) = Function::ALL.iter().find(|(known, ..)| *known == name) else {
        let known = Function::ALL.iter().map(|(name, ..)| *name);
        let known = known.chain(Quantifier::ALL.iter().map(|(name, _)| *name)).chain(["default"]);
        return Err(error(at, format!("unknown function `{name}`"), suggest(name, known)));
    };
    if arguments.len() != *n {
        return Err(wrong_number(*n));
    }
    let pattern = check_constant(*function, arguments.last()).map_err(|message| error(at, message, None))?;
    Ok(Code::Call(*function, arguments, pattern))
}

/// Checks the last argument of a function where it stands in the expression. Returns it if it is a regular expression.
fn check_constant(function: Function, last: Option<&Code>) -> Result<Option<Pattern>, String> {
    let Some(Code::Constant(constant)) = last else { return Ok(None) };
    let text = constant.to_string();
    let is_valid = match function {
        Function::Matches => return Pattern::parse(&text).map(Some),
        Function::Quantity => Quantity::parse(&text).is_some(),
        Function::Version => Version::parse(&text).is_some(),
        Function::Satisfies => semver::VersionReq::parse(&text).is_ok(),
        _ => true,
    };
    let what = match function {
        Function::Quantity => "quantity",
        Function::Version => "version",
        _ => "range of versions",
    };
    if is_valid { Ok(None) } else { Err(format!("`{text}` is not a {what}")) }
}
