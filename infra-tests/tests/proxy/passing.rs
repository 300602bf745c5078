//! What passes through, passes unchanged.

use std::time::Duration;

use infra_tests::proxy::Proxy;
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let (proxy, http) = echoing().await;
    let address = format!("{}/bucket/a%2Fb%20c?versionId=%2B", proxy.url());
    let request = http.put(address).header("host", "s3.eu-west-1.amazonaws.com").header("authorization", "AWS4 signed");
    let answer = request.header("x-amz-content-sha256", "abc").body(vec![0_u8, 255, 10]).send().await.expect("an echo");
    assert_eq!(answer.status(), 207);
    assert_eq!(answer.headers()["x-echo"], "yes");
    let text = answer.text().await.expect("the answer is whole");
    let echo: Value = serde_json::from_str(&text).expect("an echo is JSON");
    assert_eq!(echo["line"], "PUT /bucket/a%2Fb%20c?versionId=%2B");
    assert_eq!(echo["host"], "s3.eu-west-1.amazonaws.com");
    assert_eq!(echo["authorization"], "AWS4 signed");
    assert_eq!(echo["x-amz-content-sha256"], "abc");
    assert_eq!(echo["body"], json!([0, 255, 10]));
}

/// A proxy in front of a server that tells what reached it.
async fn echoing() -> (Proxy, reqwest::Client) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = format!("http://{}", listener.local_addr().expect("a bound port"));
    let router = axum::Router::new().fallback(async |request: axum::extract::Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1000).await.expect("a small body");
        let mut echo = json!({"line": format!("{} {}", parts.method, parts.uri), "body": body.to_vec()});
        for (name, value) in &parts.headers {
            echo[name.as_str()] = json!(value.to_str().expect("a readable header"));
        }
        (axum::http::StatusCode::MULTI_STATUS, [("x-echo", "yes")], echo.to_string())
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Proxy::start(upstream).await.expect("the proxy starts"), reqwest::Client::new())
}

#[tokio::test]
async fn a_stopped_proxy_no_longer_listens() {
    let (proxy, http) = echoing().await;
    let url = proxy.url().to_owned();
    http.get(&url).send().await.expect("an echo");
    drop(proxy);
    for _ in 0..100 {
        // The first call's connection is still in the client's pool.
        if http.get(&url).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the proxy still answers a second after it was dropped");
}
