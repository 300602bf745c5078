//! Golden answers of the Go library that kubectl uses (`sigs.k8s.io/yaml` 1.6, go-yaml v2).

use serde_json::Value as Json;

use super::{at, node};
use crate::yaml::kubernetes;

/// What is written, and what the library made of it.
const GOLDEN: &[(&str, &str)] = &[
    ("v: yes", r#"{"v":true}"#),
    ("v: Yes", r#"{"v":true}"#),
    ("v: YES", r#"{"v":true}"#),
    ("v: yEs", r#"{"v":"yEs"}"#),
    ("v: y", r#"{"v":true}"#),
    ("v: Y", r#"{"v":true}"#),
    ("v: n", r#"{"v":false}"#),
    ("v: N", r#"{"v":false}"#),
    ("v: no", r#"{"v":false}"#),
    ("v: on", r#"{"v":true}"#),
    ("v: off", r#"{"v":false}"#),
    ("v: Off", r#"{"v":false}"#),
    ("v: true", r#"{"v":true}"#),
    ("v: True", r#"{"v":true}"#),
    ("v: tRue", r#"{"v":"tRue"}"#),
    ("v: FALSE", r#"{"v":false}"#),
    ("v: 0644", r#"{"v":420}"#),
    ("v: 0o644", r#"{"v":420}"#),
    ("v: 0O644", r#"{"v":420}"#),
    ("v: 0x1F", r#"{"v":31}"#),
    ("v: 0b101", r#"{"v":5}"#),
    ("v: -0b101", r#"{"v":-5}"#),
    ("v: -0x10", r#"{"v":-16}"#),
    ("v: +12", r#"{"v":12}"#),
    ("v: 1_000", r#"{"v":1000}"#),
    ("v: _1", r#"{"v":"_1"}"#),
    ("v: 09", r#"{"v":9}"#),
    ("v: 012345678901", r#"{"v":12345678901}"#),
    ("v: 08.5", r#"{"v":8.5}"#),
    ("v: -0", r#"{"v":0}"#),
    ("v: 9223372036854775807", r#"{"v":9223372036854775807}"#),
    ("v: 9223372036854775808", r#"{"v":9223372036854775808}"#),
    ("v: 18446744073709551615", r#"{"v":18446744073709551615}"#),
    ("v: 18446744073709551616", r#"{"v":18446744073709552000}"#),
    ("v: 12345678901234567890123", r#"{"v":1.2345678901234568e+22}"#),
    ("v: 1.0", r#"{"v":1}"#),
    ("v: 1.30", r#"{"v":1.3}"#),
    ("v: 1.", r#"{"v":1}"#),
    ("v: .5", r#"{"v":0.5}"#),
    ("v: -.5", r#"{"v":-0.5}"#),
    ("v: 1e3", r#"{"v":1000}"#),
    ("v: 12e03", r#"{"v":12000}"#),
    ("v: 1e400", r#"{"v":"1e400"}"#),
    ("v: 1e21", r#"{"v":1e+21}"#),
    ("v: 1e-7", r#"{"v":1e-7}"#),
    ("v: .5_0", r#"{"v":0.5}"#),
    ("v: 1_0.5", r#"{"v":10.5}"#),
    ("v: .", r#"{"v":"."}"#),
    ("v: ~", r#"{"v":null}"#),
    ("v: null", r#"{"v":null}"#),
    ("v: NULL", r#"{"v":null}"#),
    ("v: nUll", r#"{"v":"nUll"}"#),
    ("v:", r#"{"v":null}"#),
    (r#"v: """#, r#"{"v":""}"#),
    (r#"v: "yes""#, r#"{"v":"yes"}"#),
    ("v: 'null'", r#"{"v":"null"}"#),
    ("v: 2001-01-01", r#"{"v":"2001-01-01"}"#),
    ("v: 2001-12-14t21:59:43.10-05:00", r#"{"v":"2001-12-14t21:59:43.10-05:00"}"#),
    ("v: 12:30:45", r#"{"v":"12:30:45"}"#),
    ("v: !!str 123", r#"{"v":"123"}"#),
    (r#"v: !!int "3""#, r#"{"v":3}"#),
    ("v: !!float 3", r#"{"v":3}"#),
    (r#"v: !!bool "yes""#, r#"{"v":true}"#),
    ("v: !!binary aGVsbG8=", r#"{"v":"hello"}"#),
    ("v: !Sub x", r#"{"v":"x"}"#),
    ("v: !Sub 12", r#"{"v":"12"}"#),
    ("v: ! 12", r#"{"v":"12"}"#),
    ("v: <<", r#"{"v":"<<"}"#),
    ("v: =", r#"{"v":"="}"#),
    ("v: 1.2.3", r#"{"v":"1.2.3"}"#),
    ("v: 10Mi", r#"{"v":"10Mi"}"#),
    ("v: 0x", r#"{"v":"0x"}"#),
    ("v: 0o8", r#"{"v":"0o8"}"#),
    ("v: +", r#"{"v":"+"}"#),
    ("v: 0_7", r#"{"v":7}"#),
    ("v: 4_2.", r#"{"v":42}"#),
    ("v: 0.1", r#"{"v":0.1}"#),
    ("v: 100000000000000000000.0", r#"{"v":100000000000000000000}"#),
    ("v: 123456789.25", r#"{"v":123456789.25}"#),
    ("v: |\n  12", r#"{"v":"12"}"#),
    ("v: {a: b, c: [yes, 1, ~]}", r#"{"v":{"a":"b","c":[true,1,null]}}"#),
    ("yes: 1", r#"{"true":1}"#),
    ("y: 1", r#"{"true":1}"#),
    ("1: a", r#"{"1":"a"}"#),
    ("1.5: a", r#"{"1.5":"a"}"#),
    ("1e6: a", r#"{"1e+06":"a"}"#),
    ("1e5: a", r#"{"100000":"a"}"#),
    ("123456.7: a", r#"{"123456.7":"a"}"#),
    ("0.00001: a", r#"{"1e-05":"a"}"#),
    ("0.0001: a", r#"{"0.0001":"a"}"#),
    ("0644: a", r#"{"420":"a"}"#),
    (r#""~": a"#, r#"{"~":"a"}"#),
    (".inf: a", r#"{".inf":"a"}"#),
    ("2001-01-01: a", r#"{"2001-01-01":"a"}"#),
    ("!!binary aGVsbG8=: a", r#"{"hello":"a"}"#),
];

/// What the library refuses.
const REFUSED: &[&str] = &["v: .inf", "v: -.Inf", "v: .nan", "~: a", "18446744073709551615: a"];

#[test]
fn every_scalar_means_what_kubectl_takes_it_for() {
    for (text, json) in GOLDEN {
        let found = kubernetes(&node(text)).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
        assert_eq!(found, serde_json::from_str::<Json>(json).unwrap(), "{text}");
    }
}

#[test]
fn what_json_cannot_hold_is_refused() {
    for text in REFUSED {
        let problem = kubernetes(&node(text)).expect_err(text);
        assert!(problem.hint.is_some(), "{text}: {problem:?}");
    }
}

#[test]
fn two_ways_to_write_one_key_are_refused() {
    let problem = kubernetes(&node("a:\n  yes: 1\n  true: 2\n")).unwrap_err();
    assert_eq!(
        (problem.message.as_str(), at(&problem)),
        ("the key `true` stands twice here, written in two ways", (3, 3))
    );
}

#[test]
fn merged_keys_and_aliases_are_sent_as_if_written_out() {
    let json = kubernetes(&node("x: &a {k: 1, l: 2}\nz: {<<: *a, k: 3}\n")).unwrap();
    assert_eq!(json, serde_json::json!({"x": {"k": 1, "l": 2}, "z": {"k": 3, "l": 2}}));
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    assert!(kubernetes(&node("v: !!binary gICA\n")).unwrap_err().hint.is_some());
    assert_eq!(kubernetes(&node("v: !!binary '?'\n")).unwrap_err().message, "`!!binary` takes base64");
}
