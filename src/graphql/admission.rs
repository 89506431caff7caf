//! What is let in.
//!
//! Before a request is executed it is decided, from its document, its variables and the caller's role,
//! whether it may be: it must be within the limits, and every field it selects must be allowed to the role
//! by the table of [`permissions`](crate::graphql::permissions). Fields that the schema does not have are
//! left to validation, which knows how to explain them.
//!
//! Clients repeat their documents, so what was found about a document is kept by its text: the parsed tree
//! and, per operation and role, the refusals. The values of variables matter only to complexity, which is
//! evaluated anew.
//!
//! Validation itself stays in the executor; it is done once where its verdict cannot change: see
//! [`validated`](crate::graphql::validated).

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Value};
use moka::sync::Cache;

use crate::error::{ErrorCode, RequestError};
use crate::graphql::document::{Document, FieldUse, Operation};
use crate::graphql::parameters::Parameters;
use crate::graphql::permissions::{FieldTable, Permissions};
use crate::graphql::recorded::OperationName;
use crate::graphql::type_map::TypeMap;
use crate::principal::{Role, Roles};

/// At most this many refused fields are reported at once.
const REFUSALS_REPORTED_MAX: usize = 10;

/// The largest requests that are executed, and how many documents are remembered.
#[derive(Debug, Clone)]
pub struct AdmissionLimits {
    /// Size of a document's text, in bytes.
    pub document_bytes_max: usize,
    /// Lexical tokens of a document.
    pub tokens_max: usize,
    /// Nesting of brackets of any kind, for the parser's stack.
    pub nesting_max: usize,
    /// Nesting of fields in an operation.
    pub depth_max: usize,
    /// Aliases in an operation, fragments spread out.
    pub aliases_max: usize,
    /// Selections in a document, fragments spread out.
    pub selections_max: usize,
    /// Fields times page sizes, for one request.
    pub complexity_max: u64,
    /// The page size that is counted when neither `first` nor `last` is given.
    pub page_size_default: u64,
    /// What is remembered of documents, by weight: a document weighs its tokens, each some hundreds of
    /// bytes when parsed, and 200 for being one.
    pub cached_weight_max: u64,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            document_bytes_max: 64 * 1024,
            tokens_max: 5_000,
            nesting_max: 50,
            depth_max: 15,
            aliases_max: 30,
            selections_max: 5_000,
            complexity_max: 20_000,
            page_size_default: 50,
            cached_weight_max: 200_000,
        }
    }
}

/// A request that may be executed.
#[derive(Debug)]
pub struct Admitted {
    /// With its parsed document; the text is left out, since nothing reads it again.
    pub request: Request,
    /// What the selected operation is.
    pub kind: OperationType,
    /// Whether an anonymous author asks, who is not to be found by the trace.
    pub anonymous: bool,
    /// What it calls itself.
    pub name: OperationName,
    /// What it asks for: fields times page sizes.
    pub complexity: u64,
}

/// Decides what is let in, for one schema.
pub struct Admission {
    types: TypeMap,
    permissions: Permissions,
    introspection: Roles,
    limits: AdmissionLimits,
    documents: Cache<String, Arc<Document>>,
}

impl Admission {
    /// For the schema with this SDL. `introspection` are the roles that may ask for the schema itself:
    /// [`Roles::ALL`] in development, few or none in production.
    ///
    /// # Errors
    /// When `sdl` is not the text of a schema.
    pub fn new(
        sdl: &str,
        table: FieldTable,
        introspection: Roles,
        limits: AdmissionLimits,
    ) -> Result<Self, async_graphql::parser::Error> {
        Ok(Self {
            types: TypeMap::from_sdl(sdl)?,
            permissions: Permissions::from_table(table),
            introspection,
            documents: Cache::builder()
                .weigher(|text: &String, document: &Arc<Document>| weight(text, document))
                .max_capacity(limits.cached_weight_max)
                .build(),
            limits,
        })
    }

    /// The request to execute.
    ///
    /// # Errors
    /// Every reason found against it, at least one.
    pub fn admit(&self, parameters: Parameters, role: Role) -> Result<Admitted, Vec<RequestError>> {
        let Parameters { query, operation_name, variables, purpose } = parameters;
        let document = self.document(query).map_err(|error| vec![error])?;
        let operation =
            document.operation(operation_name.as_deref()).map_err(|error| vec![error])?;

        let index = role as usize;
        let refusals = operation.refusals[index].get_or_init(|| self.refusals(operation, role));
        if !refusals.is_empty() {
            return Err(refusals.to_vec());
        }
        // The executor would notice only where the variable is used, as the failure of a field.
        let missing = operation
            .required_variables
            .iter()
            .filter(|(name, _)| matches!(variables.get(name), None | Some(Value::Null)));
        let missing: Vec<_> = missing
            .map(|(name, ty)| {
                let message = format!("The variable `${name}` of type `{ty}` must have a value.");
                RequestError::new(ErrorCode::GraphqlValidationFailed, message)
            })
            .collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let complexity = operation.complexity.of(&variables, self.limits.page_size_default);
        if complexity > self.limits.complexity_max {
            let message = format!(
                "The request asks for too much at once: fields times page sizes come to \
                 {complexity}, at most {} are allowed. Ask for smaller pages or fewer fields.",
                self.limits.complexity_max
            );
            return Err(vec![RequestError::new(ErrorCode::GraphqlValidationFailed, message)]);
        }

        let plain = operation.has_plain_variables(&variables);
        let mut request = Request::new(String::new()).variables(variables);
        request.operation_name = operation_name;
        request.set_parsed_query(document.parsed.clone());
        request = request.data(operation.name.clone());
        if let Some(purpose) = purpose {
            request = request.data(purpose);
        }
        if plain {
            request = request.data(operation.validated.clone());
        }
        let name = operation.name.clone();
        let Operation { kind, anonymous, .. } = *operation;
        Ok(Admitted { request, kind, anonymous, name, complexity })
    }

    fn document(&self, text: String) -> Result<Arc<Document>, RequestError> {
        if text.len() > self.limits.document_bytes_max {
            let message = format!(
                "The document is larger than {} bytes; send data as variables.",
                self.limits.document_bytes_max
            );
            return Err(RequestError::new(ErrorCode::GraphqlValidationFailed, message));
        }
        if let Some(document) = self.documents.get(text.as_str()) {
            return Ok(document);
        }
        let document = Arc::new(Document::read(&text, &self.types, &self.limits)?);
        self.documents.insert(text, document.clone());
        Ok(document)
    }

    fn refusals(&self, operation: &Operation, role: Role) -> Arc<[RequestError]> {
        let fields = operation
            .fields
            .iter()
            .filter(|used| !self.permissions.allow(role, &used.type_name, &used.field))
            .map(|used| forbidden(used, role));
        let introspection = operation
            .introspection
            .iter()
            .filter(|_| !self.introspection.contains(role))
            .map(|used| forbidden(used, role));
        introspection.chain(fields).take(REFUSALS_REPORTED_MAX).collect()
    }
}

/// A text may be long and hold few tokens, when it is mostly comments.
fn weight(text: &str, document: &Document) -> u32 {
    u32::try_from(200 + document.tokens + text.len() / 64).unwrap_or(u32::MAX)
}

fn forbidden(used: &FieldUse, role: Role) -> RequestError {
    let FieldUse { type_name, field, path, position } = used;
    let message = format!("The role `{role}` may not select `{type_name}.{field}`.");
    RequestError {
        path: path.clone(),
        locations: vec![*position],
        ..RequestError::new(ErrorCode::Forbidden, message)
    }
}
