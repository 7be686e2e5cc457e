//! Every request of every recording of the reference server (`shared/vectors`) is decoded, and every decode
//! error in them must come out with the recorded text.

use std::path::{Path, PathBuf};

use rmpv::Value;
use serde_json::Value as Json;

use super::super::TokenKey;
use super::decode;

const PREFIXES: [&str; 2] = ["Invalid request MsgPack: ", "[EpistemicGraph::batch_update] invalid MsgPack: "];

#[test]
fn recorded_requests_decode_as_recorded() {
    let folder = recordings();
    let (mut steps, mut errors) = (0, 0);
    for entry in fs_err::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let recording: Vec<Json> = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        for (index, step) in recording.iter().enumerate() {
            let place = format!("{} step {}", path.display(), index + 1);
            errors += usize::from(check(step, &place));
            steps += 1;
        }
    }
    assert!(steps > 1_000, "only {steps} steps in {}", folder.display());
    assert!(errors > 60, "only {errors} decode errors in {}", folder.display());
}

/// The folder `vectors` of `EG_SHARED`, else of `../shared` beside the repository.
fn recordings() -> PathBuf {
    let shared = match std::env::var_os("EG_SHARED") {
        Some(folder) => PathBuf::from(folder),
        // Asked when the test runs: a test built in another checkout may be taken for this one's.
        None => {
            let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
            Path::new(&package).join("../../shared")
        }
    };
    let folder = shared.join("vectors");
    let shown = folder.display();
    assert!(
        folder.is_dir(),
        "no contract recordings: {shown} is missing; set EG_SHARED to the folder above it"
    );
    folder
}

/// Returns whether the step expects a decode error.
fn check(step: &Json, place: &str) -> bool {
    let outcome = decode(&request(step));
    let expected =
        step["expect"]["error"].as_str().filter(|text| PREFIXES.iter().any(|p| text.starts_with(p)));
    let Some(expected) = expected else {
        assert!(outcome.is_ok(), "{place}: {outcome:?}");
        return false;
    };
    if outcome == Ok(super::NOT_COVERED) {
        return false;
    }
    let error = outcome.expect_err(place);
    match step["compare"].as_str() {
        Some("prefix") => assert!(error.starts_with(expected), "{place}: {error}"),
        _ => assert_eq!(error, expected, "{place}"),
    }
    true
}

/// The body of the frame that `replay.py` sends for a step.
fn request(step: &Json) -> Vec<u8> {
    if let Some(raw) = step.get("raw") {
        return hex::decode(raw["$bin"].as_str().unwrap()).unwrap();
    }
    let text = |key: &str| Value::from(step[key].as_str().unwrap());
    let token = TokenKey::new("secret").token(1);
    let mut fields = vec![
        (Value::from("id"), Value::from(1)),
        (Value::from("graph"), text("graph")),
        (Value::from("auth_token"), Value::from(token)),
        (Value::from("method"), text("method")),
    ];
    for key in ["agent_id", "params"] {
        if let Some(value) = step.get(key) {
            fields.push((Value::from(key), wire(value)));
        }
    }
    for (key, value) in step.get("overrides").and_then(Json::as_object).into_iter().flatten() {
        let place = fields.iter().position(|(name, _)| name.as_str() == Some(key));
        if value.get("$absent").is_some() {
            fields.remove(place.unwrap());
        } else if let Some(place) = place {
            fields[place].1 = wire(value);
        } else {
            fields.push((Value::from(key.as_str()), wire(value)));
        }
    }
    pack(&Value::Map(fields))
}

fn pack(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).unwrap();
    bytes
}

/// The notation of `replay.py`.
fn wire(json: &Json) -> Value {
    let Json::Object(map) = json else {
        return match json {
            Json::Array(items) => items.iter().map(wire).collect::<Vec<_>>().into(),
            Json::String(text) => Value::from(text.as_str()),
            Json::Number(number) if number.is_u64() => Value::from(number.as_u64().unwrap()),
            Json::Number(number) if number.is_i64() => Value::from(number.as_i64().unwrap()),
            Json::Number(number) => Value::from(number.as_f64().unwrap()),
            Json::Bool(value) => Value::from(*value),
            Json::Null | Json::Object(_) => Value::Nil,
        };
    };
    let mut entries = map.iter();
    if let (Some((tag, body)), None) = (entries.next(), entries.next()) {
        match tag.as_str() {
            "$bin" => return Value::Binary(hex::decode(body.as_str().unwrap()).unwrap()),
            "$mp" => return Value::Binary(pack(&wire(body))),
            "$ints" => {
                return pack(&wire(body)).into_iter().map(Value::from).collect::<Vec<_>>().into();
            }
            "$map" => {
                let pairs = body.as_array().unwrap().iter();
                return Value::Map(pairs.map(|pair| (wire(&pair[0]), wire(&pair[1]))).collect());
            }
            "$ext" => {
                let code = i8::try_from(body[0].as_i64().unwrap()).unwrap();
                return Value::Ext(code, hex::decode(body[1].as_str().unwrap()).unwrap());
            }
            "$f64" => return Value::F64(body.as_str().unwrap().parse().unwrap()),
            "$repeat" => {
                let count = usize::try_from(body[1].as_u64().unwrap()).unwrap();
                return Value::from(body[0].as_str().unwrap().repeat(count));
            }
            _ => {}
        }
    }
    Value::Map(map.iter().map(|(key, value)| (Value::from(key.as_str()), wire(value))).collect())
}
