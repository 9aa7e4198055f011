//! Fields whose changes do not count, as settings name them: `deployment/web: spec.replicas` is that field with all
//! below it.

/// Checks the setting `ignore-changes`.
pub fn check(fields: &[String]) -> Result<(), String> {
    let malformed = fields.iter().find(|field| !field.contains('/') || !field.contains(": "));
    malformed.map_or(Ok(()), |field| {
        Err(format!("`ignore-changes`: `{field}` is not of the form `deployment/web: spec.replicas`"))
    })
}

/// Whether `field` is one of `fields`, or below one.
pub fn ignores(fields: &[String], field: &str) -> bool {
    let below = |ignored: &String| field.strip_prefix(ignored.as_str());
    fields.iter().filter_map(below).any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_ignored_with_all_below_it() {
        let fields = ["deployment/web: spec.replicas", "widget/w: spec"].map(str::to_owned);
        check(&fields).unwrap();
        for field in ["deployment/web: spec.replicas", "widget/w: spec", "widget/w: spec.a", "widget/w: spec[0]"] {
            assert!(ignores(&fields, field), "{field}");
        }
        for field in ["deployment/web: spec", "deployment/web: spec.replicasX", "deployment/api: spec.replicas"] {
            assert!(!ignores(&fields, field), "{field}");
        }
        assert!(check(&["replicas".to_owned()]).unwrap_err().contains("deployment/web: spec.replicas"));
    }
}
