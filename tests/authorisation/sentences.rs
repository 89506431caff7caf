//! What was meant, in words: written from the purpose of each role and not from the table.

use parvandeh::principal::Role::{
    self, Admin, Agent, Auditor, Customer, Employee, Monitor, Service, Supervisor,
};
use serde_json::json;

use super::documents::{codes, first_answer, is_refused, mutation, open, register, uuid_of};
use crate::harness::System;

const MAY: bool = true;
const MAY_NOT: bool = false;

/// A sentence, the role that it is about, what they try, and whether they may.
const SENTENCES: &[(&str, Role, &str, bool)] = &[
    (
        "a customer reads their own case",
        Customer,
        "case { subject timeline { nodes { text } } }",
        MAY,
    ),
    ("a customer does not learn who works on a case", Customer, "case { assignee }", MAY_NOT),
    ("a customer sees what they were promised", Customer, "case { slaClocks { dueAt } }", MAY),
    (
        "a customer does not see how the organisation performs",
        Customer,
        "{ slaCompliance { total } }",
        MAY_NOT,
    ),
    (
        "a customer does not read the list of breaches",
        Customer,
        "{ slaBreaches { totalCount } }",
        MAY_NOT,
    ),
    (
        "a customer does not follow breaches",
        Customer,
        "subscription { slaBreaches { cursor } }",
        MAY_NOT,
    ),
    ("a customer does not read policies", Customer, "{ slaPolicies { document } }", MAY_NOT),
    ("a customer writes to us", Customer, "recordInteraction", MAY),
    ("a customer opens a case", Customer, "openCase", MAY),
    ("a customer is not content and reopens the case", Customer, "reopenCase", MAY),
    ("a customer does not resolve their own case", Customer, "resolveCase", MAY_NOT),
    ("a customer does not merge their cases", Customer, "mergeCase", MAY_NOT),
    ("a customer does not undo a merge", Customer, "unmergeCase", MAY_NOT),
    ("a customer sees where their case went on", Customer, "case { mergedInto { id } }", MAY),
    ("an agent merges cases", Agent, "mergeCase", MAY),
    ("an auditor does not merge cases", Auditor, "mergeCase", MAY_NOT),
    ("a customer appeals against a decision", Customer, "appealCase", MAY),
    ("a customer accepts a decision", Customer, "acceptDecision", MAY),
    ("a customer does not decide their own complaint", Customer, "decideCase", MAY_NOT),
    (
        "a customer sees how their complaint stands",
        Customer,
        "case { complaint { acknowledgedAt decisions { level } } }",
        MAY,
    ),
    (
        "a customer does not see how their complaint is weighed",
        Customer,
        "case { complaint { safety rootCauses } }",
        MAY_NOT,
    ),
    (
        "a customer sees what was promised to them",
        Customer,
        "case { followUps { what dueAt } }",
        MAY,
    ),
    (
        "a customer does not read the list of missed promises",
        Customer,
        "{ missedFollowUps { totalCount } }",
        MAY_NOT,
    ),
    (
        "an agent reads the list of missed promises",
        Agent,
        "{ missedFollowUps { nodes { what } } }",
        MAY,
    ),
    (
        "a monitor does not read what was promised",
        Monitor,
        "{ missedFollowUps { nodes { what } } }",
        MAY_NOT,
    ),
    (
        "a monitor counts cases without an answer",
        Monitor,
        "{ unansweredCases { totalCount } }",
        MAY,
    ),
    ("an auditor does not decide complaints", Auditor, "decideCase", MAY_NOT),
    ("an administrator defines units", Admin, "defineUnit", MAY),
    ("a supervisor does not define units", Supervisor, "defineUnit", MAY_NOT),
    (
        "a customer does not read how the organisation is built",
        Customer,
        "{ units { code } }",
        MAY_NOT,
    ),
    ("a customer does not write notes for staff", Customer, "addNote", MAY_NOT),
    ("a customer does not give themselves more time or less", Customer, "setDueDate", MAY_NOT),
    ("an agent reads what customers say", Agent, "case { timeline { nodes { text } } }", MAY),
    ("an agent resolves cases", Agent, "resolveCase", MAY),
    ("an agent does not publish policies", Agent, "publishPolicy", MAY_NOT),
    ("an agent does not pretend to be an import", Agent, "recordActivity", MAY_NOT),
    ("a supervisor assigns cases", Supervisor, "assignCase", MAY),
    (
        "a supervisor sees how their units perform",
        Supervisor,
        "{ slaCompliance { complianceRatio } }",
        MAY,
    ),
    ("a supervisor does not publish calendars", Supervisor, "publishCalendar", MAY_NOT),
    (
        "an auditor reads everything that was said",
        Auditor,
        "case { timeline { nodes { text actorId } } }",
        MAY,
    ),
    ("an auditor replays a case", Auditor, "case { replay { nodes { changes { after } } } }", MAY),
    ("a supervisor replays a case", Supervisor, "case { replay { nodes { number } } }", MAY),
    ("an agent does not replay a case", Agent, "case { replay { nodes { number } } }", MAY_NOT),
    (
        "a customer does not replay a case",
        Customer,
        "case { replay { nodes { number } } }",
        MAY_NOT,
    ),
    ("an auditor reads policies", Auditor, "{ slaPolicies { document } }", MAY),
    ("an auditor does not open cases", Auditor, "openCase", MAY_NOT),
    ("an auditor does not write notes", Auditor, "addNote", MAY_NOT),
    ("an auditor does not change customers", Auditor, "changeCustomerDetails", MAY_NOT),
    ("a monitor sees how clocks stand", Monitor, "case { slaClocks { state } }", MAY),
    ("a monitor follows breaches", Monitor, "subscription { slaBreaches { cursor } }", MAY),
    ("a monitor does not read what a case is about", Monitor, "case { subject }", MAY_NOT),
    ("a monitor does not read descriptions", Monitor, "case { description }", MAY_NOT),
    (
        "a monitor does not read what people say",
        Monitor,
        "case { timeline { totalCount } }",
        MAY_NOT,
    ),
    ("a monitor does not learn whose case it is", Monitor, "case { customer { id } }", MAY_NOT),
    ("a monitor does not read customers", Monitor, "{ customers { totalCount } }", MAY_NOT),
    (
        "a monitor does not get a name by way of a breach",
        Monitor,
        "{ slaBreaches { nodes { case { customer { name } } } } }",
        MAY_NOT,
    ),
    (
        "a monitor does not get a name by way of a node",
        Monitor,
        "node { ... on Customer { name } }",
        MAY_NOT,
    ),
    ("a monitor changes nothing", Monitor, "holdCase", MAY_NOT),
    ("a program records the steps of an imported log", Service, "recordActivity", MAY),
    ("a program registers customers", Service, "registerCustomer", MAY),
    ("a program does not publish policies", Service, "publishPolicy", MAY_NOT),
    ("an administrator publishes policies", Admin, "publishPolicy", MAY),
    ("an administrator publishes calendars", Admin, "publishCalendar", MAY),
    (
        "an administrator rebuilds the read models",
        Admin,
        "mutation { rebuildReadModels { position } }",
        MAY,
    ),
    ("an administrator does not read cases", Admin, "case { id }", MAY_NOT),
    ("an administrator does not list cases", Admin, "{ cases { totalCount } }", MAY_NOT),
    ("an administrator does not read nodes", Admin, "node { id }", MAY_NOT),
    (
        "an administrator does not read customers",
        Admin,
        "{ customers { nodes { name } } }",
        MAY_NOT,
    ),
    (
        "an administrator does not follow cases",
        Admin,
        "subscription($id: ID!) { caseEvents(caseId: $id) { cursor } }",
        MAY_NOT,
    ),
    ("an administrator does not close cases", Admin, "closeCase", MAY_NOT),
    ("a customer blocks the card that they have lost", Customer, "blockCard", MAY),
    ("a customer does not issue themselves a card", Customer, "issueCard", MAY_NOT),
    ("a customer does not activate a card", Customer, "activateCard", MAY_NOT),
    ("a customer verifies their telephone", Customer, "verifyContactPoint", MAY),
    (
        "a customer does not add a telephone to be sent codes at",
        Customer,
        "addContactPoint",
        MAY_NOT,
    ),
    ("an agent issues cards", Agent, "issueCard", MAY),
    ("an auditor does not block cards", Auditor, "blockCard", MAY_NOT),
    ("an employee raises what they see", Employee, "openStaffCase", MAY),
    ("an employee draws a code", Employee, "mutation { drawAnonymousCode { code } }", MAY),
    ("an employee follows what they raised", Employee, "{ myStaffCases { became } }", MAY),
    ("an employee writes about what they raised", Employee, "writeToStaffCase", MAY),
    ("an employee reads no case", Employee, "case { id }", MAY_NOT),
    ("an employee does not list cases", Employee, "{ cases { totalCount } }", MAY_NOT),
    (
        "an employee does not list what others raised",
        Employee,
        "{ voices { totalCount } }",
        MAY_NOT,
    ),
    ("an employee does not read customers", Employee, "{ customers { totalCount } }", MAY_NOT),
    ("an employee does not open cases of customers", Employee, "openCase", MAY_NOT),
    ("an employee tells no author", Employee, "tellAuthor", MAY_NOT),
    ("an employee is no viewer", Employee, "{ viewer { cards { id } } }", MAY_NOT),
    ("an administrator does not issue cards", Admin, "issueCard", MAY_NOT),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_what_it_is_for_and_nothing_else() {
    let system = System::start().await;
    let customer = register(&system).await;
    let case = open(&system, Some("care"), Some(&customer)).await;
    let inputs = super::documents::mutations(&case, &customer);
    let mut untrue = Vec::new();
    for (sentence, role, tried, may) in SENTENCES {
        let caller = match role {
            Customer => system.customer(uuid_of(&customer)),
            role => system.caller(*role),
        };
        let (query, variables) = if tried.contains('{') {
            let ids = json!({ "id": case });
            let query = match tried.split_once(' ') {
                Some(("case", below)) => format!("query($id: ID!) {{ case(id: $id) {below} }}"),
                Some(("node", below)) => format!("query($id: ID!) {{ node(id: $id) {below} }}"),
                _ => (*tried).to_owned(),
            };
            (query, ids)
        } else {
            let (.., variables) = inputs.iter().find(|(name, ..)| name == tried).unwrap();
            (mutation(tried), variables.clone())
        };
        let answer = first_answer(&system, &caller, &query, variables).await;
        let codes = codes(&answer);
        let true_ = match may {
            true => codes.is_empty(),
            false if tried.contains('{') => codes.first() == Some(&"FORBIDDEN"),
            false => is_refused(&answer, "Mutation", tried),
        };
        if !true_ {
            untrue.push(format!("{sentence}: {answer}"));
        }
    }
    assert!(untrue.is_empty(), "{}", untrue.join("\n"));
    system.stop().await;
}
