//! [`now_ms`]: the wall clock, for people.

/// Returns the wall clock in milliseconds since the Unix epoch; for people only, never compared.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
