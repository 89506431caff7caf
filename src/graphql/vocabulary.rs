//! The published lists of values as GraphQL enums.

use async_graphql::Enum;
use parvandeh_domain::{
    account, card, case, customer, decider, fee, payment, redress, segmentation,
};

/// Declares a GraphQL enum with the values of a domain enum, and the conversions both ways.
macro_rules! published {
    ($(#[$doc:meta])* $name:ident = $domain:tt { $( $(#[$value_doc:meta])* $value:ident, )+ }) => {
        $(#[$doc])*
        #[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[graphql(remote = $domain)]
        pub enum $name { $( $(#[$value_doc])* $value, )+ }
    };
}

published!(
    /// What sort of matter a case is.
    CaseKind = "case::CaseKind" {
        /// An expression of dissatisfaction that expects an answer (ISO 10002, 3.2).
        Complaint,
        /// Something asked to be done or given.
        Request,
        /// Something asked to be explained.
        Question,
        /// A proposal for improvement.
        Suggestion,
        /// A critical opinion that asks for nothing in particular.
        Criticism,
        /// A favourable opinion.
        Praise,
        /// A journalist's question, usually with a deadline of their own.
        MediaInquiry,
        /// A fault in the service itself.
        Incident,
    }
);

published!(
    /// How soon a case must be attended to.
    Priority = "case::Priority" {
        /// Can wait.
        Low,
        /// The usual.
        Normal,
        /// Before the usual.
        High,
        /// Before all others.
        Urgent,
    }
);

published!(
    /// How bad the matter is for the customer, whatever its urgency.
    Severity = "case::Severity" {
        /// An inconvenience.
        Minor,
        /// A loss of time or money.
        Moderate,
        /// A serious loss.
        Major,
        /// Safety, health or rights are touched.
        Critical,
    }
);

published!(
    /// The way an exchange travels.
    Channel = "case::Channel" {
        /// The customer's own pages.
        Portal,
        /// Electronic mail.
        Email,
        /// A form on the public website.
        Website,
        /// A mobile application.
        App,
        /// A text message.
        Sms,
        /// A call.
        Phone,
        /// A fax.
        Fax,
        /// A letter on paper.
        Letter,
        /// A visit.
        InPerson,
        /// A social network or messenger.
        SocialNetwork,
    }
);

published!(
    /// Where a case stands in its life.
    Status = "case::Status" {
        /// Being worked on.
        Open,
        /// Waiting for the customer.
        Pending,
        /// Waiting for somebody else.
        OnHold,
        /// Answered; may be reopened.
        Resolved,
        /// Finished.
        Closed,
        /// Given up in favour of another case, which deals with the matter from then on.
        Merged,
    }
);

published!(
    /// Why a case waits.
    HoldReason = "case::HoldReason" {
        /// For the customer: the status is then `pending`.
        AwaitingCustomer,
        /// For somebody outside: a supplier, another authority.
        AwaitingThirdParty,
        /// For another reason, told in the note.
        Other,
    }
);

published!(
    /// Who speaks to whom.
    Direction = "case::Direction" {
        /// From the customer to us.
        Inbound,
        /// From us to the customer.
        Outbound,
        /// Among ourselves; customers never see it.
        Internal,
    }
);

published!(
    /// What became of a case.
    Outcome = "case::Outcome" {
        /// The complaint was right.
        Upheld,
        /// The complaint was right in part.
        PartlyUpheld,
        /// The complaint was not right.
        NotUpheld,
        /// What was asked was answered.
        Answered,
        /// What was asked was done.
        Fulfilled,
        /// What was asked was declined, with reasons.
        Declined,
        /// The customer withdrew it.
        Withdrawn,
        /// Another case deals with it.
        Duplicate,
        /// The source of an imported case does not say.
        Unknown,
    }
);

published!(
    /// What became of a suggestion, a criticism or praise.
    Became = "case::Became" {
        /// It is being weighed; nothing is decided.
        UnderConsideration,
        /// It will be done, and when was said.
        Planned,
        /// It was done, or the opinion was taken to heart.
        Adopted,
        /// It was done in part.
        PartlyAdopted,
        /// It will not be done, and why was said.
        NotAdopted,
        /// Those whom it concerns have heard it: what praise is for.
        PassedOn,
    }
);

published!(
    /// How hard a complaint is to look into.
    Complexity = "case::Complexity" {
        /// One look settles it.
        Simple,
        /// Several facts or units are involved.
        Involved,
        /// It takes expert knowledge, or several organisations.
        Complex,
    }
);

published!(
    /// A cell of the customer-asset matrix: how sure we can be of a customer, and how much there is to lose.
    AssetCell = "segmentation::AssetCell" {
        /// Valuable, and strongly tied to us.
        Secure,
        /// Less valuable, and strongly tied to us.
        Good,
        /// Valuable, and weakly tied to us: there is most to lose.
        Vulnerable,
        /// Less valuable, and weakly tied to us.
        Fragile,
    }
);

published!(
    /// How many a complaint's matter touches.
    Impact = "case::Impact" {
        /// The complainant alone.
        Single,
        /// Several customers.
        Several,
        /// All customers of a product or a place, or the public.
        Widespread,
    }
);

published!(
    /// In which relation somebody stands to the organisation.
    CustomerKind = "customer::CustomerKind" {
        /// A person.
        Individual,
        /// A company or authority.
        Organisation,
        /// A member of our own staff.
        Employee,
        /// A journalist or medium.
        Media,
        /// One who works with us.
        Partner,
        /// Not a customer yet.
        Prospect,
    }
);

published!(
    /// Why a customer's personal data are erased.
    ErasureGround = "customer::ErasureGround" {
        /// The customer asked for it.
        SubjectRequest,
        /// They have been kept as long as they may be.
        RetentionEnded,
        /// They should not have been kept at all.
        Unlawful,
    }
);

published!(
    /// By what right somebody acts for a customer.
    RepresentationBasis = "customer::RepresentationBasis" {
        /// The customer gave them a power of attorney.
        PowerOfAttorney,
        /// A court or the law made them a guardian.
        Guardianship,
        /// They work for the organisation that is the customer.
        Employment,
        /// They are of the family, and the customer agreed.
        Family,
    }
);

/// How alike two records of customers are.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchLikeness {
    /// The same person, unless somebody knows better.
    Same,
    /// Perhaps the same person: somebody should look.
    Near,
}

published!(
    /// What two records of customers have in common.
    MatchReason = "customer::matching::MatchReason" {
        /// The same name, however it is spelled or transliterated.
        SameName,
        /// A name like the other: a slip of the pen, an initial.
        NearName,
        /// One name is a part of the other.
        PartOfName,
        /// The same telephone number.
        SamePhone,
        /// A telephone number but for one digit.
        NearPhone,
        /// The same email address.
        SameEmail,
        /// An email address but for dots, tags or the provider.
        NearEmail,
        /// The same postal address or name in a social network.
        SameAddress,
    }
);

published!(
    /// What the organisation may use a customer's data for, beyond answering them.
    ConsentPurpose = "customer::ConsentPurpose" {
        /// Telling them of offers.
        Marketing,
        /// Asking how content they are.
        Survey,
        /// Telling them of news.
        Newsletter,
        /// Improving the service by studying their cases.
        Research,
    }
);

published!(
    /// How a customer can be reached.
    ContactPointKind = "customer::ContactPointKind" {
        /// An email address.
        Email,
        /// A telephone number with its country code.
        Phone,
        /// A postal address.
        PostalAddress,
        /// A name in a social network or messenger.
        SocialNetwork,
    }
);

published!(
    /// The language in which a customer is written to (ISO 639-1).
    Language = "customer::Language" {
        /// Persian.
        Persian,
        /// English.
        English,
    }
);

published!(
    /// In which capacity somebody acts.
    ActorKind = "decider::ActorKind" {
        /// The customer.
        Customer,
        /// Somebody who acts for the customer, by a right that is on record.
        Representative,
        /// A member of staff.
        Staff,
        /// Another program, such as an import.
        Service,
        /// A part of this system, such as the SLA monitor.
        System,
    }
);

published!(
    /// What sort of posting.
    PostingKind = "account::PostingKind" {
        /// Points were earned.
        PointsEarned,
        /// Points were redeemed at a contracted centre.
        PointsRedeemed,
        /// Points expired.
        PointsExpired,
        /// Credit was granted.
        CreditGranted,
        /// Credit was spent.
        CreditSpent,
        /// Another posting was reversed.
        Reversal,
    }
);

published!(
    /// How a card stands.
    CardStatus = "card::CardStatus" {
        /// It was issued and cannot be used yet.
        Issued,
        /// Its holder can sign in with it.
        Active,
        /// It cannot be used any more; it can be replaced.
        Blocked,
        /// Another card has taken its place.
        Replaced,
        /// Its time is over.
        Expired,
    }
);

published!(
    /// Why redress is given.
    RedressGround = "redress::RedressGround" {
        /// Something was late.
        Delay,
        /// Something was done wrongly.
        Fault,
        /// The customer lost money.
        Loss,
        /// The customer had trouble.
        Inconvenience,
        /// Nothing is owed; it is a kindness.
        Goodwill,
    }
);

published!(
    /// How far a redress has come.
    RedressStatus = "redress::RedressStatus" {
        /// Proposed, and not approved yet.
        Proposed,
        /// Approved: the customer may accept it.
        Approved,
        /// Not approved.
        Rejected,
        /// Accepted by the customer, and being paid.
        Accepted,
        /// Declined by the customer.
        Declined,
        /// Paid into the customer's account.
        Paid,
    }
);

published!(
    /// Why a fee is waived.
    WaiverGround = "fee::WaiverGround" {
        /// It should not have been assessed.
        Error,
        /// The customer cannot pay it.
        Hardship,
        /// As a kindness.
        Goodwill,
    }
);

published!(
    /// How a fee stands.
    FeeStatus = "fee::FeeStatus" {
        /// To be paid.
        Assessed,
        /// Need not be paid.
        Waived,
        /// Paid.
        Paid,
        /// Paid, and given back.
        Refunded,
    }
);

published!(
    /// Why a card is blocked.
    BlockReason = "card::BlockReason" {
        /// Its holder does not find it.
        Lost,
        /// Somebody took it.
        Stolen,
        /// Somebody uses it who may not.
        Misuse,
        /// Its holder does not want it any more.
        HolderRequest,
        /// The organisation decided it.
        Organisation,
    }
);

published!(
    /// How a payment stands.
    PaymentStatus = "payment::PaymentStatus" {
        /// The customer is to pay it.
        Requested,
        /// The money came.
        Confirmed,
        /// No money came.
        Failed,
        /// Nobody paid it in time.
        Expired,
        /// It is to be given back.
        RefundRequested,
        /// It was given back.
        Refunded,
    }
);

published!(
    /// Why no money came, as the provider says it.
    PaymentFailure = "payment::PaymentFailure" {
        /// The customer's bank did not allow it.
        Declined,
        /// The customer gave it up.
        Abandoned,
        /// Something broke between the provider and the bank.
        Technical,
    }
);

published!(
    /// What a customer is told of on their own page, as soon as it happens.
    NotificationKind = "customer::NotificationKind" {
        /// They were answered.
        Answered,
        /// The receipt of their complaint was acknowledged.
        Acknowledged,
        /// Their complaint was decided.
        Decided,
        /// Their case entered another stage.
        StageEntered,
        /// Their case was resolved.
        Resolved,
        /// Their case was closed.
        Closed,
        /// Their case goes on in another of theirs.
        Merged,
        /// They were told what else they can do after the last decision.
        AlternativesOffered,
        /// Something was promised to them by a date.
        PromiseMade,
        /// The date of a promise passed.
        PromiseMissed,
        /// They were offered redress.
        RedressOffered,
        /// Redress was paid into their account.
        RedressPaid,
        /// They are asked to pay a fee.
        FeeAssessed,
        /// A file was sent to them.
        AttachmentSent,
        /// They are asked how content they are with the handling of their case.
        SurveyAsked,
    }
);
