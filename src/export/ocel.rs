use std::io::Write;
use super::index::CaseIndex;
use super::{ExportError, Header, NextBatch, Summary};
use crate::store::sqlite::LogReader;
pub(super) fn write(_: &Header<'_>, _: &CaseIndex, _: &LogReader, _: NextBatch<'_>, _: &mut dyn Write, _: &mut Summary) -> Result<(), ExportError> { Ok(()) }
