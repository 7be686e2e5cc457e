use epistemic_storage::{
    MemoryStore, Mutation,
    graph::{GraphError, GraphType, Op},
};

use super::*;

fn write(file: &std::path::Path, text: &str) {
    fs_err::write(file, text).unwrap();
}

fn add(graphs: &GraphStore, id: &str) -> Result<(), GraphError> {
    graphs.write("g", Op::One(Mutation::AddNode { id: id.into(), properties: vec![0x80] })).map(drop)
}

#[test]
fn rules_are_read_again_set_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rules.toml");
    write(&file, "[[rule]]\ntenant = \"a\"\nnodes = 1\n");
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let open = || Quotas::open(Some(file.clone()), Some(dir.path()));
    let quotas = open().unwrap();
    assert!(quotas.active().is_none(), "not before it is applied");
    quotas.apply(&graphs);
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: Some("a".into()), tenant: None }).unwrap();
    add(&graphs, "1").unwrap();
    assert!(matches!(add(&graphs, "2"), Err(GraphError::OverQuota(_))));

    write(&file, "[[rule]]\ntenant = \"a\"\nnodez = 2\n");
    let mistake = quotas.reload(&graphs).unwrap_err();
    assert!(mistake.contains("rules.toml': rule 1: unknown limit 'nodez'"), "{mistake}");
    assert!(matches!(add(&graphs, "2"), Err(GraphError::OverQuota(_))), "the old rules stay");
    let refused = open().err().unwrap().to_string();
    assert!(refused.starts_with("--quotas: '"), "{refused}");

    write(&file, "[[rule]]\ntenant = \"a\"\nnodes = 2\n");
    assert_eq!(quotas.reload(&graphs), Ok(1));
    add(&graphs, "2").unwrap();
    quotas.set(&graphs, "a", &["nodes=3"]).unwrap();
    add(&graphs, "3").unwrap();
    assert!(quotas.set(&graphs, "a", &["nodes=many"]).is_err());
    assert!(matches!(add(&graphs, "4"), Err(GraphError::OverQuota(_))));

    let again = open().unwrap();
    again.apply(&graphs);
    assert_eq!(again.active().unwrap().tenant("a").limits().get(Kind::Nodes), Some(3));
    write(&dir.path().join(STORED_FILE), "{}");
    let damaged = open().err().unwrap().to_string();
    assert!(damaged.contains("quotas.json'") && damaged.contains("remove it"), "{damaged}");
}

#[test]
fn what_a_tenant_uses_goes_on_under_other_rules() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    quotas.apply(&graphs);
    assert!(quotas.active().is_none());
    quotas.set(&graphs, "a", &["connections=2", "requests_per_second=1"]).unwrap();
    let tenant = quotas.active().unwrap().tenant("a");
    let held = [tenant.place(Kind::Connections).unwrap(), tenant.place(Kind::Connections).unwrap()];
    assert!(tenant.place(Kind::Connections).err().unwrap().to_string().contains("and has 2"));
    tenant.request(10).unwrap();
    quotas.set(&graphs, "a", &["connections=1"]).unwrap();
    let tenant = quotas.active().unwrap().tenant("a");
    assert!(tenant.place(Kind::Connections).is_err());
    let text = tenant.request(1).unwrap_err().to_string();
    assert!(text.contains("may use 1 requests per second (quota rule 'set a') and has used them"), "{text}");
    drop(held);
    drop(tenant.place(Kind::Connections).unwrap());
    assert_eq!(quotas.refused(&graphs, Kind::Connections), 2);
    quotas.set(&graphs, "a", &[]).unwrap();
    assert!(quotas.active().is_none());
}

#[test]
fn stored_bytes_are_a_sample_and_what_was_written_since() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    graphs.write("g", Op::Create { kind: GraphType::Agent, owner: Some("a".into()), tenant: None }).unwrap();
    quotas.set(&graphs, "a", &["stored_bytes=100KiB"]).unwrap();
    let active = quotas.active().unwrap();
    let tenant = active.of(&graphs.graph("g").unwrap());
    let sampled = tenant.usage.stored();
    assert!(sampled > 0 && sampled < 1000, "{sampled}");
    tenant.write(50 << 10, true).unwrap();
    assert_eq!(tenant.usage.stored(), sampled + (50 << 10));
    let refused = tenant.write(50 << 10, true).unwrap_err().to_string();
    let text = format!("has {}, to which this adds about {};", sampled + (50 << 10), 50 << 10);
    assert!(refused.contains("may use 102400 stored bytes") && refused.contains(&text), "{refused}");
    tenant.write(1, false).unwrap();
    quotas.sample(&graphs, &|| true);
    assert_eq!(tenant.usage.stored(), sampled, "nothing of it was really written");
}

/// The commit tells more than was paid for, in parts.
#[test]
fn a_write_that_costs_more_is_paid_for_when_it_is_made() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    quotas.set(&graphs, "a", &["stored_bytes=1MiB", "write_cost_per_second=1000"]).unwrap();
    let tenant = quotas.active().unwrap().known_or_new("a");
    let mut charge = WriteCharge::begin(&tenant, 100, true).unwrap();
    charge.wrote(60);
    charge.wrote(30);
    assert_eq!(tenant.usage.stored(), 100, "it was paid for");
    charge.wrote(60_000);
    assert_eq!(tenant.usage.stored(), 100 + 60_000 - 10);
    let refused = WriteCharge::begin(&tenant, 1, false).err().unwrap().to_string();
    assert!(refused.contains("bytes of writes per second"), "{refused}");
    assert!(tenant.may_write().is_err());
    WriteCharge::afterwards(&tenant).wrote(7);
    assert_eq!(tenant.usage.stored(), 100 + 60_000 - 3);
}

#[test]
fn what_is_loaded_counts_until_it_is_given_up() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    quotas.set(&graphs, "a", &["stored_bytes=1000"]).unwrap();
    let tenant = quotas.active().unwrap().tenant("a");
    let mut first = Load::begin(&tenant, 1, 0).unwrap();
    first.has(600).unwrap();
    first.has(600).unwrap();
    assert_eq!(tenant.usage.stored(), 600);
    let mut second = Load::begin(&tenant, 1, 0).unwrap();
    let refused = second.has(500).unwrap_err().to_string();
    assert!(refused.contains("has 600, to which this adds about 500;"), "{refused}");
    drop((first, second));
    assert_eq!(tenant.usage.stored(), 0);

    let mut load = Load::begin(&tenant, 1, 0).unwrap();
    load.has(900).unwrap();
    load.finish();
    assert_eq!(tenant.usage.stored(), 900);
    assert!(Load::begin(&tenant, 200, 0).is_err());
    // In place of what is there there is room, also for a tenant over its limit that becomes smaller.
    let mut instead = Load::begin(&tenant, 1, 900).unwrap();
    instead.has(1000).unwrap();
    assert!(instead.has(1001).is_err());
    drop(instead);
    quotas.set(&graphs, "a", &["stored_bytes=10"]).unwrap();
    let tenant = quotas.active().unwrap().tenant("a");
    tenant.wrote(500);
    assert!(tenant.may_replace(400, 400).is_ok() && tenant.may_replace(400, 401).is_err());
}

/// Security: names that clients make up must not stay in memory.
#[test]
fn tenants_without_graphs_are_not_remembered() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    quotas.set(&graphs, "*", &["requests_per_second=0"]).unwrap();
    let active = quotas.active().unwrap();
    assert!(active.known_or_new("made up").request(1).is_err(), "it has the limits all the same");
    show(&quotas, &graphs, Some("asked for"));
    // The graph that is always there belongs to nobody, whose name is empty.
    assert!(active.tenants.read().keys().all(|name| name.is_empty()));
    for number in 0..5000 {
        active.tenant(&number.to_string());
    }
    assert!(active.tenants.read().len() <= FEW_TENANTS, "those that did nothing are forgotten");
    let many = vec!["nodes=1"; Kind::COUNT + 1];
    assert!(quotas.set(&graphs, "a", &many).unwrap_err().contains("give each once"));
}

#[test]
fn tenants_that_do_nothing_are_forgotten() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    quotas.set(&graphs, "*", &["connections=5"]).unwrap();
    let active = quotas.active().unwrap();
    let place = active.tenant("busy").place(Kind::Connections).unwrap();
    active.tenant("idle");
    quotas.sample(&graphs, &|| true);
    let names: Vec<_> = active.tenants.read().keys().map(|name| name.to_string()).collect();
    assert!(names.contains(&"busy".to_owned()) && !names.contains(&"idle".to_owned()), "{names:?}");
    drop(place);
}

/// What requests of keys of a class use counts for the class and for the tenants of the graphs.
#[test]
fn a_class_counts_besides_the_tenants() {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let quotas = Quotas::open(None, None).unwrap();
    let set = |tenant: &str, limits: &[&str]| quotas.set(&graphs, tenant, limits).unwrap();
    set("class:batch", &["requests_per_second=3", "connections=1", "compute_seconds_per_minute=1"]);
    set("b", &["requests_per_second=1"]);
    let active = quotas.active().unwrap();
    let class = Class::new("batch");
    let [a, b] = ["a", "b"].map(|tenant| active.in_class(&active.tenant(tenant), &class));
    a.request(1).unwrap();
    b.request(1).unwrap();
    let of_tenant = b.request(1).unwrap_err().to_string();
    assert!(of_tenant.contains("tenant 'b' may use 1 requests"), "{of_tenant}");
    let of_class = a.request(1).unwrap_err().to_string();
    assert!(of_class.contains("keys of quota class 'batch' may use 3 requests"), "{of_class}");
    active.tenant("a").request(1).unwrap();
    let held = a.place(Kind::Connections).unwrap();
    assert!(b.place(Kind::Connections).is_err());
    drop(held);
    drop(b.place(Kind::Connections).unwrap());
    a.computed(std::time::Duration::from_secs(2));
    assert!(b.may_compute().is_err() && active.tenant("b").may_compute().is_ok());
    // What is not a class's is the tenant's alone.
    set("class:batch", &["stored_bytes=0", "nodes=0"]);
    let active = quotas.active().unwrap();
    active.in_class(&active.tenant("c"), &Class::new("other")).write(1 << 20, true).unwrap();
    active.in_class(&active.tenant("c"), &class).write(1 << 20, true).unwrap();
}
