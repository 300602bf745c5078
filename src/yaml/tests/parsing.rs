//! Text to nodes.

use super::{at, node, problems};
use crate::yaml::{Node, Span, Style, Value, parse, parse_one};

#[test]
fn a_span_is_exactly_what_is_written() {
    let text = "\u{feff}größe: \"ein 'Wort'\"\r\nlist:\r\n  - plain text   # note\r\n  - 'it''s'\r\n  - {a: b, c: [d, e] }\r\nlast: end\r\n";
    let root = node(text);
    assert_eq!(root.get("größe").unwrap().span.text(), "\"ein 'Wort'\"");
    let list = root.get("list").unwrap();
    let written: Vec<&str> = list.items().iter().map(|item| item.span.text()).collect();
    assert_eq!(written, ["plain text", "'it''s'", "{a: b, c: [d, e] }"]);
    assert_eq!(list.span.text(), "- plain text   # note\r\n  - 'it''s'\r\n  - {a: b, c: [d, e] }");
    assert_eq!(list.items()[2].get("c").unwrap().span.text(), "[d, e]");
    assert_eq!(at(&list.items()[1].problem("x")), (4, 5));
    assert_eq!(list.items()[1].problem("x").line_text.as_deref(), Some("  - 'it''s'"));
    assert_eq!(root.span.text(), text.trim_start_matches('\u{feff}').trim_end());
}

#[test]
fn scalars_keep_text_and_style() {
    let root = node("- 1.30\n- 'a'\n- \"\\u00e9\"\n- |\n  x\n  y\n- >-\n  x\n  y\n");
    let seen: Vec<_> = root
        .items()
        .iter()
        .map(|item| match &item.value {
            Value::Scalar(scalar) => (scalar.text.as_str(), scalar.style),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("1.30", Style::Plain),
            ("a", Style::SingleQuoted),
            ("é", Style::DoubleQuoted),
            ("x\ny\n", Style::Literal),
            ("x y", Style::Folded)
        ]
    );
}

#[test]
fn the_parser_adds_nothing_that_is_not_written() {
    let text = |source: &str| node(source).get("a").unwrap().text().unwrap().to_owned();
    assert_eq!([text("a:"), text("a: ~\n"), text("a: &x\nb: 1")], ["", "~", ""]);
    assert_eq!(
        [text("a: |\n  x"), text("a: |\n  x\n"), text("a: |+\n  x\n\n"), text("a: >\n x\n y")],
        ["x", "x\n", "x\n\n", "x y"]
    );
}

#[test]
fn tags_are_kept_as_written_and_core_tags_only_set_the_style() {
    let root = node("a: !Sub '${X}'\nb: !If [c, !Ref d, e]\nc: !!str 12\nd: !!int '3'\ne: !!binary aGk=\nf: ! 12\n");
    let tag = |key: &str| root.get(key).unwrap().tag.clone();
    assert_eq!((tag("a").as_deref(), tag("b").as_deref()), (Some("!Sub"), Some("!If")));
    assert_eq!(root.get("b").unwrap().items()[1].tag.as_deref(), Some("!Ref"));
    assert_eq!((tag("c"), tag("d"), tag("e").as_deref(), tag("f")), (None, None, Some("!!binary"), None));
    let style = |key: &str| match &root.get(key).unwrap().value {
        Value::Scalar(scalar) => scalar.style,
        other => panic!("{other:?}"),
    };
    assert_eq!((style("c"), style("d"), style("f")), (Style::DoubleQuoted, Style::Plain, Style::DoubleQuoted));
}

#[test]
fn empty_documents_are_left_out() {
    let documents = parse("a.yaml", b"# only a comment\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n").unwrap();
    assert_eq!(documents.len(), 2);
    assert!(documents[1].get("b").is_some());
    for empty in ["", "\n", "# x\n", "---\n", "\u{feff}", "---\n---\n# y\n"] {
        assert_eq!(parse("a.yaml", empty.as_bytes()).unwrap(), [], "{empty:?}");
    }
}

#[test]
fn a_file_of_one_document_is_refused_with_none_or_two() {
    assert_eq!(parse_one("a.yaml", b"# x\n").unwrap_err()[0].message, "this file is empty");
    let two = &problems("a: 1\n---\nb: 2\n")[0];
    assert_eq!((at(two), two.message.as_str()), ((3, 1), "a second document begins here, and this file takes one"));
}

#[test]
fn every_key_written_twice_is_reported_with_both_lines() {
    let found = problems("a: 1\nb:\n  c: 1\n  'c': 2\na: 2\nd: {e: 1, e: 2}\n");
    let seen: Vec<_> = found.iter().map(|problem| (at(problem), problem.message.as_str())).collect();
    assert_eq!(
        seen,
        [
            ((4, 3), "the key `c` is written twice: first on line 3"),
            ((6, 11), "the key `e` is written twice: first on line 6"),
            ((5, 1), "the key `a` is written twice: first on line 1"),
        ]
    );
    assert_eq!(found[0].line_text.as_deref(), Some("  'c': 2"));
}

#[test]
fn aliases_are_copies_that_point_at_their_anchor() {
    let root = node("base: &base [x]\nuse: *base\nend: 1\n");
    assert_eq!(root.get("base"), root.get("use"));
    assert_eq!(at(&root.get("use").unwrap().items()[0].problem("")), (1, 14));
    assert_eq!(root.span.text(), "base: &base [x]\nuse: *base\nend: 1");
}

#[test]
fn merge_keys_are_merged_and_local_keys_win() {
    let root = node("a: &a {k: 1, l: 2}\nb: &b {k: 5, m: 6}\nc:\n  k: 3\n  <<: *a\nd: {<<: [*a, *b]}\ne: {'<<': 1}\n");
    let shown = |key: &str| -> Vec<String> {
        let entries = root.get(key).unwrap().entries();
        entries.map(|(key, value)| format!("{}={}", key.text().unwrap(), value.text().unwrap())).collect()
    };
    assert_eq!(shown("c"), ["k=3", "l=2"]);
    assert_eq!(shown("d"), ["k=1", "l=2", "m=6"]);
    assert_eq!(shown("e"), ["<<=1"]);
    assert_eq!(problems("a: {<<: 1}\n")[0].message, "`<<` takes a mapping, or a list of mappings");
}

#[test]
fn an_alias_bomb_runs_into_the_budget() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..=10 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
    }
    let found = problems(&text);
    assert_eq!(found[0].message, "this file holds more than 200000 values, copies for anchors and aliases included");
    let large = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 30].join(", "));
    assert_eq!(problems(&large)[0].message, "the anchors and aliases of this file copy more than 16 MiB of text");
}

#[test]
fn anchors_inside_anchors_run_into_the_budget() {
    let nested: String = (0..100).map(|level| format!("&a{level} [")).collect();
    let text = format!("{nested}{}{}", "x, ".repeat(10_000), "]".repeat(100));
    assert!(problems(&text)[0].message.starts_with("this file holds more than 200000 values"));
}

#[test]
fn what_is_too_deep_is_refused() {
    assert_eq!(problems(&"[".repeat(20_000)).len(), 1);
    assert_eq!(problems(&"- ".repeat(20_000)).len(), 1);
    assert_eq!(problems(&"{a: ".repeat(200)).len(), 1);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_one("a.yaml", deep(128).as_bytes()).is_ok());
    assert!(problems(&deep(129))[0].message.ends_with("more than 128 deep"));
    let by_alias = format!("- &a {}\n- {}*a{}\n", deep(100), "[".repeat(50), "]".repeat(50));
    assert!(problems(&by_alias)[0].message.ends_with("more than 128 deep"));
}

#[test]
fn aliases_to_nothing_or_to_themselves_are_refused() {
    assert_eq!(problems("a: *b\n").len(), 1);
    assert_eq!(problems("a: &a [*a]\n")[0].message, "this alias stands inside the very node it names");
    assert_eq!(parse("a.yaml", b"a: &a 1\n---\nb: *a\n").unwrap_err().len(), 1);
}

#[test]
fn syntax_errors_have_a_place_and_a_line() {
    let found = &problems("a: 1\nb:\n\tc: 2\n")[0];
    assert_eq!((found.place.line, found.line_text.as_deref()), (3, Some("\tc: 2")));
    assert_eq!(found.hint.as_deref(), Some("indent with spaces, not with tabs"));
    let found = &problems("a: [1, 2\nb: 3\n")[0];
    assert!(found.message.starts_with("this is not YAML: "), "{found:?}");
    assert_eq!(problems("a: \"open\n")[0].place.file, "a.yaml");
}

#[test]
fn keys_are_single_values_and_files_are_text() {
    let found = &problems("name: {{ name }}\n")[0];
    assert_eq!(found.message, "a mapping cannot be a key");
    assert_eq!(found.hint.as_deref(), Some("where `{{ … }}` is meant as text, put quotes around it"));
    assert_eq!(problems("? [a]\n: b\n")[0].message, "a list cannot be a key");
    let found = parse("a.yaml", b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!((found[0].place.line, found[0].message.as_str()), (2, "this is not UTF-8 text"));
}

#[test]
fn every_node_knows_the_line_it_begins_on() {
    fn walk(node: &Node, lines: &mut Vec<(usize, usize)>) {
        let Span { source, start, .. } = &node.span;
        lines.push((node.place().line, source[..*start].matches('\n').count() + 1));
        match &node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.iter().for_each(|item| walk(item, lines)),
            Value::Mapping(pairs) => pairs.iter().for_each(|(key, value)| {
                walk(key, lines);
                walk(value, lines);
            }),
        }
    }
    let text = "a: &x\n  - 1\r\n  - {b: 'two\n\n    lines', c: [d,\n e]}\n---\n\nf: |\n  text\n  text\ng: &y {h: i}\nj: *y\nk:\n";
    let mut lines = Vec::new();
    parse("a.yaml", text.as_bytes()).expect("it is YAML").iter().for_each(|node| walk(node, &mut lines));
    assert!(lines.len() > 15 && lines.iter().all(|(told, counted)| told == counted), "{lines:?}");
}
