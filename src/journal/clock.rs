//! [`now_ms`]: the wall clock, for people.

/// Returns the wall clock in milliseconds since the Unix epoch; for people, and for the age of what can't be
/// seen again: nothing else is compared with it.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
