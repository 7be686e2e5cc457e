//! Who may look. With a token: whoever shows it, in a header or in the cookie that it was exchanged for. Without one
//! the gateway is on loopback, and answers only what was addressed to loopback: a web page in the operator's browser
//! whose host name was made to resolve to 127.0.0.1 gets nothing.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use axum::http::{HeaderMap, header};
use epistemic_router::read_private_file;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::program::Usage;

/// Cookie that stands for the token.
const COOKIE: &str = "epistemic_graph_gateway";
/// A shorter token could be guessed.
const MIN_TOKEN: usize = 16;

/// The token, as the key of a hash: equal tokens have equal hashes of equal length, compared in constant time.
#[derive(Clone)]
pub(super) struct Token(Hmac<Sha256>);

/// The rules of a gateway.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<Token>,
    /// It serves HTTPS alone: the cookie is for nothing else.
    secure: bool,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Granted,
    /// No token, or a wrong one.
    Unauthorized,
    /// Addressed to a name that is not loopback.
    Misdirected,
}

impl Token {
    /// A token of 16 characters and more.
    pub(super) fn new(text: &str) -> Option<Self> {
        let long = text.chars().count() >= MIN_TOKEN;
        long.then(|| Self(Hmac::new_from_slice(text.as_bytes()).expect("HMAC takes a key of any length")))
    }

    /// The token in a file, without the line break at its end. Blocks.
    pub(super) fn from_file(path: &Path) -> Result<Self, Usage> {
        let refuse =
            |reason: String| Usage(format!("the token file {} cannot be used: {reason}", path.display()));
        let token = read_private_file(path).map_err(refuse)?;
        Self::new(&token).ok_or_else(|| refuse(format!("its token has fewer than {MIN_TOKEN} characters")))
    }

    fn is(&self, shown: &str) -> bool {
        Self::new(shown).is_some_and(|shown| shown.cookie().as_bytes().ct_eq(self.cookie().as_bytes()).into())
    }

    /// What the cookie holds: it does not give the token away and ends with it.
    fn cookie(&self) -> String {
        hex::encode(self.0.clone().chain_update("epistemic-graph-gateway session").finalize().into_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Access {
    pub(super) fn new(token: Option<Token>, secure: bool) -> Self {
        Self { token, secure }
    }

    /// Judges a request by its headers.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(token) = &self.token else {
            let host = text(header::HOST).unwrap_or_default();
            return if is_loopback(host) { Verdict::Granted } else { Verdict::Misdirected };
        };
        let bearer = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let cookies = text(header::COOKIE).unwrap_or_default().split(';').map(str::trim);
        let mut ours = cookies.filter_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('='));
        let granted = bearer.is_some_and(|(_, shown)| token.is(shown.trim()))
            || ours.any(|shown| bool::from(shown.as_bytes().ct_eq(token.cookie().as_bytes())));
        if granted { Verdict::Granted } else { Verdict::Unauthorized }
    }

    /// The `Set-Cookie` for whoever shows the right token. Scripts do not see the cookie and other sites do not send
    /// it with what they embed.
    pub(super) fn exchange(&self, shown: &str) -> Option<String> {
        let token = self.token.as_ref().filter(|token| token.is(shown))?;
        let secure = if self.secure { "; Secure" } else { "" };
        Some(format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=604800{secure}", token.cookie()))
    }
}

/// `localhost` or a loopback address, with any port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn judge(access: &Access, name: HeaderName, value: &str) -> Verdict {
        access.judge(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn the_token_opens_in_a_header_or_as_its_cookie() {
        let access = Access::new(Token::new(TOKEN), false);
        let cookie = access.exchange(TOKEN).unwrap();
        assert!(!cookie.contains(TOKEN) && cookie.contains("HttpOnly") && !cookie.contains("Secure"));
        let secure = Access::new(Token::new(TOKEN), true).exchange(TOKEN).unwrap();
        assert_eq!(secure, format!("{cookie}; Secure"));
        let cookie = cookie.split(';').next().unwrap();
        for (name, value) in [
            (header::AUTHORIZATION, format!("Bearer {TOKEN}")),
            (header::AUTHORIZATION, format!("bearer {TOKEN}")),
            (header::COOKIE, cookie.to_owned()),
            (header::COOKIE, format!("a=b; {cookie}")),
        ] {
            assert_eq!(judge(&access, name, &value), Verdict::Granted, "{value}");
        }
        for (name, value) in [
            (header::AUTHORIZATION, "Bearer 0123456789abcdeg".to_owned()),
            (header::AUTHORIZATION, "Bearer ".to_owned()),
            (header::AUTHORIZATION, TOKEN.to_owned()),
            (header::COOKIE, format!("{COOKIE}={TOKEN}")),
            (header::COOKIE, format!("{COOKIE}=")),
            (header::HOST, "localhost".to_owned()),
        ] {
            assert_eq!(judge(&access, name, &value), Verdict::Unauthorized, "{value}");
        }
        assert_eq!(access.exchange("0123456789abcdefg"), None);
        assert!(Token::new("short").is_none());
    }

    #[test]
    fn without_a_token_only_loopback_names_are_answered() {
        let access = Access::new(None, false);
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:9190", "[::1]:9190", "127.9.9.9"] {
            assert_eq!(judge(&access, header::HOST, host), Verdict::Granted, "{host}");
        }
        for host in ["evil.example", "evil.example:9190", "localhost.evil.example", "10.0.0.1", ""] {
            assert_eq!(judge(&access, header::HOST, host), Verdict::Misdirected, "{host}");
        }
        assert_eq!(access.exchange(""), None);
    }
}
