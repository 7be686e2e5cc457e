//! Placement agrees with 1,000 values of the reference client (`fixtures/make_hrw_vectors.py`).

use epistemic_protocol::placement::{Endpoint, EndpointList, hrw};

#[test]
fn agrees_with_the_reference_client() {
    let text = include_str!("fixtures/hrw_vectors.json");
    let vectors: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 1000);
    for vector in &vectors {
        let endpoints = vector["endpoints"].as_array().unwrap();
        let endpoints =
            endpoints.iter().map(|text| Endpoint::parse(text.as_str().unwrap()).unwrap()).collect();
        let owner = vector["owner"].as_str().unwrap();
        let endpoints = EndpointList::new(endpoints).unwrap();
        assert_eq!(hrw::owner(&endpoints, vector["graph"].as_str().unwrap()).as_str(), owner, "{vector}");
    }
}
