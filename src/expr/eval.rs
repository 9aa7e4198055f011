//! [`Scope`]: evaluates the parts of an assertion.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::code::{Code, Operator, Quantifier};
use super::found::{Found, Origin, Trouble, absence, below};
use super::functions;
use super::language::{LANGUAGE, explain};
use super::quantity::{Quantity, Version};
use super::shown;
use super::subject::Subject;
use crate::suggest::nearest;

/// What the names in an assertion mean.
pub(super) struct Scope<'a, 's> {
    pub(super) subject: &'s Subject<'a>,
    /// The item of a list whose condition is evaluated, and the scope around it.
    item: Option<(Found<'a>, &'s Scope<'a, 's>)>,
}

impl<'a, 's> Scope<'a, 's> {
    pub(super) fn new(subject: &'s Subject<'a>) -> Self {
        Self { subject, item: None }
    }

    /// The same with an item of a list.
    pub(super) fn with<'t>(&'t self, item: Found<'a>) -> Scope<'a, 't>
    where
        's: 't,
    {
        Scope { subject: self.subject, item: Some((item, self)) }
    }

    /// Evaluates a condition. What is neither true nor false is an error: `'false'` would count as true.
    pub(super) fn truth(&self, code: &Code) -> Result<bool, Trouble> {
        let found = self.eval(code)?.present()?;
        let value = found.to_value();
        if value.kind() == ValueKind::Bool {
            return Ok(value.is_true());
        }
        let message = format!("`{}` is {}: compare it, a condition is true or false", found.name(code), found.shown());
        Err(Trouble::new(found.line(), message))
    }

    /// The list that `code` is, and its items.
    pub(super) fn items(&self, code: &Code) -> Result<(Found<'a>, Vec<Found<'a>>), Trouble> {
        let found = self.eval(code)?;
        let items = found.items(code)?;
        Ok((found, items))
    }

    /// Evaluates `code`.
    pub(super) fn eval(&self, code: &Code) -> Result<Found<'a>, Trouble> {
        let made = |value: bool| Ok(Found::Made(value.into(), Origin::default()));
        match code {
            Code::Constant(value) => Ok(Found::Made(value.clone(), Origin::default())),
            Code::Name(name) => Ok(self.name(name)),
            Code::Key(of, key) => Ok(self.eval(of)?.key(key, of)),
            Code::Index(of, index) => {
                let index = self.eval(index)?.present()?.to_value();
                Ok(self.eval(of)?.index(&index, of))
            }
            Code::Not(of) => made(!self.truth(of)?),
            Code::And(a, b) => made(self.truth(a)? && self.truth(b)?),
            Code::Or(a, b) => made(self.truth(a)? || self.truth(b)?),
            Code::If(condition, yes, no) => match (self.truth(condition)?, no) {
                (true, _) => self.eval(yes),
                (false, Some(no)) => self.eval(no),
                (false, None) => Err(Trouble::new(None, format!("`{}` has no value: write an `else`", code.text()))),
            },
            Code::Comparison(first, rest) => {
                let mut left = self.eval(first)?.present()?;
                for (operator, right) in rest {
                    let right = self.eval(right)?.present()?;
                    if !compare(&left, *operator, &right)? {
                        return made(false);
                    }
                    left = right;
                }
                made(true)
            }
            Code::Each(quantifier, list, condition) => self.each(*quantifier, list, condition),
            Code::Call(function, arguments, pattern) => {
                let found = arguments.iter().map(|code| self.eval(code)?.present());
                let found = found.collect::<Result<Vec<_>, _>>()?;
                functions::call(*function, arguments, pattern.as_ref(), &found, self.subject)
            }
            Code::Defined(of) => made(!matches!(self.eval(of)?, Found::Missing(_))),
            Code::Default(of, other) => match self.eval(of)? {
                Found::Missing(_) => self.eval(other),
                found => Ok(found),
            },
            Code::Other { text, code, operands } => {
                let found = operands.iter().map(|operand| self.eval(operand)?.present());
                let found = found.collect::<Result<Vec<_>, _>>()?;
                let origin = Origin::of(&found);
                let values = found.iter().enumerate().map(|(n, found)| (format!("_{n}"), found.to_value()));
                let result = LANGUAGE
                    .compile_expression_owned(code.clone())
                    .and_then(|expression| expression.eval(Value::from_pairs(values)));
                let value = result.map_err(|error| {
                    // The messages of minijinja show values.
                    let why = if origin.is_hidden { "it has no value".into() } else { explain(&error) };
                    Trouble::new(origin.line, format!("`{text}`: {why}"))
                })?;
                if value.is_undefined() {
                    return Ok(Found::Missing(absence(text, None, origin.line)));
                }
                Ok(Found::Made(value, origin))
            }
        }
    }

    fn name(&self, name: &str) -> Found<'a> {
        if let Some((item, outer)) = &self.item {
            return match item {
                item if name == "it" => item.clone(),
                Found::At(place, tree) if tree.get(name).is_some() => {
                    tree.get(name).map_or_else(|| item.clone(), |value| Found::At(below(place, name), value))
                }
                // An item of a list that was calculated.
                item @ Found::Made(value, _) if value.kind() == ValueKind::Map => {
                    match item.key(name, &Code::Name("it".to_owned())) {
                        Found::Missing(trouble) => match outer.name(name) {
                            Found::Missing(_) => Found::Missing(trouble),
                            found => found,
                        },
                        found => found,
                    }
                }
                // A key that neither the item nor anything around it has: most likely one of the item.
                Found::At(place, tree) => match outer.name(name) {
                    Found::Missing(trouble) => match nearest(name, tree.keys()) {
                        None if !trouble.message.contains("did you mean") => {
                            Found::Missing(absence(&below(place, name), None, tree.line))
                        }
                        None => Found::Missing(trouble),
                        near => Found::Missing(absence(&below(place, name), near, tree.line)),
                    },
                    found => found,
                },
                _ => outer.name(name),
            };
        }
        let root = self.subject.root;
        if let Some(value) = root.get(name) {
            return Found::At(name.to_owned(), value);
        }
        if name == "doc" {
            return Found::At("doc".into(), root);
        }
        if let Some(given) = self.subject.given.filter(|_| name == "given") {
            return Found::At("given".into(), given);
        }
        if let Some((_, tree)) = self.subject.extras.iter().find(|(known, _)| *known == name) {
            return Found::At(name.to_owned(), tree);
        }
        let extras = self.subject.extras.iter().map(|(known, _)| *known);
        Found::Missing(absence(name, nearest(name, root.keys().chain(extras)), root.line))
    }

    fn each(&self, quantifier: Quantifier, list: &Code, condition: &Code) -> Result<Found<'a>, Trouble> {
        let (of, items) = self.items(list)?;
        let origin = Origin { line: of.line(), is_hidden: false };
        if quantifier == Quantifier::Each {
            let each = items.into_iter().map(|item| self.with(item).eval(condition)?.present());
            return Ok(Found::Several(each.collect::<Result<_, _>>()?));
        }
        let n = items.len();
        let (mut fulfilling, mut absences) = (Vec::new(), Vec::new());
        for item in items {
            match self.with(item.clone()).truth(condition) {
                Ok(true) => fulfilling.push(item),
                Ok(false) => {}
                // An item without the key does not have the value.
                Err(trouble) if trouble.is_absence && quantifier != Quantifier::All => absences.push(trouble),
                Err(trouble) => return Err(trouble),
            }
        }
        // A key that no item has is an error.
        if absences.len() == n
            && let Some(first) = absences.into_iter().next()
        {
            return Err(Trouble { is_absence: false, ..first });
        }
        Ok(match quantifier {
            Quantifier::Any => Found::Made((!fulfilling.is_empty()).into(), origin),
            // Of nothing nothing is shown.
            Quantifier::All => Found::Made((n > 0 && fulfilling.len() == n).into(), origin),
            Quantifier::Count => Found::Made(fulfilling.len().into(), origin),
            Quantifier::Where | Quantifier::Each => Found::Several(fulfilling),
        })
    }
}

fn compare(left: &Found<'_>, operator: Operator, right: &Found<'_>) -> Result<bool, Trouble> {
    let (a, b) = (left.to_value(), right.to_value());
    let is_odd = |value: &Value| {
        value.downcast_object_ref::<Quantity>().is_some() || value.downcast_object_ref::<Version>().is_some()
    };
    let line = left.line().or_else(|| right.line());
    let both = |a: &Found<'_>, b: &Found<'_>| {
        format!("{} ({}) and {} ({})", a.shown(), shown::kind(&a.to_value()), b.shown(), shown::kind(&b.to_value()))
    };
    match operator {
        Operator::In | Operator::NotIn => {
            let has = functions::contains(&b, &a).ok_or_else(|| {
                Trouble::new(
                    line,
                    format!("{} is no list, table or string that could have {}", right.shown(), left.shown()),
                )
            })?;
            Ok(has == (operator == Operator::In))
        }
        _ if is_odd(&a) != is_odd(&b) => Err(Trouble::new(
            line,
            format!("{} can't be compared: write `quantity(…)` or `version(…)` on both sides", both(left, right)),
        )),
        Operator::Equal => Ok(a == b),
        Operator::NotEqual => Ok(a != b),
        _ => {
            let is_ordered = matches!(a.kind(), ValueKind::Number | ValueKind::String) || is_odd(&a);
            if !is_ordered || a.kind() != b.kind() {
                return Err(Trouble::new(line, format!("{} have no order", both(left, right))));
            }
            Ok(match operator {
                Operator::Less => a < b,
                Operator::AtMost => a <= b,
                Operator::More => a > b,
                _ => a >= b,
            })
        }
    }
}
