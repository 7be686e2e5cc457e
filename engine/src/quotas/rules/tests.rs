use super::*;

const EXAMPLE: &str = include_str!("../../../../deploy/quotas.toml");

fn nodes(rules: &Rules, overrides: &Overrides, tenant: &str) -> Option<u64> {
    limits_of(rules, overrides, tenant).limits.get(Kind::Nodes)
}

#[test]
fn the_first_rule_that_matches_is_the_rule() {
    let rules = Rules::parse(
        "# a comment\n[[rule]]\ntenant = \"acme\"\nnodes = 5\n[[rule]]\ntenant = \"a*\"\nnodes = 7\nstored_bytes = \"1KiB\"\n\
         [[rule]]\ntenant = \"*\"\nnodes = 1_000\n",
    )
    .unwrap();
    let none = Overrides::default();
    assert_eq!(rules.len(), 3);
    for (tenant, limit) in [("acme", 5), ("acme2", 7), ("bob", 1000), ("", 1000)] {
        assert_eq!(nodes(&rules, &none, tenant), Some(limit), "{tenant}");
    }
    let acme = limits_of(&rules, &none, "acme");
    assert_eq!(acme.limits.get(Kind::StoredBytes), None, "no other rule adds to it");
    assert_eq!((acme.rule.as_str(), acme.by_name), ("acme", true));
    assert!(!limits_of(&rules, &none, "bob").by_name);
    assert_eq!(nodes(&Rules::parse("").unwrap(), &none, "acme"), None);
}

#[test]
fn mistakes_are_told_by_name_and_place() {
    for (text, words) in [
        ("[[rule]]\ntenant = \"a\"\nnodez = 5\n", "rule 1: unknown limit 'nodez', there are graphs, nodes,"),
        ("[[rule]]\ntenant = \"a\"\n[[rule]]\nnodes = 5\n", "rule 2: it has no tenant"),
        ("[[rule]]\ntenant = 7\n", "rule 1: its tenant is no text"),
        ("[[rule]]\ntenant = \"a\"\nnodes = -5\n", "rule 1: nodes = '-5': give a whole number"),
        ("[[rule]]\ntenant = \"a\"\nnodes = 1.5\n", "rule 1: nodes: give a whole number"),
        ("[[rule]]\ntenant = \"a\"\nnodes = \"5MiB\"\n", "rule 1: nodes = '5MiB'"),
        (
            "[[rule]]\ntenant = \"a\"\nstored_bytes = \"5MB\"\n",
            "stored_bytes = '5MB': give a whole number, or",
        ),
        ("[[rules]]\ntenant = \"a\"\n", "unknown key 'rules'"),
        ("[rule]\ntenant = \"a\"\n", "'rule' is no list"),
        ("[[rule]\n", "TOML parse error at line 1"),
    ] {
        let error = Rules::parse(text).unwrap_err();
        assert!(error.contains(words), "{text}: {error}");
    }
    let missing = Rules::read(Path::new("/nowhere/quotas.toml")).unwrap_err();
    assert!(missing.contains("/nowhere/quotas.toml"), "{missing}");
}

#[test]
fn the_example_is_sound() {
    let rules = Rules::parse(EXAMPLE).unwrap();
    assert_eq!(rules.len(), 3);
    for kind in Kind::ALL {
        assert!(EXAMPLE.contains(&format!("\n{} =", kind.name())), "{kind:?} is missing in the example");
    }
}

#[test]
fn what_was_set_goes_before_the_file_limit_by_limit() {
    let rules = Rules::parse("[[rule]]\ntenant = \"*\"\nnodes = 5\nedges = 6\n").unwrap();
    let mut set = Overrides::default();
    set.set("a*", &["nodes=100"]).unwrap();
    set.set("acme", &["nodes=none"]).unwrap();
    assert_eq!(nodes(&rules, &set, "abel"), Some(100));
    assert_eq!(nodes(&rules, &set, "acme"), None, "a name goes before a pattern");
    assert_eq!(nodes(&rules, &set, "bob"), Some(5));
    let acme = limits_of(&rules, &set, "acme");
    assert_eq!((acme.limits.get(Kind::Edges), acme.rule.as_str()), (Some(6), "set acme, *"));

    set.set("acme", &["nodes=7", "graphs=2"]).unwrap();
    set.set("acme", &["nodes=file"]).unwrap();
    assert_eq!(nodes(&rules, &set, "acme"), Some(5));
    assert_eq!(set.texts()[1], ("acme".into(), vec!["graphs=2".into()]));
    set.set("acme", &[] as &[&str]).unwrap();
    assert_eq!(nodes(&rules, &set, "acme"), Some(100));

    let before = set.clone();
    for wrong in [&["nodes"][..], &["nodes=x"], &["graphs=1", "nodez=1"]] {
        set.set("b", wrong).unwrap_err();
    }
    assert_eq!(set, before);
}
