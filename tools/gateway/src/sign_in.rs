//! Letting people and programs in, and out: the form, the cookie, and what is answered without a token.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Access, Verdict, is_same_origin};
use super::api::ApiError;
use super::pages;
use super::server::Shared;

/// Bytes of the form.
pub(super) const MAX_FORM: usize = 4096;

/// Lets a request through with its role, or says what is missing: a person gets the form, a program an error.
pub(super) async fn guard(State((_, access)): Shared, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if pages::is_public(path) {
        return next.run(request).await;
    }
    let is_page = pages::is_page(path);
    let query = request.uri().query().unwrap_or_default().as_bytes();
    if path == "/"
        && let Some(shown) = field("token", query)
    {
        return admit(&access, &shown, "/");
    }
    match access.judge(request.headers()) {
        Verdict::Granted(role) => {
            request.extensions_mut().insert(role);
            next.run(request).await
        }
        Verdict::Unauthorized if is_page => see_other(&sign_in_for(request.uri())),
        Verdict::Unauthorized => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            if path.starts_with("/api/") {
                return (challenge, ApiError::unauthorized()).into_response();
            }
            let text = "a token is needed: Authorization: Bearer TOKEN\n";
            (StatusCode::UNAUTHORIZED, challenge, text).into_response()
        }
        Verdict::Misdirected => {
            let text = "this gateway has no token and answers only what is addressed to localhost\n";
            (StatusCode::MISDIRECTED_REQUEST, text).into_response()
        }
    }
}

pub(super) async fn form() -> Response {
    pages::login(StatusCode::OK, "")
}

/// Exchanges the token of the form for a cookie, and goes on to the page that was asked for first.
pub(super) async fn login(State((_, access)): Shared, uri: Uri, body: Body) -> Response {
    let next = field("next", uri.query().unwrap_or_default().as_bytes());
    let next = next.filter(|next| is_here(next)).unwrap_or_else(|| "/".to_owned());
    match to_bytes(body, MAX_FORM).await {
        Ok(form) => admit(&access, &field("token", &form).unwrap_or_default(), &next),
        Err(_) => pages::login(StatusCode::PAYLOAD_TOO_LARGE, "This is not a token."),
    }
}

/// Ends the session of this browser. The token stays good: whoever has it may sign in again.
pub(super) async fn logout(State((_, access)): Shared, headers: HeaderMap) -> Response {
    if !is_same_origin(&headers) {
        return ApiError::forbidden("only a page of this gateway signs out").into_response();
    }
    ([(header::SET_COOKIE, access.farewell())], see_other("/login")).into_response()
}

fn admit(access: &Access, shown: &str, next: &str) -> Response {
    match access.exchange(shown) {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], see_other(next)).into_response(),
        None => pages::login(StatusCode::UNAUTHORIZED, "This is not the token."),
    }
}

/// The form, which leads back to that page.
fn sign_in_for(uri: &Uri) -> String {
    let page = uri.path_and_query().map_or("/", |page| page.as_str());
    if page == "/" {
        return "/login".to_owned();
    }
    let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", page).finish();
    format!("/login?{next}")
}

/// Whether it is a place of this gateway: browsers take `//` and `/\` for other hosts, and control characters for nothing.
fn is_here(place: &str) -> bool {
    let rest = place.strip_prefix('/');
    rest.is_some_and(|rest| {
        !rest.starts_with(['/', '\\']) && place.bytes().all(|byte| (0x21..0x7f).contains(&byte))
    })
}

fn see_other(place: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place.to_owned())]).into_response()
}

fn field(name: &str, encoded: &[u8]) -> Option<String> {
    form_urlencoded::parse(encoded).find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_back_to_a_page_of_this_gateway_alone() {
        let asked: Uri = "/graph?name=a%26b&tab=ledger".parse().unwrap();
        let form: Uri = sign_in_for(&asked).parse().unwrap();
        let next = field("next", form.query().unwrap().as_bytes()).unwrap();
        assert_eq!(next, "/graph?name=a%26b&tab=ledger");
        assert_eq!(sign_in_for(&"/".parse().unwrap()), "/login");
        assert!(is_here(&next) && is_here("/"));
        for place in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "evil",
            "/\t/evil.example",
            "/a\r\nb: c",
        ] {
            assert!(!is_here(place), "{place:?}");
        }
    }
}
