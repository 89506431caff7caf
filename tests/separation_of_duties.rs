//! Duties are apart: an auditor reads everything and changes nothing, an administrator configures and reads nobody's case, a privacy officer
//! answers for personal data and reads no case, and nobody else erases.
//!
//! The requests are made from the schema itself: for every field of every type one that selects it, by the shortest way from a root. So a
//! field that is added tomorrow is tried too, whatever the table says of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};
use parvandeh::graphql::sdl;
use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::authorisation::documents::{codes, is_refused, mutations, open, register, uuid_of};
use crate::harness::{Caller, System};

struct Argument {
    name: String,
    of: Type,
    required: bool,
}

struct Field {
    result: String,
    arguments: Vec<Argument>,
}

/// The schema as its text tells it.
struct Schema {
    /// What can be selected on each type that has fields.
    types: BTreeMap<String, BTreeMap<String, Field>>,
    /// One value of each enum.
    values: BTreeMap<String, String>,
    inputs: BTreeSet<String>,
}

type Step = (String, String);

fn base(of: &Type) -> String {
    match &of.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(item) => base(item),
    }
}

impl Schema {
    fn read() -> Self {
        let mut schema =
            Self { types: BTreeMap::new(), values: BTreeMap::new(), inputs: BTreeSet::new() };
        for definition in parse_schema(sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            let fields = match &definition.node.kind {
                TypeKind::Object(object) => &object.fields,
                TypeKind::Interface(interface) => &interface.fields,
                TypeKind::Enum(values) => {
                    let first = values.values[0].node.value.node.to_string();
                    schema.values.insert(name, first);
                    continue;
                }
                TypeKind::InputObject(_) => {
                    schema.inputs.insert(name);
                    continue;
                }
                TypeKind::Scalar => continue,
                TypeKind::Union(_) => panic!("{name}: the test does not know unions"),
            };
            let fields = fields.iter().map(|field| {
                let arguments = field.node.arguments.iter().map(|argument| Argument {
                    name: argument.node.name.node.to_string(),
                    of: argument.node.ty.node.clone(),
                    required: !argument.node.ty.node.nullable
                        && argument.node.default_value.is_none(),
                });
                let arguments = arguments.collect();
                let field_type = Field { result: base(&field.node.ty.node), arguments };
                (field.node.name.node.to_string(), field_type)
            });
            schema.types.insert(name, fields.collect());
        }
        schema
    }

    /// The shortest way from a root to each type that can be reached from it.
    fn ways(&self, root: &str) -> BTreeMap<String, Vec<Step>> {
        let mut ways = BTreeMap::from([(root.to_owned(), Vec::new())]);
        let mut next = VecDeque::from([root.to_owned()]);
        while let Some(from) = next.pop_front() {
            let way: Vec<Step> = ways[&from].clone();
            for (name, field) in &self.types[&from] {
                if self.types.contains_key(&field.result) && !ways.contains_key(&field.result) {
                    let step = (from.clone(), name.clone());
                    ways.insert(field.result.clone(), [way.clone(), vec![step]].concat());
                    next.push_back(field.result.clone());
                }
            }
        }
        ways
    }

    /// Every field of every type, each with a document that selects it from this root.
    fn documents(&self, root: &str, ids: &Ids) -> Vec<(Step, String)> {
        let mut documents = Vec::new();
        for (type_name, way) in self.ways(root) {
            for (name, field) in &self.types[&type_name] {
                let below = match self.types.contains_key(&field.result) {
                    true => " { __typename }",
                    false => "",
                };
                let mut document = format!("{}{below}", self.call(&type_name, name, ids));
                for (from, step) in way.iter().rev() {
                    document = format!("{} {{ {document} }}", self.call(from, step, ids));
                }
                let document = format!("{} {{ {document} }}", root.to_lowercase());
                documents.push(((type_name.clone(), name.clone()), document));
            }
        }
        documents
    }

    /// A field with the arguments that it must have.
    fn call(&self, type_name: &str, name: &str, ids: &Ids) -> String {
        let arguments = self.types[type_name][name].arguments.iter();
        // An inclusion proof is of one event, named by one of two arguments.
        let names_event =
            |argument: &Argument| name == "inclusionProof" && argument.name == "position";
        let required = arguments.filter(|argument| argument.required || names_event(argument));
        let given = required.map(|argument| {
            let one = match base(&argument.of).as_str() {
                "ID" if name == "customer" || argument.name == "customerId" => {
                    format!("\"{}\"", ids.customer)
                }
                "ID" => format!("\"{}\"", ids.case),
                "DateTime" if argument.name == "to" => "\"2026-02-01T00:00:00Z\"".to_owned(),
                "Int" => "1".to_owned(),
                "String" if argument.name == "day" => "\"2026-01-01\"".to_owned(),
                "String" => "\"x\"".to_owned(),
                "JSON" => "{}".to_owned(),
                "DateTime" => "\"2026-01-01T00:00:00Z\"".to_owned(),
                other if self.inputs.contains(other) => "{}".to_owned(),
                other => match self.values.get(other) {
                    Some(value) => value.clone(),
                    None => panic!("{type_name}.{name}: the test has no {other}"),
                },
            };
            let value = match argument.of.base {
                BaseType::List(_) => format!("[{one}]"),
                BaseType::Named(_) => one,
            };
            format!("{}: {value}", argument.name)
        });
        let given: Vec<_> = given.collect();
        if given.is_empty() { name.to_owned() } else { format!("{name}({})", given.join(", ")) }
    }
}

struct Ids {
    case: String,
    customer: String,
}

struct World {
    system: System,
    ids: Ids,
}

impl World {
    async fn start() -> Self {
        let system = System::start().await;
        let customer = register(&system).await;
        let case = open(&system, Some("care"), Some(&customer)).await;
        let service = system.caller(Role::Service);
        let point = json!({ "customerId": customer, "kind": "EMAIL", "value": "mehri@example.ir" });
        service.mutate("addContactPoint", "customer { id }", point).await;
        let consent = json!({ "customerId": customer, "purpose": "SURVEY", "channel": "SMS" });
        service.mutate("giveConsent", "customer { id }", consent).await;
        Self { system, ids: Ids { case, customer } }
    }

    fn caller(&self, role: Role) -> Caller<'_> {
        match role {
            Role::Customer => self.system.customer(uuid_of(&self.ids.customer)),
            _ => self.system.caller(role),
        }
    }

    /// The fields that somebody in this role is let in with, by every way from every root.
    async fn admitted(&self, schema: &Schema, role: Role) -> BTreeSet<Step> {
        let caller = self.caller(role);
        let mut admitted = BTreeSet::new();
        for root in ["Query", "Mutation", "Subscription"] {
            for (step, document) in schema.documents(root, &self.ids) {
                let answer = caller.send(&document, json!({})).await;
                if !is_refused(&answer, &step.0, &step.1) {
                    admitted.insert(step);
                }
            }
        }
        admitted
    }

    /// The streams' categories of what was appended since then.
    async fn appended_since(&self, position: parvandeh::store::Position) -> BTreeSet<String> {
        let logged = self.system.app.store.read_all(Some(position), 10_000).await.unwrap();
        logged.iter().map(|logged| logged.stream.category().to_owned()).collect()
    }
}

fn steps(of: &[(&str, &[&str])]) -> BTreeSet<Step> {
    let all = of.iter().flat_map(|(type_name, fields)| {
        fields.iter().map(|field| ((*type_name).to_owned(), (*field).to_owned()))
    });
    all.collect()
}

/// What tells of a case, a customer, a promise about a case, or of who read what.
fn tells_of_somebody(type_name: &str) -> bool {
    let nobody = [
        "PageInfo",
        "UserError",
        "SlaPolicyVersion",
        "CalendarVersion",
        "SegmentationVersion",
        // Numbers and hashes over all of the log. The proof of one event is not among them: its leaf tells whose it is.
        "ProofCheckpoint",
        "ConsistencyProof",
    ];
    let configuration = [
        "PublishPolicyPayload",
        "PublishCalendarPayload",
        "PublishSegmentationPayload",
        "RebuildReadModelsPayload",
        // Who works where, by the names of the identity provider: of nobody whom the organisation serves.
        "Unit",
        "DefineUnitPayload",
        "MoveUnitPayload",
        "AppointUnitOwnerPayload",
        "AddUnitStaffPayload",
        "RemoveUnitStaffPayload",
    ];
    let roots = ["Query", "Mutation", "Subscription"];
    ![&nobody[..], &configuration, &roots].concat().contains(&type_name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_can_select_every_field_that_a_query_can_reach() {
    let world = World::start().await;
    let before = world.system.app.store.head().unwrap();
    let schema = Schema::read();
    let documents = schema.documents("Query", &world.ids);
    // What is left out, and why: mutations and their payloads, because an auditor changes nothing; subscriptions and their events,
    // because they tell what queries tell as well. One of them, `simulateSla`, starts work: an auditor may, and it writes nothing.
    let reached = schema.ways("Query");
    let left_out: Vec<_> =
        schema.types.keys().filter(|name| !reached.contains_key(*name)).collect();
    for name in &left_out {
        let fine = ["Mutation", "Subscription", "UserError"].contains(&name.as_str())
            || name.ends_with("Payload")
            || [
                "CaseEvent",
                "FollowUpReminder",
                "NotificationEvent",
                "SlaBreachEvent",
                "SlaFactEvent",
            ]
            .contains(&name.as_str())
            || name.starts_with("SlaSimulation")
            || name.starts_with("SlaVerdict");
        assert!(fine, "{name} cannot be reached by a query");
    }
    let auditor = world.caller(Role::Auditor);
    for ((type_name, field), document) in &documents {
        let answer = auditor.send(document, json!({})).await;
        assert!(answer.get("errors").is_none(), "{type_name}.{field}: {document}: {answer}");
    }
    println!("{} fields", documents.len());
    // All of it wrote nothing but who read it.
    let appended = world.appended_since(before).await;
    assert_eq!(appended, BTreeSet::from(["access".to_owned()]));
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_changes_nothing() {
    let world = World::start().await;
    let before = world.system.app.store.head().unwrap();
    let schema = Schema::read();
    let auditor = world.caller(Role::Auditor);
    let all = mutations(&world.ids.case, &world.ids.customer);
    let tried: BTreeSet<_> = all.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(tried, schema.types["Mutation"].keys().cloned().collect());
    for (name, document, variables) in all {
        let answer = auditor.send(&document, variables).await;
        assert!(is_refused(&answer, "Mutation", name), "{name}: {answer}");
    }
    assert_eq!(world.system.app.store.head().unwrap(), before);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_employee_raises_what_they_see_and_follows_their_own_and_can_select_nothing_else() {
    let world = World::start().await;
    let schema = Schema::read();
    let admitted = world.admitted(&schema, Role::Employee).await;
    let case = &["staffCase", "userErrors"][..];
    let expected = steps(&[
        ("Query", &["myStaffCases", "anonymousCase"]),
        (
            "StaffCase",
            &[
                "id",
                "reference",
                "kind",
                "subject",
                "description",
                "anonymous",
                "status",
                "stage",
                "openedAt",
                "became",
                "toldAt",
                "messages",
            ],
        ),
        ("StaffCaseMessage", &["at", "fromAuthor", "automatic", "body"]),
        (
            "Mutation",
            &[
                "openStaffCase",
                "drawAnonymousCode",
                "openAnonymousCase",
                "writeToStaffCase",
                "writeToAnonymousCase",
            ],
        ),
        ("OpenStaffCasePayload", case),
        ("OpenAnonymousCasePayload", case),
        ("WriteToStaffCasePayload", case),
        ("WriteToAnonymousCasePayload", case),
        ("DrawAnonymousCodePayload", &["code"]),
    ]);
    let forbidden: BTreeSet<_> = admitted.difference(&expected).collect();
    let missing: BTreeSet<_> = expected.difference(&admitted).collect();
    let of_everybody =
        |(type_name, _): &&Step| ["UserError", "PageInfo"].contains(&type_name.as_str());
    assert!(forbidden.iter().all(of_everybody), "{forbidden:?}");
    assert!(missing.is_empty(), "{missing:?}");
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_employee_reads_what_they_raised_and_no_case_of_anybody_else() {
    let system = System::start().await;
    let (one, agent) = (system.caller(Role::Employee), system.caller(Role::Agent));
    let raised = json!({ "kind": "SUGGESTION", "subject": "سایبان برای صف", "unit": "care" });
    let done = one.mutate("openStaffCase", "staffCase { id }", raised.clone()).await;
    let own = done["staffCase"]["id"].clone();
    let of_agent = agent.mutate("openStaffCase", "staffCase { id }", raised).await;
    let theirs = of_agent["staffCase"]["id"].clone();
    let customer = register(&system).await;
    let of_customer = open(&system, Some("care"), Some(&customer)).await;

    let tell =
        json!({ "caseId": own, "became": "ADOPTED", "whatWasDone": "نصب شد", "channel": "PORTAL" });
    agent.mutate("tellAuthor", "case { id }", tell).await;
    let list = "{ myStaffCases { id became messages { body fromAuthor } } }";
    let seen = one.ask(list, json!({})).await;
    let answered = json!([{ "id": own, "became": "ADOPTED",
        "messages": [{ "body": "نصب شد", "fromAuthor": false }] }]);
    assert_eq!(seen["myStaffCases"], answered);
    let write = json!({ "caseId": own, "body": "سپاس" });
    one.mutate("writeToStaffCase", "staffCase { id }", write).await;
    for case in [&theirs, &json!(of_customer)] {
        let write = json!({ "caseId": case, "body": "؟" });
        let document = crate::authorisation::documents::mutation("writeToStaffCase");
        let refused = one.send(&document, json!({ "input": write })).await;
        assert_eq!(refused["data"]["writeToStaffCase"]["userErrors"][0]["code"], "CASE_NOT_FOUND");
        let file = reqwest::Client::new()
            .post(system.url(&format!("/cases/{}/attachments?name=x.txt", case.as_str().unwrap())))
            .bearer_auth(&one.token)
            .body("x");
        assert_eq!(file.send().await.unwrap().status(), 403);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_configures_and_can_select_nothing_that_tells_of_anybody() {
    let world = World::start().await;
    let schema = Schema::read();
    let admitted = world.admitted(&schema, Role::Admin).await;
    let version = &["id", "version", "effectiveFrom", "publishedAt", "document"][..];
    let expected = steps(&[
        (
            "Query",
            &["slaPolicies", "calendars", "segmentations", "proofCheckpoint", "consistencyProof"],
        ),
        ("ProofCheckpoint", &["note", "origin", "size", "root", "verifierKey", "storedAt"]),
        ("ConsistencyProof", &["from", "to", "fromRoot", "toRoot", "hashes", "checkpoint"]),
        (
            "Mutation",
            &["publishPolicy", "publishCalendar", "publishSegmentation", "rebuildReadModels"],
        ),
        ("SlaPolicyVersion", version),
        ("CalendarVersion", version),
        ("SegmentationVersion", version),
        ("PublishSegmentationPayload", &["segmentation", "userErrors"]),
        ("PublishPolicyPayload", &["policy", "userErrors"]),
        ("PublishCalendarPayload", &["calendar", "userErrors"]),
        ("RebuildReadModelsPayload", &["position"]),
        // How the organisation is built is configuration: who answers for which unit, by the names of the identity provider.
        ("Query", &["units"]),
        (
            "Mutation",
            &["defineUnit", "moveUnit", "appointUnitOwner", "addUnitStaff", "removeUnitStaff"],
        ),
        ("Unit", &["code", "name", "parent", "owner", "responsible", "staff"]),
        ("DefineUnitPayload", &["unit", "userErrors"]),
        ("MoveUnitPayload", &["unit", "userErrors"]),
        ("AppointUnitOwnerPayload", &["unit", "userErrors"]),
        ("AddUnitStaffPayload", &["unit", "userErrors"]),
        ("RemoveUnitStaffPayload", &["unit", "userErrors"]),
        ("UserError", &["code", "field", "message"]),
        ("PageInfo", &["hasPreviousPage", "hasNextPage", "startCursor", "endCursor"]),
    ]);
    assert_eq!(admitted, expected);
    // Neither do they lead there: what they may select has no type that tells of somebody.
    for (type_name, field) in &admitted {
        let result = &schema.types[type_name][field].result;
        let leads = schema.types.contains_key(result) && tells_of_somebody(result);
        assert!(!tells_of_somebody(type_name) && !leads, "{type_name}.{field}");
    }
    // Nor are there other doors.
    let admin = world.caller(Role::Admin).token;
    let export = format!("/subjects/{}/export", world.ids.customer);
    let reports = ["compliance", "at-risk", "breaches", "attribution"];
    let paths = reports.iter().map(|name| {
        let period = "?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&by=UNIT";
        format!("/reports/{name}.csv{}", if *name == "attribution" { period } else { "" })
    });
    let more = ["/exports/csv", "/exports/xes", "/exports/bundle", "/proof/tile/entries/000"];
    for path in paths.chain([export]).chain(more.map(str::to_owned)) {
        let request = reqwest::Client::new().get(world.system.url(&path)).bearer_auth(&admin);
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privacy_officer_reads_customers_and_who_read_them_and_no_case() {
    let world = World::start().await;
    let schema = Schema::read();
    let admitted = world.admitted(&schema, Role::PrivacyOfficer).await;
    let types: BTreeSet<&str> = admitted.iter().map(|(type_name, _)| type_name.as_str()).collect();
    for type_name in types {
        let theirs = type_name.starts_with("Customer")
            || type_name.starts_with("Access")
            || ["ContactPoint", "Consent", "Erasure", "ErasureReceipt"].contains(&type_name)
            || !tells_of_somebody(type_name);
        let payload = schema.types["Mutation"].values().any(|field| field.result == type_name);
        assert!(theirs || payload, "{type_name}");
    }
    for (type_name, field) in &admitted {
        assert!(!schema.types[type_name][field].result.starts_with("Case"), "{type_name}.{field}");
    }
    let of_root = |root: &str| -> Vec<&str> {
        let all = admitted.iter().filter(|(type_name, _)| type_name == root);
        all.map(|(_, field)| field.as_str()).collect()
    };
    assert_eq!(of_root("Query"), ["accessLog", "customer", "customers"]);
    assert_eq!(
        of_root("Mutation"),
        ["eraseCustomer", "giveConsent", "placeLegalHold", "releaseLegalHold", "withdrawConsent"]
    );
    assert_eq!(of_root("Subscription"), Vec::<&str>::new());
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_privacy_officer_erases_or_places_and_releases_holds() {
    let world = World::start().await;
    let before = world.system.app.store.head().unwrap();
    let customer = &world.ids.customer;
    let inputs = [
        ("placeLegalHold", json!({ "customerId": customer, "matter": "1405/312" })),
        ("releaseLegalHold", json!({ "customerId": customer })),
        ("eraseCustomer", json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" })),
    ];
    for role in Role::ALL.into_iter().filter(|role| *role != Role::PrivacyOfficer) {
        for (name, input) in &inputs {
            let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
            let document = format!(
                "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
            );
            let answer = world.caller(role).send(&document, json!({ "input": input })).await;
            let step = ("Mutation".to_owned(), (*name).to_owned());
            assert!(is_refused(&answer, &step.0, &step.1), "{role} {name}: {answer}");
        }
    }
    assert_eq!(world.system.app.store.head().unwrap(), before);
    let officer = world.caller(Role::PrivacyOfficer);
    for (name, input) in inputs {
        officer.mutate(name, "customer { id }", input).await;
    }
    let erased =
        "query($id: ID!) { customer(id: $id) { erased name erasure { receipt { keyCount } } } }";
    let answer = officer.ask(erased, json!({ "id": customer })).await;
    assert_eq!(answer["customer"]["erased"], true, "{answer}");
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_the_access_log_is_an_auditor_or_a_privacy_officer_and_of_themselves_a_customer()
 {
    let world = World::start().await;
    let schema = Schema::read();
    for role in Role::ALL {
        let admitted = world.admitted(&schema, role).await;
        let of_access = admitted
            .iter()
            .filter(|(type_name, field)| type_name.starts_with("Access") || field == "accessLog");
        let all = schema.types.iter().flat_map(|(type_name, fields)| {
            fields.keys().map(move |field| (type_name.clone(), field.clone()))
        });
        let all = all
            .filter(|(type_name, field)| type_name.starts_with("Access") || field == "accessLog");
        let mut expected: BTreeSet<Step> = all.collect();
        match role {
            Role::Auditor | Role::PrivacyOfficer => {}
            Role::Customer => {
                expected.remove(&("Query".to_owned(), "accessLog".to_owned()));
                expected.remove(&("AccessRecord".to_owned(), "reader".to_owned()));
            }
            _ => expected.clear(),
        }
        assert_eq!(of_access.cloned().collect::<BTreeSet<_>>(), expected, "{role}");
    }
    let of_another = "query($id: ID!) { customer(id: $id) { accessLog { totalCount } } }";
    let stranger = world.system.customer(uuid::Uuid::from_u128(7));
    let answer = stranger.send(of_another, json!({ "id": world.ids.customer })).await;
    assert_eq!(answer["data"]["customer"], Value::Null, "{answer}");
    assert!(codes(&answer).is_empty());
    world.system.stop().await;
}
