//! Which field of which type leads to which type.
//!
//! The map is made once, from the schema's SDL. It lets a document be walked with the type of every
//! selection known, which is what authorisation per field needs.

use std::collections::HashMap;

use async_graphql::parser::types::{
    BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::parser::{Positioned, parse_schema};

/// One field of an object or interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldType {
    /// The name of the field's type, without list and non-null marks.
    pub result: String,
    /// Whether the field takes `first`, `last` or `ids`: its selection is worth as many times as there are items.
    pub paged: bool,
}

/// The types of a schema that can be selected on. Scalars and enums are absent; a union has no fields.
#[derive(Debug, Default)]
pub(super) struct TypeMap {
    pub query: String,
    pub mutation: Option<String>,
    pub subscription: Option<String>,
    types: HashMap<String, HashMap<String, FieldType>>,
}

impl TypeMap {
    pub(super) fn from_sdl(sdl: &str) -> Result<Self, async_graphql::parser::Error> {
        let mut map = Self { query: "Query".to_owned(), ..Self::default() };
        for definition in parse_schema(sdl)?.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let name = |name: &Positioned<_>| ToString::to_string(&name.node);
                    if let Some(query) = &schema.node.query {
                        map.query = name(query);
                    }
                    map.mutation = schema.node.mutation.as_ref().map(name);
                    map.subscription = schema.node.subscription.as_ref().map(name);
                }
                TypeSystemDefinition::Type(definition) => {
                    let fields = match &definition.node.kind {
                        TypeKind::Object(object) => &object.fields[..],
                        TypeKind::Interface(interface) => &interface.fields[..],
                        TypeKind::Union(_) => &[],
                        TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => continue,
                    };
                    let fields = fields.iter().map(|field| field_type(&field.node));
                    let name = definition.node.name.node.to_string();
                    map.types.entry(name).or_default().extend(fields);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        Ok(map)
    }

    /// The type's own name as stored here, or `None` when nothing can be selected on it.
    pub(super) fn composite(&self, name: &str) -> Option<&str> {
        self.types.get_key_value(name).map(|(name, _)| name.as_str())
    }

    pub(super) fn field(&self, type_name: &str, field: &str) -> Option<(&str, &FieldType)> {
        let (name, field_type) = self.types.get(type_name)?.get_key_value(field)?;
        Some((name, field_type))
    }

    /// Every `(type, field)` of the schema.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.types.iter().flat_map(|(type_name, fields)| {
            fields.keys().map(move |field| (type_name.as_str(), field.as_str()))
        })
    }
}

fn field_type(field: &FieldDefinition) -> (String, FieldType) {
    let paged = field
        .arguments
        .iter()
        .any(|argument| matches!(argument.node.name.node.as_str(), "first" | "last" | "ids"));
    let result = base_name(&field.ty.node).to_owned();
    (field.name.node.to_string(), FieldType { result, paged })
}

fn base_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base_name(item),
    }
}
