//! [`expiry`]: until when a certificate is valid.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// The tags of DER (X.690) that lead to the date.
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT_VERSION: u8 = 0xa0;

/// Years from here on belong to the last century, where a date has two digits of them (RFC 5280).
const CENTURY: u32 = 50;

/// Returns until when the first certificate of a PEM file is valid; `None` if there is none that can be read.
pub fn expiry(pem: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    not_after(&STANDARD.decode(body).ok()?)
}

/// Certificate → `TBSCertificate`: version, serial number, algorithm, issuer, validity (RFC 5280).
fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        (_, _, fields) = next(fields)?;
    }
    for _ in ["serial number", "algorithm", "issuer"] {
        (_, _, fields) = next(fields)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_, _, not_after) = next(validity)?;
    let (tag, date, _) = next(not_after)?;
    time(tag, std::str::from_utf8(date).ok()?)
}

/// Returns the content of the next element, which has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = next(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Returns the tag and the content of the next element, and what follows it.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year.
fn time(tag: u8, date: &str) -> Option<Timestamp> {
    let digits = date.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: u32 = digits[..2].parse().ok()?;
            (if year < CENTURY { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let (month, day, hour, minute, second) = (&rest[..2], &rest[2..4], &rest[4..6], &rest[6..8], &rest[8..]);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509`; of keys that nobody has.
    const UNTIL_2036: &str = "-----BEGIN CERTIFICATE-----
MIIBcjCCARmgAwIBAgIUa+w/lSK7EQ8C6kNwvASg9bHI1N0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjYxNTUxMDlaFw0zNjExMjMxNTUxMDla
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASTJypK
KAYGBJgjYWBpi5ia8rIGxpRIDUONldga9hdobyWHxZ26G3GDYSoQVD+zc/7kGVix
QhzZiQv7G+OvJtoFo1MwUTAdBgNVHQ4EFgQUvZWnFtstmJ7H1mfGhniSGg3XhxIw
HwYDVR0jBBgwFoAUvZWnFtstmJ7H1mfGhniSGg3XhxIwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNHADBEAiALdUWjaTIr6sTr0XJGzAibshyA14HWyofprVzO
N1BLsAIgZApY7NP1XMPtE/W2kVNaXjKG06YYtiejA+qOHlu2Pd0=
-----END CERTIFICATE-----
";
    const UNTIL_2081: &str = "-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUd9DTKQWobFbResIFckMFuUum2cUwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjYxNTUxMDlaGA8yMDgxMDgyOTE1NTEwOVow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCK2RdIQXV7y
Tos84Do65dBz9wNMOL0YvsQl2HaMynXfACZOHkvo+oD3ttnYl3cxs6ratTtViL6i
M2h6qHG0pxyjUzBRMB0GA1UdDgQWBBRkiQu04bM1JRjhfzYicpFyRC964TAfBgNV
HSMEGDAWgBRkiQu04bM1JRjhfzYicpFyRC964TAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCIQDjc0PM77h4e+nM44PnRlNUlNi3HuNuq8HH1VoqiruB
xgIgF606moGKHQmc8+VVKQ8W/WMR1PWBKEtXXOrIqyMKwJ0=
-----END CERTIFICATE-----
";

    #[test]
    fn both_forms_of_a_date_are_read() {
        let of = |pem: &str| expiry(pem.as_bytes()).map(|time| time.to_string());
        assert_eq!(of(UNTIL_2036).as_deref(), Some("2036-11-23T15:51:09Z"));
        assert_eq!(of(UNTIL_2081).as_deref(), Some("2081-08-29T15:51:09Z"));
        assert_eq!(of(&format!("text before it\n{UNTIL_2036}{UNTIL_2081}")).as_deref(), Some("2036-11-23T15:51:09Z"));
    }

    #[test]
    fn what_is_no_certificate_has_no_date_wherever_it_is_cut() {
        assert_eq!(expiry(b"no certificate"), None);
        let body: String = UNTIL_2036.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        for end in 0..der.len() {
            assert_eq!(not_after(&der[..end]), None, "{end}");
        }
        assert!(not_after(&der).is_some());
    }
}
