//! Reading one's own writes, on whichever replica answers.
//!
//! Positions are the same on every replica. Each answer says how far the read models had come (header `Parvandeh-Position`), at least as far
//! as what it shows and what it has written. A caller that sends the position back with its next request is answered by read models
//! that have come as far, so it never sees time go back when a balancer sends it elsewhere.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, Executor, Request, Response, ServerError};
use futures_util::stream::BoxStream;

use super::validated::ValidatingOnce;
use crate::error::{ErrorCode, RequestError};
use crate::store::Position;
use crate::subscription::read_models::ReadModels;

/// The header of answers and of requests.
pub const HEADER: &str = "parvandeh-position";
/// How long a request waits for this replica to come as far as the caller was elsewhere.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Among the data of a request: what the caller has seen already. The transport takes it from [`HEADER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(pub Position);

/// An executor that answers from read models which show what the caller has seen.
#[derive(Clone)]
pub struct ReadAfter {
    pub(super) inner: ValidatingOnce,
    pub(super) read_models: Arc<ReadModels>,
}

impl Executor for ReadAfter {
    async fn execute(&self, request: Request) -> Response {
        let seen = request.data.get(&TypeId::of::<Seen>());
        if let Some(Seen(position)) = seen.and_then(|seen| seen.downcast_ref().copied()) {
            let caught_up = self.read_models.wait_for(position);
            if !matches!(tokio::time::timeout(WAIT_MAX, caught_up).await, Ok(Ok(()))) {
                let message = format!(
                    "This server shows position {}, and you have seen {position} elsewhere. Nothing was executed; try again.",
                    self.read_models.position()
                );
                let error: ServerError =
                    RequestError::new(ErrorCode::ReplicaBehind, message).into();
                return Response::from_errors(vec![error]);
            }
        }
        let mut response = self.inner.execute(request).await;
        // A mutation has waited until its events are shown, and a query has seen no more than this.
        let shown = self.read_models.position();
        response.http_headers.insert(HEADER, shown.into());
        response
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        // A subscription has cursors, which hold a position each.
        self.inner.execute_stream(request, session)
    }
}
