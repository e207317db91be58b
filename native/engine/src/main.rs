//! `culvert-engine`: carries packets as a device, a gateway or a connector. See `../README.md`.

fn main() -> std::process::ExitCode {
    culvert_engine::main()
}
