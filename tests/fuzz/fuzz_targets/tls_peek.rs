#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    epistemic_fuzzing::tls_peek(data);
});
