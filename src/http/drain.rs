//! Draining: how a server that is told to stop leaves without failing anybody.
//!
//! First it only says so: `/health/ready` answers "draining", so that balancers send nobody here any more, and every answer asks its
//! connection to be closed, so that clients connect anew and elsewhere. Everything is still answered. After [`NOTICE`] the server stops
//! listening. Subscriptions are completed (over WebSocket with close code 1001 behind it), so that their clients resume elsewhere;
//! queries and mutations that are running are answered, for which they have [`ANSWERS_MAX`]. Then the rest of the program ends, within
//! [`STOP_MAX`]. So the process is gone [`DRAIN_MAX`] after the signal, and whoever kills it should wait a little longer: Kubernetes'
//! `terminationGracePeriodSeconds` of 30 fits.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use tokio::sync::watch;

/// How long a server that leaves goes on as before, unless the configuration says otherwise.
pub const NOTICE: Duration = Duration::from_secs(5);
/// How long connections that were accepted may take to reach a worker once the server listens no more.
const HAND_OVER: Duration = Duration::from_millis(100);
/// How long running requests may take to be answered after that: longer than a request may take at all.
pub const ANSWERS_MAX: Duration = Duration::from_secs(12);
/// How long the parts behind the server may take to end: the last batch of the read models, the last checkpoint, the log.
pub const STOP_MAX: Duration = Duration::from_secs(6);
/// How long what is left in queues for others (traces) may take to be sent.
pub const FLUSH_MAX: Duration = Duration::from_secs(2);
/// The longest time from the signal to the end of the process, with the default notice.
pub const DRAIN_MAX: Duration = Duration::from_secs(27);

const _: () = assert!(
    NOTICE.as_millis()
        + HAND_OVER.as_millis()
        + ANSWERS_MAX.as_millis()
        + STOP_MAX.as_millis()
        + FLUSH_MAX.as_millis()
        < DRAIN_MAX.as_millis()
);

/// How far a server has come on its way to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It is there for everybody.
    #[default]
    Serving,
    /// It answers as before and asks to be left.
    Leaving,
    /// Subscriptions are completed; what was accepted is answered.
    Closing,
}

/// Takes a server through the phases to its end. `urgent` cuts the notice short.
pub async fn drain(
    phase: &watch::Sender<Phase>,
    server: &ServerHandle,
    notice: Duration,
    urgent: impl Future<Output = ()>,
) {
    phase.send_replace(Phase::Leaving);
    tokio::select! {
        () = tokio::time::sleep(notice) => {}
        () = urgent => {}
    }
    // A worker that is told to stop drops the connections that it has not looked at yet, so none may be on its way.
    server.pause().await;
    tokio::time::sleep(HAND_OVER).await;
    phase.send_replace(Phase::Closing);
    server.stop(true).await;
}

/// Waits until subscriptions are to be completed, also when that time has come already or the sender is gone.
pub(super) async fn closing(phase: &mut watch::Receiver<Phase>) {
    // A sender that is gone belongs to a process that is ending.
    let _ = phase.wait_for(|phase| *phase == Phase::Closing).await;
}

/// Asks the client of a server that leaves to close its connection after this answer.
pub(super) async fn ask_to_leave(
    phase: web::Data<watch::Receiver<Phase>>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody + 'static>, Error> {
    let mut response = next.call(request).await?;
    let leaving = *phase.borrow() >= Phase::Leaving;
    if leaving && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
