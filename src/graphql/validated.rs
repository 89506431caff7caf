//! Validating a document once.
//!
//! The executor has two modes. Strict applies every rule of the specification; Fast leaves most of them out and would let unknown fields
//! pass. What Strict finds depends on the document, the operation that is named, and the values of variables where these are enums,
//! lists or input objects. So an operation whose variables are all plain (text, whole numbers, booleans), and all given, needs Strict
//! only until it has passed once. Every other request is validated in full each time.

use std::any::TypeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::{Data, Executor, Request, Response};
use futures_util::stream::BoxStream;

use super::Schema;

/// Whether an operation has passed validation. Admission gives it with a request whose variables cannot change the verdict.
#[derive(Clone, Debug, Default)]
pub struct Validated(Arc<AtomicBool>);

/// The same schema in both modes.
#[derive(Clone)]
pub struct ValidatingOnce {
    /// Validates in full.
    pub(super) strict: Schema,
    /// For what has passed.
    pub(super) fast: Schema,
}

impl Executor for ValidatingOnce {
    async fn execute(&self, request: Request) -> Response {
        let Some(validated) = request.data.get(&TypeId::of::<Validated>()) else {
            return self.strict.execute(request).await;
        };
        let validated = validated.downcast_ref::<Validated>().expect("stored by its type").clone();
        if validated.0.load(Ordering::Relaxed) {
            return self.fast.execute(request).await;
        }
        let response = self.strict.execute(request).await;
        // Errors may be those of validation, so only an answer without any proves that it has passed.
        if response.errors.is_empty() {
            validated.0.store(true, Ordering::Relaxed);
        }
        response
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        Executor::execute_stream(&self.strict, request, session)
    }
}
