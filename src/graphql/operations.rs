//! Mutations for those who run the installation.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::context::{Services, failure};

/// The answer to a rebuild.
#[derive(SimpleObject)]
pub struct RebuildReadModelsPayload {
    /// The position of the log up to which the new read models are built.
    pub position: u64,
}

/// Mutations for those who run the installation.
#[derive(Default)]
pub struct OperationsMutation;

#[Object]
impl OperationsMutation {
    /// Builds all read models anew from the log while the present ones serve, and changes over when they have caught up. The
    /// rebuild goes on when it takes longer than a request may.
    async fn rebuild_read_models(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<RebuildReadModelsPayload> {
        let read_models = ctx.data_unchecked::<Arc<Services>>().read_models.clone();
        // A task of its own, because a request that takes too long is dropped.
        let rebuilt = tokio::spawn({
            let read_models = read_models.clone();
            async move { read_models.rebuild(|_| {}).await }
        });
        match rebuilt.await {
            Ok(Ok(())) => Ok(RebuildReadModelsPayload { position: read_models.position() }),
            Ok(Err(error)) => Err(failure(&error)),
            Err(error) => Err(failure(&error)),
        }
    }
}
