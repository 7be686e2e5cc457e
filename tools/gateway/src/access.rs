//! Who may look, and who may do something. With a token: whoever shows it, in a header or in the cookie that it was exchanged
//! for; there may be one for viewers and one for operators. Without any the gateway is on loopback, and answers only what was
//! addressed to loopback: a web page in the operator's browser whose host name was made to resolve to 127.0.0.1 gets nothing.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, header};
use epistemic_router::read_private_file;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
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

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// Looking.
    Viewer,
    /// Looking, and the few things that can be done.
    Operator,
}

/// The rules of a gateway.
#[derive(Debug)]
pub(super) struct Access {
    tokens: Vec<(Role, Token)>,
    /// It serves HTTPS alone: the cookie is for nothing else.
    secure: bool,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Granted(Role),
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
    /// With the tokens of viewers and of operators.
    pub(super) fn new(viewer: Option<Token>, operator: Option<Token>, secure: bool) -> Self {
        let viewer = viewer.map(|token| (Role::Viewer, token));
        let operator = operator.map(|token| (Role::Operator, token));
        Self { tokens: viewer.into_iter().chain(operator).collect(), secure }
    }

    /// Whether everybody who looks has shown a token.
    pub(super) fn has_token(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Judges a request by its headers.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        if self.tokens.is_empty() {
            let host = text(headers, header::HOST).unwrap_or_default();
            return if is_loopback(host) { Verdict::Granted(Role::Viewer) } else { Verdict::Misdirected };
        }
        let bearer = text(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let cookies = text(headers, header::COOKIE).unwrap_or_default().split(';').map(str::trim);
        let ours: Vec<_> =
            cookies.filter_map(|cookie| cookie.strip_prefix(COOKIE)?.strip_prefix('=')).collect();
        let shows = |token: &Token| {
            bearer.is_some_and(|(_, shown)| token.is(shown.trim()))
                || ours.iter().any(|shown| bool::from(shown.as_bytes().ct_eq(token.cookie().as_bytes())))
        };
        // Who shows both is who may do more.
        let granted = self.tokens.iter().rev().find(|(_, token)| shows(token));
        granted.map_or(Verdict::Unauthorized, |(role, _)| Verdict::Granted(*role))
    }

    /// The `Set-Cookie` for whoever shows a right token. Scripts do not see the cookie and other sites do not send it.
    pub(super) fn exchange(&self, shown: &str) -> Option<String> {
        let (_, token) = self.tokens.iter().find(|(_, token)| token.is(shown))?;
        Some(self.cookie(&token.cookie(), 604_800))
    }

    /// The `Set-Cookie` that ends what [`exchange`](Self::exchange) began, in this browser.
    pub(super) fn farewell(&self) -> String {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: u32) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a page of this gateway made the request: browsers tell where a request comes from, and only scripts of the same place
/// may add a header of their own.
pub(super) fn is_our_page(headers: &HeaderMap) -> bool {
    let told = headers.get("x-requested-with").is_some_and(|value| value == "dashboard");
    told && is_same_origin(headers)
}

/// Whether the request says that it comes from this very address.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let origin = text(headers, header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let host = text(headers, header::HOST);
    origin.is_some_and(|(_, authority)| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
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
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn judge(access: &Access, name: HeaderName, value: &str) -> Verdict {
        access.judge(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn the_token_opens_in_a_header_or_as_its_cookie() {
        let access = Access::new(Token::new(TOKEN), None, false);
        let cookie = access.exchange(TOKEN).unwrap();
        assert!(!cookie.contains(TOKEN) && cookie.contains("HttpOnly") && !cookie.contains("Secure"));
        let secure = Access::new(Token::new(TOKEN), None, true).exchange(TOKEN).unwrap();
        assert_eq!(secure, format!("{cookie}; Secure"));
        let cookie = cookie.split(';').next().unwrap();
        for (name, value) in [
            (header::AUTHORIZATION, format!("Bearer {TOKEN}")),
            (header::AUTHORIZATION, format!("bearer {TOKEN}")),
            (header::COOKIE, cookie.to_owned()),
            (header::COOKIE, format!("a=b; {cookie}")),
        ] {
            assert_eq!(judge(&access, name, &value), Verdict::Granted(Role::Viewer), "{value}");
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
        let access = Access::new(None, None, false);
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:9190", "[::1]:9190", "127.9.9.9"] {
            assert_eq!(judge(&access, header::HOST, host), Verdict::Granted(Role::Viewer), "{host}");
        }
        for host in ["evil.example", "evil.example:9190", "localhost.evil.example", "10.0.0.1", ""] {
            assert_eq!(judge(&access, header::HOST, host), Verdict::Misdirected, "{host}");
        }
        assert_eq!(access.exchange(""), None);
    }

    #[test]
    fn each_token_has_its_role_and_signing_out_ends_the_cookie() {
        const OPERATOR: &str = "fedcba9876543210";
        let access = Access::new(Token::new(TOKEN), Token::new(OPERATOR), false);
        let role = |token: &str| judge(&access, header::AUTHORIZATION, &format!("Bearer {token}"));
        assert_eq!(role(TOKEN), Verdict::Granted(Role::Viewer));
        assert_eq!(role(OPERATOR), Verdict::Granted(Role::Operator));
        let cookie = |token| access.exchange(token).unwrap().split(';').next().unwrap().to_owned();
        let both = format!("{}; {}", cookie(TOKEN), cookie(OPERATOR));
        assert_eq!(judge(&access, header::COOKIE, &both), Verdict::Granted(Role::Operator));
        assert!(access.farewell().contains("Max-Age=0") && access.farewell().contains("SameSite=Strict"));
    }

    #[test]
    fn a_write_comes_from_a_page_of_the_same_place() {
        let from = |origin: &'static str, with: &'static str| {
            is_our_page(&HeaderMap::from_iter([
                (header::HOST, "gateway.example:9190".parse().unwrap()),
                (header::ORIGIN, origin.parse().unwrap()),
                (HeaderName::from_static("x-requested-with"), with.parse().unwrap()),
            ]))
        };
        assert!(from("http://gateway.example:9190", "dashboard"));
        assert!(!from("http://gateway.example:9190", "XMLHttpRequest"));
        for origin in [
            "http://evil.example",
            "null",
            "http://gateway.example",
            "http://gateway.example:9190.evil.example",
        ] {
            assert!(!from(origin, "dashboard"), "{origin}");
        }
        assert!(!is_same_origin(&HeaderMap::new()));
    }
}
