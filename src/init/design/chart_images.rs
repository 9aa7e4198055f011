//! [`ChartImages`]: how a chart gets the images that are built here.

use std::collections::BTreeMap;

use toml::Value;

use super::survey::Matches;
use crate::images::Reference;
use crate::init::facts::Facts;
use crate::init::findings::image_name;
use crate::init::image_keys::{KeyPath, Part};
use crate::init::images::ImageBuild;
use crate::init::releases::has_mark;
use crate::init::render_chart::RenderedChart;

/// The tag of images whose tags one value sets.
const SHARED_TAG: &str = "provision";

/// How a chart gets the images that are built here.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ChartImages {
    /// Values to set.
    pub(super) set: Vec<(KeyPath, Value)>,
    /// Names that built images get besides their own, because the chart's values can't set them.
    pub(super) aliases: Vec<(usize, String)>,
}

impl ChartImages {
    /// Finds it for the chart that `title` names, and adds to `doubts` what can't be had.
    pub(super) fn of(
        title: &str,
        chart: &RenderedChart,
        facts: &Facts,
        images: &BTreeMap<String, usize>,
        (builds, matches): (&[ImageBuild], &Matches),
        doubts: &mut Vec<String>,
    ) -> Self {
        let mut found = Self::default();
        let mut pulled: Vec<&str> = Vec::new();
        let mut shared: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
        for (image, at) in images {
            let (name, id) = (image_name(image), &builds[*at].id);
            let pulls_always = facts.always_pulled.contains(image);
            if let Some(path) = chart.keys.policies.get(name).filter(|_| pulls_always) {
                found.add(path.clone(), Value::String("IfNotPresent".into()));
            } else if pulls_always {
                pulled.push(image);
            }
            if chart.keys.fixed.contains(image) {
                found.hard_coded(title, image, " everywhere", *at, facts, doubts);
            }
            let whole = format!("${{{{ steps.load.{id}.image }}}}");
            match chart.keys.keys.get(name) {
                Some((path, Part::Whole)) => found.add(path.clone(), Value::String(whole)),
                Some((path, Part::Tag)) if !chart.keys.is_shared(path) && matches.names[*at] == name => {
                    found.add(
                        path.clone(),
                        Value::String(format!("${{{{ steps.load.{id}.image | split(':') | last }}}}")),
                    );
                }
                Some((path, Part::Tag)) if Reference::parse(&format!("{name}:{SHARED_TAG}")).is_err() => {
                    doubts.push(format!(
                        "{title}: no image can have the name `{name}`, which is built here: set it beside `{}`",
                        path.join(".")
                    ));
                }
                Some((path, Part::Tag)) => {
                    let others = facts.images.iter().filter(|other| !images.contains_key(*other));
                    let foreign = others
                        .map(|other| image_name(other))
                        .find(|other| chart.keys.keys.get(*other).is_some_and(|(key, _)| key == path));
                    if let Some(foreign) = foreign {
                        shared.entry((path.join("."), foreign)).or_default().push(name);
                        continue;
                    }
                    found.add(path.clone(), Value::String(SHARED_TAG.into()));
                    found.aliases.push((*at, format!("{name}:{SHARED_TAG}")));
                }
                None => found.hard_coded(title, image, "", *at, facts, doubts),
            }
        }
        doubts.extend(shared.into_iter().map(|((path, foreign), names)| {
            let verb = if names.len() == 1 { "is" } else { "are" };
            format!("the value `{path}` of {title} sets the tag of `{}`, which {verb} built here, and of `{foreign}`, which is not: give each its own", names.join("`, `"))
        }));
        if !pulled.is_empty() {
            let images = pulled.join("`, `");
            doubts.push(format!("{title}: pods pull `{images}` each time, and what is built is only on this machine: set their pull policy to `IfNotPresent`"));
        }
        // What another file sets besides, without the tags that it would have made.
        for (path, value) in chart.set.iter().filter(|(_, value)| !has_mark(value)) {
            if let Ok(value) = Value::try_from(value) {
                found.add(path.clone(), value);
            }
        }
        found
    }

    fn add(&mut self, path: KeyPath, value: Value) {
        if !self.set.iter().any(|(known, _)| *known == path) {
            self.set.push((path, value));
        }
    }

    /// An image whose name no value sets, or not `everywhere`: the built one gets that name.
    fn hard_coded(
        &mut self,
        title: &str,
        image: &str,
        everywhere: &str,
        at: usize,
        facts: &Facts,
        doubts: &mut Vec<String>,
    ) {
        if facts.always_pulled.contains(image) || facts.unpinned.contains(image) || image.contains('@') {
            doubts.push(format!("no value of {title} sets the image `{image}`{everywhere}, which is built here, and its pods pull it each time: make a value for it"));
            return;
        }
        let name = if image_name(image) == image { format!("{image}:latest") } else { image.to_owned() };
        if Reference::parse(&name).is_err() {
            doubts.push(format!(
                "no value of {title} sets the image `{image}`{everywhere}, which is built here, and no image can have this name"
            ));
            return;
        }
        doubts.push(format!(
            "no value of {title} sets the image `{image}`{everywhere}: the built one is given this name"
        ));
        self.aliases.push((at, name));
    }
}
