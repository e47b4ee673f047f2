//! A stub for each protocol, and enums of what comes in.

use super::Generator;
use super::text::Text;
use super::types::import;
use crate::sproto::schema::{Protocol, TypeId};

impl Generator<'_> {
    pub(super) fn protocols(&self, text: &mut Text) {
        text.line("");
        text.line("/// What may be asked.");
        text.line("pub mod rpc {");
        let names = ["Answer", "Asked", "BodyError", "Request", "Stub"];
        import(&format!("{}::rpc", self.options.path), &names, text);
        for (protocol, name) in self.schema.protocols().iter().zip(&self.names.stubs) {
            self.stub(protocol, name, text);
        }
        text.line("");
        self.incoming(text);
        text.line("");
        self.answered(text);
        text.line("}");
    }

    fn stub(&self, protocol: &Protocol, name: &str, text: &mut Text) {
        let side = |id: Option<TypeId>| match id {
            Some(id) => format!("super::{}", self.names.of_type(id.index())),
            None => String::from("()"),
        };
        let sides = self.schema.sides_text(protocol);
        let inside = if sides.is_empty() { String::from("{}") } else { format!("{{ {sides} }}") };
        text.line("");
        text.line(&format!("/// `{} {} {inside}`", protocol.name(), protocol.tag()));
        text.line("#[derive(Clone, Copy, Debug, PartialEq, Eq)]");
        text.line(&format!("pub struct {name};"));
        text.line("");
        text.line(&format!("impl Stub for {name} {{"));
        text.line(&format!("type Request = {};", side(protocol.request())));
        text.line(&format!("type Response = {};", side(protocol.response().type_id())));
        text.line(&format!("const NAME: &'static str = \"{}\";", protocol.name()));
        text.line(&format!("const TAG: u16 = {};", protocol.tag()));
        text.line("}");
    }

    fn incoming(&self, text: &mut Text) {
        text.line("/// Requests that come in, for whoever is asked.");
        text.line("#[derive(Debug, PartialEq)]");
        text.line("#[allow(clippy::large_enum_variant)]");
        text.line("pub enum Incoming {");
        for (protocol, name) in self.schema.protocols().iter().zip(&self.names.stubs) {
            text.line(&format!("/// `{}`", protocol.name()));
            text.line(&format!("{name}(Asked<{name}>),"));
        }
        text.line("}");
        text.line("");
        text.line("impl Incoming {");
        text.line("/// Reads the arguments of a request.");
        text.line("///");
        text.line("/// # Errors");
        text.line("/// There is no such protocol here, or its arguments cannot be read.");
        text.line("pub fn read(request: Request<'_>) -> Result<Self, BodyError> {");
        text.line("Ok(match request.protocol.tag() {");
        for name in &self.names.stubs {
            text.line(&format!("{name}::TAG => Self::{name}(Asked::read(request)?),"));
        }
        text.line("tag => return Err(BodyError::Protocol { tag }),");
        text.line("})");
        text.line("}");
        text.line("}");
    }

    fn answered(&self, text: &mut Text) {
        let all = self.schema.protocols().iter().zip(&self.names.stubs);
        text.line("/// Answers that come in, for whoever has asked.");
        text.line("#[derive(Clone, Debug, PartialEq)]");
        text.line("#[allow(clippy::large_enum_variant)]");
        text.line("pub enum Answered {");
        for (protocol, name) in all.clone() {
            text.line(&format!("/// `{}`", protocol.name()));
            let result = protocol.response().type_id();
            let result = result.map(|id| format!("(super::{})", self.names.of_type(id.index())));
            text.line(&format!("{name}{},", result.unwrap_or_default()));
        }
        text.line("}");
        text.line("");
        text.line("impl Answered {");
        text.line("/// Reads the result in an answer.");
        text.line("///");
        text.line("/// # Errors");
        text.line("/// There is no such protocol here, or its result cannot be read.");
        text.line("pub fn read(answer: &Answer<'_>) -> Result<Self, BodyError> {");
        text.line("Ok(match answer.protocol.tag() {");
        for (protocol, name) in all {
            if protocol.response().type_id().is_some() {
                text.line(&format!("{name}::TAG => Self::{name}(answer.read::<{name}>()?),"));
            } else {
                text.line(&format!("{name}::TAG => {{"));
                text.line(&format!("answer.read::<{name}>()?;"));
                text.line(&format!("Self::{name}"));
                text.line("}");
            }
        }
        text.line("tag => return Err(BodyError::Protocol { tag }),");
        text.line("})");
        text.line("}");
        text.line("}");
    }
}
