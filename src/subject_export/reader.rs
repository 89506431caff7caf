//! Reading what an export tells, a page at a time, and opening what is personal in it.

use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::access::AccessLogFilter;
use parvandeh_domain::card::CardNumber;
use parvandeh_domain::id::{CustomerId, DataSubject};
use parvandeh_domain::money::{Money, Points};
use parvandeh_domain::pii::Envelope;
use parvandeh_domain::redress::RedressValue;
use parvandeh_projections::access_log::{self, AccessRow};
use parvandeh_projections::account::{self, PostingRow};
use parvandeh_projections::attachments::{self, AttachmentRow};
use parvandeh_projections::cards::{self, CardRow};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::case_summary::{self, CaseFilter, CaseRow, CaseSort};
use parvandeh_projections::case_timeline::{self, TimelineEntry, TimelineFilter};
use parvandeh_projections::customer_profile::{self, CustomerRow};
use parvandeh_projections::fee::{self, FeeRow};
use parvandeh_projections::notifications;
use parvandeh_projections::page::{Anchor, PAGE_SIZE_MAX, Page, PageRequest};
use parvandeh_projections::payment::{self, PaymentRow};
use parvandeh_projections::redress::{self, RedressRow};
use parvandeh_projections::scope::{CaseScope, Visibility};
use parvandeh_projections::sla_clocks;
use uuid::Uuid;

use super::part::{
    AccountPart, AttachmentPart, CardPart, CasePart, ChangePart, ClockPart, ContactPointPart,
    CustomerPart, EntryPart, ErasurePart, FeePart, Head, LotPart, PaymentPart, PostingPart,
    PreferencesPart, Recipient, RedressPart,
};
use super::{ExportError, ExportRequest, SubjectExporter};
use crate::access::Accesses;
use crate::command::policy;
use crate::graphql::global_id::{self, NodeType};
use crate::sealing::{self, PersonalFields};
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::vault::{Vault, VaultError};

/// The version of the export's form.
const FORM: u32 = 1;

/// Reads what one caller may have of one customer.
pub(super) struct Reader {
    read_models: Arc<ReadModels>,
    vault: Arc<Vault>,
    pub accesses: Accesses,
    customer_id: CustomerId,
    recipient: Recipient,
    scope: CaseScope,
    visibility: Visibility,
}

/// The personal fields of an envelope; `None` when they were erased.
struct Opened(Option<PersonalFields>);

impl Opened {
    fn text(&self, field: &str) -> Option<String> {
        self.0.as_ref()?.text(field)
    }

    fn is_erased(&self) -> bool {
        self.0.is_none()
    }
}

impl Reader {
    pub fn new(exporter: &SubjectExporter, request: &ExportRequest, recipient: Recipient) -> Self {
        Self {
            read_models: exporter.read_models.clone(),
            vault: exporter.vault.clone(),
            accesses: Accesses::default(),
            customer_id: request.customer_id,
            recipient,
            scope: policy::case_scope(&request.principal),
            visibility: policy::visibility(&request.principal),
        }
    }

    fn open(&self, envelope: Option<&Envelope>) -> Result<Opened, VaultError> {
        let opened =
            envelope.map(|envelope| sealing::open(&self.vault, &envelope.0)).transpose()?;
        Ok(Opened(opened.flatten().map(|(subject, fields)| {
            self.accesses.note(subject);
            fields
        })))
    }

    pub async fn customer(&self) -> Result<Option<CustomerRow>, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        self.read_models.query(move |db| customer_profile::customer(db, &scope, id)).await
    }

    pub async fn cards(&self) -> Result<Vec<CardRow>, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        self.read_models.query(move |db| cards::cards_of_customer(db, &scope, id)).await
    }

    fn card(&self, row: CardRow) -> Result<CardPart, VaultError> {
        let opened = self.open(row.number.as_ref())?;
        let number = opened.text("number").and_then(|number| CardNumber::parse(&number));
        Ok(CardPart {
            id: row.id,
            masked_number: number.map(|number| number.masked()),
            status: row.status,
            block_reason: row.block_reason,
            issued_at: row.issued_at,
            activated_at: row.activated_at,
            blocked_at: row.blocked_at,
            ended_at: row.ended_at,
            erased: opened.is_erased(),
        })
    }

    pub async fn account(&self, now: Timestamp) -> Result<Option<AccountPart>, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        let row = self.read_models.query(move |db| account::account(db, &scope, id)).await?;
        let Some(balances) = row.map(|row| row.balances) else { return Ok(None) };
        let Points(points) = balances.points(now);
        let usable = balances.lots.into_iter().filter(|lot| !lot.is_expired(now));
        let lots = usable.map(|lot| LotPart {
            posting_id: lot.posting_id.to_string(),
            points: lot.points.0,
            expires_at: lot.expires_at,
        });
        let credit = balances.credit.into_iter().filter(|(_, units)| *units != 0);
        Ok(Some(AccountPart {
            points,
            lots: lots.collect(),
            credit: credit.map(|(currency, units)| Money::new(units, currency)).collect(),
        }))
    }

    pub async fn postings(&self, after: Option<Anchor>) -> Result<Page<PostingRow>, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        let page = page_after(after);
        self.read_models.query(move |db| account::postings(db, &scope, id, page)).await
    }

    pub async fn payments(&self, after: Option<Anchor>) -> Result<Page<PaymentRow>, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        let page = page_after(after);
        self.read_models.query(move |db| payment::payments(db, &scope, id, page)).await
    }

    pub async fn preferences(&self) -> Result<PreferencesPart, QueryError> {
        let (scope, CustomerId(id)) = (self.scope.clone(), self.customer_id);
        let row =
            self.read_models.query(move |db| notifications::preferences(db, &scope, id)).await?;
        Ok(PreferencesPart { channels: row.channels, unwanted_notifications: row.unwanted })
    }

    pub fn head(
        &self,
        row: CustomerRow,
        (cards, account, preferences): (Vec<CardRow>, Option<AccountPart>, PreferencesPart),
        purpose: String,
        store: Uuid,
        exported_at: Timestamp,
    ) -> Result<Head, ExportError> {
        let name = self.open(row.name.as_ref())?;
        let points = row.contact_points.into_iter().map(|point| {
            let opened = self.open(point.value.as_ref())?;
            let (value, erased) = (opened.text("value"), opened.is_erased());
            let verified_at = point.verified_at;
            Ok(ContactPointPart { kind: point.kind, value, verified_at, erased })
        });
        let officer = self.recipient == Recipient::PrivacyOfficer;
        let customer = CustomerPart {
            id: row.id,
            global_id: global_id::encode(NodeType::Customer, row.id).0,
            kind: row.kind,
            name: name.text("name"),
            erased: name.is_erased(),
            language: row.language,
            tier: row.tier,
            registered_at: row.registered_at,
            updated_at: row.updated_at,
            contact_points: points.collect::<Result<_, VaultError>>()?,
            preferences,
            cards: cards
                .into_iter()
                .map(|card| self.card(card))
                .collect::<Result<_, VaultError>>()?,
            account,
            legal_hold: row.legal_hold.filter(|_| officer),
            erasure: row.erasure.map(|erasure| ErasurePart {
                ground: erasure.ground,
                ordered_at: erasure.ordered_at,
                receipt: erasure.receipt,
            }),
        };
        let recipient = self.recipient;
        Ok(Head { subject_export: FORM, store, exported_at, recipient, purpose, customer })
    }

    pub async fn cases(&self, after: Option<Anchor>) -> Result<Page<CaseRow>, QueryError> {
        let scope = self.scope.clone();
        let filter = CaseFilter { customer_id: Some(self.customer_id.0), ..CaseFilter::default() };
        let page = page_after(after);
        self.read_models
            .query(move |db| {
                case_summary::cases(db, &scope, &filter, CaseSort::OpenedAt, false, page)
            })
            .await
    }

    pub async fn clocks(
        &self,
        case_id: Uuid,
        now: Timestamp,
    ) -> Result<Vec<ClockPart>, QueryError> {
        let (scope, reference) = (self.scope.clone(), Arc::clone(&self.read_models.reference));
        let rows = self.read_models.query(move |db| {
            let reference = reference.get(db)?;
            sla_clocks::clocks(db, &scope, case_id, &reference)
        });
        let part = |row: ClockRow| ClockPart {
            state: row.clock.verdict_at(now),
            key: row.clock.key.to_string(),
            metric: row.clock.metric,
            goal: row.clock.goal.map(|goal| goal.to_string()),
            started_at: row.clock.started_at,
            due_at: row.clock.due_at,
            stopped_at: row.clock.stopped_at,
            breach_recorded: row.breach_recorded,
        };
        Ok(rows.await?.into_iter().map(part).collect())
    }

    /// What was given and asked for on a case.
    pub async fn money(
        &self,
        case_id: Uuid,
    ) -> Result<(Vec<RedressPart>, Vec<FeePart>), QueryError> {
        let (scope, visibility) = (self.scope.clone(), self.visibility);
        let rows = self.read_models.query(move |db| {
            let redress = redress::of_case(db, &scope, visibility, case_id)?;
            Ok((redress, fee::of_case(db, &scope, case_id)?))
        });
        let (redress, fees) = rows.await?;
        let redress = redress.into_iter().map(RedressPart::from);
        Ok((redress.collect(), fees.into_iter().map(FeePart::from).collect()))
    }

    pub fn case(
        &self,
        row: CaseRow,
        clocks: Vec<ClockPart>,
        redress: Vec<RedressPart>,
        fees: Vec<FeePart>,
    ) -> Result<CasePart, ExportError> {
        let opening = self.open(row.opening.as_ref())?;
        let officer = self.recipient == Recipient::PrivacyOfficer;
        Ok(CasePart {
            id: row.id,
            global_id: global_id::encode_case(row.id),
            reference: row.reference,
            kind: row.kind,
            channel: row.channel,
            subject: opening.text("subject"),
            description: opening.text("description"),
            erased: opening.is_erased(),
            category: row.category,
            priority: row.priority,
            severity: row.severity,
            status: row.status,
            hold_reason: row.hold_reason,
            stage: row.stage,
            outcome: row.outcome,
            unit: row.unit,
            assignee: row.assignee.filter(|_| officer),
            external_reference: row.external_reference,
            opened_at: row.opened_at,
            updated_at: row.updated_at,
            due_at: row.due_at,
            resolved_at: row.resolved_at,
            closed_at: row.closed_at,
            clocks,
            redress,
            fees,
        })
    }

    pub async fn attachments(&self, case_id: Uuid) -> Result<Vec<AttachmentRow>, QueryError> {
        let (scope, visibility) = (self.scope.clone(), self.visibility);
        let rows = self
            .read_models
            .query(move |db| attachments::attachments_of_case(db, &scope, visibility, case_id));
        rows.await
    }

    pub fn attachment(&self, row: &AttachmentRow) -> Result<AttachmentPart, VaultError> {
        let opened = self.open(row.envelope.as_ref())?;
        Ok(AttachmentPart {
            id: row.id,
            global_id: global_id::encode(NodeType::Attachment, row.id).0,
            name: opened.text("name"),
            direction: row.direction,
            media_type: row.media_type.clone(),
            size_bytes: row.size_bytes,
            sha256: opened.text("sha256"),
            added_at: row.added_at,
            erased: opened.is_erased(),
        })
    }

    pub async fn timeline(
        &self,
        case_id: Uuid,
        after: Option<Anchor>,
    ) -> Result<Page<TimelineEntry>, QueryError> {
        let (scope, visibility) = (self.scope.clone(), self.visibility);
        let (filter, page) = (TimelineFilter::default(), page_after(after));
        self.read_models
            .query(move |db| {
                case_timeline::timeline(db, &scope, visibility, case_id, &filter, page)
            })
            .await
    }

    pub fn entry(&self, row: TimelineEntry) -> Result<EntryPart, VaultError> {
        let opened = self.open(row.envelope.as_ref())?;
        let actor_id = row.told_actor_id(self.visibility).map(str::to_owned);
        let changes = row.changes.into_iter().map(|change| ChangePart {
            value: change.value.or_else(|| opened.text(&change.field)),
            field: change.field,
        });
        Ok(EntryPart {
            event_id: row.event_id,
            event_type: row.event_type,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            actor_kind: row.actor_kind,
            actor_id,
            internal: row.internal,
            channel: row.channel,
            direction: row.direction,
            text: row.text_field.and_then(|field| opened.text(field)),
            erased: row.text_field.is_some() && opened.is_erased(),
            changes: changes.collect(),
        })
    }

    pub async fn accesses_of(
        &self,
        subject: DataSubject,
        after: Option<Anchor>,
    ) -> Result<Page<AccessRow>, QueryError> {
        let filter = AccessLogFilter { subject: Some(subject), ..AccessLogFilter::default() };
        let page = page_after(after);
        self.read_models.query(move |db| access_log::accesses(db, &filter, page)).await
    }
}

impl From<PostingRow> for PostingPart {
    fn from(row: PostingRow) -> Self {
        Self {
            posting_id: row.posting_id,
            kind: row.kind,
            points: row.points.0,
            money: row.money,
            centre: row.centre,
            reversed: row.reversed,
            case_id: row.case_id,
            occurred_at: row.occurred_at,
            recorded_at: row.recorded_at,
            event_id: row.event_id,
        }
    }
}

impl From<PaymentRow> for PaymentPart {
    fn from(row: PaymentRow) -> Self {
        Self {
            id: row.id.0,
            money: row.money,
            fee_id: row.fee_id.map(|id| id.0),
            provider: row.provider,
            provider_reference: row.provider_reference.map(|reference| reference.to_string()),
            status: row.status,
            failure: row.failure,
            requested_at: row.requested_at,
            expires_at: row.expires_at,
            confirmed_at: row.confirmed_at,
            refunded_at: row.refunded_at,
        }
    }
}

impl From<RedressRow> for RedressPart {
    fn from(row: RedressRow) -> Self {
        let (money, points) = match row.value {
            RedressValue::Money(money) => (Some(money), None),
            RedressValue::Points(Points(points)) => (None, Some(points)),
        };
        Self {
            id: row.id.0,
            money,
            points,
            ground: row.ground,
            status: row.status,
            proposed_at: row.proposed_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<FeeRow> for FeePart {
    fn from(row: FeeRow) -> Self {
        Self {
            id: row.id.0,
            money: row.money,
            tariff: row.tariff,
            status: row.status,
            assessed_at: row.assessed_at,
            updated_at: row.updated_at,
        }
    }
}

fn page_after(after: Option<Anchor>) -> PageRequest {
    PageRequest { after, ..PageRequest::first(PAGE_SIZE_MAX) }
}
