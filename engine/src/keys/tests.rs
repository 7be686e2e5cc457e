use epistemic_listen::Origin;
use fs_err as fs;

use super::*;
use crate::{
    sessions::{Peer, Transport},
    wire::TokenKey,
};

const FILE: &str = r#"
[[key]]
id = "acme-1"
principal = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
may_act_as = ["bot"]
secrets = [{ text = "current-of-acme-1" }, { text = "previous-of-acme" }]

[[key]]
id = "old"
role = "reader"
graphs = ["*"]
not_after = 2001-01-01T00:00:00Z
secrets = [{ text = "secret-of-the-old" }]

[[key]]
id = "signs"
role = "reader"
graphs = ["*"]
tokens = [2]
secrets = [{ text = "secret-of-signing" }]

[[derived]]
prefix = "tenant:"
role = "writer"
graphs = ["tenant__{tenant}__*"]
except = ["mallory"]
roots = [{ text = "root-of-all-tenants" }]
"#;
const SHARED: &str = "the-shared-secret";

struct Fixture {
    _dir: tempfile::TempDir,
    keys: Keys,
}

fn write(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    write(&path, FILE);
    let shared = Zeroizing::new(SHARED.to_owned());
    let keys = Keys::open(path, Some(&shared), KeySeries::new().unwrap()).unwrap();
    Fixture { _dir: dir, keys }
}

/// A connection that showed a certificate of this URI.
fn session_of(certificate: Option<&str>) -> Session {
    let certificate = certificate.map(str::to_owned);
    let (origin, address) = (Origin::User(1), "unix".to_owned());
    Session::new(1, Peer { origin, address, transport: Transport::Tls, certificate })
}

fn session() -> Session {
    session_of(None)
}

/// A request of `agent` whose token is made with `secret`.
fn ask(keys: &Keys, session: &Session, agent: Option<&str>, secret: &str) -> Result<(), Refusal> {
    let token = TokenKey::new(secret).token(7);
    let envelope = Envelope {
        id: 7,
        graph: "g",
        auth_token: &token,
        method: "Ping",
        params: None,
        agent_id: agent,
        plain: false,
        exact: true,
    };
    keys.check_by_id(session, &envelope)
}

#[test]
fn a_name_leads_to_its_key_and_to_no_other() {
    let Fixture { keys, .. } = &fixture();
    let derived = epistemic_keys::tenant_secret("root-of-all-tenants", "zeta");
    for (agent, secret, identity) in [
        (Some("acme-1"), "current-of-acme-1", Some("acme")),
        (Some("acme-1"), "previous-of-acme", Some("acme")),
        (Some("acme"), "current-of-acme-1", Some("acme")),
        (Some("bot"), "current-of-acme-1", Some("bot")),
        (Some("tenant:zeta"), derived.expose(), Some("zeta")),
        (None, SHARED, None),
        (Some(""), SHARED, Some("")),
        (Some("anybody"), SHARED, Some("anybody")),
    ] {
        let session = session();
        assert_eq!(ask(keys, &session, agent, secret), Ok(()), "{agent:?}");
        assert_eq!(session.grant().unwrap().identity(agent), identity, "{agent:?}");
    }
    for (agent, secret) in [
        (Some("acme-1"), SHARED),
        (Some("acme"), SHARED),
        (Some("bot"), SHARED),
        (Some("tenant:zeta"), SHARED),
        (Some("tenant:yota"), derived.expose()),
        (None, "current-of-acme-1"),
        (Some("anybody"), "current-of-acme-1"),
        (Some("old"), "secret-of-the-old"),
        (Some("signs"), "secret-of-signing"),
        (Some("tenant:mallory"), epistemic_keys::tenant_secret("root-of-all-tenants", "mallory").expose()),
        (Some("tenant:a__b"), epistemic_keys::tenant_secret("root-of-all-tenants", "a__b").expose()),
    ] {
        let session = session();
        assert_eq!(ask(keys, &session, agent, secret), Err(Refusal::WrongToken), "{agent:?}");
        assert!(session.grant().is_none());
    }
}

#[test]
fn a_connection_belongs_to_one_key() {
    let Fixture { keys, .. } = &fixture();
    let session = session();
    assert_eq!(ask(keys, &session, Some("acme-1"), "current-of-acme-1"), Ok(()));
    assert_eq!(ask(keys, &session, Some("bot"), "current-of-acme-1"), Ok(()));
    assert_eq!(ask(keys, &session, None, SHARED), Err(Refusal::OtherKey));
    assert_eq!(ask(keys, &session, Some("anybody"), SHARED), Err(Refusal::OtherKey));
    assert_eq!(ask(keys, &session, Some("acme-1"), "wrong"), Err(Refusal::WrongToken));
    let of_default = self::session();
    assert_eq!(ask(keys, &of_default, Some("a"), SHARED), Ok(()));
    assert_eq!(ask(keys, &of_default, Some("b"), SHARED), Ok(()));
    assert_eq!(ask(keys, &of_default, Some("bot"), "current-of-acme-1"), Err(Refusal::OtherKey));
}

#[test]
fn connections_live_through_new_secrets_and_end_with_their_keys() {
    let Fixture { _dir, keys } = &fixture();
    let path = _dir.path().join("keys.toml");
    let change = |from: &str, to: &str| {
        assert!(FILE.contains(from), "{from}");
        write(&path, &FILE.replace(from, to));
        keys.reload().unwrap();
    };
    let connected = || {
        write(&path, FILE);
        keys.reload().unwrap();
        let session = session();
        assert_eq!(ask(keys, &session, Some("acme-1"), "current-of-acme-1"), Ok(()));
        session
    };
    let mine = connected();
    change(
        "{ text = \"current-of-acme-1\" }, { text = \"previous-of-acme\" }",
        "{ text = \"brand-new-of-acme\" }, { text = \"current-of-acme-1\" }",
    );
    for secret in ["current-of-acme-1", "brand-new-of-acme"] {
        assert_eq!(ask(keys, &mine, Some("acme-1"), secret), Ok(()));
    }
    assert_eq!(ask(keys, &mine, Some("acme-1"), "previous-of-acme"), Err(Refusal::WrongToken));
    for (from, to) in [
        ("id = \"acme-1\"", "id = \"acme-2\""),
        ("tenant__acme__*", "tenant__acme__x*"),
        ("role = \"owner\"", "role = \"reader\""),
        ("role = \"owner\"", "role = \"owner\"\nnot_after = 2001-01-01T00:00:00Z"),
    ] {
        let mine = connected();
        change(from, to);
        assert_eq!(ask(keys, &mine, Some("acme-1"), "current-of-acme-1"), Err(Refusal::Retired), "{to}");
    }
    let mine = connected();
    write(&path, "[[key");
    let error = keys.reload().unwrap_err();
    assert!(error.contains("line 1"), "{error}");
    assert!(keys.status()["error"].is_string());
    assert_eq!(ask(keys, &mine, Some("acme-1"), "current-of-acme-1"), Ok(()), "the keys are those of before");
    assert!(!keys.has_changed());
    write(&path, FILE);
    assert!(keys.has_changed());
}

#[test]
fn operators_are_known_by_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    let text = "[[key]]\nid = \"k\"\nprincipal = \"ops\"\nmay_act_as = [\"cron\"]\nrole = \"operator\"\nsecrets = [{ text = \"0123456789abcdef\" }]\n";
    write(&path, text);
    let keys = Keys::open(path, None, KeySeries::new().unwrap()).unwrap();
    assert_eq!(keys.trusted(), HashSet::from(["ops".to_owned(), "cron".to_owned()]));
    assert_eq!(ask(&keys, &session(), None, SHARED), Err(Refusal::WrongToken), "there is no default key");
}

/// A principal of several keys names none of them, and is not free for others.
#[test]
fn a_principal_of_two_keys_is_nobodys_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.toml");
    let key = |id: &str| {
        format!(
            "[[key]]\nid = \"{id}\"\nprincipal = \"ops\"\nrole = \"operator\"\nsecrets = [{{ text = \"secret-of-{id}-----\" }}]\n"
        )
    };
    write(&path, &(key("k1") + &key("k2")));
    let shared = Zeroizing::new(SHARED.to_owned());
    let keys = Keys::open(path, Some(&shared), KeySeries::new().unwrap()).unwrap();
    assert_eq!(ask(&keys, &session(), Some("ops"), SHARED), Err(Refusal::WrongToken));
    let of_default = session();
    assert_eq!(ask(&keys, &of_default, Some("a"), SHARED), Ok(()));
    assert_eq!(ask(&keys, &of_default, Some("ops"), SHARED), Err(Refusal::OtherKey));
    assert_eq!(ask(&keys, &session(), Some("k2"), "secret-of-k2-----"), Ok(()));
}

/// A certificate shows its key and no other, whatever the token of a request is.
#[test]
fn a_certificate_shows_its_key() {
    const URI: &str = "spiffe://tier/acme";
    let fixture = fixture();
    let path = fixture._dir.path().join("keys.toml");
    let certified =
        FILE.replace("role = \"owner\"", "role = \"owner\"\ncertificates = [\"spiffe://tier/acme\"]");
    write(&path, &certified);
    let changes = fixture.keys.reload().unwrap().changes;
    assert_eq!(changes, [("key-changed", "acme-1".to_owned())]);
    let keys = &fixture.keys;
    let connected = |uri: &str| {
        let session = session_of(Some(uri));
        keys.certify(&session);
        session
    };
    let mine = connected(URI);
    for (agent, expected) in [
        (None, Ok(())),
        (Some("acme"), Ok(())),
        (Some("acme-1"), Ok(())),
        (Some("bot"), Ok(())),
        (Some("signs"), Err(Refusal::OtherKey)),
        (Some("somebody"), Err(Refusal::OtherKey)),
    ] {
        assert_eq!(ask(keys, &mine, agent, "no-secret-at-all"), expected, "{agent:?}");
    }
    assert_eq!(mine.grant().map(|grant| grant.id().to_owned()).as_deref(), Some("acme-1"));
    assert!(!keys.ends(&mine));
    let other = connected("spiffe://tier/other");
    assert_eq!(ask(keys, &other, Some("acme-1"), "no-secret-at-all"), Err(Refusal::WrongToken));
    assert_eq!(ask(keys, &other, Some("acme-1"), "current-of-acme-1"), Ok(()), "by its secret it may");
    write(&path, FILE);
    keys.reload().unwrap();
    assert!(keys.ends(&mine), "its certificate is not the key's any more");
    assert_eq!(ask(keys, &mine, Some("acme-1"), "current-of-acme-1"), Err(Refusal::Retired));
    assert!(!keys.ends(&other), "that came by a secret");
}
