//! [`write_diagnosis`]: the findings of `provision doctor` as lines.

use std::io::{self, Write};

use super::{Diagnosis, Finding, Health};
use crate::report::style::{BAD, DIM, GOOD, STRONG, Symbol, Theme, WARN, count};
use crate::report::text;

/// Writes a heading for each check, a line for each finding, what helps below it, and the counts.
pub(crate) fn write_diagnosis(out: &mut dyn Write, theme: Theme, diagnosis: &Diagnosis<'_>) -> io::Result<()> {
    for checked in diagnosis.checks {
        writeln!(out, "{}", theme.paint(STRONG, checked.check))?;
        let width = checked.findings.iter().map(|finding| text::width(&finding.subject)).max().unwrap_or(0);
        for finding in &checked.findings {
            write_finding(out, theme, finding, width)?;
        }
    }
    let counts: Vec<String> = [(Health::Problem, BAD, "problem"), (Health::Warning, WARN, "warning")]
        .into_iter()
        .map(|(health, style, word)| (diagnosis.count(health), style, word))
        .filter(|(n, ..)| *n > 0)
        .map(|(n, style, word)| theme.paint(style, &count(n, word)))
        .collect();
    if counts.is_empty() {
        return writeln!(out, "{}", theme.paint(GOOD, "no problems"));
    }
    writeln!(out, "{}", counts.join(", "))
}

fn write_finding(out: &mut dyn Write, theme: Theme, finding: &Finding, width: usize) -> io::Result<()> {
    let (symbol, style) = match finding.health {
        Health::Good => (Symbol::Good, GOOD),
        Health::Skipped => (Symbol::Out, DIM),
        Health::Warning => (Symbol::Warning, WARN),
        Health::Problem => (Symbol::Bad, BAD),
    };
    let subject = text::pad(&text::plain(&finding.subject), width);
    let mark = theme.paint(style, theme.symbol(symbol));
    writeln!(out, "  {mark} {subject}  {}", text::plain(&finding.text))?;
    for fix in &finding.fixes {
        writeln!(out, "    {:width$}  {} {}", "", theme.paint(GOOD, "fix:"), text::plain(fix))?;
    }
    Ok(())
}
