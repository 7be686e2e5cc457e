//! The gateway asks shards and holds no data.

/// As C++ mangles the names in the namespace of RocksDB.
#[test]
fn no_symbol_of_rocksdb_is_in_the_program() {
    let program = fs_err::read(env!("CARGO_BIN_EXE_epistemic-graph-gateway")).unwrap();
    let has = |symbol: &[u8]| program.windows(symbol.len()).any(|bytes| bytes == symbol);
    assert!(has(b"epistemic_router"), "the program has no symbols");
    assert!(!has(b"N7rocksdb"), "RocksDB is in the gateway");
}
