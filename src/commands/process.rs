//! What is set once for the whole process.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// Other people's code that logs whole requests, with what stands in them, and from which level on.
const TELL_TALES: &[(&str, LevelFilter)] = &[
    ("slack_morphism", LevelFilter::INFO),
    ("tungstenite", LevelFilter::INFO),
    ("tokio_tungstenite", LevelFilter::INFO),
    ("aws_sigv4", LevelFilter::INFO),
    ("sqlx", LevelFilter::INFO),
];

/// Chooses the one TLS implementation before anything connects.
pub fn prepare_process() {
    // A second call finds it chosen already; both are the same.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Logs go to standard error; `GROUNDPLAN_LOG` says more precisely what than `-v`, and neither can
/// ask for what may hold a secret.
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
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let harmless = filter_fn(|told| *told.level() <= most(told.target()));
    _ = tracing_subscriber::registry().with(lines.with_filter(filter).with_filter(harmless)).try_init();
}

/// The most that may be logged of a crate: everything of ours, of others nothing that shows requests.
fn most(target: &str) -> LevelFilter {
    let of = |name: &str| target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    if of("groundplan") {
        return LevelFilter::TRACE;
    }
    TELL_TALES.iter().find(|(name, _)| of(name)).map_or(LevelFilter::DEBUG, |(_, most)| *most)
}

/// Ends with 64 on a wrong word, with 0 after `--help` and `--version`.
pub fn exit_for_usage(error: clap::Error) -> ! {
    _ = error.print();
    std::process::exit(if error.use_stderr() { 64 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_code_says_everything() {
        assert_eq!(most("groundplan::kinds::stack"), LevelFilter::TRACE);
        assert_eq!(most("aws_smithy_runtime::client"), LevelFilter::DEBUG, "its traces show bodies");
        assert_eq!(most("slack_morphism::hyper_tokio"), LevelFilter::INFO, "it shows messages when debugged");
        assert_eq!(most("groundplanner"), LevelFilter::DEBUG);
    }
}
