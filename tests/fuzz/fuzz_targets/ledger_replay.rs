#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    epistemic_fuzzing::ledger_replay(data);
});
