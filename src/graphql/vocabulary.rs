//! The published lists of values as GraphQL enums.

use async_graphql::Enum;
use parvandeh_domain::{case, customer, decider};

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
        /// The customer, or somebody who acts for them.
        Customer,
        /// A member of staff.
        Staff,
        /// Another program, such as an import.
        Service,
        /// A part of this system, such as the SLA monitor.
        System,
    }
);
