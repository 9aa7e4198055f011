//! Which Service `provision open` is about.

use crate::action::Opening;
use crate::error::{Failure, FailureKind};
use crate::model::StepId;
use crate::suggest::suggest;
use crate::tools::kubernetes::ServicePort;

/// A Service, with the step that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The step; `None` where a person has named a Service that no step knows.
    pub(super) step: Option<StepId>,
    pub(super) opening: Opening,
}

impl Offer {
    /// How much it looks like what a person wants to see.
    fn rank(&self) -> u8 {
        match (&self.opening.path, &self.opening.port) {
            (Some(path), _) if path == "/" => 3,
            (Some(_), _) => 2,
            (None, Some(_)) => 1,
            (None, None) => 0,
        }
    }

    fn place(&self) -> (&str, &str) {
        (&self.opening.namespace, &self.opening.service)
    }
}

/// Returns the Service that `wanted` names, or the one that the pipeline's checks are about: that of the last check of
/// a page, else of the last check by HTTP, else the only one that is deployed.
pub(super) fn choose(offers: &[Offer], wanted: Option<&str>) -> Result<Offer, Failure> {
    let Some(wanted) = wanted else { return choose_best(offers) };
    if wanted.contains('.') {
        return of_step(offers, wanted);
    }
    let (namespace, name) = match wanted.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, wanted),
    };
    let (name, port) = match name.split_once(':') {
        Some((name, port)) => (name, Some(port_of(port))),
        None => (name, None),
    };
    let named = |offer: &&Offer| {
        let is_there = namespace.is_none_or(|namespace| offer.opening.namespace == namespace);
        is_there && offer.opening.service == name
    };
    let mut named: Vec<&Offer> = offers.iter().filter(named).collect();
    if port.is_some() && named.iter().any(|offer| offer.opening.port == port) {
        named.retain(|offer| offer.opening.port == port);
    }
    let mut places: Vec<_> = named.iter().map(|offer| offer.place()).collect();
    places.sort_unstable();
    places.dedup();
    if places.len() > 1 {
        return Err(ambiguous(offers.iter().filter(|offer| offer.opening.service == name)));
    }
    // The last of those that know most.
    if let Some(offer) = named.into_iter().max_by_key(|offer| offer.rank()) {
        let mut offer = offer.clone();
        if port.is_some() && offer.opening.port != port {
            // Another port than the step's has other paths.
            offer.opening = Opening { port, path: None, ..offer.opening };
        }
        return Ok(offer);
    }
    let mut namespaces: Vec<&str> = offers.iter().map(|offer| offer.opening.namespace.as_str()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let namespace = match (namespace, namespaces.as_slice()) {
        (Some(namespace), _) => namespace,
        (None, [namespace]) => namespace,
        (None, []) => "default",
        (None, [_, ..]) => {
            let known = offers.iter().map(|offer| offer.opening.service.as_str());
            let failure = Failure::new(FailureKind::Usage, format!("no step leads to a service `{name}`"));
            let failure = suggest(name, known).into_iter().fold(failure, Failure::hint);
            return Err(failure.hint(format!("provision open NAMESPACE/{name}")));
        }
    };
    let opening = Opening { namespace: namespace.to_owned(), service: name.to_owned(), port, path: None };
    Ok(Offer { step: None, opening })
}

fn port_of(text: &str) -> ServicePort {
    text.parse().map_or_else(|_| ServicePort::Name(text.to_owned()), ServicePort::Number)
}

fn of_step(offers: &[Offer], step: &str) -> Result<Offer, Failure> {
    let of_step: Vec<Offer> =
        offers.iter().filter(|offer| offer.step.as_ref().is_some_and(|one| one.as_str() == step)).cloned().collect();
    if of_step.is_empty() {
        let steps = offers.iter().filter_map(|offer| offer.step.as_ref()).map(StepId::as_str);
        let by_hand = || "name a Service of the cluster: `provision open NAMESPACE/NAME`".to_owned();
        let hint = suggest(step, steps).unwrap_or_else(by_hand);
        return Err(Failure::new(FailureKind::Usage, format!("`{step}` is no step that leads to a service")).hint(hint));
    }
    choose_best(&of_step)
}

fn choose_best(offers: &[Offer]) -> Result<Offer, Failure> {
    let Some(best) = offers.iter().map(Offer::rank).max() else {
        let nothing = "there is nothing to open: no step of the pipeline leads to a service of the cluster";
        return Err(Failure::failed(nothing)
            .hint("name one that is there: `provision open NAMESPACE/NAME`")
            .hint("an `http-check` step with `service` and `port` says what to open"));
    };
    let mut best: Vec<&Offer> = offers.iter().filter(|offer| offer.rank() == best).collect();
    if best.iter().all(|offer| offer.rank() == 0) {
        best.dedup_by_key(|offer| offer.opening.clone());
        let first = best.first().map(|offer| offer.place());
        if best.iter().any(|offer| Some(offer.place()) != first) {
            return Err(ambiguous(best.into_iter()));
        }
    }
    best.last().map(|offer| (*offer).clone()).ok_or_else(|| Failure::bug("the best service is missing"))
}

fn ambiguous<'a>(offers: impl Iterator<Item = &'a Offer>) -> Failure {
    let mut names: Vec<String> = offers.map(|offer| format!("provision open {}", name(offer))).collect();
    names.sort_unstable();
    names.dedup();
    let failure = Failure::new(FailureKind::Usage, "several services could be meant");
    names.into_iter().fold(failure, Failure::hint)
}

/// A Service as the command takes it.
pub(super) fn name(offer: &Offer) -> String {
    format!("{}/{}", offer.opening.namespace, offer.opening.service)
}

/// Returns the other Services that could be opened, as the command takes them.
pub(super) fn others(offers: &[Offer], chosen: &Offer) -> Vec<String> {
    let mut names: Vec<String> = offers.iter().filter(|offer| offer.place() != chosen.place()).map(name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the port to forward of those that a Service has, by the one that the step or the person has named.
pub(super) fn port(
    opening: &Opening,
    published: &[(u16, String)],
) -> Result<(ServicePort, Option<&'static str>), Failure> {
    let service = &opening.service;
    let list = || {
        let all: Vec<String> = published
            .iter()
            .map(|(number, name)| if name.is_empty() { number.to_string() } else { format!("{number} ({name})") })
            .collect();
        format!("it has {}", all.join(", "))
    };
    let found = match &opening.port {
        Some(wanted) => published.iter().find(|(number, name)| {
            let text = wanted.to_string();
            *name == text || number.to_string() == text
        }),
        None => published.iter().find(|port| scheme(port).is_some()).or(published.first()),
    };
    let Some(found) = found else {
        return Err(match &opening.port {
            Some(wanted) if !published.is_empty() => {
                Failure::failed(format!("the service `{service}` has no port {wanted}")).cause(list())
            }
            _ => Failure::failed(format!("the service `{service}` has no TCP port to forward")),
        });
    };
    let checked = opening.path.is_some().then_some("http");
    Ok((ServicePort::Number(found.0), scheme(found).or(checked)))
}

/// How a browser speaks to a port; `None` where it most likely can't.
fn scheme((number, name): &(u16, String)) -> Option<&'static str> {
    let is = |word: &str| name == word || name.starts_with(&format!("{word}-")) || name.ends_with(&format!("-{word}"));
    if is("https") || matches!(number, 443 | 8443) {
        return Some("https");
    }
    let is_web = is("http") || is("web") || is("ui") || matches!(number, 80 | 3000 | 5000 | 8000 | 8080 | 8888);
    is_web.then_some("http")
}

#[cfg(test)]
mod tests;
