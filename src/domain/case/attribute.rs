//! The words in which a case is described. Each list is part of the published language: values are added, never renamed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a published list of values with its stored names.
macro_rules! vocabulary {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$value_doc:meta])* $value:ident = $stored:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum $name {
            $( $(#[$value_doc])* #[serde(rename = $stored)] $value, )+
        }

        impl $name {
            /// Every value, in the order of the list.
            pub const ALL: &'static [Self] = &[ $( Self::$value, )+ ];

            /// The stored name.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$value => $stored, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("'{text}' is none of {}", known.join(", "))
                })
            }
        }
    };
}
pub(crate) use vocabulary;

vocabulary!(
    /// What sort of matter a case is.
    CaseKind {
        /// An expression of dissatisfaction that expects an answer (ISO 10002, 3.2).
        Complaint = "complaint",
        /// Something asked to be done or given.
        Request = "request",
        /// Something asked to be explained.
        Question = "question",
        /// A proposal for improvement.
        Suggestion = "suggestion",
        /// A critical opinion that asks for nothing in particular.
        Criticism = "criticism",
        /// A favourable opinion.
        Praise = "praise",
        /// A journalist's question, usually with a deadline of their own.
        MediaInquiry = "media_inquiry",
        /// A fault in the service itself.
        Incident = "incident",
    }
);

vocabulary!(
    /// How soon a case must be attended to.
    Priority {
        /// Can wait.
        Low = "low",
        /// The usual.
        Normal = "normal",
        /// Before the usual.
        High = "high",
        /// Before all others.
        Urgent = "urgent",
    }
);

vocabulary!(
    /// How bad the matter is for the customer, whatever its urgency.
    Severity {
        /// An inconvenience.
        Minor = "minor",
        /// A loss of time or money.
        Moderate = "moderate",
        /// A serious loss.
        Major = "major",
        /// Safety, health or rights are touched.
        Critical = "critical",
    }
);

vocabulary!(
    /// The way an exchange travels.
    Channel {
        /// The customer's own pages.
        Portal = "portal",
        /// Electronic mail.
        Email = "email",
        /// A form on the public website.
        Website = "website",
        /// A mobile application.
        App = "app",
        /// A text message.
        Sms = "sms",
        /// A call.
        Phone = "phone",
        /// A fax.
        Fax = "fax",
        /// A letter on paper.
        Letter = "letter",
        /// A visit.
        InPerson = "in_person",
        /// A social network or messenger.
        SocialNetwork = "social_network",
    }
);

vocabulary!(
    /// Where a case stands in its life.
    Status {
        /// Being worked on.
        Open = "open",
        /// Waiting for the customer.
        Pending = "pending",
        /// Waiting for somebody else.
        OnHold = "on_hold",
        /// Answered; may be reopened.
        Resolved = "resolved",
        /// Finished.
        Closed = "closed",
        /// Given up in favour of another case, which deals with the matter from then on.
        ///
        /// A value of its own rather than `closed`: a merged case was never answered, so counting it among the closed would count the
        /// matter twice; and a closed case can be reopened, which a merged one cannot.
        Merged = "merged",
    }
);

vocabulary!(
    /// Why a case waits.
    HoldReason {
        /// For the customer: the status is then `pending`.
        AwaitingCustomer = "awaiting_customer",
        /// For somebody outside: a supplier, another authority.
        AwaitingThirdParty = "awaiting_third_party",
        /// For another reason, told in the note.
        Other = "other",
    }
);

vocabulary!(
    /// Who speaks to whom.
    Direction {
        /// From the customer to us.
        Inbound = "inbound",
        /// From us to the customer.
        Outbound = "outbound",
        /// Among ourselves; customers never see it.
        Internal = "internal",
    }
);

vocabulary!(
    /// What became of a case.
    Outcome {
        /// The complaint was right.
        Upheld = "upheld",
        /// The complaint was right in part.
        PartlyUpheld = "partly_upheld",
        /// The complaint was not right.
        NotUpheld = "not_upheld",
        /// What was asked was answered.
        Answered = "answered",
        /// What was asked was done.
        Fulfilled = "fulfilled",
        /// What was asked was declined, with reasons.
        Declined = "declined",
        /// The customer withdrew it.
        Withdrawn = "withdrawn",
        /// Another case deals with it.
        Duplicate = "duplicate",
        /// The source of an imported case does not say.
        Unknown = "unknown",
    }
);

vocabulary!(
    /// How hard a complaint is to look into.
    Complexity {
        /// One look settles it.
        Simple = "simple",
        /// Several facts or units are involved.
        Involved = "involved",
        /// It takes expert knowledge, or several organisations.
        Complex = "complex",
    }
);

vocabulary!(
    /// How many a complaint's matter touches.
    Impact {
        /// The complainant alone.
        Single = "single",
        /// Several customers.
        Several = "several",
        /// All customers of a product or a place, or the public.
        Widespread = "widespread",
    }
);
