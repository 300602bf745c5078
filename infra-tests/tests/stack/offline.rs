//! What is wrong with stack files, templates and the edges between them, told by `check` with file
//! and line, and nothing asked of AWS.

use std::collections::BTreeMap;

use anyhow::Result;
use groundplan::engine::Engine;
use groundplan::repo::{CommitId, Snapshot};
use infra_tests::product::Product;
use infra_tests::stage::{commit, write};
use infra_tests::world::World;

const HERE: &str = "stacks/111111111111/eu-west-1";
const QUEUE: &str = "Parameters: {Of: {Type: String, Default: x}}\nResources: {Jobs: {Type: 'AWS::SQS::Queue'}}\nOutputs: {Url: {Value: !Ref Jobs}}\n";

/// What `check` says of a repository of our own: a line each, as `error FILE:LINE:COLUMN MESSAGE`,
/// a hint behind it.
async fn told(files: &[(&str, &str)]) -> Result<Vec<String>> {
    let ours = [("groundplan.yaml", "{}\n"), ("templates/queue.yaml", QUEUE)];
    told_of(&[&ours[..], files].concat()).await
}

/// The same of a repository of exactly these files.
pub(crate) async fn told_of(files: &[(&str, &str)]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    for (path, text) in files {
        write(folder.path(), path, text)?;
    }
    commit(folder.path())?;
    let repo = folder.path().display().to_string();
    let ran = Product::offline()?.run(&["check", "--format", "json", "--repo", &repo]).await?;
    let told = ran.json()?;
    let mut lines = Vec::new();
    for (kind, list) in [("error", "errors"), ("warning", "warnings")] {
        for problem in told[list].as_array().into_iter().flatten() {
            let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            let place = format!("{}:{}:{}", word("file"), problem["line"], problem["column"]);
            lines.push(format!("{kind} {place} {} [{}]", word("message"), word("hint")));
        }
    }
    assert_eq!(ran.code, if lines.iter().any(|line| line.starts_with("error")) { 65 } else { 0 }, "{lines:#?}");
    Ok(lines)
}

pub(crate) fn assert_told(lines: &[String], place: &str, words: &str) {
    let found = lines.iter().any(|line| line.contains(place) && line.contains(words));
    assert!(found, "{place} `{words}` is not told: {lines:#?}");
}

#[tokio::test]
async fn a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one() -> Result<()> {
    let long = format!("Template: queue.yaml\nParameters: {{Of: {}}}\n", "x".repeat(4097));
    let tags: String = (0..50).map(|number| format!("  T{number}: v\n")).collect();
    let files = [
        (&*format!("{HERE}/empty.yaml"), ""),
        (&*format!("{HERE}/comment.yaml"), "# nothing yet\n"),
        (&*format!("{HERE}/list.yaml"), "- Template: queue.yaml\n"),
        (&*format!("{HERE}/tagged.yaml"), "Template: !include queue.yaml\n"),
        (&*format!("{HERE}/value.yaml"), "Template: queue.yaml\nParameters: {Of: !Ref Other}\n"),
        (&*format!("{HERE}/long.yaml"), &*long),
        (&*format!("{HERE}/tags.yaml"), &*format!("Template: queue.yaml\nTags:\n{tags}")),
        (&*format!("{HERE}/other.yml"), "Template: queue.yaml\n"),
        (&*format!("{HERE}/loud.YAML"), "Template: queue.yaml\n"),
        (&*format!("{HERE}/queue.yaml"), "Template: queue.yaml\n"),
        (&*format!("{HERE}/Queue.yaml"), "Template: queue.yaml\n"),
        (&*format!("{HERE}/jinja.yaml"), "Template: {{ template }}\n"),
    ];
    let lines = told(&files).await?;
    assert_told(&lines, "/empty.yaml:0:0", "this file is empty");
    assert_told(&lines, "/comment.yaml:0:0", "this file is empty");
    assert_told(&lines, "/list.yaml:1:1", "a stack file is a mapping");
    assert_told(&lines, "/tagged.yaml:1:20", "has the tag `!include`");
    assert_told(&lines, "/value.yaml:2:23", "has the tag `!Ref`");
    assert_told(&lines, "/long.yaml:2:18", "`Of` has 4097 bytes, and CloudFormation takes 4096");
    assert_told(&lines, "/tags.yaml:3:3", "50 tags beside its mark");
    assert_told(&lines, "warning stacks/111111111111/eu-west-1/other.yml:0:0", "is passed over [name it .yaml]");
    assert_told(&lines, "warning stacks/111111111111/eu-west-1/loud.YAML:0:0", "is passed over [name it .yaml]");
    assert_told(&lines, "/queue.yaml:0:0", "differs from it by upper and lower case alone");
    assert_told(&lines, "/jinja.yaml:1:", "");
    Ok(())
}

#[tokio::test]
async fn a_template_that_cannot_be_is_told_where_it_is_named_or_at_its_line() -> Result<()> {
    let many: String = (0..501).map(|number| format!("  Q{number}: {{Type: 'AWS::SQS::Queue'}}\n")).collect();
    let wide: String = (0..201).map(|number| format!("  P{number}: {{Type: String, Default: x}}\n")).collect();
    let files = [
        ("templates/many.yaml", &*format!("Resources:\n{many}")),
        ("templates/wide.yaml", &*format!("Parameters:\n{wide}Resources: {{Q: {{Type: 'AWS::SQS::Queue'}}}}\n")),
        ("templates/folder/inner.yaml", QUEUE),
        ("templates/needs.yaml", "Parameters: {Of: {Type: String}}\nResources: {Q: {Type: 'AWS::SQS::Queue'}}\n"),
        (&*format!("{HERE}/many.yaml"), "Template: many.yaml\n"),
        (&*format!("{HERE}/wide.yaml"), "Template: wide.yaml\n"),
        (&*format!("{HERE}/outside.yaml"), "Template: ../groundplan.yaml\n"),
        (&*format!("{HERE}/folder.yaml"), "Template: folder\n"),
        (&*format!("{HERE}/needs.yaml"), "Template: needs.yaml\n"),
        (&*format!("{HERE}/{}.yaml", "x".repeat(129)), "Template: queue.yaml\n"),
        (&*format!("{HERE}/münchen.yaml"), "Template: queue.yaml\n"),
        ("stacks/1111/eu-west-1/short.yaml", "Template: queue.yaml\n"),
        ("stacks/111111111111/euwest1/region.yaml", "Template: queue.yaml\n"),
    ];
    let lines = told(&files).await?;
    assert_told(&lines, "templates/many.yaml:0:0", "501 resources, and CloudFormation takes 500");
    assert_told(&lines, "templates/wide.yaml:0:0", "201 parameters, and CloudFormation takes 200");
    assert_told(&lines, "/outside.yaml:1:11", "there is no template `templates/../groundplan.yaml`");
    assert_told(&lines, "/folder.yaml:1:11", "there is no template `templates/folder`");
    assert_told(&lines, "/needs.yaml:1:", "needs the parameter `Of`");
    assert_told(&lines, "/xxxx", "129 letters, and CloudFormation takes 128");
    assert_told(&lines, "/münchen.yaml", "cannot be a stack's name");
    assert_told(&lines, "stacks/1111/", "`1111` names no account");
    assert_told(&lines, "/region.yaml", "`euwest1` is no region");
    Ok(())
}

#[tokio::test]
async fn an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it() -> Result<()> {
    let taking =
        |what: &str| format!("Template: queue.yaml\nParameters:\n- {{Name: Of, Type: Output, Value: {what}}}\n");
    let importing = "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !ImportValue there}}}\nOutputs: {O: {Value: x, Export: {Name: here}}}\n";
    let exporting = importing.replace("there", "HERE").replace("here", "there").replace("HERE", "here");
    let files = [
        ("templates/one.yaml", importing),
        ("templates/two.yaml", &*exporting),
        (&*format!("{HERE}/one.yaml"), "Template: one.yaml\n"),
        (&*format!("{HERE}/two.yaml"), "Template: two.yaml\n"),
        (&*format!("{HERE}/queue.yaml"), "Template: queue.yaml\n"),
        (&*format!("{HERE}/self.yaml"), &*taking("self.Url")),
        (&*format!("{HERE}/egg.yaml"), &*taking("hen.Url")),
        (&*format!("{HERE}/hen.yaml"), "Template: queue.yaml\nDependsOn: [egg]\n"),
        (&*format!("{HERE}/near.yaml"), &*taking("quue.Url")),
        (&*format!("{HERE}/wrong.yaml"), &*taking("queue.Uri")),
        (&*format!("{HERE}/gone.yaml"), "Template: queue.yaml\nDependsOn: [removed]\n"),
    ];
    let lines = told(&files).await?;
    assert_told(&lines, "/egg.yaml:3:", "egg → stacks/111111111111/eu-west-1/hen → stacks");
    assert_told(
        &lines,
        "/egg.yaml:3:",
        "`stacks/111111111111/eu-west-1/hen` is named at stacks/111111111111/eu-west-1/egg.yaml:3",
    );
    assert_told(
        &lines,
        "/egg.yaml:3:",
        "`stacks/111111111111/eu-west-1/egg` is named at stacks/111111111111/eu-west-1/hen.yaml:2",
    );
    assert_told(&lines, "templates/one.yaml:1:", "is named at templates/two.yaml:1");
    assert_told(&lines, "/self.yaml:3:", "eu-west-1/self → stacks/111111111111/eu-west-1/self");
    assert_told(&lines, "/near.yaml:3:", "there is no unit `quue` [did you mean `queue`?]");
    assert_told(&lines, "/wrong.yaml:3:", "has no output `Uri` [did you mean `Url`?]");
    assert_told(&lines, "/gone.yaml:2:", "there is no unit `removed`");
    Ok(())
}

/// Units that wait for each other in one row, and as many beside it, each named twice.
#[test]
fn ten_thousand_units_and_a_row_of_five_thousand_are_no_matter() {
    let mut files = BTreeMap::new();
    for number in 0..5000 {
        let after = if number == 0 { String::new() } else { format!("after: [row-{0}, row-{0}]\n", number - 1) };
        files.insert(format!("stacks/1/row-{number}.yaml"), format!("holds: x\n{after}"));
        files.insert(format!("stacks/1/side-{number}.yaml"), "holds: x\nafter: [row-0, row-2500]\n".to_owned());
    }
    let snapshot = Snapshot::of_files(CommitId::new("c0ffee"), files);
    // Less room than any thread has: what went as deep as the row is long would not come back.
    let check = move || {
        let (declaration, problems) = Engine::new(World::default().kinds()).check(&snapshot);
        assert!(problems.errors.is_empty(), "{:?}", problems.errors.first());
        declaration.graph.members().count()
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(check).expect("a thread");
    assert_eq!(thread.join().expect("it comes back"), 10_000);
}

#[tokio::test]
async fn text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant() -> Result<()> {
    let file = |name: &str| format!("{HERE}/{name}.yaml");
    let texts: [(&str, &[u8]); 7] = [
        ("merged", b"Template: queue.yaml\nTags: {A: b}\nTemplate: queue.yaml\nTags: {A: c}\n"),
        ("two", b"Template: queue.yaml\n---\nTemplate: queue.yaml\n"),
        ("tabs", b"Template: queue.yaml\nParameters:\n\tOf: x\n"),
        ("latin", b"Template: queue.yaml\nParameters: {Of: caf\xe9}\n"),
        ("wide", b"\xff\xfeT\0e\0m\0p\0"),
        ("null", b"Template: queue.yaml\nParameters: {Of: \"a\0b\"}\n"),
        ("mark", b"\xef\xbb\xbfTemplate: queue.yaml\r\nParameters: {Of: x}\r\n"),
    ];
    let folder = tempfile::tempdir()?;
    write(folder.path(), "groundplan.yaml", "{}\n")?;
    write(folder.path(), "templates/queue.yaml", QUEUE)?;
    for (name, bytes) in texts {
        write(folder.path(), &file(name), "")?;
        std::fs::write(folder.path().join(file(name)), bytes)?;
    }
    commit(folder.path())?;
    let ran = Product::offline()?.run(&["check", "--repo", &folder.path().display().to_string()]).await?;
    assert_eq!(ran.code, 65);
    for name in ["merged", "two", "tabs", "latin", "wide", "null"] {
        assert!(ran.stderr.contains(&file(name)), "{name} is not told: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains(&file("mark")), "a mark and CRLF are no matter: {}", ran.stderr);
    Ok(())
}
