//! The files of the dashboard. They are built into the program (`build.rs` lists them), are checked by browsers before each use,
//! and change together: all have the ETag of the build.

use std::sync::LazyLock;

use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Path below `page/`, and content.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The one HTML file: the addresses of the pages are told apart by its script.
const SHELL: &str = "index.html";
const LOGIN: &str = "login.html";

/// Addresses of pages. That of a shard has its number behind it.
pub(super) const PAGES: [&str; 8] =
    ["/", "/shards", "/shard/{n}", "/graphs", "/graph", "/explore", "/moves", "/where"];

static ETAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, content) in FILES {
        hash.update(Sha256::digest(name));
        hash.update(Sha256::digest(content));
    }
    let text = format!("\"{}\"", hex::encode(&hash.finalize()[..12]));
    HeaderValue::try_from(text).expect("hexadecimal digits are a header")
});

fn find(name: &str) -> Option<&'static [u8]> {
    let found = FILES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    Some(FILES[found].1)
}

/// Whether a path is that of a page, which a person opens.
pub(super) fn is_page(path: &str) -> bool {
    PAGES.contains(&path) || path.strip_prefix("/shard/").is_some_and(|number| !number.contains('/'))
}

/// Whether a file is for those as well who have not signed in: what the form of the token needs.
pub(super) fn is_public(path: &str) -> bool {
    path.starts_with("/css/") || path == "/style.css" || path == "/theme.js"
}

/// The HTML of every page.
pub(super) async fn shell(headers: HeaderMap) -> Response {
    serve(SHELL, &headers)
}

/// A file by its path, or that there is none.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().trim_start_matches('/');
    if [SHELL, LOGIN].contains(&name) { nothing() } else { serve(name, &headers) }
}

/// The form that asks for the token, with a message in it.
pub(super) fn login(status: StatusCode, message: &str) -> Response {
    let page = find(LOGIN).and_then(|page| std::str::from_utf8(page).ok()).unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, page.replace("{message}", message)).into_response()
}

fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(content) = find(name) else { return nothing() };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let fresh = known.split(',').any(|tag| tag.trim().as_bytes() == ETAG.as_bytes());
    let cached =
        [(header::ETAG, ETAG.clone()), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if fresh {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(header::CONTENT_TYPE, kind_of(name))], content).into_response()
}

fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_has_what_every_page_needs() {
        assert!(FILES.is_sorted_by_key(|(name, _)| *name));
        assert!(find(SHELL).is_some() && find(LOGIN).is_some() && find("nothing.js").is_none());
    }

    #[test]
    fn pages_are_told_from_files_and_from_the_api() {
        for path in ["/", "/shard/7", "/graph", "/where"] {
            assert!(is_page(path), "{path}");
        }
        for path in ["/app.js", "/api/tier", "/shard/7/x", "/index.html", "/metrics"] {
            assert!(!is_page(path), "{path}");
        }
        assert!(is_public("/css/base.css") && !is_public("/app.js"));
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let fresh = serve(SHELL, &HeaderMap::new());
        let tag = fresh.headers()[header::ETAG].clone();
        assert_eq!(fresh.headers()[header::CACHE_CONTROL], "no-cache");
        let again = serve(SHELL, &HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static("\"x\""))]);
        assert_eq!(serve(SHELL, &other).status(), StatusCode::OK);
    }
}
