//! What a document asks for: one walk over its operations.
//!
//! Everything about an operation that does not depend on who asks or on the values of its variables is found
//! once and kept with the parsed document: its kind, depth and aliases, which fields it selects on which
//! types, and its complexity as a polynomial in the page sizes that variables will give.
//!
//! Fragments are walked where they are spread, since that is what execution does. A few nested fragments can
//! stand for billions of selections, so the walk counts them over the whole document, unselected operations
//! included (the executor's own checks expand those too), and gives up at a limit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
    SelectionSet, Type,
};
use async_graphql::{Name, PathSegment, Pos, Positioned, Variables};

use crate::error::{ErrorCode, RequestError};
use crate::graphql::admission::AdmissionLimits;
use crate::graphql::recorded::OperationName;
use crate::graphql::scan::scan;
use crate::graphql::staff_case::ANONYMOUS_FIELDS;
use crate::graphql::type_map::TypeMap;
use crate::graphql::validated::Validated;
use crate::principal::Role;

/// A document that was parsed and walked.
pub(super) struct Document {
    pub parsed: ExecutableDocument,
    /// Lexical tokens of the text.
    pub tokens: usize,
    /// By operation name; an anonymous operation is alone and under `None`.
    pub operations: HashMap<Option<Name>, Result<Operation, RequestError>>,
}

/// What one operation asks for.
pub(super) struct Operation {
    pub name: OperationName,
    pub kind: OperationType,
    /// Whether it is one for anonymous authors.
    pub anonymous: bool,
    pub complexity: Complexity,
    /// The variables that must have a value, with their types as written.
    pub required_variables: Vec<(Name, String)>,
    /// Its variables, when all of them are of plain types.
    plain_variables: Option<Vec<(Name, PlainType)>>,
    /// Whether it has passed validation with values for exactly its plain variables.
    pub validated: Validated,
    /// Every distinct field on every type, where it is first selected.
    pub fields: Vec<FieldUse>,
    /// Where `__schema` or `__type` is first selected.
    pub introspection: Option<FieldUse>,
    /// The refusals of each role, found when it first asks.
    pub refusals: [OnceLock<Arc<[RequestError]>>; Role::ALL.len()],
}

impl Operation {
    /// Whether these variables are exactly those of the operation, each with a value that validation accepts wherever it accepts the
    /// variable: no value of them can change what validation finds.
    pub(super) fn has_plain_variables(&self, variables: &Variables) -> bool {
        let Some(plain) = &self.plain_variables else { return false };
        plain.len() == variables.len()
            && plain
                .iter()
                .all(|(name, ty)| variables.get(name).is_some_and(|value| ty.accepts(value)))
    }
}

/// A type that validation judges by the kind of the value alone, unlike enums and input objects.
#[derive(Clone, Copy)]
enum PlainType {
    Text,
    Integer,
    Boolean,
}

impl PlainType {
    fn of(ty: &Type) -> Option<Self> {
        match &ty.base {
            BaseType::Named(name) => match name.as_str() {
                "ID" | "String" => Some(Self::Text),
                "Int" => Some(Self::Integer),
                "Boolean" => Some(Self::Boolean),
                _ => None,
            },
            BaseType::List(_) => None,
        }
    }

    fn accepts(self, value: &async_graphql::Value) -> bool {
        match (self, value) {
            (Self::Text, async_graphql::Value::String(_))
            | (Self::Boolean, async_graphql::Value::Boolean(_)) => true,
            (Self::Integer, async_graphql::Value::Number(number)) => number.is_i64(),
            _ => false,
        }
    }
}

/// A field, its type and where it stands.
#[derive(Debug, Clone)]
pub(super) struct FieldUse {
    pub type_name: String,
    pub field: String,
    pub path: Vec<PathSegment>,
    pub position: Pos,
}

impl Document {
    /// # Errors
    /// When the text is not a document, or a limit that protects the walk itself is exceeded.
    pub(super) fn read(
        text: &str,
        types: &TypeMap,
        limits: &AdmissionLimits,
    ) -> Result<Self, RequestError> {
        let size = scan(text);
        within("tokens", size.tokens, limits.tokens_max)?;
        within("levels of brackets", size.nesting, limits.nesting_max)?;
        let parsed = parse_query(text).map_err(|error| RequestError {
            locations: error.positions().collect(),
            ..RequestError::new(ErrorCode::GraphqlParseFailed, error.to_string())
        })?;
        let mut operations = HashMap::new();
        let mut selections = 0;
        for (name, operation) in parsed.operations.iter() {
            let operation = Walk::over(&parsed, name, operation, types, limits, &mut selections)?;
            operations.insert(name.cloned(), operation);
        }
        Ok(Self { parsed, tokens: size.tokens, operations })
    }

    /// The operation of this name, or the only one.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&Operation, RequestError> {
        let found = match name {
            Some(name) => self
                .operations
                .get(&Some(Name::new(name)))
                .ok_or_else(|| invalid(format!("The document has no operation named `{name}`.")))?,
            None if self.operations.len() == 1 => {
                self.operations.values().next().expect("there is one operation")
            }
            None => {
                let message = "The document has several operations; name one in `operationName`.";
                return Err(invalid(message));
            }
        };
        found.as_ref().map_err(Clone::clone)
    }
}

/// The fields that an operation selects on its root type, for one that has no name of its own.
fn root_fields(fields: &[FieldUse], root: Option<&str>) -> String {
    let on_root = fields.iter().filter(|used| Some(used.type_name.as_str()) == root);
    on_root.map(|used| used.field.as_str()).collect::<Vec<_>>().join(", ")
}

/// A field for anonymous authors that an operation selects on its root type.
fn anonymous_field<'a>(fields: &'a [FieldUse], root: Option<&str>) -> Option<&'a FieldUse> {
    let on_root = |used: &&FieldUse| Some(used.type_name.as_str()) == root;
    fields.iter().filter(on_root).find(|used| ANONYMOUS_FIELDS.contains(&used.field.as_str()))
}

/// What is recorded of other fields names whoever asked, so an anonymous author asks for nothing else in the same breath.
fn anonymous_alone(fields: &[FieldUse], root: Option<&str>) -> Result<(), RequestError> {
    let Some(anonymous) = anonymous_field(fields, root) else { return Ok(()) };
    let on_root = fields.iter().filter(|used| Some(used.type_name.as_str()) == root);
    if on_root.count() == 1 {
        return Ok(());
    }
    let message = format!(
        "`{}` stands alone in its operation, so that nothing tells who asked.",
        anonymous.field
    );
    Err(invalid(message))
}

/// How much work an operation asks for: one for every field, times the page sizes of the lists around it.
/// Kept as a sum of products `coefficient * page(variable) * page(variable) ...`.
#[derive(Debug, Default)]
pub(super) struct Complexity {
    terms: Vec<(Vec<PageVariable>, u64)>,
}

/// A variable that gives a page size, and its default value if it has one.
type PageVariable = (Name, Option<u64>);

impl Complexity {
    /// The complexity with these variables; saturates.
    pub(super) fn of(&self, variables: &Variables, page_size_default: u64) -> u64 {
        let page = |(name, default): &PageVariable| match variables.get(name) {
            Some(value) => page_size(value).unwrap_or(page_size_default),
            None => default.unwrap_or(page_size_default),
        };
        self.terms
            .iter()
            .map(|(pages, coefficient)| {
                pages.iter().map(page).fold(*coefficient, u64::saturating_mul)
            })
            .fold(0, u64::saturating_add)
    }
}

/// The value as a page size: a number, or a list of ids, of which each is an item. What is neither will be refused by the
/// resolver; a size of nought or less still costs the field itself.
fn page_size(value: &async_graphql::Value) -> Option<u64> {
    match value {
        async_graphql::Value::Number(number) => {
            Some(number.as_i64().map_or(u64::MAX, |size| u64::try_from(size).unwrap_or(1)).max(1))
        }
        async_graphql::Value::List(ids) => Some((ids.len() as u64).max(1)),
        _ => None,
    }
}

/// The multiplier of a selection: known numbers in `coefficient`, the rest as variables.
#[derive(Clone)]
struct Multiplier {
    coefficient: u64,
    pages: Vec<PageVariable>,
}

/// Where the walk stands.
struct Place<'a> {
    /// The type being selected on; `None` below a field that the schema does not have.
    type_name: Option<&'a str>,
    depth: usize,
    multiplier: Multiplier,
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    types: &'a TypeMap,
    limits: &'a AdmissionLimits,
    selections: &'a mut usize,
    depth: usize,
    aliases: usize,
    terms: BTreeMap<Vec<PageVariable>, u64>,
    path: Vec<PathSegment>,
    fields: Vec<FieldUse>,
    seen: HashSet<(&'a str, &'a str)>,
    introspection: Option<FieldUse>,
    /// The fragments that the walk is inside of.
    open: Vec<&'a Name>,
}

impl<'a> Walk<'a> {
    /// The outer error is of the document, the inner one of this operation alone.
    fn over(
        document: &'a ExecutableDocument,
        name: Option<&Name>,
        operation: &'a Positioned<OperationDefinition>,
        types: &'a TypeMap,
        limits: &'a AdmissionLimits,
        selections: &'a mut usize,
    ) -> Result<Result<Operation, RequestError>, RequestError> {
        let kind = operation.node.ty;
        let root = match kind {
            OperationType::Query => Some(types.query.as_str()),
            OperationType::Mutation => types.mutation.as_deref(),
            OperationType::Subscription => types.subscription.as_deref(),
        };
        let mut walk = Walk {
            document,
            operation: &operation.node,
            types,
            limits,
            selections,
            depth: 0,
            aliases: 0,
            terms: BTreeMap::new(),
            path: Vec::new(),
            fields: Vec::new(),
            seen: HashSet::new(),
            introspection: None,
            open: Vec::new(),
        };
        let multiplier = Multiplier { coefficient: 1, pages: Vec::new() };
        let place = Place { type_name: root, depth: 1, multiplier };
        walk.selection_set(&operation.node.selection_set.node, &place)?;
        let verdict = within("levels of fields", walk.depth, limits.depth_max)
            .and_then(|()| within("aliases", walk.aliases, limits.aliases_max))
            .and_then(|()| one_root_field(kind, &operation.node.selection_set.node))
            .and_then(|()| anonymous_alone(&walk.fields, root));
        let anonymous = anonymous_field(&walk.fields, root).is_some();
        let name = match name {
            // What an anonymous author calls their operation is not for anybody's log.
            Some(name) if !anonymous => name.as_str().into(),
            _ => root_fields(&walk.fields, root).into(),
        };
        Ok(verdict.map(|()| Operation {
            name: OperationName(name),
            kind,
            anonymous,
            complexity: Complexity { terms: walk.terms.into_iter().collect() },
            required_variables: required_variables(&operation.node),
            plain_variables: plain_variables(&operation.node),
            validated: Validated::default(),
            fields: walk.fields,
            introspection: walk.introspection,
            refusals: Default::default(),
        }))
    }

    fn selection_set(
        &mut self,
        set: &'a SelectionSet,
        place: &Place<'a>,
    ) -> Result<(), RequestError> {
        for selection in &set.items {
            *self.selections += 1;
            let what = "selections, counted with fragments spread out,";
            within(what, *self.selections, self.limits.selections_max)?;
            match &selection.node {
                Selection::Field(field) => self.field(field, place)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let type_name = match condition {
                        Some(condition) => self.types.composite(&condition.node.on.node),
                        None => place.type_name,
                    };
                    self.fragment(&fragment.node.selection_set.node, type_name, place)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    // An unknown fragment is for validation to report.
                    let Some(fragment) = self.document.fragments.get(name) else { continue };
                    if self.open.contains(&name) {
                        return Err(invalid(format!("The fragment `{name}` contains itself.")));
                    }
                    self.open.push(name);
                    let type_name =
                        self.types.composite(&fragment.node.type_condition.node.on.node);
                    self.fragment(&fragment.node.selection_set.node, type_name, place)?;
                    self.open.pop();
                }
            }
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        set: &'a SelectionSet,
        type_name: Option<&'a str>,
        place: &Place<'a>,
    ) -> Result<(), RequestError> {
        let multiplier = place.multiplier.clone();
        self.selection_set(set, &Place { type_name, depth: place.depth, multiplier })
    }

    fn field(
        &mut self,
        field: &'a Positioned<Field>,
        place: &Place<'a>,
    ) -> Result<(), RequestError> {
        self.depth = self.depth.max(place.depth);
        self.aliases += usize::from(field.node.alias.is_some());
        let Multiplier { coefficient, pages } = &place.multiplier;
        let term = self.terms.entry(pages.clone()).or_default();
        *term = term.saturating_add(*coefficient);

        self.path.push(PathSegment::Field(field.node.response_key().node.to_string()));
        let name = field.node.name.node.as_str();
        let mut multiplier = place.multiplier.clone();
        let mut result = None;
        if name == "__schema" || name == "__type" {
            if self.introspection.is_none() {
                let type_name = place.type_name.unwrap_or_default();
                self.introspection = Some(self.field_use(type_name, name, field.pos));
            }
        } else if let Some((type_name, (name, field_type))) =
            place.type_name.and_then(|ty| Some((ty, self.types.field(ty, name)?)))
        {
            if self.seen.insert((type_name, name)) {
                let field_use = self.field_use(type_name, name, field.pos);
                self.fields.push(field_use);
            }
            if field_type.paged {
                self.multiply(&mut multiplier, &field.node);
            }
            result = self.types.composite(&field_type.result);
        }
        let below = Place { type_name: result, depth: place.depth + 1, multiplier };
        self.selection_set(&field.node.selection_set.node, &below)?;
        self.path.pop();
        Ok(())
    }

    fn field_use(&self, type_name: &str, field: &str, position: Pos) -> FieldUse {
        let (type_name, field) = (type_name.to_owned(), field.to_owned());
        FieldUse { type_name, field, path: self.path.clone(), position }
    }

    fn multiply(&self, multiplier: &mut Multiplier, field: &Field) {
        let argument = ["first", "last", "ids"].iter().find_map(|name| field.get_argument(name));
        // The closure is called for variables alone, so it is how one is told from a literal.
        let mut variable = None;
        let literal = argument.and_then(|argument| {
            let value = argument.node.clone().into_const_with(|name| {
                variable = Some(name);
                Err(())
            });
            page_size(&value.ok()?)
        });
        let Some(name) = variable else {
            let size = literal.unwrap_or(self.limits.page_size_default);
            multiplier.coefficient = multiplier.coefficient.saturating_mul(size);
            return;
        };
        let definitions = &self.operation.variable_definitions;
        let default = definitions
            .iter()
            .find(|definition| definition.node.name.node == name)
            .and_then(|definition| page_size(&definition.node.default_value.as_ref()?.node));
        multiplier.pages.push((name, default));
        multiplier.pages.sort_unstable();
    }
}

fn required_variables(operation: &OperationDefinition) -> Vec<(Name, String)> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    definitions
        .filter(|definition| definition.default_value().is_none())
        .map(|definition| (definition.name.node.clone(), definition.var_type.node.to_string()))
        .collect()
}

fn plain_variables(operation: &OperationDefinition) -> Option<Vec<(Name, PlainType)>> {
    let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
    definitions
        .map(|definition| {
            Some((definition.name.node.clone(), PlainType::of(&definition.var_type.node)?))
        })
        .collect()
}

/// A subscription is one stream of events, so it has one root field; the executor does not look into
/// fragments for it.
fn one_root_field(kind: OperationType, set: &SelectionSet) -> Result<(), RequestError> {
    let message = "A subscription must select exactly one field, and not through a fragment.";
    match (kind, &set.items[..]) {
        (OperationType::Query | OperationType::Mutation, _) => Ok(()),
        (OperationType::Subscription, [selection]) => match &selection.node {
            Selection::Field(field) if !field.node.name.node.starts_with("__") => Ok(()),
            _ => Err(invalid(message)),
        },
        (OperationType::Subscription, _) => Err(invalid(message)),
    }
}

fn within(what: &str, found: usize, allowed: usize) -> Result<(), RequestError> {
    if found <= allowed {
        return Ok(());
    }
    Err(invalid(format!("The document has too many {what} (at most {allowed} are allowed).")))
}

fn invalid(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::GraphqlValidationFailed, message)
}
