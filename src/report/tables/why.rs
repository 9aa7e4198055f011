//! [`write_explanation`]: why a step is fresh or stale, input by input.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::fingerprint::StaleReason;
use crate::model::{Output, RunId, StepId};
use crate::report::style::{BUSY, DIM, GOOD, STRONG, Symbol, Theme, WARN, duration, timestamp};
use crate::report::text;

/// Number of digits of a digest that are shown.
const SHOWN_DIGITS: usize = 8;

/// Why a step is fresh or stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) step: StepId,
    pub(crate) title: Arc<str>,
    /// Whether its `when` is true.
    pub(crate) applies: bool,
    /// Why it would run; empty if it is fresh.
    pub(crate) reasons: Vec<StaleReason>,
    /// Its inputs, in the order of their labels.
    pub(crate) inputs: Vec<InputChange>,
    /// Its last success, whose inputs are compared.
    pub(crate) last: Option<LastSuccess>,
}

/// The digests of an input at the last success and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputChange {
    pub(crate) label: String,
    /// At the last success.
    pub(crate) then: Option<String>,
    /// Now.
    pub(crate) now: Option<String>,
}

/// A success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastSuccess {
    pub(crate) run: RunId,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) finished_ms: i64,
    /// The duration.
    pub(crate) duration_ms: u64,
    pub(crate) output: Output,
}

/// Writes why a step is fresh or stale.
pub(crate) fn write_explanation(out: &mut dyn Write, theme: Theme, explanation: &Explanation) -> io::Result<()> {
    let Explanation { step, title, applies, reasons, inputs, last } = explanation;
    let (symbol, style, word) = match (applies, reasons.as_slice()) {
        (false, _) => (Symbol::Waiting, DIM, "skipped: its `when` is false"),
        (true, []) => (
            Symbol::Good,
            GOOD,
            "fresh: its inputs have not changed since its last success, and its result is in place",
        ),
        (true, [StaleReason::AlwaysRuns]) => (Symbol::Again, BUSY, "never fresh: checks run every time"),
        (true, _) => (Symbol::Busy, BUSY, "stale: it would run"),
    };
    let symbol = theme.paint(style, theme.symbol(symbol));
    let title = text::plain(title);
    let title = if title == step.as_str() { String::new() } else { format!(" ({title})") };
    writeln!(out, "{symbol} {}{title} is {}", theme.paint(STRONG, step.as_str()), theme.paint(style, word))?;
    for reason in reasons {
        writeln!(out, "  {} {}", theme.paint(WARN, "because:"), text::plain(&reason.to_string()))?;
    }
    match last {
        None => writeln!(out, "  it has never succeeded")?,
        Some(last) => {
            let time = duration(Duration::from_millis(last.duration_ms));
            let when = timestamp(last.finished_ms);
            writeln!(out, "  last success: {when} in run {}, after {time}", last.run)?;
            for (name, value) in last.output.iter() {
                writeln!(out, "    {} {}", theme.paint(DIM, &format!("{name} =")), text::plain(value))?;
            }
        }
    }
    if !inputs.is_empty() {
        let against = if last.is_some() { ", then and now" } else { "" };
        writeln!(out, "  inputs{against}:")?;
    }
    let width = inputs.iter().map(|input| text::width(&input.label)).max().unwrap_or(0);
    for input in inputs {
        let short = |digest: &Option<String>| digest.as_ref().map(|digest| digest.chars().take(SHOWN_DIGITS).collect());
        let (then, now): (Option<String>, Option<String>) = (short(&input.then), short(&input.now));
        let label = text::plain(&input.label);
        let pad = " ".repeat(width - text::width(&input.label));
        let (mark, style, digests) = match (last, then, now) {
            (None, _, now) => (" ", DIM, now.unwrap_or_default()),
            (Some(_), then, now) if then == now && input.then == input.now => ("=", DIM, now.unwrap_or_default()),
            (Some(_), Some(then), Some(now)) => ("~", WARN, format!("{then} -> {now}")),
            (Some(_), None, now) => ("+", WARN, now.unwrap_or_default()),
            (Some(_), then, None) => ("-", WARN, then.unwrap_or_default()),
        };
        writeln!(out, "    {} {label}{pad}  {}", theme.paint(style, mark), theme.paint(style, &digests))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation() -> Explanation {
        let input = |label: &str, then: Option<&str>, now: Option<&str>| InputChange {
            label: label.into(),
            then: then.map(str::to_owned),
            now: now.map(str::to_owned),
        };
        Explanation {
            step: StepId::new("build.backend").unwrap(),
            title: "Build the backend".into(),
            applies: true,
            reasons: vec![
                StaleReason::InputsChanged(vec!["context".into(), "dockerignore".into()]),
                StaleReason::Missing("the image `todo:3f` is gone".into()),
            ],
            inputs: vec![
                input("action", Some("0123456789ab"), Some("0123456789ab")),
                input("context", Some("0123456789ab"), Some("ff23456789ab")),
                input("dockerignore", None, Some("aaaaaaaaaaaa")),
                input("old", Some("bbbbbbbbbbbb"), None),
            ],
            last: Some(LastSuccess {
                run: RunId::new("20261121-113512-4f2a").unwrap(),
                finished_ms: 1_795_260_912_000,
                duration_ms: 8100,
                output: Output::new().with("image", "todo:3f"),
            }),
        }
    }

    fn shown(explanation: &Explanation) -> String {
        let mut out = Vec::new();
        write_explanation(&mut out, Theme::PLAIN, explanation).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_reason_and_every_input_is_shown() {
        insta::assert_snapshot!(shown(&explanation()), @r"
        * build.backend (Build the backend) is stale: it would run
          because: changed: context, dockerignore
          because: the image `todo:3f` is gone
          last success: 2026-11-21T11:35:12Z in run 20261121-113512-4f2a, after 8.1s
            image = todo:3f
          inputs, then and now:
            = action        01234567
            ~ context       01234567 -> ff234567
            + dockerignore  aaaaaaaa
            - old           bbbbbbbb
        ");
    }

    #[test]
    fn fresh_skipped_and_never_run() {
        let fresh = Explanation { reasons: Vec::new(), inputs: Vec::new(), ..explanation() };
        assert!(shown(&fresh).contains("is fresh"));
        assert!(shown(&Explanation { applies: false, ..fresh.clone() }).contains("skipped"));
        assert!(shown(&Explanation { last: None, ..fresh }).contains("it has never succeeded"));
    }
}
