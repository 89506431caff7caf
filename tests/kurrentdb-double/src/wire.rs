//! The messages of the protocol, as far as the double speaks it.
//!
//! Fields are recognised on the wire by their number alone, so the names here are our own, and what the double never
//! looks at (the choice to resolve links, how ids shall be written) is left out: unknown fields are skipped.

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Oneof};

/// A message without content, also used as a mark.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Empty {}

/// The name of a stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamIdentifier {
    /// UTF-8.
    #[prost(bytes = "bytes", tag = "3")]
    pub name: Bytes,
}

/// An id in one of its two spellings.
#[derive(Clone, PartialEq, Message)]
pub struct Uuid {
    /// The spelling.
    #[prost(oneof = "UuidValue", tags = "1, 2")]
    pub value: Option<UuidValue>,
}

/// The two spellings of an id.
#[derive(Clone, PartialEq, Oneof)]
pub enum UuidValue {
    /// As two numbers.
    #[prost(message, tag = "1")]
    Structured(UuidHalves),
    /// As text.
    #[prost(string, tag = "2")]
    Text(String),
}

/// The two halves of an id.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct UuidHalves {
    /// The upper 64 bits.
    #[prost(int64, tag = "1")]
    pub most_significant: i64,
    /// The lower 64 bits.
    #[prost(int64, tag = "2")]
    pub least_significant: i64,
}

impl From<uuid::Uuid> for Uuid {
    fn from(id: uuid::Uuid) -> Self {
        Uuid { value: Some(UuidValue::Text(id.to_string())) }
    }
}

impl Uuid {
    /// The id, unless it is absent or malformed.
    pub fn read(&self) -> Option<uuid::Uuid> {
        match self.value.as_ref()? {
            UuidValue::Text(text) => text.parse().ok(),
            UuidValue::Structured(halves) => Some(uuid::Uuid::from_u64_pair(
                halves.most_significant.cast_unsigned(),
                halves.least_significant.cast_unsigned(),
            )),
        }
    }
}

/// A moment.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Timestamp {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Within the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A place in the log.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Position {
    /// Where the transaction was committed.
    #[prost(uint64, tag = "1")]
    pub commit: u64,
    /// Where the event was written.
    #[prost(uint64, tag = "2")]
    pub prepare: u64,
}

/// One message of an append: first its options, then its events.
#[derive(Clone, PartialEq, Message)]
pub struct AppendRequest {
    /// What it is.
    #[prost(oneof = "AppendContent", tags = "1, 2")]
    pub content: Option<AppendContent>,
}

/// What a message of an append is.
#[derive(Clone, PartialEq, Oneof)]
pub enum AppendContent {
    /// Where to append.
    #[prost(message, tag = "1")]
    Options(StreamExpectation),
    /// What to append.
    #[prost(message, tag = "2")]
    Event(ProposedEvent),
}

/// A stream and what its writer expects of it: the options of appends and deletions alike.
#[derive(Clone, PartialEq, Message)]
pub struct StreamExpectation {
    /// The stream.
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
    /// The expectation.
    #[prost(oneof = "ExpectedRevision", tags = "2, 3, 4, 5")]
    pub expected: Option<ExpectedRevision>,
}

/// What the writer expects of a stream.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum ExpectedRevision {
    /// This is its last revision.
    #[prost(uint64, tag = "2")]
    Revision(u64),
    /// It does not exist.
    #[prost(message, tag = "3")]
    NoStream(Empty),
    /// Nothing.
    #[prost(message, tag = "4")]
    Any(Empty),
    /// It exists.
    #[prost(message, tag = "5")]
    StreamExists(Empty),
}

/// An event to be appended.
#[derive(Clone, PartialEq, Message)]
pub struct ProposedEvent {
    /// Its id.
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    /// Its `type` and `content-type`.
    #[prost(map = "string, string", tag = "2")]
    pub system_metadata: HashMap<String, String>,
    /// The writer's own metadata.
    #[prost(bytes = "bytes", tag = "3")]
    pub metadata: Bytes,
    /// What it says.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

/// The answer to an append.
#[derive(Clone, PartialEq, Message)]
pub struct AppendResponse {
    /// The outcome.
    #[prost(oneof = "AppendResult", tags = "1, 2")]
    pub result: Option<AppendResult>,
}

/// The outcome of an append.
#[derive(Clone, PartialEq, Oneof)]
pub enum AppendResult {
    /// Written.
    #[prost(message, tag = "1")]
    Success(AppendSuccess),
    /// The expectation did not hold.
    #[prost(message, tag = "2")]
    WrongExpectedVersion(WrongExpectedVersion),
}

/// Where the events of an append stand.
#[derive(Clone, PartialEq, Message)]
pub struct AppendSuccess {
    /// The revision of the last of them.
    #[prost(uint64, optional, tag = "1")]
    pub revision: Option<u64>,
    /// The place of the last of them.
    #[prost(message, optional, tag = "3")]
    pub position: Option<Position>,
    /// Set instead of `position` where the server does not know it.
    #[prost(message, optional, tag = "4")]
    pub no_position: Option<Empty>,
}

/// How far a stream really is, and what was expected; the first five fields are for clients of the first days.
#[derive(Clone, PartialEq, Message)]
pub struct WrongExpectedVersion {
    /// Its last revision.
    #[prost(uint64, optional, tag = "6")]
    pub current: Option<u64>,
    /// Set where it does not exist.
    #[prost(message, optional, tag = "7")]
    pub current_no_stream: Option<Empty>,
    /// What was expected.
    #[prost(oneof = "ExpectedEcho", tags = "8, 9, 10, 11")]
    pub expected: Option<ExpectedEcho>,
}

/// The expectation of an append, told back.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum ExpectedEcho {
    /// A revision.
    #[prost(uint64, tag = "8")]
    Revision(u64),
    /// Nothing.
    #[prost(message, tag = "9")]
    Any(Empty),
    /// A stream.
    #[prost(message, tag = "10")]
    StreamExists(Empty),
    /// No stream.
    #[prost(message, tag = "11")]
    NoStream(Empty),
}

/// A request to delete a stream, softly or for good.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteRequest {
    /// Which.
    #[prost(message, optional, tag = "1")]
    pub options: Option<StreamExpectation>,
}

/// The answer to a deletion.
#[derive(Clone, PartialEq, Message)]
pub struct DeleteResponse {
    /// Where it stands in the log.
    #[prost(message, optional, tag = "1")]
    pub position: Option<Position>,
}

/// A request to read or to subscribe.
#[derive(Clone, PartialEq, Message)]
pub struct ReadRequest {
    /// What.
    #[prost(message, optional, tag = "1")]
    pub options: Option<ReadOptions>,
}

/// What to read.
#[derive(Clone, PartialEq, Message)]
pub struct ReadOptions {
    /// One stream or all.
    #[prost(oneof = "ReadFrom", tags = "1, 2")]
    pub from: Option<ReadFrom>,
    /// 0 forwards, 1 backwards.
    #[prost(int32, tag = "3")]
    pub direction: i32,
    /// Whether it ends.
    #[prost(oneof = "ReadExtent", tags = "5, 6")]
    pub extent: Option<ReadExtent>,
    /// Which events; all without.
    #[prost(message, optional, tag = "7")]
    pub filter: Option<FilterOptions>,
}

/// One stream or all.
#[derive(Clone, PartialEq, Oneof)]
pub enum ReadFrom {
    /// One.
    #[prost(message, tag = "1")]
    Stream(StreamOptions),
    /// All.
    #[prost(message, tag = "2")]
    All(AllOptions),
}

/// Whether reading ends.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum ReadExtent {
    /// After so many events at most.
    #[prost(uint64, tag = "5")]
    Count(u64),
    /// Never.
    #[prost(message, tag = "6")]
    Subscription(Empty),
}

/// Where to begin in a stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamOptions {
    /// The stream.
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
    /// The revision.
    #[prost(oneof = "StartRevision", tags = "2, 3, 4")]
    pub start: Option<StartRevision>,
}

/// Where to begin in a stream.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum StartRevision {
    /// At this revision.
    #[prost(uint64, tag = "2")]
    Revision(u64),
    /// At the beginning.
    #[prost(message, tag = "3")]
    Start(Empty),
    /// At the end.
    #[prost(message, tag = "4")]
    End(Empty),
}

/// Where to begin in the log.
#[derive(Clone, PartialEq, Message)]
pub struct AllOptions {
    /// The place.
    #[prost(oneof = "StartPosition", tags = "1, 2, 3")]
    pub start: Option<StartPosition>,
}

/// Where to begin in the log.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum StartPosition {
    /// At this place.
    #[prost(message, tag = "1")]
    Position(Position),
    /// At the beginning.
    #[prost(message, tag = "2")]
    Start(Empty),
    /// At the end.
    #[prost(message, tag = "3")]
    End(Empty),
}

/// Which events of the log to read.
#[derive(Clone, PartialEq, Message)]
pub struct FilterOptions {
    /// By name of stream or by type of event.
    #[prost(oneof = "FilterBy", tags = "1, 2")]
    pub by: Option<FilterBy>,
    /// The search window; 32 without.
    #[prost(uint32, optional, tag = "3")]
    pub window_max: Option<u32>,
    /// A checkpoint is sent every so many search windows.
    #[prost(uint32, tag = "5")]
    pub checkpoint_interval_multiplier: u32,
}

/// What a filter looks at.
#[derive(Clone, PartialEq, Oneof)]
pub enum FilterBy {
    /// The name of the stream.
    #[prost(message, tag = "1")]
    Stream(FilterExpression),
    /// The type of the event.
    #[prost(message, tag = "2")]
    EventType(FilterExpression),
}

/// What a filter looks for: the expression, or without one any of the prefixes.
#[derive(Clone, PartialEq, Message)]
pub struct FilterExpression {
    /// A regular expression.
    #[prost(string, tag = "1")]
    pub regex: String,
    /// Beginnings.
    #[prost(string, repeated, tag = "2")]
    pub prefixes: Vec<String>,
}

/// One message of what is read.
#[derive(Clone, PartialEq, Message)]
pub struct ReadResponse {
    /// What it is.
    #[prost(oneof = "ReadContent", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub content: Option<ReadContent>,
}

/// What a message of a read or a subscription is.
#[derive(Clone, PartialEq, Oneof)]
pub enum ReadContent {
    /// An event.
    #[prost(message, tag = "1")]
    Event(ReadEvent),
    /// The subscription stands.
    #[prost(message, tag = "2")]
    Confirmation(Confirmation),
    /// Nothing more of interest up to here.
    #[prost(message, tag = "3")]
    Checkpoint(Checkpoint),
    /// There is no such stream.
    #[prost(message, tag = "4")]
    StreamNotFound(StreamNotFound),
    /// The first revision that can be read.
    #[prost(uint64, tag = "5")]
    FirstRevision(u64),
    /// The last revision.
    #[prost(uint64, tag = "6")]
    LastRevision(u64),
    /// The last place in the log.
    #[prost(message, tag = "7")]
    LastPosition(Position),
    /// What follows is live.
    #[prost(message, tag = "8")]
    CaughtUp(Progress),
    /// What follows is read from the log again.
    #[prost(message, tag = "9")]
    FellBehind(Progress),
}

/// An event that is read.
#[derive(Clone, PartialEq, Message)]
pub struct ReadEvent {
    /// The event.
    #[prost(message, optional, tag = "1")]
    pub event: Option<RecordedEvent>,
    /// Where its transaction was committed.
    #[prost(uint64, optional, tag = "3")]
    pub commit: Option<u64>,
}

/// An event of the log.
#[derive(Clone, PartialEq, Message)]
pub struct RecordedEvent {
    /// Its id.
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    /// Its stream.
    #[prost(message, optional, tag = "2")]
    pub stream: Option<StreamIdentifier>,
    /// Its revision there, from 0.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
    /// Where it was written.
    #[prost(uint64, tag = "4")]
    pub prepare: u64,
    /// Where its transaction was committed.
    #[prost(uint64, tag = "5")]
    pub commit: u64,
    /// Its `type`, `content-type` and `created` (ticks of 100 ns since 1970).
    #[prost(map = "string, string", tag = "6")]
    pub system_metadata: HashMap<String, String>,
    /// The writer's own metadata.
    #[prost(bytes = "bytes", tag = "7")]
    pub metadata: Bytes,
    /// What it says.
    #[prost(bytes = "bytes", tag = "8")]
    pub data: Bytes,
}

/// The subscription stands.
#[derive(Clone, PartialEq, Message)]
pub struct Confirmation {
    /// Its id.
    #[prost(string, tag = "1")]
    pub subscription_id: String,
}

/// Nothing more of interest up to here.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Checkpoint {
    /// The place.
    #[prost(uint64, tag = "1")]
    pub commit: u64,
    /// The place.
    #[prost(uint64, tag = "2")]
    pub prepare: u64,
    /// The server's time.
    #[prost(message, optional, tag = "3")]
    pub at: Option<Timestamp>,
}

/// How far a subscription is when it catches up or falls behind; older servers say nothing in it.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Progress {
    /// The server's time.
    #[prost(message, optional, tag = "1")]
    pub at: Option<Timestamp>,
    /// For subscriptions to one stream.
    #[prost(int64, optional, tag = "2")]
    pub revision: Option<i64>,
    /// For subscriptions to the log.
    #[prost(message, optional, tag = "3")]
    pub position: Option<Position>,
}

/// There is no such stream.
#[derive(Clone, PartialEq, Message)]
pub struct StreamNotFound {
    /// Its name.
    #[prost(message, optional, tag = "1")]
    pub stream: Option<StreamIdentifier>,
}

/// What the server can do.
#[derive(Clone, PartialEq, Message)]
pub struct SupportedMethods {
    /// The calls.
    #[prost(message, repeated, tag = "1")]
    pub methods: Vec<SupportedMethod>,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// One call that the server knows.
#[derive(Clone, PartialEq, Message)]
pub struct SupportedMethod {
    /// Its name in lower case.
    #[prost(string, tag = "1")]
    pub method: String,
    /// Its service in lower case.
    #[prost(string, tag = "2")]
    pub service: String,
    /// What it can do beyond its first version.
    #[prost(string, repeated, tag = "3")]
    pub features: Vec<String>,
}

/// The nodes of the cluster.
#[derive(Clone, PartialEq, Message)]
pub struct ClusterInfo {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<MemberInfo>,
}

/// One node of the cluster.
#[derive(Clone, PartialEq, Message)]
pub struct MemberInfo {
    /// Its id.
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    /// Ticks of 100 ns since 1970.
    #[prost(int64, tag = "2")]
    pub time_stamp: i64,
    /// [`MEMBER_UNKNOWN`], [`MEMBER_FOLLOWER`] or [`MEMBER_LEADER`].
    #[prost(int32, tag = "3")]
    pub state: i32,
    /// Whether the others hear of it.
    #[prost(bool, tag = "4")]
    pub is_alive: bool,
    /// Where it listens.
    #[prost(message, optional, tag = "5")]
    pub end_point: Option<EndPoint>,
}

/// A node that waits for the election of a leader.
pub const MEMBER_UNKNOWN: i32 = 2;
/// A node that follows the leader.
pub const MEMBER_FOLLOWER: i32 = 6;
/// The node that accepts writes.
pub const MEMBER_LEADER: i32 = 8;

/// Where a node listens.
#[derive(Clone, PartialEq, Message)]
pub struct EndPoint {
    /// The host.
    #[prost(string, tag = "1")]
    pub address: String,
    /// The port.
    #[prost(uint32, tag = "2")]
    pub port: u32,
}
