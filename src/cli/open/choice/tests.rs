//! Which Service is opened, and which port of it.

use super::*;

/// An offer as `STEP NAMESPACE/SERVICE[:PORT][PATH]`.
fn offer(text: &str) -> Offer {
    let (step, place) = text.split_once(' ').unwrap();
    let (namespace, rest) = place.split_once('/').unwrap();
    let (rest, path) = rest.find('/').map_or((rest, None), |at| (&rest[..at], Some(rest[at..].to_owned())));
    let (service, port) = rest.split_once(':').map_or((rest, None), |(service, port)| (service, Some(port_of(port))));
    let opening = Opening { namespace: namespace.into(), service: service.into(), port, path };
    Offer { step: Some(StepId::new(step).unwrap()), opening }
}

fn chosen(offers: &[&str], wanted: Option<&str>) -> String {
    let offers: Vec<Offer> = offers.iter().map(|text| offer(text)).collect();
    match choose(&offers, wanted) {
        Ok(Offer { step, opening: Opening { port, path, .. }, .. }) if step.is_none() && port.is_none() => {
            format!("unknown to the steps {path:?}")
        }
        Ok(found) => {
            let port = found.opening.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}{port}{}", name(&found), found.opening.path.as_deref().unwrap_or_default())
        }
        Err(failure) => format!("{failure} [{}]", failure.hints.join("; ")),
    }
}

const SHOP: [&str; 4] = [
    "deploy.release shop/web",
    "deploy.release shop/api",
    "verify.page shop/web:80/",
    "verify.health shop/api:8000/health",
];

#[test]
fn a_page_that_the_pipeline_checks_is_what_is_opened() {
    let cases = [
        (&SHOP[..], None, "shop/web:80/"),
        (&SHOP[..2], None, "several services could be meant [provision open shop/api; provision open shop/web]"),
        (&SHOP[..1], None, "shop/web"),
        (&[SHOP[3]], None, "shop/api:8000/health"),
        // The last one of several is that of the end of the pipeline.
        (&["v.a a/x:1/", "v.b b/y:2/"], None, "b/y:2/"),
        // A check that changes something is of a port, and of no page.
        (&["v.a a/x:1/", "v.b b/y:2"], None, "a/x:1/"),
        (&SHOP, Some("verify.health"), "shop/api:8000/health"),
        (
            &SHOP,
            Some("verify.heath"),
            "`verify.heath` is no step that leads to a service [did you mean `verify.health`?]",
        ),
        (&SHOP, Some("api"), "shop/api:8000/health"),
        (&SHOP, Some("api:9000"), "shop/api:9000"),
        (&SHOP, Some("api:8000"), "shop/api:8000/health"),
        (&SHOP, Some("shop/web"), "shop/web:80/"),
        (&SHOP, Some("db:sql"), "shop/db:sql"),
        (&SHOP, Some("other/db:1"), "other/db:1"),
        (
            &["v.a a/x:1/", "v.b b/x:2/"],
            Some("x"),
            "several services could be meant [provision open a/x; provision open b/x]",
        ),
        (
            &["v.a a/x:1/", "v.b b/y:2/"],
            Some("z"),
            "no step leads to a service `z` [did you mean `x`?; provision open NAMESPACE/z]",
        ),
    ];
    for (offers, wanted, expected) in cases {
        assert_eq!(chosen(offers, wanted), expected, "{offers:?} {wanted:?}");
    }
    assert!(chosen(&[], None).starts_with("there is nothing to open: no step of the pipeline leads to a service"));
    let all: Vec<Offer> = SHOP.iter().map(|text| offer(text)).collect();
    assert_eq!(others(&all, &all[2]), ["shop/api"]);
}

#[test]
fn the_port_is_the_named_one_or_the_one_that_a_browser_understands() {
    let ports = |list: &[(u16, &str)]| list.iter().map(|(n, name)| (*n, (*name).to_owned())).collect::<Vec<_>>();
    let of = |wanted: &str, list: &[(u16, &str)]| {
        let opening = offer(&format!("a.b n/s{wanted}")).opening;
        port(&opening, &ports(list))
            .map_or_else(|failure| failure.to_string(), |(port, scheme)| format!("{port} {scheme:?}"))
    };
    assert_eq!(of("", &[(9090, "metrics"), (80, "")]), r#"80 Some("http")"#);
    assert_eq!(of("", &[(5432, "")]), "5432 None");
    assert_eq!(of("", &[(1, "grpc"), (2, "http-web")]), r#"2 Some("http")"#);
    assert_eq!(of(":metrics", &[(9090, "metrics"), (80, "")]), "9090 None");
    assert_eq!(of(":9090/", &[(9090, "metrics")]), r#"9090 Some("http")"#);
    assert_eq!(of(":443/", &[(443, "")]), r#"443 Some("https")"#);
    assert_eq!(of(":81", &[(80, ""), (90, "x")]), "the service `s` has no port 81: it has 80, 90 (x)");
    assert_eq!(of("", &[]), "the service `s` has no TCP port to forward");
}
