//! [`Session`]: what a server gave a client that has logged in. Kept in memory alone, and gone with the process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Mutex as AsyncMutex;

use crate::error::Failure;
use crate::fingerprint::Digest;
use crate::redact::Redactor;

/// The length from which the value of a cookie is masked: shorter ones are flags, and words of other texts.
const MASKED_COOKIE: usize = 8;

/// Cookies and headers that a server recognises a user by. Debug output shows none of them.
#[derive(Clone)]
pub struct Session {
    number: u64,
    cookies: BTreeMap<String, String>,
    headers: Vec<(String, String)>,
}

impl Session {
    /// One without anything.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, cookies: BTreeMap::new(), headers: Vec::new() }
    }

    /// Takes in the values of `Set-Cookie` headers. All requests of a session go to the place that set them, so path,
    /// domain and `Secure` exclude none.
    pub fn set_cookies(&mut self, cookies: &[String], redactor: &Redactor) {
        for cookie in cookies {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let ends = parts.any(|attribute| {
                let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
                key.eq_ignore_ascii_case("max-age") && value.trim().parse::<i64>().is_ok_and(|age| age <= 0)
            });
            if ends || value.trim().is_empty() {
                self.cookies.remove(name.trim());
            } else {
                if value.trim().len() >= MASKED_COOKIE {
                    redactor.register(value.trim());
                }
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// Adds a header, whose secret part is `token`.
    pub fn add_header(&mut self, name: &str, value: String, token: &str, redactor: &Redactor) {
        redactor.register(token);
        self.headers.push((name.to_owned(), value));
    }

    /// Whether the server gave nothing.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.headers.is_empty()
    }

    /// The headers of a request that belongs to it.
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        headers
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The session of one login; held while somebody logs in.
type Slot = Arc<AsyncMutex<Option<Session>>>;

/// The sessions of this process, by what logs in where.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<BTreeMap<Digest, Slot>>);

impl Sessions {
    fn slot(&self, key: Digest) -> Slot {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    /// Returns the session of `key` and whether it is new: `log_in` makes one if there is none, or if it is the one
    /// that has `ended`.
    pub async fn get_or(
        &self,
        key: Digest,
        ended: Option<&Session>,
        log_in: impl Future<Output = Result<Session, Failure>>,
    ) -> Result<(Session, bool), Failure> {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(session) = &*kept
            && ended.is_none_or(|ended| ended.number != session.number)
        {
            return Ok((session.clone(), false));
        }
        *kept = None;
        let session = log_in.await?;
        *kept = Some(session.clone());
        Ok((session, true))
    }

    /// Takes in the cookies of a response to a request of `session`.
    pub async fn update(&self, key: Digest, session: &Session, cookies: &[String], redactor: &Redactor) {
        if cookies.is_empty() {
            return;
        }
        if let Some(kept) = &mut *self.slot(key).lock().await
            && kept.number == session.number
        {
            kept.set_cookies(cookies, redactor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(session: &Session) -> String {
        session.headers().into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn cookies_are_kept_replaced_and_removed_as_the_server_says() {
        let redactor = Redactor::new();
        let mut session = Session::new();
        let steps = [
            ("sid=abcdef123456; Path=/; HttpOnly; Secure", "cookie: sid=abcdef123456"),
            ("theme=dark", "cookie: sid=abcdef123456; theme=dark"),
            ("sid=other9876543; Max-Age=3600", "cookie: sid=other9876543; theme=dark"),
            ("theme=dark; max-age=0", "cookie: sid=other9876543"),
            ("nonsense", "cookie: sid=other9876543"),
            ("sid=; Path=/", ""),
        ];
        for (cookie, expected) in steps {
            session.set_cookies(&[cookie.to_owned()], &redactor);
            assert_eq!(cookies(&session), expected, "{cookie}");
        }
        assert!(session.is_empty());
        assert_eq!(redactor.text("abcdef123456 in the dark"), "*** in the dark");
        session.add_header("authorization", "Bearer token-0123456".into(), "token-0123456", &redactor);
        assert_eq!(cookies(&session), "authorization: Bearer token-0123456");
        assert_eq!(redactor.text("token-0123456"), "***");
        assert!(!format!("{session:?}").contains("token"));
    }

    #[tokio::test]
    async fn one_login_serves_all_until_it_has_ended() {
        let sessions = Sessions::default();
        let redactor = Redactor::new();
        let key = Digest::of(b"a");
        let log_in = || async { Ok(Session::new()) };
        let (first, is_new) = sessions.get_or(key, None, log_in()).await.unwrap();
        assert!(is_new);
        let (second, is_new) = sessions.get_or(key, None, log_in()).await.unwrap();
        assert!(!is_new && second.number == first.number);
        sessions.update(key, &first, &["a=1".to_owned()], &redactor).await;
        assert_eq!(cookies(&sessions.get_or(key, None, log_in()).await.unwrap().0), "cookie: a=1");
        // Two that see its end: one logs in again, and the other gets that session.
        let (third, is_new) = sessions.get_or(key, Some(&first), log_in()).await.unwrap();
        assert!(is_new);
        let (fourth, is_new) = sessions.get_or(key, Some(&second), log_in()).await.unwrap();
        assert!(!is_new && fourth.number == third.number);
        // A late response of the old one changes nothing.
        sessions.update(key, &first, &["b=1".to_owned()], &redactor).await;
        assert!(sessions.get_or(key, None, log_in()).await.unwrap().0.is_empty());
        assert!(sessions.get_or(Digest::of(b"b"), None, log_in()).await.unwrap().1);
    }
}
