//! The connections to one API server: TLS, bounds, compression, and who asks.
//!
//! The client that kube puts together cannot be told to send small packets at once. Each of its new
//! connections then waits 40 ms between the end of its handshake and its first request.

use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

use crate::unit::KindError;

const CONNECT: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(30);
/// After a long list each connection would keep what it was read with, six times as much, for as long as it is open.
const LARGEST_BUFFER: usize = 64 * 1024;

/// A client with our bounds, which tries nothing twice: fifteen silent tries of every request are too many.
pub(super) fn client(config: &Config) -> Result<Client, KindError> {
    let url = &config.cluster_url;
    if config.proxy_url.is_some() {
        return Err(KindError::failed(format!("{url} is to be asked through a proxy, which is not done here"))
            .hint("leave `proxy-url` out of the kubeconfig, and `https_proxy` out of the environment"));
    }
    build(config).map_err(|error| KindError::failed(format!("cannot make a client for {url}")).because(error))
}

/// One connection for each request under way. Over HTTP/2 all would share one, and once as many watches stand on
/// it as the server allows, no request gets through any more.
fn build(config: &Config) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_write_timeout(Some(WRITE));
    let connections =
        legacy::Client::builder(TokioExecutor::new()).http1_max_buf_size(LARGEST_BUFFER).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(connections);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_behind_a_proxy_is_refused_and_not_asked_directly() {
        let mut config = Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        assert!(client(&config).is_ok());
        config.proxy_url = Some(http::Uri::from_static("http://127.0.0.1:2"));
        let refused = client(&config).err().expect("no proxy is used");
        assert!(refused.message.contains("through a proxy"), "{}", refused.message);
    }
}
