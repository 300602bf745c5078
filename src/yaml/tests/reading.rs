//! Nodes to Rust types.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::Deserialize;

use super::{at, node};
use crate::problem::Problem;
use crate::yaml::{Node, Scalar, Spanned, Style, read};

#[derive(Deserialize, Debug, PartialEq, Default)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Stack {
    template: String,
    parameters: BTreeMap<String, String>,
    depends_on: Vec<String>,
    protect: bool,
    timeout: Option<u16>,
    policy: Policy,
}

#[derive(Deserialize, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
enum Policy {
    #[default]
    Automatic,
    Approval,
    Window {
        from: String,
    },
    Only(Vec<String>),
}

fn wrong(text: &str) -> Problem {
    read::<Stack>(&node(text)).expect_err("this test writes a wrong value")
}

fn said(text: &str) -> (String, (usize, usize), Option<String>) {
    let problem = wrong(text);
    (problem.message.clone(), at(&problem), problem.hint)
}

#[test]
fn text_takes_any_scalar_as_it_is_written() {
    let stack: Stack = read(&node(
        "Template: yes\nParameters: {A: 1.30, B: 012345678901, C: '', D: true, 5: 0x1F, off: \"null\"}\nTimeout:\n",
    ))
    .unwrap();
    assert_eq!(stack.template, "yes");
    let values: Vec<_> = stack.parameters.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        values,
        [("5", "0x1F"), ("A", "1.30"), ("B", "012345678901"), ("C", ""), ("D", "true"), ("off", "null")]
    );
    assert_eq!(stack.timeout, None);
}

#[test]
fn an_unknown_key_is_named_where_it_stands() {
    let (message, place, hint) = said("Template: a\n  \nParamters: {}\n");
    assert_eq!((message.as_str(), place), ("unknown key `Paramters`", (3, 1)));
    assert_eq!(
        hint.as_deref(),
        Some(
            "did you mean `Parameters`? The known keys are `Template`, `Parameters`, `DependsOn`, `Protect`, `Timeout`, `Policy`"
        )
    );
    assert_eq!(wrong("Paramters: {}\n").line_text.as_deref(), Some("Paramters: {}"));
}

#[test]
fn a_missing_key_points_at_the_mapping() {
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Outer {
        inner: Inner,
    }
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Inner {
        name: String,
    }
    let problem = read::<Outer>(&node("inner:\n  nam: x\n")).unwrap_err();
    assert_eq!((problem.message.as_str(), at(&problem)), ("the key `name` is missing", (2, 3)));
}

#[test]
fn a_value_of_the_wrong_kind_is_told_in_plain_words() {
    let said = |text| {
        let (message, place, hint) = said(text);
        (message, place, hint.unwrap_or_default())
    };
    let row = |message: &str, place, hint: &str| (message.to_owned(), place, hint.to_owned());
    assert_eq!(said("Template: [a]\n"), row("expected text, found a list", (1, 11), ""));
    assert_eq!(said("Template:\nProtect: true\n").0, "expected text, found nothing");
    assert_eq!(said("DependsOn: a\n"), row("expected a list, found the text `a`", (1, 12), ""));
    assert_eq!(said("DependsOn:\n- a\n- {b: c}\n"), row("expected text, found a mapping", (3, 3), ""));
    assert_eq!(said("Protect: yes\n").2, "write `true`");
    assert_eq!(said("Protect: 'false'\n").2, "leave the quotes away");
    assert_eq!(said("Timeout: '30'\n").2, "leave the quotes away");
    assert!(said("Timeout: 030\n").2.contains("octal"));
    assert_eq!(
        said("Timeout: 70000\n"),
        row("expected a whole number from 0 to 65535, found the number 70000", (1, 10), "")
    );
    assert_eq!(said("Template: !Sub x\n"), row("the tag `!Sub` has no meaning here", (1, 16), ""));
    assert_eq!(said("- a\n").0, "expected a mapping, found a list");
}

#[test]
fn enums_are_words_or_mappings_with_one_key() {
    let policy = |text: &str| read::<Stack>(&node(text)).map(|stack| stack.policy);
    assert_eq!(policy("Policy: approval\n").unwrap(), Policy::Approval);
    assert_eq!(policy("Policy: {window: {from: 09:00}}\n").unwrap(), Policy::Window { from: "09:00".into() });
    assert_eq!(policy("Policy: {only: [a]}\n").unwrap(), Policy::Only(vec!["a".into()]));
    let problem = policy("Policy: aproval\n").unwrap_err();
    assert_eq!(problem.message, "unknown value `aproval`");
    assert!(problem.hint.unwrap().starts_with("did you mean `approval`?"));
    assert_eq!(policy("Policy: window\n").unwrap_err().message, "`window` needs a value: write `window: …`");
    assert_eq!(at(&policy("Policy: {windo: 1}\n").unwrap_err()), (1, 10));
}

#[test]
fn a_spanned_value_remembers_its_place() {
    #[derive(Deserialize)]
    struct File {
        items: Vec<Spanned<String>>,
        names: BTreeMap<Spanned<String>, Spanned<u8>>,
        nested: Spanned<Vec<Spanned<String>>>,
    }
    let file: File = read(&node("items: [a, b]\nnames:\n  one: 1\nnested:\n  - c\n")).unwrap();
    let problem = file.items[1].problem("wrong");
    assert_eq!((at(&problem), problem.line_text.as_deref()), ((1, 12), Some("items: [a, b]")));
    let (name, number) = file.names.iter().next().unwrap();
    assert_eq!((name.place.line, name.place.column, number.place.column, number.value), (3, 3, 8, 1));
    assert_eq!((file.nested.place.line, file.nested.place.column), (5, 3));
    assert_eq!((file.nested.value[0].place.column, file.nested.value[0].value.as_str()), (5, "c"));
}

#[test]
fn untagged_enums_and_flatten_keep_a_useful_place() {
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(untagged)]
    enum Parameter {
        Plain(Spanned<String>),
        Typed { value: Spanned<String>, secret: bool },
    }
    #[derive(Deserialize, Debug)]
    struct File {
        name: String,
        #[serde(flatten)]
        rest: Rest,
        list: Vec<Parameter>,
    }
    #[derive(Deserialize, Debug)]
    struct Rest {
        inside: Spanned<u8>,
    }
    let file: File = read(&node("name: x\ninside: 3\nlist:\n  - word\n  - {value: v, secret: true}\n")).unwrap();
    assert_eq!((file.name.as_str(), file.rest.inside.value, file.rest.inside.place.line), ("x", 3, 1));
    let places: Vec<usize> = file
        .list
        .iter()
        .map(|parameter| match parameter {
            Parameter::Plain(value) | Parameter::Typed { value, secret: _ } => value.place.line,
        })
        .collect();
    assert_eq!(places, [4, 5]);
    let problem = read::<File>(&node("name: x\ninside: 3\nlist:\n  - [word]\n")).unwrap_err();
    assert_eq!((problem.message.as_str(), at(&problem)), ("this has none of the forms that are allowed here", (4, 5)));
}

#[test]
fn scalars_and_nodes_stand_in_types_as_they_are() {
    #[derive(Deserialize)]
    struct File {
        version: Scalar,
        quoted: Spanned<Scalar>,
        body: Node,
        more: Option<Node>,
        all: BTreeMap<String, Node>,
    }
    let file: File =
        read(&node("version: 1.30\nquoted: '012'\nbody: !Sub {a: !Ref b}\nall: {x: 1, y: [2]}\n")).unwrap();
    assert_eq!((file.version.text.as_str(), file.version.style), ("1.30", Style::Plain));
    assert_eq!((file.quoted.value.text.as_str(), file.quoted.place.column), ("012", 9));
    assert_eq!((file.body.tag.as_deref(), file.body.get("a").unwrap().tag.as_deref()), (Some("!Sub"), Some("!Ref")));
    assert_eq!(file.body.get("a").unwrap().place().line, 3);
    assert!(file.more.is_none());
    assert_eq!(file.all["y"].items()[0].text(), Some("2"));
    #[derive(Deserialize, Debug)]
    #[allow(dead_code)]
    struct Only {
        version: Scalar,
    }
    let problem = read::<Only>(&node("version: [1]\n")).unwrap_err();
    assert_eq!((problem.message.as_str(), at(&problem)), ("expected a single value, found a list", (1, 10)));
}

#[test]
fn untyped_values_follow_the_core_schema() {
    let text =
        "[1, -2, 1.5, 1e3, true, yes, ~, null, 'x', 0o17, 0x1F, 0644, 12_3, 2026-01-01, 18446744073709551615, []]";
    let json: serde_json::Value = read(&node(text)).unwrap();
    assert_eq!(
        json.to_string(),
        r#"[1,-2,1.5,1000.0,true,"yes",null,null,"x",15,31,"0644","12_3","2026-01-01",18446744073709551615,[]]"#
    );
}

#[test]
fn newtypes_and_numbers_are_read() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Name(String);
    assert_eq!(read::<Name>(&node("12")).unwrap(), Name("12".into()));
    assert_eq!(read::<(u8, f64, i64)>(&node("[1, 2, -3]")).unwrap(), (1, 2.0, -3));
    assert_eq!(read::<Vec<Option<u8>>>(&node("[1, ~, null]")).unwrap(), [Some(1), None, None]);
    assert_eq!(
        read::<u8>(&node("-1")).unwrap_err().message,
        "expected a whole number from 0 to 255, found the number -1"
    );
}

#[test]
fn an_own_complaint_of_a_type_is_told_at_its_value() {
    #[derive(Deserialize, Debug)]
    #[serde(try_from = "String")]
    struct Even;
    impl TryFrom<String> for Even {
        type Error = String;
        fn try_from(text: String) -> Result<Self, String> {
            if text.len().is_multiple_of(2) { Ok(Even) } else { Err(format!("`{text}` is odd")) }
        }
    }
    let problem = read::<Vec<Even>>(&node("- ab\n- abc\n")).unwrap_err();
    assert_eq!((problem.message.as_str(), at(&problem)), ("`abc` is odd", (2, 3)));
}

#[test]
fn the_schema_of_a_spanned_value_is_that_of_the_value() {
    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct File {
        name: Spanned<String>,
        value: Scalar,
        any: Node,
    }
    let schema = serde_json::to_value(schema_for!(File)).unwrap();
    assert_eq!(schema["properties"]["name"], serde_json::json!({"type": "string"}));
    assert_eq!(schema["properties"]["value"], serde_json::json!({"type": ["string", "number", "boolean"]}));
    assert_eq!(schema["properties"]["any"], serde_json::json!(true));
}
