#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hms_fuzz::target("payloads")(data));
