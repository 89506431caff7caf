//! Reports as CSV, for spreadsheets: `GET /reports/{compliance,at-risk,breaches,attribution}.csv`.
//!
//! A report is a fixed GraphQL query whose variables come from the address. It passes the same door as any query (token, roles, scope,
//! limits), so a file never shows more or other than the API does. Lists are read page by page while the caller takes them: memory holds one
//! page, however long the file becomes. What is refused is refused before the file begins, as GraphQL refuses it; a failure in the middle
//! breaks the connection off, so that a short file is never taken for a whole one.

mod definition;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Executor;
use async_graphql::Variables;
use bytes::Bytes;
use futures_util::Stream;
use serde_json::{Map, Value};

use self::definition::{Paging, Report};
use crate::access::Purpose;
use crate::csv;
use crate::error::{ErrorCode, RequestError, TraceId};
use crate::graphql::parameters::Parameters;
use crate::http::errors::{Answer, method_not_allowed, respond};
use crate::http::media::MediaType;
use crate::http::purpose;
use crate::http::trace::trace_id;
use crate::http::transport::Transport;
use crate::principal::Principal;

/// Refusals have the statuses of GraphQL over HTTP.
const REFUSALS: MediaType = MediaType::GraphqlResponse;

/// `GET /reports/{name}.csv`.
pub(super) async fn get<E: Executor>(
    request: HttpRequest,
    name: web::Path<String>,
    transport: web::Data<Transport<E>>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let principal = match transport.enter(&request, &trace_id).await {
        Ok(principal) => principal,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    let purpose = match purpose::of_headers(request.headers()) {
        Ok(purpose) => purpose,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    let Some(report) = Report::named(&name) else {
        let known = Report::names().collect::<Vec<_>>().join(", ");
        let message = format!("There is no such report; there are {known}.");
        let error = RequestError::new(ErrorCode::BadUserInput, message);
        return respond(&error.into(), REFUSALS);
    };
    let Ok(permit) = transport.connections.clone().try_acquire_owned() else {
        let message = "Too many connections are open. Try again in a few seconds.";
        return respond(&RequestError::new(ErrorCode::RateLimited, message).into(), REFUSALS);
    };
    let variables = match report.variables(request.query_string()) {
        Ok(variables) => variables,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    let transport = (**transport).clone();
    let source = Source { transport, report, principal, trace_id, purpose, variables };
    let first = match source.page(None).await {
        Ok(page) => page,
        Err(answer) => return respond(&answer, REFUSALS),
    };
    let rows = source.rows(first);
    let file = async_stream::stream! {
        let _permit = permit;
        for await chunk in rows {
            yield chunk;
        }
    };
    let disposition = format!("attachment; filename=\"parvandeh-{}.csv\"", report.name);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .streaming(file)
}

/// Every method but GET and a preflight.
pub(super) async fn other_method() -> HttpResponse {
    method_not_allowed("GET", "Use GET for reports.", REFUSALS)
}

/// Where the rows come from.
struct Source<E> {
    transport: Transport<E>,
    report: &'static Report,
    principal: Arc<Principal>,
    trace_id: TraceId,
    purpose: Option<Purpose>,
    variables: Map<String, Value>,
}

/// Some rows, and where the next begin.
struct Page {
    rows: Vec<Value>,
    next: Option<String>,
}

impl<E: Executor> Source<E> {
    /// The page after a cursor, or why there is none.
    async fn page(&self, after: Option<String>) -> Result<Page, Answer> {
        let mut variables = self.variables.clone();
        let is_later = after.is_some();
        if let Some(after) = after {
            variables.insert("after".to_owned(), after.into());
        }
        let parameters = Parameters {
            query: self.report.document.to_owned(),
            operation_name: None,
            variables: Variables::from_json(Value::Object(variables)),
            purpose: self.purpose.clone(),
        };
        let admit = |parameters| self.transport.admit(parameters, &self.principal, &self.trace_id);
        let admitted = loop {
            match admit(parameters.clone()) {
                // A report that was begun goes on as fast as the caller may read.
                Err(errors) if is_later => match errors[..] {
                    [RequestError { retry_after_seconds: Some(seconds), .. }] => {
                        tokio::time::sleep(Duration::from_secs(seconds)).await;
                    }
                    _ => break Err(errors),
                },
                admitted => break admitted,
            }
        };
        let admitted = admitted.map_err(Answer::from)?;
        match self.transport.execute(admitted, &self.trace_id).await {
            Answer::Executed(response) if response.errors.is_empty() => {
                let data = response.data.into_json();
                let mut data = data.map_err(|error| self.failed(&error.to_string()))?;
                self.report.page(&mut data).ok_or_else(|| self.failed("the answer has no rows"))
            }
            // Nothing of a report is told where a part of it failed.
            Answer::Executed(response) => Err(Answer::Refused(response.errors)),
            refused => Err(refused),
        }
    }

    fn failed(&self, problem: &str) -> Answer {
        tracing::error!(trace_id = %self.trace_id, problem, "a report failed");
        RequestError::internal(self.trace_id.clone()).into()
    }

    /// The file: the line of names, then the rows of the first page and of all that follow.
    fn rows(self, first: Page) -> impl Stream<Item = std::io::Result<Bytes>> {
        async_stream::try_stream! {
            let mut chunk = String::from(csv::BYTE_ORDER_MARK);
            csv::line(&mut chunk, self.report.header(&self.variables));
            let mut page = first;
            loop {
                for row in &page.rows {
                    csv::line(&mut chunk, self.report.cells(&self.variables, row));
                }
                yield Bytes::from(std::mem::take(&mut chunk));
                let Some(after) = page.next.take() else { break };
                if self.transport.clock.now() >= self.principal.expires_at {
                    Err(std::io::Error::other("the token expired while the report was read"))?;
                }
                page = self.page(Some(after)).await.map_err(|answer| {
                    tracing::warn!(trace_id = %self.trace_id, ?answer, "a report broke off");
                    std::io::Error::other("a page of the report was refused")
                })?;
            }
        }
    }
}

impl Report {
    /// The rows of an answer; `None` when it does not have the form of the report's query.
    fn page(&self, data: &mut Value) -> Option<Page> {
        let list = data.get_mut(self.field)?;
        let (rows, info) = match self.paging {
            Paging::None => (list.take(), Value::Null),
            Paging::Connection => (list.get_mut("nodes")?.take(), list.get_mut("pageInfo")?.take()),
            Paging::Page => (list.get_mut("nodes")?.take(), list.take()),
        };
        let Value::Array(rows) = rows else { return None };
        let more = info.get("hasNextPage").and_then(Value::as_bool).unwrap_or(false);
        let next = info.get("endCursor").and_then(Value::as_str).filter(|_| more);
        Some(Page { rows, next: next.map(str::to_owned) })
    }
}
