//! What a kind of request of HTTP asks for, and what its answer must be.

/// What the body of an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// The content of the request.
    #[default]
    Echo,
    /// So many bytes.
    Bytes(u64),
    /// Anything.
    Any,
}

/// A kind of request of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The target: a path, and a query if it has one.
    pub path: String,
    /// Whether it has a content; its size is that of the kind of request.
    pub has_content: bool,
    /// Header fields beside the necessary ones.
    pub headers: u16,
    /// What the status of the answer must be.
    pub status: u16,
    /// What its body must be.
    pub answer: Answer,
}

impl Default for Call {
    /// `POST /echo`, whose content comes back.
    fn default() -> Call {
        Call {
            method: String::from("POST"),
            path: String::from("/echo"),
            has_content: true,
            headers: 0,
            status: 200,
            answer: Answer::Echo,
        }
    }
}

impl Call {
    /// `GET` of a path, whatever comes.
    pub fn get(path: &str) -> Call {
        Call {
            method: String::from("GET"),
            path: path.to_owned(),
            has_content: false,
            answer: Answer::Any,
            ..Call::default()
        }
    }
}
