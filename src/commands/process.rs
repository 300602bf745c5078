//! What is set once for the whole process.

use tracing_subscriber::EnvFilter;

/// Chooses the one TLS implementation before anything connects.
pub fn prepare_process() {
    // A second call finds it chosen already; both are the same.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Logs go to standard error; `GROUNDPLAN_LOG` says more precisely what than `-v`.
pub fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        // What the client of a cluster logs of a failure is told again, better, by whoever called it.
        0 => "warn,kube_client=off",
        1 => "groundplan=info,warn,kube_client=off",
        2 => "groundplan=debug,info",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("GROUNDPLAN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour).try_init();
}

/// Ends with 64 on a wrong word, with 0 after `--help` and `--version`.
pub fn exit_for_usage(error: clap::Error) -> ! {
    _ = error.print();
    std::process::exit(if error.use_stderr() { 64 } else { 0 })
}
