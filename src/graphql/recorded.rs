//! Answers leave only when it is on record whose personal data they hold.
//!
//! Around the executor: what a request opened is recorded in the access log when its answer is complete, and of a subscription each time
//! that it has an answer. When it cannot be recorded the answer is withheld, and a subscription ends; the caller is told of a fault of
//! ours. A mutation has then taken effect, as after any answer that was lost.

use std::any::{Any, TypeId};
use std::sync::Arc;

use async_graphql::{Data, Executor, Request, Response, ServerError};
use async_stream::stream;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::read_after::ReadAfter;
use crate::access::{AccessLog, Accesses, Purpose, Reading};
use crate::error::{RequestError, TraceId, chain};
use crate::principal::Principal;

/// What an operation calls itself; of one without a name, its root fields. Admission gives it with each request.
#[derive(Clone, Debug)]
pub struct OperationName(pub Arc<str>);

/// An executor whose answers are on record before they leave.
#[derive(Clone)]
pub struct Recorded {
    inner: ReadAfter,
    access_log: Arc<AccessLog>,
}

impl Recorded {
    /// Records what the answers of `inner` hold.
    pub fn new(inner: ReadAfter, access_log: Arc<AccessLog>) -> Self {
        Self { inner, access_log }
    }
}

/// One request, and what is noted for it.
struct Reader {
    access_log: Arc<AccessLog>,
    accesses: Arc<Accesses>,
    principal: Option<Arc<Principal>>,
    purpose: Option<Purpose>,
    operation: Option<OperationName>,
    trace_id: Option<TraceId>,
}

impl Reader {
    fn of(request: Request, access_log: &Arc<AccessLog>) -> (Self, Request) {
        let accesses = Arc::new(Accesses::default());
        let reader = Self {
            access_log: access_log.clone(),
            accesses: accesses.clone(),
            principal: data(&request),
            purpose: data(&request),
            operation: data(&request),
            trace_id: data(&request),
        };
        (reader, request.data(accesses))
    }

    /// The answer, once what it holds is on record; another in its place when that cannot be done.
    async fn release(&self, response: Response) -> Result<Response, Response> {
        let noted = self.accesses.take();
        if noted.subjects.is_empty() && noted.access_log.is_empty() {
            return Ok(response);
        }
        let trace_id = self.trace_id.clone().unwrap_or_else(TraceId::random);
        let withheld = || {
            let error: ServerError = RequestError::internal(trace_id.clone()).into();
            Response::from_errors(vec![error])
        };
        let Some(principal) = &self.principal else {
            tracing::error!(%trace_id, "personal data were opened for nobody; the answer is withheld");
            return Err(withheld());
        };
        let own_purpose;
        let purpose = match &self.purpose {
            Some(purpose) => purpose,
            None => {
                own_purpose = Purpose::of_role(principal.role);
                &own_purpose
            }
        };
        let reading = Reading {
            principal,
            purpose,
            operation: self.operation.as_ref().map_or("", |operation| &operation.0),
            trace_id: self.trace_id.as_ref(),
        };
        match self.access_log.record(reading, noted).await {
            Ok(()) => Ok(response),
            Err(error) => {
                let error = chain(&error);
                tracing::error!(%trace_id, %error, "an answer with personal data is withheld");
                Err(withheld())
            }
        }
    }
}

/// What stands among the data of a request.
fn data<T: Any + Clone + Send + Sync>(request: &Request) -> Option<T> {
    request.data.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
}

impl Executor for Recorded {
    async fn execute(&self, request: Request) -> Response {
        let (reader, request) = Reader::of(request, &self.access_log);
        let response = self.inner.execute(request).await;
        reader.release(response).await.unwrap_or_else(|withheld| withheld)
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let (reader, request) = Reader::of(request, &self.access_log);
        let mut responses = self.inner.execute_stream(request, session);
        stream! {
            while let Some(response) = responses.next().await {
                match reader.release(response).await {
                    Ok(response) => yield response,
                    Err(withheld) => {
                        yield withheld;
                        break;
                    }
                }
            }
        }
        .boxed()
    }
}
