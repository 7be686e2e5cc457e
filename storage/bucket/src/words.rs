//! What the errors of a bucket mean, and what to do about them.

use std::{error::Error, io, sync::Arc};

use object_store::client::{HttpError, HttpErrorKind};

use crate::NoCredentials;

/// The codes of S3 that an operator can do something about. Servers send them in the bodies of their answers, and the client gives
/// these as text alone.
const CODES: [(&str, &str); 14] = [
    (
        "NoSuchBucket",
        "there is no such bucket: create it first, and look at its name and at the endpoint (AWS_ENDPOINT)",
    ),
    ("InvalidBucketName", "no bucket can have such a name: look at the URL"),
    (
        "InvalidAccessKeyId",
        "it does not know the key: look at AWS_ACCESS_KEY_ID and at the endpoint (AWS_ENDPOINT)",
    ),
    ("SignatureDoesNotMatch", "the secret is not that of the key: look at AWS_SECRET_ACCESS_KEY"),
    ("ExpiredToken", "the credentials have expired: get new ones (AWS_SESSION_TOKEN)"),
    ("InvalidToken", "the session token is not one of the key: look at AWS_SESSION_TOKEN"),
    (
        "AccessDenied",
        "these credentials may not do it: the key needs to list the bucket, and to read, write and delete objects below the prefix",
    ),
    ("QuotaExceeded", FULL),
    ("XMinioAdminBucketQuotaExceeded", FULL),
    ("XMinioStorageFull", FULL),
    ("PermanentRedirect", REGION),
    ("AuthorizationHeaderMalformed", REGION),
    ("IllegalLocationConstraintException", REGION),
    (
        "RequestTimeTooSkewed",
        "the clocks of this machine and of the object store differ by more than it allows: set the clock",
    ),
];
const REGION: &str =
    "the bucket is in another region: set AWS_REGION to that of the bucket, or AWS_ENDPOINT to where it is";
const FULL: &str = "the bucket is full: give it room or a higher quota, or remove what nobody needs";
/// In the text of an answer with this status, which has no code everywhere.
const STATUS_FULL: &str = "507 Insufficient Storage";
/// Of an answer that sends elsewhere without saying where; the client's own text.
const ELSEWHERE: &str = "redirect without LOCATION";

/// What an error of a bucket means and what to do, when it is known; also of one that came through a stream, as an [`io::Error`].
#[must_use]
pub fn in_words(error: &(dyn Error + 'static)) -> Option<String> {
    let error = of_bucket(error)?;
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(missing) = cause.downcast_ref::<NoCredentials>() {
            return Some(missing.to_string());
        }
        if let Some(error) = cause.downcast_ref::<HttpError>() {
            return of_connection(error);
        }
        next = cause.source();
    }
    of_text(&error.to_string())
}

/// An error that may have one of a bucket among its causes, for people: what that means and what to do, else as it is.
#[must_use]
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(words) = in_words(cause) {
            return words;
        }
        next = cause.source();
    }
    error.to_string()
}

fn of_bucket<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e object_store::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    if let Some(shared) = error.downcast_ref::<Arc<object_store::Error>>() {
        return Some(shared);
    }
    of_bucket(error.downcast_ref::<io::Error>()?.get_ref()?)
}

fn of_connection(error: &HttpError) -> Option<String> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and others are told as they are")]
    let what = match error.kind() {
        HttpErrorKind::Connect => "nobody answers there",
        HttpErrorKind::Timeout => "it does not answer in time",
        _ => return None,
    };
    let mut deepest: &dyn Error = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    Some(format!(
        "{what} ({deepest}): look at the endpoint (AWS_ENDPOINT, without it the one of AWS_REGION), at the network, and whether \
         the object store runs"
    ))
}

fn of_text(text: &str) -> Option<String> {
    let sent = |code: &str| text.contains(&format!("<Code>{code}</Code>"));
    let found = CODES.iter().find(|(code, _)| sent(code));
    match found {
        Some((code, words)) => Some(format!("{words} ({code})")),
        None if text.contains(STATUS_FULL) => Some(FULL.to_owned()),
        None => text.contains(ELSEWHERE).then(|| REGION.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use object_store::{
        ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
        aws::{AmazonS3, AmazonS3Builder},
        path::Path,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{BucketError, open};

    fn builder() -> AmazonS3Builder {
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        AmazonS3Builder::new().with_bucket_name("b").with_retry(retry)
    }

    fn bucket(endpoint: String) -> AmazonS3 {
        let builder = builder().with_access_key_id("key").with_secret_access_key("secret");
        open(builder.with_allow_http(true).with_endpoint(endpoint)).unwrap()
    }

    async fn put(bucket: &dyn ObjectStore) -> object_store::Error {
        bucket.put(&Path::from("a"), PutPayload::from_static(b"x")).await.unwrap_err()
    }

    /// A server that answers every request so.
    async fn answering(status: &'static str, body: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 65536]).await;
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all((head + &body).as_bytes()).await;
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn codes_of_the_server_are_told_with_what_to_do() {
        for (status, code, word) in [
            ("404 Not Found", "NoSuchBucket", "create it first"),
            ("403 Forbidden", "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
            ("403 Forbidden", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
            ("403 Forbidden", "AccessDenied", "may not do it"),
            ("400 Bad Request", "AuthorizationHeaderMalformed", "AWS_REGION"),
        ] {
            let body =
                format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
            let error = put(&bucket(answering(status, body).await)).await;
            let words = in_words(&error).unwrap();
            assert!(words.contains(word) && words.contains(code) && !words.contains('<'), "{words}");
            // Also where the client's error is a cause of others.
            assert_eq!(in_words(&io::Error::from(error)), Some(words));
        }
        let full = put(&bucket(answering("507 Insufficient Storage", String::new()).await)).await;
        assert!(told(&full).contains("bucket is full"), "{full:?}");
        let other = put(&bucket(answering("418 I'm a teapot", String::new()).await)).await;
        assert_eq!(in_words(&other), None);
        assert_eq!(told(&other), other.to_string());
        let moved = put(&bucket(answering("301 Moved Permanently", String::new()).await)).await;
        assert!(told(&moved).contains("AWS_REGION"), "{moved:?}");
    }

    #[tokio::test]
    async fn nobody_at_the_endpoint_is_told() {
        // A port that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let words = told(&put(&bucket(format!("http://{free}"))).await);
        assert!(words.contains("nobody answers") && words.contains("AWS_ENDPOINT"), "{words}");
    }

    #[tokio::test]
    async fn missing_credentials_are_told() {
        let machine = answering("404 Not Found", String::new()).await;
        let lonely = builder().with_metadata_endpoint(machine).with_allow_http(true);
        let words = told(&put(&open(lonely.with_endpoint("http://127.0.0.1:1")).unwrap()).await);
        assert!(words.contains("AWS_ACCESS_KEY_ID"), "{words}");
    }

    #[test]
    fn mistakes_that_need_no_request() {
        let refused = |builder| open(builder).unwrap_err().to_string();
        let whole = || builder().with_access_key_id("key").with_secret_access_key("secret");
        let half = refused(builder().with_access_key_id("key"));
        assert!(half.contains("AWS_SECRET_ACCESS_KEY is not"), "{half}");
        let clear = refused(whole().with_endpoint("http://127.0.0.1:9000"));
        assert!(clear.contains("AWS_ALLOW_HTTP=true"), "{clear}");
        let bare = open(whole().with_endpoint("127.0.0.1:9000")).unwrap_err();
        assert!(matches!(bare, BucketError::Endpoint { .. }), "{bare}");
        assert!(open(whole()).is_ok());
    }
}
