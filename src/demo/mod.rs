//! The demo.
use std::{net::SocketAddr, path::Path, sync::Arc};
use crate::{clock::Clock, command::handler::CommandHandler, http::authentication::Secret, app::StartError};
/// x
pub async fn fill(directory: &Path) -> Result<(), StartError> { let app = crate::app::App::open(directory).await?; app.stop().await; Ok(()) }
/// x
pub fn greet(_: &Path, _: SocketAddr, _: &Secret) {}
/// x
pub async fn move_on(_: Arc<CommandHandler>, _: Arc<dyn Clock>) {}
