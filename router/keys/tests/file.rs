//! What is a keys file, and what is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use epistemic_keys::{KeysError, KeysFile, Role, Tokens};

const GOOD: &str = r#"
[[key]]
id = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
may_act_as = ["acme-bot"]
tokens = [2]
not_after = 2026-12-31T00:00:00Z
secrets = [
  { text = "0123456789abcdef" },
  { text = "fedcba9876543210", not_after = 1970-01-01T01:00:00+01:00 },
]

[[key]]
id = "ops-1"
principal = "ops"
role = "operator"
secrets = [{ text = "0123456789abcdef" }]

[[derived]]
prefix = "tenant:"
role = "writer"
graphs = ["tenant__{tenant}__*"]
except = ["mallory"]
roots = [{ text = "0123456789abcdef" }]
"#;

#[test]
fn all_of_it_is_read() {
    let file = KeysFile::parse(GOOD).unwrap();
    let [acme, ops] = &*file.keys else { panic!("{file:?}") };
    assert_eq!(
        (&*acme.principal, acme.role, acme.validity.not_after),
        ("acme", Role::Owner, Some(1_798_675_200))
    );
    assert_eq!(acme.tokens, Tokens { by_id: false, signed: true });
    assert_eq!(acme.secrets[1].validity.not_after, Some(0));
    assert_eq!((&*ops.principal, ops.tokens), ("ops", Tokens { by_id: true, signed: true }));
    assert_eq!((&*file.derived[0].prefix, file.derived[0].role), ("tenant:", Role::Writer));
    assert!(!format!("{file:?}").contains("0123456789"), "secrets are not shown");
    assert_eq!(KeysFile::parse(""), Ok(KeysFile::default()));
}

/// The mistake that a change of the good file makes.
fn mistake(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let error = KeysFile::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("0123456789") && !text.contains("fedcba"), "a secret is shown: {text}");
    text
}

#[test]
fn each_mistake_is_told_without_a_secret() {
    for (from, to, told) in [
        ("id = \"acme\"", "id = \"acme\"\nfoo = 1", "line 4: unknown field"),
        ("role = \"owner\"", "", "missing field `role`"),
        ("\"owner\"", "\"king\"", "no such role"),
        ("{ text = \"0123456789abcdef\" },", "\"0123456789abcdef\",", "not of the form"),
        ("\"0123456789abcdef\" },", "\"0123456789abcdef },", "not of the form"),
        ("2026-12-31T00:00:00Z", "2026-12-31", "a time needs"),
        ("tokens = [2]", "tokens = [3]", "[1], [2] or [1, 2]"),
        ("tokens = [2]", "tokens = []", "[1], [2] or [1, 2]"),
        ("0123456789abcdef", "0123456789", "fewer than 16 bytes"),
        ("fedcba9876543210", "0123456789abcdef", "both secrets"),
        ("graphs = [\"tenant__acme__*\"]", "", "it has no graphs"),
        ("role = \"operator\"", "role = \"operator\"\ngraphs = [\"*\"]", "leave graphs out"),
        ("role = \"operator\"", "role = \"operator\"\nquota_class = \"b\"", "leave quota_class out"),
        ("id = \"acme\"", "id = \"acme\"\nquota_class = \"\"", "not blank"),
        ("id = \"ops-1\"", "id = \"acme-bot\"", "is a name of key 'acme' already"),
        ("principal = \"ops\"", "principal = \"acme\"", "key 'ops-1'"),
        ("principal = \"ops\"", "principal = \"acme-bot\"", "its principal is a name of key 'acme'"),
        ("id = \"ops-1\"", "id = \"tenant:x\"", "begins with the prefix"),
        ("id = \"ops-1\"", "id = \" \"", "not blank"),
        ("\"tenant__{tenant}__*\"", "\"tenant__*\"", "{tenant}"),
        ("role = \"writer\"", "role = \"system\"", "derived keys are for tenants"),
        ("id = \"acme\"", "id = \"acme\"\ncertificates = [\"acme\"]", "named by a URI"),
        (
            "id = \"ops-1\"",
            "id = \"default\"\ncertificates = [\"a:b\"]",
            "give certificates to a key of their own",
        ),
        ("id = \"ops-1\"", "id = \"default\"", "leave principal and may_act_as out"),
    ] {
        let text = mistake(from, to);
        assert!(text.contains(told), "{to}: {text}");
    }
}

/// Instead of secrets, or besides them; one of them is of one key.
#[test]
fn certificates_are_of_one_key() {
    let key =
        |id: &str| format!("[[key]]\nid = \"{id}\"\nrole = \"system\"\ncertificates = [\"spiffe://t/a\"]\n");
    let file = KeysFile::parse(&key("a")).unwrap();
    assert_eq!(
        (file.keys[0].secrets.len(), &*file.keys[0].certificates),
        (0, &["spiffe://t/a".to_owned()][..])
    );
    let error = KeysFile::parse(&(key("a") + &key("b"))).unwrap_err().to_string();
    assert!(error.contains("is one of key 'a' already"), "{error}");
    let error = KeysFile::parse("[[key]]\nid = \"a\"\nrole = \"system\"\n").unwrap_err().to_string();
    assert!(error.contains("one secret, or two"), "{error}");
}

#[test]
fn one_principal_may_have_several_keys() {
    let second = "\n[[key]]\nid = \"ops-2\"\nprincipal = \"ops\"\nrole = \"system\"\nsecrets = [{ text = \"0123456789abcdef\" }]\n";
    assert_eq!(KeysFile::parse(&format!("{GOOD}{second}")).unwrap().keys.len(), 3);
    let error =
        KeysFile::parse(&format!("{GOOD}{}", second.replace("system", "reader\"\ngraphs = [\"*\"]#")));
    assert!(matches!(error, Err(KeysError::Key { .. })), "{error:?}");
}
