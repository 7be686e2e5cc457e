//! The codes of errors: what programs decide by, wherever the error comes from.
//!
//! A server sends texts. Most begin with their code, `CODE: words for people`; those that the first servers of the protocol
//! fixed, and those of a store, begin with words of their own. [`ErrorCode::of_text`] knows both.

use std::fmt;

/// What the receiver of an error should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Try the same again after a pause. A write may have been carried out already.
    Retry,
    /// Correct the endpoint list, or ask the shard that the error names: another one has the graph.
    Reroute,
    /// The request is at fault and fails again unchanged.
    FixRequest,
    /// An operator has to act: start a shard, free a disk, correct the configuration.
    Repair,
    /// A bug here or in the server: report it with its text.
    Report,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $code:ident = $name:literal $kind:ident $page:literal;)+) => {
        /// Why something failed. The name is stable, the words around it are not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $code,)+
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$code),+];

            /// The name: words in capitals.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$code => $name,)+ }
            }

            /// What to do about it.
            #[must_use]
            pub const fn kind(self) -> ErrorKind {
                match self { $(ErrorCode::$code => ErrorKind::$kind,)+ }
            }

            /// The page for people, from the root of the repository.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(ErrorCode::$code => concat!("docs/errors/", $page, ".md"),)+ }
            }
        }
    };
}

codes! {
    // Of servers; their texts begin with the name.

    /// Access control does not let this agent do this.
    AccessDenied = "ACCESS_DENIED" FixRequest "access-denied";
    /// A graph is being moved or restored to this shard and is not open here yet.
    Arriving = "ARRIVING" Reroute "arriving";
    /// The audit log, without which nothing is to be done, cannot be written.
    AuditUnavailable = "AUDIT_UNAVAILABLE" Repair "audit-unavailable";
    /// The server has no place for the request now.
    Busy = "BUSY" Retry "busy";
    /// Nobody waited for the answer any more.
    Cancelled = "CANCELLED" Retry "cancelled";
    /// A computation took longer than it may.
    ComputeDeadline = "COMPUTE_DEADLINE" FixRequest "compute-deadline";
    /// Stored bytes fail their checksum or cannot be what they claim to be.
    Corrupt = "CORRUPT" Repair "corrupt";
    /// A request is larger than the server takes.
    FrameTooLarge = "FRAME_TOO_LARGE" FixRequest "frame-too-large";
    /// A graph that moved to this shard is not here any more.
    GraphMissing = "GRAPH_MISSING" Repair "graph-missing";
    /// A write came with a key that was used for another one.
    IdempotencyConflict = "IDEMPOTENCY_CONFLICT" FixRequest "idempotency-conflict";
    /// A computation ended without an answer.
    Internal = "INTERNAL" Report "internal";
    /// The ledger does not tell all changes since a state.
    LedgerTruncated = "LEDGER_TRUNCATED" FixRequest "ledger-truncated";
    /// A request would write more than one request may.
    LimitExceeded = "LIMIT_EXCEEDED" FixRequest "limit-exceeded";
    /// The graph is served by another shard.
    Moved = "MOVED" Reroute "moved";
    /// A step of a move that was given up.
    MoveAborted = "MOVE_ABORTED" FixRequest "move-aborted";
    /// A step of a move does not fit what the shard knows of the graph.
    MoveConflict = "MOVE_CONFLICT" FixRequest "move-conflict";
    /// A step of a move was made for a state that is not there any more.
    MoveOvertaken = "MOVE_OVERTAKEN" Retry "move-overtaken";
    /// The graph takes no writes for a moment; nothing was written.
    Moving = "MOVING" Retry "moving";
    /// The nodes and edges of a graph do not fit into the memory for algorithms.
    ProjectionTooLarge = "PROJECTION_TOO_LARGE" FixRequest "projection-too-large";
    /// A tenant has or uses as much as a rule allows it. It fails again until a time that the text names, or until something
    /// is removed: trying again at once makes it worse.
    Quota = "QUOTA" FixRequest "quota";
    /// This server follows the owner of the shard, which the text names, and answers reads alone.
    Replica = "REPLICA" Reroute "replica";
    /// An answer does not fit.
    ResultTooLarge = "RESULT_TOO_LARGE" FixRequest "result-too-large";
    /// What a read replica has may be older than it may tell.
    Stale = "STALE" Retry "stale";
    /// This server has no records: it waits to take over from the owner of the shard, which the text names.
    Standby = "STANDBY" Reroute "standby";
    /// Two tenant ids lead to the same graph.
    TenantCollision = "TENANT_COLLISION" FixRequest "tenant-collision";
    /// A connection to this port has to be under TLS.
    TlsRequired = "TLS_REQUIRED" Repair "tls-required";
    /// The embeddings of a graph do not fit into the memory for them.
    VectorsTooLarge = "VECTORS_TOO_LARGE" FixRequest "vectors-too-large";
    /// The graph belongs to another shard; nothing was created.
    WrongShard = "WRONG_SHARD" Reroute "wrong-shard";

    // Of servers; their texts begin with words (`WORDS`), or have words around a name (`AROUND`).

    /// The token of a request is wrong.
    AuthenticationFailed = "AUTHENTICATION_FAILED" Repair "authentication-failed";
    /// The directory cannot be opened as a data directory.
    BadDirectory = "BAD_DIRECTORY" Repair "bad-directory";
    /// The file system has no room. Writes resume by themselves once it has.
    DiskFull = "DISK_FULL" Repair "disk-full";
    /// Something has this name already.
    Exists = "EXISTS" FixRequest "not-found";
    /// Another process has taken over the store of the shard, which must be stopped.
    Fenced = "FENCED" Repair "fenced";
    /// The graph was deleted, cleared or replaced while the request ran.
    GraphReplaced = "GRAPH_REPLACED" Retry "graph-replaced";
    /// The request or its payload cannot be decoded.
    InvalidRequest = "INVALID_REQUEST" FixRequest "invalid-request";
    /// Another process owns the directory.
    Locked = "LOCKED" Repair "locked";
    /// The server does not serve the method.
    MethodNotAvailable = "METHOD_NOT_AVAILABLE" FixRequest "method-not-available";
    /// Nothing has this name.
    NotFound = "NOT_FOUND" FixRequest "not-found";
    /// No more files can be opened. Writes resume by themselves once some are closed.
    OutOfDescriptors = "OUT_OF_DESCRIPTORS" Retry "out-of-descriptors";
    /// The shard takes no more writes since a write or fsync failed.
    Poisoned = "POISONED" Repair "poisoned";
    /// A write was tried on a store that was opened for reading.
    ReadOnly = "READ_ONLY" Repair "read-only";
    /// The server is about to end. Of a write nobody knows whether it was carried out.
    ShuttingDown = "SHUTTING_DOWN" Retry "shutting-down";
    /// The backend or the file system failed in another way.
    StorageError = "STORAGE_ERROR" Repair "storage-error";
    /// The object store of the shard does not answer. Writes resume by themselves once it does.
    StoreUnreachable = "STORE_UNREACHABLE" Retry "store-unreachable";
    /// The backend does not offer the operation.
    Unsupported = "UNSUPPORTED" FixRequest "unsupported";
    /// The server answered with an error that has no code of its own.
    ServerError = "SERVER_ERROR" FixRequest "server-error";

    // Of clients.

    /// No server could be started for a local socket.
    AutostartFailed = "AUTOSTART_FAILED" Repair "autostart-failed";
    /// A shard could not be reached several times, so nothing is tried for a while.
    CircuitOpen = "CIRCUIT_OPEN" Repair "circuit-open";
    /// A connection to a server could not be made.
    ConnectFailed = "CONNECT_FAILED" Repair "connect-failed";
    /// The connection ended before the answer came.
    ConnectionLost = "CONNECTION_LOST" Retry "connection-lost";
    /// No answer came in time.
    DeadlineExceeded = "DEADLINE_EXCEEDED" Retry "deadline-exceeded";
    /// The same endpoint is listed twice.
    EndpointDuplicate = "ENDPOINT_DUPLICATE" Repair "endpoint-duplicate";
    /// There is no endpoint in the list.
    EndpointListEmpty = "ENDPOINT_LIST_EMPTY" Repair "endpoint-list-empty";
    /// An endpoint list begins like JSON and is not a list of strings.
    EndpointListMalformed = "ENDPOINT_LIST_MALFORMED" Repair "endpoint-list-malformed";
    /// A client and a shard have different endpoint lists.
    EndpointListMismatch = "ENDPOINT_LIST_MISMATCH" Repair "endpoint-list-mismatch";
    /// An endpoint does not parse.
    EndpointMalformed = "ENDPOINT_MALFORMED" Repair "endpoint-malformed";
    /// The only configured engine cannot be reached.
    EngineUnreachable = "ENGINE_UNREACHABLE" Repair "engine-unreachable";
    /// The request did not leave this process.
    NotSent = "NOT_SENT" Retry "not-sent";
    /// The parameters cannot be written as MessagePack.
    ParamsNotEncodable = "PARAMS_NOT_ENCODABLE" FixRequest "params-not-encodable";
    /// A request does not fit a frame.
    RequestTooLarge = "REQUEST_TOO_LARGE" FixRequest "request-too-large";
    /// The server sent something that is not an answer of this protocol.
    ResponseMalformed = "RESPONSE_MALFORMED" Report "response-malformed";
    /// The server announced an answer over the client's limit.
    ResponseTooLarge = "RESPONSE_TOO_LARGE" FixRequest "response-too-large";
    /// The secret file cannot be used.
    SecretFileUnusable = "SECRET_FILE_UNUSABLE" Repair "secret-file-unusable";
    /// There is no shared secret.
    SecretMissing = "SECRET_MISSING" Repair "secret-missing";
    /// A configuration variable has a value that cannot be meant.
    SettingMalformed = "SETTING_MALFORMED" Repair "setting-malformed";
    /// The shard that owns a graph cannot be reached.
    ShardUnreachable = "SHARD_UNREACHABLE" Repair "shard-unreachable";
    /// There is no TLS with a server that was reached.
    TlsFailed = "TLS_FAILED" Repair "tls-failed";
    /// A tenant id has no character that may stand in a graph name.
    TenantSlugEmpty = "TENANT_SLUG_EMPTY" FixRequest "tenant-slug-empty";
}

use ErrorCode as E;

/// Texts that begin with words instead of their code. The first that fits counts.
const WORDS: [(&str, ErrorCode); 24] = [
    ("Authentication failed", E::AuthenticationFailed),
    // The reference fixes this prefix only.
    ("BUSY", E::Busy),
    ("Invalid request MsgPack: ", E::InvalidRequest),
    ("Method not available in this server build", E::MethodNotAvailable),
    ("another process has taken over the store: ", E::Fenced),
    ("cannot open '", E::BadDirectory),
    ("corrupt data in ", E::Corrupt),
    ("disk full: ", E::DiskFull),
    ("not supported by the ", E::Unsupported),
    ("out of file descriptors: ", E::OutOfDescriptors),
    ("persist dir '", E::Locked),
    ("storage error: the server is shutting down", E::ShuttingDown),
    ("storage error: ", E::StorageError),
    ("the object store cannot be reached: ", E::StoreUnreachable),
    ("the server is shutting down", E::ShuttingDown),
    ("the store stopped taking writes after a failure: ", E::Poisoned),
    ("the store was opened read-only", E::ReadOnly),
    // Of signed requests, in the words of the published servers.
    ("invalid request encoding: ", E::InvalidRequest),
    ("request context audience does not match", E::AuthenticationFailed),
    ("request context policy version is not active", E::AuthenticationFailed),
    ("request context tenant does not match", E::AuthenticationFailed),
    ("request timestamp is outside the allowed clock-skew window", E::AuthenticationFailed),
    ("too many signed requests within the clock-skew window", E::Busy),
    ("verified request context lacks required scope ", E::AccessDenied),
];

/// Texts with a name in them: what stands before it, and behind it up to the end. A name cannot forge what stands behind it.
const AROUND: [(&str, &str, ErrorCode); 10] = [
    ("Graph '", "' not found", E::NotFound),
    ("Node '", "' not found", E::NotFound),
    ("Source node '", "' not found", E::NotFound),
    ("Target node '", "' not found", E::NotFound),
    ("Channel '", "' not found", E::NotFound),
    ("Session '", "' not found", E::NotFound),
    ("Graph '", "' already exists", E::Exists),
    ("Channel '", "' already exists", E::Exists),
    (
        "Graph '",
        "' was replaced by another request meanwhile; nothing more was changed, try again",
        E::GraphReplaced,
    ),
    ("Method '", "' is not served by this server", E::MethodNotAvailable),
];

impl ErrorCode {
    /// The code of a server's text; [`ErrorCode::ServerError`] for one that nothing is known of.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let named = || {
            let (name, _) = text.split_once(": ")?;
            Self::ALL.iter().find(|code| code.begins_texts() && code.name() == name).copied()
        };
        let words = || WORDS.into_iter().find(|(words, _)| text.starts_with(words)).map(|(_, code)| code);
        let around = || {
            let fits = |before: &str, behind: &str| {
                text.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind))
            };
            AROUND.into_iter().find(|(before, behind, _)| fits(before, behind)).map(|(_, _, code)| code)
        };
        named().or_else(words).or_else(around).unwrap_or(Self::ServerError)
    }

    /// Whether texts of servers with this code begin with its name.
    #[must_use]
    pub const fn begins_texts(self) -> bool {
        (self as usize) <= (Self::WrongShard as usize)
    }
}

/// `{code}` is the name, `{code:#}` the page.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if f.alternate() { self.page() } else { self.name() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Programs compare them: a change here breaks what is installed.
    #[test]
    fn the_names_that_texts_begin_with() {
        let names: Vec<_> =
            ErrorCode::ALL.iter().filter(|code| code.begins_texts()).map(|code| code.name()).collect();
        assert_eq!(
            names,
            [
                "ACCESS_DENIED",
                "ARRIVING",
                "AUDIT_UNAVAILABLE",
                "BUSY",
                "CANCELLED",
                "COMPUTE_DEADLINE",
                "CORRUPT",
                "FRAME_TOO_LARGE",
                "GRAPH_MISSING",
                "IDEMPOTENCY_CONFLICT",
                "INTERNAL",
                "LEDGER_TRUNCATED",
                "LIMIT_EXCEEDED",
                "MOVED",
                "MOVE_ABORTED",
                "MOVE_CONFLICT",
                "MOVE_OVERTAKEN",
                "MOVING",
                "PROJECTION_TOO_LARGE",
                "QUOTA",
                "REPLICA",
                "RESULT_TOO_LARGE",
                "STALE",
                "STANDBY",
                "TENANT_COLLISION",
                "TLS_REQUIRED",
                "VECTORS_TOO_LARGE",
                "WRONG_SHARD",
            ]
        );
    }

    #[test]
    fn each_has_its_own_name() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            let page = format!("docs/errors/{}.md", code.name().to_ascii_lowercase().replace('_', "-"));
            assert!(*code == ErrorCode::Exists || code.page() == page, "{code}");
        }
    }

    #[test]
    fn texts_are_written_from_it() {
        let code = ErrorCode::MoveConflict;
        assert_eq!(format!("{code}: no ({code:#})"), "MOVE_CONFLICT: no (docs/errors/move-conflict.md)");
    }

    #[test]
    fn a_name_before_a_colon_is_the_code() {
        for code in ErrorCode::ALL.iter().filter(|code| code.begins_texts()) {
            assert_eq!(ErrorCode::of_text(&format!("{code}: graph 'g': no")), *code);
        }
    }

    #[test]
    fn texts_without_a_code_have_fixed_beginnings() {
        use ErrorKind::{FixRequest, Repair, Report, Retry};
        for (text, code, kind) in [
            ("disk full: 1 bytes free, 2 to write", ErrorCode::DiskFull, Repair),
            ("out of file descriptors: x; nothing was written", ErrorCode::OutOfDescriptors, Retry),
            (
                "the store stopped taking writes after a failure: x; restart the server",
                ErrorCode::Poisoned,
                Repair,
            ),
            ("the server is shutting down: the write was not acknowledged", ErrorCode::ShuttingDown, Retry),
            ("storage error: the server is shutting down", ErrorCode::ShuttingDown, Retry),
            ("storage error: IO error: No such file", ErrorCode::StorageError, Repair),
            ("the store was opened read-only", ErrorCode::ReadOnly, Repair),
            ("the object store cannot be reached: x; nothing", ErrorCode::StoreUnreachable, Retry),
            ("another process has taken over the store: x; this one", ErrorCode::Fenced, Repair),
            ("corrupt data in space 'nodes': x", ErrorCode::Corrupt, Repair),
            ("INTERNAL: the computation failed; the server's log tells more", ErrorCode::Internal, Report),
            ("CANCELLED: the client closed the connection", ErrorCode::Cancelled, Retry),
            ("BUSY, retry", ErrorCode::Busy, Retry),
            ("Authentication failed", ErrorCode::AuthenticationFailed, Repair),
            (
                "Authentication failed: request signature did not verify",
                ErrorCode::AuthenticationFailed,
                Repair,
            ),
            ("Graph 'MOVED: g' not found", ErrorCode::NotFound, FixRequest),
            ("Graph 'g' already exists", ErrorCode::Exists, FixRequest),
            (
                "Graph 'g' was replaced by another request meanwhile; nothing more was changed, try again",
                ErrorCode::GraphReplaced,
                Retry,
            ),
            ("Method 'Sql' is not served by this server", ErrorCode::MethodNotAvailable, FixRequest),
        ] {
            assert_eq!((ErrorCode::of_text(text), code.kind()), (code, kind), "{text}");
        }
    }

    #[test]
    fn parts_of_names_are_no_codes() {
        for text in [
            "Node 'BUSY: g' is odd",
            "MOVED",
            "moving: g",
            "MOVING g",
            "",
            "NODE: x",
            "SERVER_ERROR: x",
            "CIRCUIT_OPEN: x",
            "a disk full: of things",
            "Graph 'a' not found here",
        ] {
            assert_eq!(ErrorCode::of_text(text), ErrorCode::ServerError, "{text}");
        }
        assert_eq!(ErrorCode::ServerError.kind(), ErrorKind::FixRequest);
    }
}
