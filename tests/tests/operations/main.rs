//! x
#[test]
fn t() { let v: serde_json::Value = serde_saphyr::from_str("a: &x [1,2]\nb: *x\nc: {<<: {d: 3}}\ne: \"9101:9101\"\n").unwrap(); println!("{v}"); }
