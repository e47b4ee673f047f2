//! Questions and answers as bytes (RFC 1035, section 4), and what an answer says.
//!
//! hickory-proto knows the bytes; here stands what is believed of them. A reply is one to our
//! question only if it carries the question's id and repeats it. Of its records only those count
//! that the question leads to, directly or over names that stand for others.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::error::DnsError;

/// Bytes of a header.
const HEADER_BYTES: usize = 12;
/// Bytes that a question and a record take at least.
const QUESTION_BYTES_MIN: usize = 5;
const RECORD_BYTES_MIN: usize = 11;
/// Bytes of a datagram that we take: one that is not cut in pieces on its way, as the DNS Flag Day
/// of 2020 found.
const DATAGRAM_BYTES: u16 = 1232;
/// Names that may stand for each other in one answer.
const ALIASES_MAX: usize = 16;

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Family {
    Four,
    Six,
}

impl Family {
    fn record_type(self) -> RecordType {
        match self {
            Family::Four => RecordType::A,
            Family::Six => RecordType::AAAA,
        }
    }
}

/// A question to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) id: u16,
    pub(super) name: String,
    pub(super) family: Family,
    /// Whether it says how large an answer may be (RFC 6891), which old servers do not understand.
    pub(super) has_extensions: bool,
}

/// What a server answers. Times to live are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// At least one.
    Addresses { addresses: Vec<IpAddr>, ttl: u32 },
    /// The name stands for another, over so many steps, of which the answer says no more.
    Alias { name: String, hops: usize, ttl: u32 },
    /// There is nothing to be had.
    Nothing { error: DnsError, ttl: u32 },
    /// The answer does not fit.
    Truncated,
    /// The server does not understand extensions.
    NoExtensions,
}

impl Question {
    /// # Errors
    /// [`DnsError::BadName`] when the name cannot be written.
    pub(super) fn encode(&self) -> Result<Vec<u8>, DnsError> {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.wire_name()?, self.family.record_type()));
        if self.has_extensions {
            let mut extensions = Edns::new();
            extensions.set_max_payload(DATAGRAM_BYTES);
            message.set_edns(extensions);
        }
        message.to_vec().map_err(|_| DnsError::BadName)
    }

    /// The name as it is asked for, which ends at the root.
    fn wire_name(&self) -> Result<Name, DnsError> {
        let mut name = Name::from_ascii(&self.name).map_err(|_| DnsError::BadName)?;
        name.set_fqdn(true);
        Ok(name)
    }

    /// Reads a message that may be the reply; None if it answers something else.
    ///
    /// # Errors
    /// When it is the reply, and cannot be read, or says that the server failed.
    pub(super) fn read_reply(&self, bytes: &[u8]) -> Result<Option<Reply>, DnsError> {
        let [id_high, id_low, flags, ..] = *bytes else { return Ok(None) };
        if u16::from_be_bytes([id_high, id_low]) != self.id {
            return Ok(None);
        }
        let is_truncated = flags & 0b10 != 0;
        let message = match has_plausible_counts(bytes).then(|| Message::from_vec(bytes)) {
            Some(Ok(message)) => message,
            // Some servers cut in the middle of a record.
            _ if is_truncated => return Ok(Some(Reply::Truncated)),
            _ => return Err(DnsError::Malformed),
        };
        if !self.is_asked_in(&message)? {
            return Ok(None);
        }
        if is_truncated {
            return Ok(Some(Reply::Truncated));
        }
        match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => self.read_answers(&message).map(Some),
            ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS
                if self.has_extensions =>
            {
                Ok(Some(Reply::NoExtensions))
            }
            ResponseCode::Refused | ResponseCode::NotAuth => Err(DnsError::Refused),
            _ => Err(DnsError::ServerFailed),
        }
    }

    /// Whether a message is a response to this question. Of one that could not read the question,
    /// the id must do.
    fn is_asked_in(&self, message: &Message) -> Result<bool, DnsError> {
        let metadata = &message.metadata;
        if metadata.message_type != MessageType::Response || metadata.op_code != OpCode::Query {
            return Ok(false);
        }
        match &*message.queries {
            [] => Ok(metadata.response_code == ResponseCode::FormErr),
            [query] => Ok(query.name == self.wire_name()?
                && query.query_type == self.family.record_type()
                && query.query_class == DNSClass::IN),
            _ => Ok(false),
        }
    }

    fn read_answers(&self, message: &Message) -> Result<Reply, DnsError> {
        let (mut name, mut hops, mut ttl) = (self.wire_name()?, 0, u32::MAX);
        while let Some((next, least)) = alias(&message.answers, &name) {
            (name, hops, ttl) = (next, hops + 1, ttl.min(least));
            if hops > ALIASES_MAX {
                return Ok(Reply::Nothing { error: DnsError::ChainTooLong, ttl });
            }
        }
        if message.metadata.response_code == ResponseCode::NXDomain {
            let error = DnsError::NoSuchName;
            return Ok(Reply::Nothing { error, ttl: negative_ttl(message, &name).unwrap_or(0) });
        }
        let mut addresses = Vec::new();
        for record in message.answers.iter().filter(|record| is_about(record, &name)) {
            if let Some(address) = self.address(record) {
                addresses.push(address);
                ttl = ttl.min(seconds(record));
            }
        }
        let negative = negative_ttl(message, &name);
        if !addresses.is_empty() {
            Ok(Reply::Addresses { addresses, ttl })
        } else if hops > 0 && negative.is_none() {
            let name = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
            Ok(Reply::Alias { name, hops, ttl })
        } else {
            Ok(Reply::Nothing { error: DnsError::NoAddress, ttl: negative.unwrap_or(0) })
        }
    }

    /// The address in a record, if it is of the family that was asked for.
    fn address(&self, record: &Record) -> Option<IpAddr> {
        match (&record.data, self.family) {
            (RData::A(address), Family::Four) => Some(address.0.into()),
            (RData::AAAA(address), Family::Six) => Some(address.0.into()),
            _ => None,
        }
    }
}

/// Whether so many bytes can hold as many records as the header says, for which memory is taken
/// before they are read.
fn has_plausible_counts(bytes: &[u8]) -> bool {
    let Some((header, rest)) = bytes.split_at_checked(HEADER_BYTES) else { return false };
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let records = count(6) + count(8) + count(10);
    count(4) * QUESTION_BYTES_MIN + records * RECORD_BYTES_MIN <= rest.len()
}

fn is_about(record: &Record, name: &Name) -> bool {
    record.dns_class == DNSClass::IN && record.name == *name
}

/// What a name stands for, and for how long.
fn alias(answers: &[Record], name: &Name) -> Option<(Name, u32)> {
    answers.iter().filter(|record| is_about(record, name)).find_map(|record| match &record.data {
        RData::CNAME(target) => Some((target.0.clone(), seconds(record))),
        _ => None,
    })
}

/// How long it holds that there is nothing under a name: what its zone says (RFC 2308, section 5).
fn negative_ttl(message: &Message, name: &Name) -> Option<u32> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(zone) if record.name.zone_of(name) => Some(seconds(record).min(zone.minimum)),
        _ => None,
    })
}

/// A time to live; one beyond its range is none (RFC 2181, section 8).
fn seconds(record: &Record) -> u32 {
    if record.ttl > i32::MAX as u32 { 0 } else { record.ttl }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn question() -> Question {
        let name = "www.example.org".to_owned();
        Question { id: 0xABCD, name, family: Family::Four, has_extensions: true }
    }

    fn record(owner: &str, ttl: u32, data: RData) -> Record {
        Record::from_rdata(name(owner), ttl, data)
    }

    fn address(owner: &str, ttl: u32, last: u8) -> Record {
        record(owner, ttl, RData::A(A::new(10, 0, 0, last)))
    }

    fn cname(owner: &str, ttl: u32, target: &str) -> Record {
        record(owner, ttl, RData::CNAME(CNAME(name(target))))
    }

    fn soa(owner: &str, ttl: u32, minimum: u32) -> Record {
        let data = SOA::new(name("a."), name("b."), 1, 2, 3, 4, minimum);
        record(owner, ttl, RData::SOA(data))
    }

    fn reply(code: ResponseCode, answers: Vec<Record>, authorities: Vec<Record>) -> Message {
        let mut message = Message::new(0xABCD, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.add_query(Query::query(name("www.example.org."), RecordType::A));
        message.answers = answers;
        message.authorities = authorities;
        message
    }

    fn read(message: &Message) -> Result<Option<Reply>, DnsError> {
        question().read_reply(&message.to_vec().unwrap())
    }

    fn addresses(last: &[u8], ttl: u32) -> Result<Option<Reply>, DnsError> {
        let addresses = last.iter().map(|last| IpAddr::from([10, 0, 0, *last])).collect();
        Ok(Some(Reply::Addresses { addresses, ttl }))
    }

    fn nothing(error: DnsError, ttl: u32) -> Result<Option<Reply>, DnsError> {
        Ok(Some(Reply::Nothing { error, ttl }))
    }

    #[test]
    fn a_question_says_what_it_is() {
        let bytes = question().encode().unwrap();
        let message = Message::from_vec(&bytes).unwrap();
        assert_eq!((message.metadata.id, message.metadata.recursion_desired), (0xABCD, true));
        assert_eq!(message.queries, [Query::query(name("www.example.org."), RecordType::A)]);
        assert_eq!(message.edns.map(|edns| edns.max_payload()), Some(DATAGRAM_BYTES));
        let plain = Question { has_extensions: false, family: Family::Six, ..question() };
        let message = Message::from_vec(&plain.encode().unwrap()).unwrap();
        assert_eq!(message.queries[0].query_type, RecordType::AAAA);
        assert!(message.edns.is_none());
    }

    #[test]
    fn addresses_are_taken_with_the_shortest_time() {
        let answers = vec![address("www.example.org.", 60, 1), address("WWW.Example.ORG.", 30, 2)];
        assert_eq!(read(&reply(ResponseCode::NoError, answers, vec![])), addresses(&[1, 2], 30));
        let beyond = vec![address("www.example.org.", u32::MAX, 1)];
        assert_eq!(read(&reply(ResponseCode::NoError, beyond, vec![])), addresses(&[1], 0));
    }

    #[test]
    fn records_that_the_question_does_not_lead_to_do_not_count() {
        let six = RData::AAAA(AAAA::new(0, 0, 0, 0, 0, 0, 0, 9));
        let answers = vec![
            address("other.example.org.", 60, 9),
            record("www.example.org.", 60, six),
            address("www.example.org.", 60, 1),
        ];
        assert_eq!(read(&reply(ResponseCode::NoError, answers, vec![])), addresses(&[1], 60));
    }

    #[test]
    fn names_that_stand_for_others_are_followed_in_any_order() {
        let answers = vec![
            address("c.example.net.", 90, 1),
            cname("b.example.net.", 20, "c.example.net."),
            cname("www.example.org.", 50, "b.example.net."),
        ];
        assert_eq!(read(&reply(ResponseCode::NoError, answers, vec![])), addresses(&[1], 20));
        let half = vec![cname("www.example.org.", 50, "B.example.net.")];
        let alias = Reply::Alias { name: "b.example.net".to_owned(), hops: 1, ttl: 50 };
        assert_eq!(read(&reply(ResponseCode::NoError, half.clone(), vec![])), Ok(Some(alias)));
        let ended = reply(ResponseCode::NoError, half, vec![soa("example.net.", 70, 40)]);
        assert_eq!(read(&ended), nothing(DnsError::NoAddress, 40));
        let circle = vec![
            cname("www.example.org.", 50, "b.example.net."),
            cname("b.example.net.", 50, "www.example.org."),
        ];
        let circle = reply(ResponseCode::NoError, circle, vec![]);
        assert_eq!(read(&circle), nothing(DnsError::ChainTooLong, 50));
    }

    #[test]
    fn that_there_is_nothing_holds_as_long_as_its_zone_says() {
        let gone = |authorities| read(&reply(ResponseCode::NXDomain, vec![], authorities));
        assert_eq!(gone(vec![soa("example.org.", 300, 60)]), nothing(DnsError::NoSuchName, 60));
        assert_eq!(gone(vec![soa("example.org.", 10, 60)]), nothing(DnsError::NoSuchName, 10));
        assert_eq!(gone(vec![soa("example.com.", 10, 60)]), nothing(DnsError::NoSuchName, 0));
        let empty = reply(ResponseCode::NoError, vec![], vec![]);
        assert_eq!(read(&empty), nothing(DnsError::NoAddress, 0));
    }

    #[test]
    fn what_answers_something_else_is_not_a_reply() {
        let good = reply(ResponseCode::NoError, vec![address("www.example.org.", 60, 1)], vec![]);
        let changed = |change: fn(&mut Message)| {
            let mut message = good.clone();
            change(&mut message);
            read(&message)
        };
        assert_eq!(changed(|it| it.metadata.id ^= 1), Ok(None));
        assert_eq!(changed(|it| it.metadata.message_type = MessageType::Query), Ok(None));
        assert_eq!(changed(|it| it.metadata.op_code = OpCode::Status), Ok(None));
        assert_eq!(changed(|it| it.queries.clear()), Ok(None));
        assert_eq!(changed(|it| it.queries[0].name = name("www.example.net.")), Ok(None));
        assert_eq!(changed(|it| it.queries[0].query_type = RecordType::AAAA), Ok(None));
        assert_eq!(changed(|it| it.queries[0].query_class = DNSClass::CH), Ok(None));
        assert_eq!(changed(|it| it.queries.push(it.queries[0].clone())), Ok(None));
        assert_eq!(question().read_reply(b"\xAB"), Ok(None));
    }

    #[test]
    fn servers_fail_in_different_ways() {
        let read_code = |code| read(&reply(code, vec![], vec![]));
        assert_eq!(read_code(ResponseCode::ServFail), Err(DnsError::ServerFailed));
        assert_eq!(read_code(ResponseCode::Refused), Err(DnsError::Refused));
        assert_eq!(read_code(ResponseCode::FormErr), Ok(Some(Reply::NoExtensions)));
        let mut bare = reply(ResponseCode::FormErr, vec![], vec![]);
        bare.queries.clear();
        assert_eq!(read(&bare), Ok(Some(Reply::NoExtensions)));
        let plain = Question { has_extensions: false, ..question() };
        let bytes = reply(ResponseCode::FormErr, vec![], vec![]).to_vec().unwrap();
        assert_eq!(plain.read_reply(&bytes), Err(DnsError::ServerFailed));
    }

    #[test]
    fn a_cut_answer_is_told_from_a_broken_one() {
        let mut cut = reply(ResponseCode::NoError, vec![address("www.example.org.", 1, 1)], vec![]);
        let whole = cut.to_vec().unwrap();
        assert_eq!(question().read_reply(&whole[..whole.len() - 1]), Err(DnsError::Malformed));
        cut.metadata.truncation = true;
        let whole = cut.to_vec().unwrap();
        assert_eq!(question().read_reply(&whole), Ok(Some(Reply::Truncated)));
        let part = &whole[..whole.len() - 1];
        assert_eq!(question().read_reply(part), Ok(Some(Reply::Truncated)));
        let mut huge = b"\xAB\xCD\x80\0\0\x01\xFF\xFF\xFF\xFF\xFF\xFF".to_vec();
        huge.extend([0; 100]);
        assert_eq!(question().read_reply(&huge), Err(DnsError::Malformed));
    }

    proptest! {
        /// No bytes panic, and none are taken for an answer with a foreign id.
        #[test]
        fn any_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
            if let (true, [high, low, ..]) = (ours, &mut *bytes) {
                (*high, *low) = (0xAB, 0xCD);
            }
            let read = question().read_reply(&bytes);
            if !ours && !bytes.starts_with(b"\xAB\xCD") {
                prop_assert_eq!(read, Ok(None));
            }
        }

        /// Nor do answers in which something was changed.
        #[test]
        fn changed_bytes(at in 2usize..60, byte in any::<u8>()) {
            let answers = vec![
                cname("www.example.org.", 50, "b.example.net."),
                address("b.example.net.", 60, 1),
            ];
            let mut bytes = reply(ResponseCode::NoError, answers, vec![]).to_vec().unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = question().read_reply(&bytes);
        }
    }
}
