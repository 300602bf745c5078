//! What is noted on this machine makes a quiet run short, and never says anything else than a run without notes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use infra_tests::product::Product;
use infra_tests::sandbox::{Api, Parts, Sandbox};
use infra_tests::stage::{commit, write};
use serde_json::json;

const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";
const WIDGETS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.acme.io";

const WORKLOAD: &str = "namespace: shop\nvalues: {TIER: gold}\n";
const MANIFESTS: &str = "apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {tier: '${TIER}'}
---
apiVersion: acme.io/v1
kind: Widget
metadata: {name: one}
spec: {size: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1'}]}
";

/// Something becomes another after all was settled.
struct Case {
    name: &'static str,
    happens: Happens,
    /// Whether names alone, and a few objects, are enough to say that nothing is to be done.
    is_settled: bool,
    code: i32,
}

enum Happens {
    /// A file of the repository says this; none where it goes.
    File(&'static str, Option<String>),
    /// Every note becomes this.
    Notes(fn(Vec<u8>) -> Vec<u8>),
    /// Somebody patches an object in the cluster.
    Live(&'static str, serde_json::Value),
    /// Somebody deletes an object.
    Gone(&'static str),
}

fn cases() -> Vec<Case> {
    let case = |name, happens, is_settled, code| Case { name, happens, is_settled, code };
    let file = |path, text: &str| Happens::File(path, Some(text.to_owned()));
    let manifest =
        |from: &str, to: &str| Happens::File("clusters/shop/web/all.yaml", Some(MANIFESTS.replace(from, to)));
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    vec![
        case("nothing", Happens::Live(WEB, json!({})), true, 0),
        case("a byte of a manifest", manifest("web:1", "web:2"), false, 2),
        case("a comment in a manifest", manifest("kind: Widget", "kind: Widget # ours"), false, 0),
        case("a value", file("clusters/shop/web/workload.yaml", "namespace: shop\nvalues: {TIER: iron}\n"), false, 2),
        case(
            "the namespace",
            file("clusters/shop/web/workload.yaml", "namespace: other\nvalues: {TIER: gold}\n"),
            false,
            2,
        ),
        case(
            "a field that is left",
            file("clusters/shop/web/workload.yaml", &format!("{WORKLOAD}leave: [{{path: spec.replicas}}]\n")),
            false,
            0,
        ),
        case(
            "the cluster",
            file(
                "clusters/shop/cluster.yaml",
                "kubeconfig: {context: sandbox, uid: 00000000-0000-0000-0000-000000000000}\n",
            ),
            false,
            1,
        ),
        case("the mark", file("groundplan.yaml", "repository: another\n"), false, 1),
        case("a file is added", file("clusters/shop/web/other.yaml", other), false, 2),
        case("a file is removed", Happens::File("clusters/shop/web/more.yaml", None), false, 2),
        case("a file that is wrong", file("clusters/shop/web/other.yaml", "kind: ["), false, 65),
        case(
            "another workload claims the same",
            file(
                "clusters/shop/also/all.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n",
            ),
            false,
            65,
        ),
        case(
            "a flipped byte",
            Happens::Notes(|mut note| {
                let at = note.len() / 2;
                note[at] ^= 1;
                note
            }),
            false,
            0,
        ),
        case("an end that comes too early", Happens::Notes(|note| note[..note.len() / 2].to_vec()), false, 0),
        case("no note", Happens::Notes(|_| Vec::new()), false, 0),
        case("a field of ours is changed by hand", Happens::Live(WEB, json!({"spec": {"replicas": 1}})), false, 2),
        case("a field beside ours", Happens::Live(WEB, json!({"spec": {"paused": true}})), true, 0),
        case(
            "our label is taken off",
            Happens::Live(WEB, json!({"metadata": {"labels": {"groundplan.dev/unit": null}}})),
            false,
            2,
        ),
        case("an object is deleted", Happens::Gone("/api/v1/namespaces/shop/configmaps/settings"), false, 2),
        case(
            "an object without a generation",
            Happens::Live("/api/v1/namespaces/shop/configmaps/settings", json!({"data": {"tier": "iron"}})),
            false,
            2,
        ),
        case(
            "a custom object",
            Happens::Live("/apis/acme.io/v1/namespaces/shop/widgets/one", json!({"spec": {"size": 2}})),
            false,
            2,
        ),
        case("a definition shows its objects otherwise", Happens::Live(WIDGETS, definition(json!("red"))), true, 0),
        case("the inventory", Happens::Live("inventory", json!({"metadata": {"annotations": {"a": "b"}}})), false, 0),
    ]
}

/// A kind that some other team brings, whose objects get this colour where they have none.
fn definition(colour: serde_json::Value) -> serde_json::Value {
    let colour = json!({"type": "string", "default": colour});
    let spec = json!({"type": "object", "properties": {"size": {"type": "integer"}, "colour": colour}});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.acme.io"},
        "spec": {
            "group": "acme.io", "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    })
}

/// One machine with a clone of the repository.
struct Machine {
    repo: PathBuf,
    cache: PathBuf,
    product: Product,
}

impl Machine {
    fn begin(&self) -> Result<()> {
        if self.repo.join("clusters").exists() {
            fs::remove_dir_all(self.repo.join("clusters"))?;
        }
        write(&self.repo, "groundplan.yaml", "repository: shop\n")?;
        write(&self.repo, "clusters/shop/cluster.yaml", "kubeconfig: {context: sandbox}\n")?;
        write(&self.repo, "clusters/shop/web/workload.yaml", WORKLOAD)?;
        write(&self.repo, "clusters/shop/web/all.yaml", MANIFESTS)?;
        let more = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n";
        write(&self.repo, "clusters/shop/web/more.yaml", more)?;
        commit(&self.repo)
    }

    /// What a plan says, and whether names alone were enough.
    async fn plan(&self) -> Result<(i32, String, bool)> {
        let ran = self.product.run(&["plan", "--format", "json"]).await?;
        Ok((ran.code, ran.stdout, ran.stderr.contains("all is settled")))
    }

    fn notes(&self) -> Result<Vec<PathBuf>> {
        let folder = self.cache.join("groundplan/noted");
        let Ok(files) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
        files.map(|file| Ok(file?.path())).collect()
    }

    async fn happens(&self, happens: &Happens, api: &Api) -> Result<()> {
        match happens {
            Happens::File(path, Some(text)) => write(&self.repo, path, text).and_then(|()| commit(&self.repo)),
            Happens::File(path, None) => {
                fs::remove_file(self.repo.join(path))?;
                commit(&self.repo)
            }
            Happens::Notes(change) => {
                for note in self.notes()? {
                    fs::write(&note, change(fs::read(&note)?))?;
                }
                Ok(())
            }
            Happens::Live("inventory", change) => {
                let maps = "/api/v1/namespaces/groundplan/configmaps";
                let ours = format!("{maps}?labelSelector=groundplan.dev%2Finventory");
                let list = api.find(&ours).await?.context("the inventories are there")?;
                let name = list["items"][0]["metadata"]["name"].as_str().context("there is one")?;
                api.patch(&format!("{maps}/{name}"), change).await.map(drop)
            }
            Happens::Live(path, change) => api.patch(path, change).await.map(drop),
            Happens::Gone(path) => api.delete(path).await.map(drop),
        }
    }
}

fn machine(sandbox: &Sandbox, folder: &Path, name: &str) -> Result<Machine> {
    let (repo, cache) = (folder.join("repo"), folder.join(name));
    let product = Product::offline()?
        .with("KUBECONFIG", sandbox.cluster().kubeconfig().display().to_string())
        .with("GROUNDPLAN_STORE", folder.join(name).join("store.db").display().to_string())
        .with("GROUNDPLAN_LOG", "groundplan=debug")
        .with("XDG_CACHE_HOME", cache.display().to_string())
        .with("GROUNDPLAN_REPO", repo.display().to_string());
    fs::create_dir_all(&cache)?;
    Ok(Machine { repo, cache, product })
}

#[tokio::test]
async fn what_is_noted_here_never_makes_a_run_say_anything_else() -> Result<()> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let api = sandbox.cluster().api();
    api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition(json!("blue"))).await?;
    infra_tests::sandbox::until("its kind is served", std::time::Duration::from_secs(60), async || {
        // While its storage is being made, the server answers that there are too many requests.
        Ok(api.find("/apis/acme.io/v1/widgets").await.ok().flatten())
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let here = machine(&sandbox, folder.path(), "here")?;
    here.begin()?;
    here.product.run(&["sync", "--yes"]).await?.expect(0)?;
    let mut failed = Vec::new();
    for (at, case) in cases().iter().enumerate() {
        let elsewhere = machine(&sandbox, folder.path(), &format!("elsewhere-{at}"))?;
        if let Err(error) = compare(case, (&here, &elsewhere), api).await {
            failed.push(format!("{}: {error:#}", case.name));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

/// What a machine with notes says, and one without.
async fn compare(case: &Case, (here, elsewhere): (&Machine, &Machine), api: &Api) -> Result<()> {
    here.begin()?;
    here.product.run(&["sync", "--yes"]).await?.expect(0)?;
    // Once more, where that put something right: what controllers wrote since is part of what is noted.
    here.product.run(&["drift"]).await?.expect(0)?;
    ensure!(here.plan().await?.2, "not settled at the beginning");
    here.happens(&case.happens, api).await?;
    let (code, told, is_settled) = here.plan().await?;
    ensure!(code == case.code, "code {code}: {told}");
    ensure!(is_settled == case.is_settled, "settled is {is_settled}");
    let (its_code, its_word, by_notes) = elsewhere.plan().await?;
    ensure!(!by_notes && (code, &told) == (its_code, &its_word), "{told}\nand without notes\n{its_word}");
    // What came of it is not noted in its place.
    let (again, told_again, _) = here.plan().await?;
    ensure!((again, told_again) == (code, told), "the next run says something else");
    Ok(())
}

#[tokio::test]
async fn nothing_is_noted_of_a_workload_that_has_a_secret() -> Result<()> {
    let sandbox = Sandbox::start(Parts::CLUSTER).await?;
    let folder = tempfile::tempdir()?;
    let here = machine(&sandbox, folder.path(), "here")?;
    write(&here.repo, "groundplan.yaml", "repository: shop\n")?;
    write(&here.repo, "clusters/shop/cluster.yaml", "kubeconfig: {context: sandbox}\n")?;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {password: canary-in-git}\n";
    write(&here.repo, "clusters/shop/keys/all.yaml", secret)?;
    commit(&here.repo)?;
    here.product.run(&["sync", "--yes"]).await?.expect(0)?;
    for _ in 0..2 {
        let (code, told, is_settled) = here.plan().await?;
        ensure!(code == 0 && !is_settled, "{told}");
    }
    ensure!(here.notes()?.is_empty(), "{:?}", here.notes()?);
    Ok(())
}
