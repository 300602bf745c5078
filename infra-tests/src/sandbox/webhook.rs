//! A webhook as an API server calls it: HTTPS with a certificate of its own, answers made by the test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::serve::Listener;
use axum::{Json, Router, routing};
use base64::Engine;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::server::TlsStream;

/// A webhook that runs; dropping it stops it.
pub struct Webhook {
    port: u16,
    authority: String,
    calls: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A caller that gives up in the middle of its greeting is no reason to end.
            if let Ok((stream, from)) = self.listener.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Webhook {
    /// Answers the `request` of every review by the `response` that `decide` makes of it.
    pub async fn start(decide: impl Fn(&Value) -> Value + Clone + Send + Sync + 'static) -> Result<Self> {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let answer = routing::post(move |Json(review): Json<Value>| {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut response = decide(&review["request"]);
            response["uid"] = review["request"]["uid"].clone();
            let answer = json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response});
            async move { Json(answer) }
        });
        Self::serve(Router::new().route("/", answer), calls).await
    }

    /// Speaks as the kubelet of a node does about its containers: each has this log.
    pub async fn kubelet(log: &'static str) -> Result<Self> {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let answer = routing::get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { log }
        });
        Self::serve(Router::new().route("/containerLogs/{namespace}/{pod}/{container}", answer), calls).await
    }

    /// Takes posts for a service without a certificate, as a load balancer before it does.
    pub async fn before(url: String) -> Result<Self> {
        let calls = Arc::new(AtomicUsize::new(0));
        let (counted, client) = (calls.clone(), reqwest::Client::builder().no_proxy().build()?);
        let pass_on = routing::post(move |headers: HeaderMap, body: Bytes| {
            counted.fetch_add(1, Ordering::SeqCst);
            let token = headers.get(AUTHORIZATION).cloned().unwrap_or(HeaderValue::from_static(""));
            let sent = client.post(&url).header(AUTHORIZATION, token).body(body).send();
            async move { sent.await.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status()) }
        });
        // An API server sends megabytes at once.
        let router = Router::new().route("/", pass_on).layer(DefaultBodyLimit::disable());
        Self::serve(router, calls).await
    }

    async fn serve(router: Router, calls: Arc<AtomicUsize>) -> Result<Self> {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?.self_signed(&key)?;
        let config =
            ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
                )?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let server = tokio::spawn(async move {
            // It ends with the test.
            _ = axum::serve(tls, router).await;
        });
        let authority = base64::engine::general_purpose::STANDARD.encode(certificate.pem());
        Ok(Self { port, authority, calls, server })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a configuration says of whom to call.
    pub fn client_config(&self) -> Value {
        json!({"url": format!("https://127.0.0.1:{}/", self.port), "caBundle": self.authority})
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.server.abort();
    }
}
